"""What passes rewrite programs with: who makes and reads each buffer, and programs with operations replaced."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from engine.program.plan import is_intermediate
from engine.program.trace import Buffer, Operation, Program

Pass = Callable[[Program], Program]


class Uses:
    """Who makes and who reads each buffer."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.makers = {out.number: op for op in program.operations for out in op.outputs}
        self.readers: dict[int, list[Operation]] = {}
        for operation in program.operations:
            for buffer in operation.inputs:
                if buffer is not None:
                    self.readers.setdefault(buffer.number, []).append(operation)

    def maker(self, buffer: Buffer | None, name: str) -> Operation | None:
        """The operation of that name that makes the buffer."""
        made = None if buffer is None else self.makers.get(buffer.number)
        return made if made is not None and made.name == name else None

    def is_private(self, buffer: Buffer, reader: Operation) -> bool:
        """True when nothing but `reader` ever sees the buffer."""
        return is_intermediate(self.program, buffer) and self.readers.get(buffer.number) == [reader]


def replacing(program: Program, replaced: dict[int, Operation | None]) -> Program:
    """The program with operations (by identity) replaced, or left out for None."""
    kept: Iterable[Operation | None] = (replaced.get(id(op), op) for op in program.operations)
    return replace(program, operations=tuple(op for op in kept if op is not None))
