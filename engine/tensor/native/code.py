"""Writes one function of LLVM instructions: loops over places, vectors of values side by side."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

INDEX = ir.IntType(64)
FLOAT = ir.FloatType()
BYTE = ir.IntType(8)
POINTER = ir.PointerType()

Value = Any
"""A value of LLVM: llvmlite has no types of its own for mypy."""


class Code:
    """The body of a function without a result. Pointers never overlap; vectors have `lanes` float32 values."""

    def __init__(self, module: ir.Module, name: str, pointers: Sequence[str], *, indices: Sequence[str] = (),
                 numbers: Sequence[str] = (), lanes: int = 1) -> None:  # fmt: skip
        kinds = [POINTER] * len(pointers) + [INDEX] * len(indices) + [FLOAT] * len(numbers)
        self.module = module
        self._function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
        names = (*pointers, *indices, *numbers)
        for argument, kind, own in zip(self._function.args, kinds, names, strict=True):
            argument.name = own
            if kind is POINTER:
                argument.add_attribute("noalias")
        self.arguments: dict[str, Value] = dict(zip(names, self._function.args, strict=True))
        self.lanes = lanes
        self.vector = ir.VectorType(FLOAT, lanes)
        self._entry = ir.IRBuilder(self._function.append_basic_block("entry"))
        body = self._function.append_basic_block("body")
        self.builder = ir.IRBuilder(body)
        self._body = body

    def finish(self) -> None:
        """End the function."""
        self._entry.branch(self._body)
        self.builder.ret_void()

    # Places

    def index(self, value: Value | int) -> Value:
        """An index, from a Python number where it is one."""
        return ir.Constant(INDEX, value) if isinstance(value, int) else value

    def sum(self, *terms: Value | int) -> Value:
        """The sum of indices."""
        total = self.index(terms[0])
        for term in terms[1:]:
            total = self.builder.add(total, self.index(term), flags=("nsw",))
        return total

    def product(self, *factors: Value | int) -> Value:
        """The product of indices."""
        total = self.index(factors[0])
        for factor in factors[1:]:
            total = self.builder.mul(total, self.index(factor), flags=("nsw",))
        return total

    def least(self, first: Value, second: Value) -> Value:
        """The smaller of two indices."""
        return self.builder.select(self.builder.icmp_signed("<", first, second), first, second)

    def inside(self, place: Value, size: Value) -> Value:
        """Whether 0 ≤ place < size."""
        return self.builder.icmp_unsigned("<", place, self.index(size))

    def both(self, first: Value, second: Value) -> Value:
        """Whether both are true."""
        return self.builder.and_(first, second)

    def at(self, pointer: Value, place: Value | int, kind: Value = FLOAT) -> Value:
        """The address of a value of an array."""
        return self.builder.gep(pointer, [self.index(place)], source_etype=kind)

    def local(self, vectors: int) -> Value:
        """Memory for some vectors on the stack, with any contents."""
        memory = self._entry.alloca(self.vector, vectors)
        memory.align = 64
        return memory

    def variable(self, kind: Value, count: int = 1) -> Value:
        """Memory for one value or some on the stack, with any contents."""
        return self._entry.alloca(kind, count)

    @contextmanager
    def loop(self, stop: Value | int, step: int = 1, start: Value | int = 0) -> Iterator[Value]:
        """Runs what is written inside for start, start + step, ... below stop."""
        first, stop = self.index(start), self.index(stop)
        before = self.builder.block
        body, after = (self._function.append_basic_block(name) for name in ("loop", "after"))
        self.builder.cbranch(self.builder.icmp_signed("<", first, stop), body, after)
        self.builder.position_at_end(body)
        place = self.builder.phi(INDEX)
        place.add_incoming(first, before)
        yield place
        following = self.sum(place, step)
        place.add_incoming(following, self.builder.block)
        self.builder.cbranch(self.builder.icmp_signed("<", following, stop), body, after)
        self.builder.position_at_end(after)

    # Values

    def load(self, pointer: Value) -> Value:
        """A vector from anywhere."""
        return self.builder.load(pointer, align=4, typ=self.vector)

    def store(self, value: Value, pointer: Value) -> None:
        """A vector to anywhere."""
        self.builder.store(value, pointer, align=4)

    def load_local(self, memory: Value, number: int) -> Value:
        """A vector of local memory."""
        return self.builder.load(self.at(memory, number, self.vector), align=4 * self.lanes, typ=self.vector)

    def store_local(self, value: Value, memory: Value, number: int) -> None:
        """A vector into local memory."""
        self.builder.store(value, self.at(memory, number, self.vector), align=4 * self.lanes)

    def constant(self, value: float) -> Value:
        """A vector of one number."""
        return ir.Constant(self.vector, [float(value)] * self.lanes)

    def spread(self, number: Value) -> Value:
        """A vector of one number that is known when the function runs."""
        lane = self.builder.insert_element(
            ir.Constant(self.vector, ir.Undefined), number, ir.Constant(ir.IntType(32), 0)
        )
        mask = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(lane, ir.Constant(self.vector, ir.Undefined), mask)

    def multiply_add(self, a: Value, b: Value, c: Value) -> Value:
        """a·b + c, rounded once where the processor can."""
        return self._intrinsic("fmuladd", a, b, c)

    def root(self, a: Value) -> Value:
        """√a."""
        return self._intrinsic("sqrt", a)

    def _intrinsic(self, name: str, *values: Value) -> Value:
        module, full = self.module, f"llvm.{name}.v{self.lanes}f32"
        known = module.globals.get(full)
        kind = ir.FunctionType(self.vector, [self.vector] * len(values))
        return self.builder.call(known or ir.Function(module, kind, full), values)
