"""Passes that give first layers, which see few channels and hand no error on, to a GPU's own kernels.

- pooled_weight_gradient(x, dy, winners, pooled), rectified_weight_gradient(x, dy, y): filters' and biases' gradients
  behind ReLU and pooling, or ReLU alone; the error map is never written.
- convolution_relu_pooling(x, w, b), first_convolution_relu(x, w, b): the convolution with what follows it;
  first_convolution(x, w, b), first_weight_gradient(x, dy): alone.
- bias_relu_pooling(map, b): a pooled map and its winners, behind any convolution.
"""

from collections.abc import Callable, Collection
from dataclasses import replace

from engine.program.plan import is_intermediate
from engine.program.rewriting import Pass, Uses, replacing
from engine.program.trace import Buffer, Operation, Program
from engine.settings import TrainingSettings
from engine.tensor.fused_ops import sees_few
from engine.tensor.window import Window

FIRST_LAYERS = frozenset(
    {
        "convolution_relu_pooling", "first_convolution", "first_convolution_relu", "first_weight_gradient",
        "pooled_weight_gradient", "rectified_weight_gradient",
    }
)  # fmt: skip
"""Own ways to compute what a first layer does; without them it is computed as any convolution."""
FEW_CHANNELS, MOST_CHANNELS = 4, 1 << 10
"""Channels up to which an own kernel may be faster than cuDNN: alone, and where it joins what follows."""


def kernels_for(settings: TrainingSettings, kernels: Collection[str]) -> Collection[str]:
    """The kernels that programs are fused for under these settings."""
    return frozenset(kernels) - FIRST_LAYERS if settings.convolutions == "cudnn" else kernels


def _join_first_layer_gradients(program: Program) -> Program:
    """convolution_weight_gradient and the bias sum behind max_pooling_relu_gradient, where nothing else reads that."""
    uses = Uses(program)
    replaced: dict[int, Operation | None] = {}
    for operation in program.operations:
        if operation.name != "convolution_weight_gradient" or not _sees_few(operation, operation.outputs[0]):
            continue
        before = uses.maker(operation.inputs[1], "max_pooling_relu_gradient")
        if before is None or not uses.is_private(before.outputs[0], operation):
            continue
        dy, _, pooled = before.inputs
        sums = [op for op in program.operations if op.name == "relu_pooled_sum" and op.inputs == (dy, pooled)]
        if len(sums) != 1 or not _is_quads(before.attributes["window"], before.outputs[0]):
            continue
        attributes = {**operation.attributes, "pooling": before.attributes["window"]}
        replaced[id(before)] = replaced[id(sums[0])] = None
        replaced[id(operation)] = replace(
            operation, name="pooled_weight_gradient", inputs=(operation.inputs[0], *before.inputs),
            outputs=(*operation.outputs, *sums[0].outputs), attributes=attributes,
        )  # fmt: skip
    return replacing(program, replaced)


def _join_rectified_gradients(program: Program) -> Program:
    """The same behind a ReLU alone."""
    uses = Uses(program)
    replaced: dict[int, Operation | None] = {}
    for operation in program.operations:
        if operation.name != "convolution_weight_gradient" or not _sees_few(operation, operation.outputs[0]):
            continue
        before = uses.maker(operation.inputs[1], "relu_gradient")
        if before is None or not is_intermediate(program, before.outputs[0]):
            continue
        readers = uses.readers[before.outputs[0].number]
        sums = [op for op in readers if op.name == "sum_to_channels"]
        if len(sums) != 1 or len(readers) != 2:
            continue
        replaced[id(before)] = replaced[id(sums[0])] = None
        replaced[id(operation)] = replace(
            operation, name="rectified_weight_gradient", inputs=(operation.inputs[0], *before.inputs),
            outputs=(*operation.outputs, *sums[0].outputs),
        )  # fmt: skip
    return replacing(program, replaced)


def _sees_few(operation: Operation, filters: Buffer) -> bool:
    return sees_few(operation.attributes["window"], operation.attributes["groups"], filters.shape)


def _is_quads(pooling: Window, whole: Buffer) -> bool:
    """Regions of 2×2 side by side, as the own kernels pool."""
    return (
        pooling.size == pooling.stride == (2, 2)
        and pooling.dilation == (1, 1)
        and not any(pooling.padding)
        and min(whole.shape[1:3]) >= 2
    )


def _join_first_layer(program: Program) -> Program:
    """A convolution that sees few channels, its ReLU and regions of 2×2, in one."""
    return _joined_pooling(program, _with_first_layer)


def _join_pooling(program: Program) -> Program:
    """Bias and ReLU of a convolution with the pooling: cuDNN has more, and faster, plans for a convolution alone."""
    return _joined_pooling(program, _with_pooling)


def _joined_pooling(
    program: Program, join: Callable[[Operation, Operation], tuple[Operation | None, Operation] | None]
) -> Program:
    """max_pooling behind a convolution_relu whose map nobody else reads, both replaced by what `join` makes of them."""
    uses = Uses(program)
    replaced: dict[int, Operation | None] = {}
    for operation in program.operations:
        before = (
            uses.maker(operation.inputs[0], "convolution_relu") if operation.name == "max_pooling" else None
        )
        if before is None or not uses.is_private(before.outputs[0], operation):
            continue
        joined = join(before, operation)
        if joined is not None:
            replaced[id(before)], replaced[id(operation)] = joined
    return replacing(program, replaced)


def _with_first_layer(before: Operation, pooling: Operation) -> tuple[None, Operation] | None:
    window, w = pooling.attributes["window"], before.inputs[1]
    if w is None or not _sees_few(before, w) or not _is_quads(window, before.outputs[0]):
        return None
    attributes = {**before.attributes, "pooling": window}
    return None, replace(
        before, name="convolution_relu_pooling", outputs=pooling.outputs, attributes=attributes
    )


def _with_pooling(before: Operation, pooling: Operation) -> tuple[Operation, Operation] | None:
    x, w, b = before.inputs
    if b is None:
        return None
    given = {"pooling": pooling.attributes["window"]}
    alone = replace(before, name="convolution", inputs=(x, w, None))
    return alone, replace(pooling, name="bias_relu_pooling", inputs=(before.outputs[0], b), attributes=given)


def _renamed(name: str, own: str, most_channels: int) -> Pass:
    """Convolutions of that name that see few values, for the own kernel."""

    def rename(program: Program) -> Program:
        replaced: dict[int, Operation | None] = {}
        for operation in program.operations:
            if operation.name != name:
                continue
            filters = operation.outputs[0] if name == "convolution_weight_gradient" else operation.inputs[1]
            if filters is not None and filters.shape[3] <= most_channels and _sees_few(operation, filters):
                replaced[id(operation)] = replace(operation, name=own)
        return replacing(program, replaced)

    return rename


JOINS: dict[str, Pass] = {
    "pooled_weight_gradient": _join_first_layer_gradients,
    "rectified_weight_gradient": _join_rectified_gradients,
    "convolution_relu_pooling": _join_first_layer,
    "bias_relu_pooling": _join_pooling,
    "first_convolution_relu": _renamed("convolution_relu", "first_convolution_relu", MOST_CHANNELS),
    "first_convolution": _renamed("convolution", "first_convolution", FEW_CHANNELS),
    "first_weight_gradient": _renamed("convolution_weight_gradient", "first_weight_gradient", FEW_CHANNELS),
}
"""Name of an operation that a device has -> the pass that makes it, in order."""
