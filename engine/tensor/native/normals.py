"""NumPy's normal numbers from its Philox streams, bit for bit, in a third of its time.

Four counters are enciphered at once, so that none waits for another's product, and what a ziggurat gives is signed
without a branch.
"""

import ctypes
import math
from collections.abc import Sequence
from decimal import Decimal
from functools import cache

import numpy as np
from llvmlite import ir

from engine.tensor.native.code import INDEX, POINTER, Code, Value
from engine.tensor.native.library import function

_DOUBLE = ir.DoubleType()
_TWICE = ir.IntType(128)
_SIDE_BY_SIDE = 4
"""Counters that are enciphered at once, to four words each."""
_WORDS = 4 * _SIDE_BY_SIDE
_MULTIPLIERS = 0xD2E7470EE14C6C93, 0xCA5A826395121157
_KEY_STEPS = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B
_ROUNDS = 10
_END = 3.6541528853610087963519472518
"""Where the ziggurat's lowest strip ends and the tail begins."""
_AREA = 0.0049286732339746519
"""Of each of its 256 strips."""


class NormalStream:
    """What `Generator(Philox(key=key).jumped(jumps)).standard_normal` gives, from the start on."""

    def __init__(self, key: tuple[int, int], jumps: int) -> None:
        self._stream = (*key, jumps)
        self._used = np.zeros(1, np.uint64)

    def fill(self, values: np.ndarray) -> None:
        """Put the next numbers into float64 values that lie side by side."""
        run = function(_normals_code)
        run(values, self._used, values.size, *self._stream, *_addresses())


@cache
def draws_normals() -> bool:
    """Whether streams give NumPy's numbers here: what it calls is found, and some thousand numbers are the same."""
    if not _addresses():
        return False
    key, jumps, found = (3, 5), 2, np.empty(1 << 14)
    NormalStream(key, jumps).fill(found)
    bits = np.random.Philox(key=np.array(key, np.uint64)).jumped(jumps)
    return bool((found == np.random.Generator(bits).standard_normal(len(found))).all())


@cache
def _addresses() -> tuple[int, ...]:
    """Of the C library's exp and log1p, called for one number in a hundred; none where they are not found."""
    try:
        library = ctypes.CDLL(None)
        found = [ctypes.cast(entry, ctypes.c_void_p).value for entry in (library.exp, library.log1p)]
    except (OSError, TypeError, AttributeError):
        return ()
    return tuple(address for address in found if address is not None)


def ziggurat() -> tuple[list[float], list[int], list[float]]:
    """Of each strip: its width in steps of 2⁻⁵², the step below which all is inside, and the density at its edge."""

    def density(x: float) -> float:
        return float(Decimal(-0.5 * x * x).exp())

    edges, heights = [_END], [density(_END)]
    for strip in range(254, 0, -1):
        edges.append(math.sqrt(-2 * float(Decimal(_AREA / edges[-1] + heights[-1]).ln())))
        height = density(edges[-1])
        # NumPy's own table is one unit off here.
        heights.append(math.nextafter(height, 1) if strip == 38 else height)
    x, f = [_AREA / heights[0], *reversed(edges)], [1.0, *reversed(heights)]
    inside = [round(_END / x[0] * 2**52), 0, *(round(x[i] / x[i + 1] * 2**52) for i in range(1, 255))]
    return [edge / 2**52 for edge in x], inside, f


def _normals_code(module: Value, name: str) -> Code:
    code = Code(module, name, ("values", "used"), indices=("count", "key0", "key1", "jumps", "exp", "log1p"))
    build, words = code.builder, _Words(code)
    widths, inside, heights = ziggurat()
    tables = (
        _table(module, "widths", _DOUBLE, widths), _table(module, "inside", INDEX, inside),
        _table(module, "heights", _DOUBLE, heights),
    )  # fmt: skip
    with code.loop(code.arguments["count"]) as place:
        build.store(_normal(code, words, *tables), code.at(code.arguments["values"], place, _DOUBLE))
    words.leave()
    return code


def _normal(code: Code, words: "_Words", widths: Value, inside: Value, heights: Value) -> Value:
    build = code.builder
    again, seldom, tail, wedge, kept = (
        build.append_basic_block(label) for label in ("again", "seldom", "tail", "wedge", "kept")
    )
    build.branch(again)
    build.position_at_end(again)
    word = words.following()
    strip = build.and_(word, code.index(255))
    step = build.and_(build.lshr(word, code.index(9)), code.index(2**52 - 1))
    size = build.fmul(build.sitofp(step, _DOUBLE), _entry(code, widths, strip, _DOUBLE))
    x = _signed(code, size, build.lshr(word, code.index(8)))
    results = [(x, build.block)]
    build.cbranch(build.icmp_unsigned("<", step, _entry(code, inside, strip, INDEX)), kept, seldom)
    build.position_at_end(seldom)
    build.cbranch(build.icmp_unsigned("==", strip, code.index(0)), tail, wedge)
    build.position_at_end(wedge)
    upper, lower = (_entry(code, heights, code.sum(strip, shift), _DOUBLE) for shift in (-1, 0))
    height = build.fadd(build.fmul(build.fsub(upper, lower), words.fraction()), lower)
    density = _called(code, "exp", build.fmul(build.fmul(_DOUBLE(-0.5), x), x))
    results.append((x, build.block))
    build.cbranch(build.fcmp_ordered("<", height, density), kept, again)
    build.position_at_end(tail)
    beyond = _beyond(code, words)
    x = _signed(code, build.fadd(_DOUBLE(_END), beyond), build.lshr(step, code.index(8)))
    results.append((x, build.block))
    build.branch(kept)
    build.position_at_end(kept)
    result = build.phi(_DOUBLE)
    for value, block in results:
        result.add_incoming(value, block)
    return result


