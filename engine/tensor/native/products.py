"""Matrix products as tiles of a convolution need them: too small for the packing of a general routine to pay."""

from collections.abc import Callable, Iterator, Sequence

from engine.tensor.native.code import FLOAT, Code, Value
from engine.tensor.native.library import function
from engine.tensor.ops import Array

_LANES = 16
_ROWS = (8, 10, 6, 5, 4, 2, 1)
"""Rows of the result that are summed at a time; the first that divides their number."""


_TERMS = 128
"""Products that are summed before the next rows: their part of b stays in the nearest cache."""
_WORTH = 96
"""Smallest side from which on `multiply` is faster than BLAS."""


def multiplies(out: Array, a: Array) -> bool:
    """Whether `multiply` serves these arrays, and is worth it."""
    _, m, n = out.shape
    return bool(n % _LANES == 0 and min(m, n, a.shape[2]) >= _WORTH)


def multiply(out: Array, a: Array, b: Array, *, add: bool = False) -> None:
    """out [n, M, N] = a [n, M, K] · b [n, K, N], or added to it; a may be transposed, b and out have whole rows."""
    count, m, n = out.shape
    rows = next(rows for rows in _ROWS if m % rows == 0)
    vectors = next(v for v in (3 if rows <= 8 else 2, 2, 1) if n % (v * _LANES) == 0)
    run = function(_product_code, rows, vectors, add)
    strides = [
        stride // 4 for stride in (out.strides[0], out.strides[1], *a.strides, b.strides[0], b.strides[1])
    ]
    run(out, a, b, count, m, n, a.shape[2], *strides)


def _product_code(module: Value, name: str, rows: int, vectors: int, add: bool) -> Code:
    sizes = (
        "count",
        "m",
        "n",
        "k",
        "out_matrix",
        "out_row",
        "a_matrix",
        "a_row",
        "a_column",
        "b_matrix",
        "b_row",
    )
    code = Code(module, name, ("out", "a", "b"), indices=sizes, lanes=_LANES)
    given, build = code.arguments, code.builder
    block = Block(code, rows, vectors)
    with (
        code.loop(given["count"]) as matrix,
        code.loop(given["n"], vectors * _LANES) as column,
        code.loop(given["k"], _TERMS) as begin,
        code.loop(given["m"], rows) as row,
    ):
        b = code.at(given["b"], code.sum(code.product(matrix, given["b_matrix"]), column))
        a = code.at(
            given["a"], code.sum(code.product(matrix, given["a_matrix"]), code.product(row, given["a_row"]))
        )
        start = code.sum(
            code.product(matrix, given["out_matrix"]), code.product(row, given["out_row"]), column
        )
        out = code.at(given["out"], start)
        is_first = build.icmp_signed("==", begin, code.index(0))

        def earlier(value: Value) -> Value:
            return value if add else build.select(is_first, code.constant(0), value)

        block.load(out, given["out_row"], earlier)
        end = code.least(code.sum(begin, _TERMS), given["k"])
        block.add_products((a, given["a_row"], given["a_column"]), (b, given["b_row"]), begin, end)
        block.store(out, given["out_row"])
    return code


class Block:
    """Sums of a few rows of some vectors each, which stay in registers while products are added to them."""

    def __init__(self, code: Code, rows: int, vectors: int) -> None:
        self._code = code
        self._sums = [[code.local(1) for _ in range(vectors)] for _ in range(rows)]

    def _each(self, pointer: Value, row: Value) -> Iterator[tuple[Value, Value]]:
        """The memory of every sum, and its address in an array whose rows are so far apart."""
        code = self._code
        for i, sums in enumerate(self._sums):
            for j, memory in enumerate(sums):
                yield memory, code.at(pointer, code.sum(code.product(row, i), j * code.lanes))

    def set(self, values: Sequence[Value]) -> None:
        """Begin each row with these vectors."""
        for sums in self._sums:
            for memory, value in zip(sums, values, strict=True):
                self._code.store_local(value, memory, 0)

    def load(
        self, pointer: Value, row: Value, change: Callable[[Value], Value] = lambda value: value
    ) -> None:
        """Begin with what is in an array, or what `change` makes of it."""
        for memory, address in self._each(pointer, row):
            self._code.store_local(change(self._code.load(address)), memory, 0)

    def store(
        self, pointer: Value, row: Value, change: Callable[[Value], Value] = lambda value: value
    ) -> None:
        """Write the sums, or what `change` makes of them, to an array."""
        for memory, address in self._each(pointer, row):
            self._code.store(change(self._code.load_local(memory, 0)), address)

    def add_products(
        self, a: tuple[Value, Value, Value], b: tuple[Value, Value], start: Value | int, stop: Value
    ) -> None:
        """Add a[i, k]·b[k, :] for k from start to stop; a is (pointer, row, column), b (pointer, row)."""
        code = self._code
        rows = [code.at(a[0], code.product(a[1], i)) for i in range(len(self._sums))]
        with code.loop(stop, start=start) as k:
            line, place = code.product(k, b[1]), code.product(k, a[2])
            values = [
                code.load(code.at(b[0], code.sum(line, j * code.lanes))) for j in range(len(self._sums[0]))
            ]
            for row, sums in zip(rows, self._sums, strict=True):
                factor = code.spread(code.builder.load(code.at(row, place), align=4, typ=FLOAT))
                for memory, value in zip(sums, values, strict=True):
                    code.store_local(code.multiply_add(factor, value, code.load_local(memory, 0)), memory, 0)
