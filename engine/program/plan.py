"""The memory plan: when each intermediate buffer lives, and where in one arena it lies."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.program.trace import Buffer, Operation, Program

ALIGNMENT = 256
IN_PLACE = frozenset(
    {
        "relu", "relu_gradient", "leaky_relu", "leaky_relu_gradient", "sigmoid", "sigmoid_gradient", "tanh",
        "tanh_gradient", "gelu", "gelu_gradient", "silu", "silu_gradient", "elu", "elu_gradient", "scale",
        "apply_mask", "add", "relu_gradient_sum", "normalise_batch_gradient", "normalise_batch_relu_gradient",
    }
)  # fmt: skip
"""Operations whose kernels may write over their first input: each element of the output needs only its own."""


@dataclass(frozen=True)
class MemoryPlan:
    """Byte offsets of the intermediate buffers in one arena of `size` bytes."""

    offsets: Mapping[int, int]
    size: int


def plan_memory(program: Program) -> MemoryPlan:
    """Place every intermediate buffer so that none overlaps another that lives at the same time.

    Largest first, each at the lowest offset that is free for its whole life (Pisarchyk and Lee 2020, greedy by size).
    """
    roots = _shared_in_place(program)
    lives = _lifetimes(program, roots)
    placed: list[tuple[int, int, int, int]] = []
    offsets: dict[int, int] = {}
    for buffer in sorted(
        (b for b in program.buffers if b.number in lives), key=lambda b: (-b.nbytes, b.number)
    ):
        first, last = lives[buffer.number]
        offset = 0
        for start, end, born, died in sorted(placed):
            if born > last or died < first:
                continue
            if start - offset >= _aligned(buffer.nbytes):
                break
            offset = max(offset, end)
        end = offset + _aligned(buffer.nbytes)
        placed.append((offset, end, first, last))
        offsets[buffer.number] = offset
    for number, root in roots.items():
        offsets[number] = offsets[root]
    return MemoryPlan(offsets, max((end for _, end, _, _ in placed), default=0))


def is_intermediate(program: Program, buffer: Buffer) -> bool:
    """True for buffers that only live while the program runs."""
    return not buffer.name and buffer.number not in program.storage


def _aligned(size: int) -> int:
    return -(-max(size, 1) // ALIGNMENT) * ALIGNMENT


def _last_uses(program: Program) -> dict[int, int]:
    return {
        buffer.number: index
        for index, operation in enumerate(program.operations)
        for buffer in (*operation.inputs, *operation.outputs)
        if buffer is not None
    }


def _shared_in_place(program: Program) -> dict[int, int]:
    """Number of an output written over its operation's first input -> number of the buffer whose memory it shares."""
    last = _last_uses(program)
    roots: dict[int, int] = {}
    for index, operation in enumerate(program.operations):
        source = _overwritable(program, operation)
        if source is None or last[source.number] != index:
            continue
        roots[operation.outputs[0].number] = roots.get(source.number, source.number)
    return roots


def _overwritable(program: Program, operation: Operation) -> Buffer | None:
    if operation.name not in IN_PLACE:
        return None
    source, target = operation.inputs[0], operation.outputs[0]
    fits = source is not None and source.nbytes == target.nbytes and operation.inputs.count(source) == 1
    if (
        not fits
        or source is None
        or not is_intermediate(program, source)
        or not is_intermediate(program, target)
    ):
        return None
    return source


def _lifetimes(program: Program, roots: Mapping[int, int]) -> dict[int, tuple[int, int]]:
    """Number of a buffer with memory of its own -> (first, last) operation that touches it or what shares it."""
    lives: dict[int, tuple[int, int]] = {}
    for index, operation in enumerate(program.operations):
        for buffer in (*operation.inputs, *operation.outputs):
            if buffer is None or not is_intermediate(program, buffer):
                continue
            root = roots.get(buffer.number, buffer.number)
            lives[root] = (lives.get(root, (index, index))[0], index)
    return lives