def _beyond(code: Code, words: "_Words") -> Value:
    """How far in the tail a number lies (Marsaglia 1964)."""
    build = code.builder
    again, after = (build.append_basic_block(label) for label in ("again", "after"))
    build.branch(again)
    build.position_at_end(again)
    x = build.fmul(_DOUBLE(-1 / _END), _called(code, "log1p", build.fneg(words.fraction())))
    y = build.fneg(_called(code, "log1p", build.fneg(words.fraction())))
    build.cbranch(build.fcmp_ordered(">", build.fadd(y, y), build.fmul(x, x)), after, again)
    build.position_at_end(after)
    return x


def _signed(code: Code, size: Value, bit: Value) -> Value:
    """The size, negative where a word's lowest bit is set."""
    build = code.builder
    sign = build.shl(bit, code.index(63))
    return build.bitcast(build.xor(build.bitcast(size, INDEX), sign), _DOUBLE)


def _called(code: Code, name: str, value: Value) -> Value:
    """What the function gives whose address is given under a name."""
    kind = ir.FunctionType(_DOUBLE, [_DOUBLE]).as_pointer()
    return code.builder.call(code.builder.inttoptr(code.arguments[name], kind), [value])


def _table(module: Value, name: str, kind: Value, column: Sequence[float]) -> Value:
    table = ir.GlobalVariable(module, ir.ArrayType(kind, len(column)), name)
    table.linkage, table.global_constant = "internal", True
    table.initializer = ir.Constant(table.value_type, list(column))
    return table


def _entry(code: Code, table: Value, place: Value, kind: Value) -> Value:
    return code.builder.load(code.at(table, place, kind), typ=kind)


class _Words:
    """Philox4x64's words in their order (Salmon et al. 2011), from the first that was not used."""

    def __init__(self, code: Code) -> None:
        self._code, build, given = code, code.builder, code.arguments
        self._refill = _refill_of(code.module)
        self._words = code.variable(INDEX, _WORDS)
        self._place, self._group = code.variable(INDEX), code.variable(INDEX)
        used = build.load(given["used"], typ=INDEX)
        build.store(build.udiv(used, code.index(_WORDS)), self._group)
        self._fill()
        build.store(build.urem(used, code.index(_WORDS)), self._place)

    def _fill(self) -> None:
        code, build, given = self._code, self._code.builder, self._code.arguments
        group = build.load(self._group, typ=INDEX)
        build.call(self._refill, [self._words, group, given["key0"], given["key1"], given["jumps"]])
        build.store(code.sum(group, 1), self._group)
        build.store(code.index(0), self._place)

    def following(self) -> Value:
        """The next word."""
        code, build = self._code, self._code.builder
        is_empty = build.icmp_unsigned("==", build.load(self._place, typ=INDEX), code.index(_WORDS))
        with build.if_then(is_empty, likely=False):
            self._fill()
        place = build.load(self._place, typ=INDEX)
        build.store(code.sum(place, 1), self._place)
        return _entry(code, self._words, place, INDEX)

    def fraction(self) -> Value:
        """The next word as a number from 0 to below 1."""
        build = self._code.builder
        return build.fmul(
            build.uitofp(build.lshr(self.following(), self._code.index(11)), _DOUBLE), _DOUBLE(2.0**-53)
        )

    def leave(self) -> None:
        """Tell how many words were used."""
        code, build = self._code, self._code.builder
        full = code.product(build.sub(build.load(self._group, typ=INDEX), code.index(1)), _WORDS)
        build.store(code.sum(full, build.load(self._place, typ=INDEX)), code.arguments["used"])


def _refill_of(module: Value) -> Value:
    """Writes a group of words: kept apart, since it is long and called from several places."""
    kind = ir.FunctionType(ir.VoidType(), [POINTER, INDEX, INDEX, INDEX, INDEX])
    refill = ir.Function(module, kind, "refill")
    refill.linkage = "internal"
    refill.attributes.add("noinline")
    words, group, *key, jumps = refill.args
    build = ir.IRBuilder(refill.append_basic_block("entry"))
    counters = []
    for number in range(_SIDE_BY_SIDE):
        first = build.add(build.mul(group, INDEX(_SIDE_BY_SIDE)), INDEX(number + 1))
        counters.append([first, INDEX(0), jumps, INDEX(0)])
    for _ in range(_ROUNDS):
        counters = [_enciphered(build, counter, key) for counter in counters]
        key = [build.add(part, INDEX(step)) for part, step in zip(key, _KEY_STEPS, strict=True)]
    for number, word in enumerate(word for counter in counters for word in counter):
        build.store(word, build.gep(words, [INDEX(number)], source_etype=INDEX))
    build.ret_void()
    return refill


def _enciphered(build: Value, counter: Sequence[Value], key: Sequence[Value]) -> list[Value]:
    """One round."""
    products = [
        build.mul(build.zext(part, _TWICE), _TWICE(multiplier))
        for part, multiplier in zip((counter[0], counter[2]), _MULTIPLIERS, strict=True)
    ]
    low = [build.trunc(product, INDEX) for product in products]
    high = [build.trunc(build.lshr(product, _TWICE(64)), INDEX) for product in products]
    return [
        build.xor(build.xor(high[1], counter[1]), key[0]), low[1],
        build.xor(build.xor(high[0], counter[3]), key[1]), low[0],
    ]  # fmt: skip
