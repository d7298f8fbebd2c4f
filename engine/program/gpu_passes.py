"""Passes for devices to which each launch and each byte counts: few, large kernels, each of them an own one.

The operations that they make are computed, one after the other, by the generic kernels of `engine.tensor.fused_ops`:

- pooled_weight_gradient(x, dy, winners, pooled), rectified_weight_gradient(x, dy, y): filters' and biases' gradients of
  a first layer, whose input needs none; the error map is never written.
- convolution_relu_pooling(x, w, b), first_convolution_relu(x, w, b): a first layer's convolution with what follows it;
  first_convolution(x, w, b), first_weight_gradient(x, dy): alone.
- bias_relu_pooling(map, b): a pooled map and its winners.
- linear_relu_dropout(x, w, b, keep, clock): the mask is drawn where it is applied, and kept nowhere.
- normalise_batch_relu(x, scale, shift) with its gradient(dy, x, scale, shift, mean, inverse), and normalise_fixed_relu:
  batch normalisation and the ReLU behind it.
- relu_gradient_sum(dy, y): the gradient through a ReLU, and its sum to channels.
- adam_update_early: the update of products' weights, aside, while convolutions still hand errors back.
- cross_entropy_step, gather_next, adam_update_recorded: what surrounds the network, in one launch each.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from itertools import pairwise

from engine.program.plan import is_intermediate
from engine.program.rewriting import Pass, Uses, replacing
from engine.program.store import ALIGNMENT
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
SMALLEST_EARLY = 1 << 20
"""Parameters from which on an early update is worth its launch."""


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


def _join_dropout(program: Program) -> Program:
    """linear_relu and the mask behind it. A kept and positive output tells backward all that mask and ReLU would."""
    uses = Uses(program)
    replaced: dict[int, Operation | None] = {}
    for masking in program.operations:
        product = uses.maker(masking.inputs[0], "linear_relu") if masking.name == "apply_mask" else None
        drawn = uses.maker(masking.inputs[1], "random_mask") if product is not None else None
        if product is None or drawn is None:
            continue
        backward = [op for op in uses.readers[drawn.outputs[0].number] if op is not masking]
        gradients = [op for op in uses.readers[product.outputs[0].number] if op is not masking]
        if not (
            len(backward) == len(gradients) == 1 and _is_masked_gradient(uses, backward[0], gradients[0])
        ):
            continue
        if not all(is_intermediate(program, op.outputs[0]) for op in (product, drawn)):
            continue
        replaced[id(drawn)] = replaced[id(masking)] = replaced[id(backward[0])] = None
        replaced[id(product)] = replace(
            product, name="linear_relu_dropout", inputs=(*product.inputs, *drawn.inputs), outputs=masking.outputs,
            attributes={**product.attributes, **drawn.attributes},
        )  # fmt: skip
        replaced[id(gradients[0])] = replace(gradients[0], inputs=(backward[0].inputs[0], masking.outputs[0]))
    return replacing(program, replaced)


def _is_masked_gradient(uses: Uses, backward: Operation, gradient: Operation) -> bool:
    return (
        backward.name == "apply_mask"
        and gradient.name == "relu_gradient"
        and gradient.inputs[0] is backward.outputs[0]
        and uses.is_private(backward.outputs[0], gradient)
    )


def _join_gradient_sum(program: Program) -> Program:
    """relu_gradient and sum_to_channels of what it gives."""
    uses = Uses(program)
    replaced: dict[int, Operation | None] = {}
    for operation in program.operations:
        before = (
            uses.maker(operation.inputs[0], "relu_gradient") if operation.name == "sum_to_channels" else None
        )
        if before is None or id(before) in replaced:
            continue
        replaced[id(operation)] = None
        outputs = (*before.outputs, *operation.outputs)
        replaced[id(before)] = replace(before, name="relu_gradient_sum", outputs=outputs)
    return replacing(program, replaced)


def _join_normalised(program: Program) -> Program:
    """Batch normalisation and the ReLU behind it, in both directions: x tells again where the ReLU was open."""
    uses = Uses(program)
    replaced: dict[int, Operation | None] = {}
    for relu in (operation for operation in program.operations if operation.name == "relu"):
        fixed = uses.maker(relu.inputs[0], "normalise_fixed")
        if fixed is not None and uses.is_private(fixed.outputs[0], relu):
            replaced[id(fixed)] = None
            replaced[id(relu)] = replace(fixed, name="normalise_fixed_relu", outputs=relu.outputs)
        batch = uses.maker(relu.inputs[0], "normalise_batch")
        if batch is not None and uses.is_private(batch.outputs[0], relu):
            replaced.update(_normalised(uses, batch, relu))
    return replacing(program, replaced)


def _normalised(uses: Uses, batch: Operation, relu: Operation) -> dict[int, Operation | None]:
    """What replaces a normalisation by the batch and its ReLU, with their gradients; nothing where others look in."""
    behind = [op for op in uses.readers.get(relu.outputs[0].number, []) if op.name == "relu_gradient"]
    passed = uses.readers.get(behind[0].outputs[0].number, []) if len(behind) == 1 else []
    if len(passed) != 1 or passed[0].name != "normalise_batch_gradient":
        return {}
    gradient = passed[0]
    if gradient.inputs[3] is not batch.outputs[1] or not uses.is_private(behind[0].outputs[0], gradient):
        return {}
    _, x, scale, mean, inverse = gradient.inputs
    inputs = (behind[0].inputs[0], x, scale, batch.inputs[2], mean, inverse)
    return {
        id(batch): replace(batch, name="normalise_batch_relu", outputs=(*relu.outputs, *batch.outputs[1:])),
        id(relu): None,
        id(behind[0]): None,
        id(gradient): replace(gradient, name="normalise_batch_relu_gradient", inputs=inputs),
    }


def _join_classification(program: Program) -> Program:
    """cross_entropy, the record of its losses and its gradient."""
    uses = Uses(program)
    replaced: dict[int, Operation | None] = {}
    for operation in program.operations:
        if operation.name != "cross_entropy":
            continue
        losses, probabilities, _ = operation.outputs
        records = [op for op in uses.readers.get(losses.number, []) if op.name == "record_outcome"]
        gradients = [
            op for op in uses.readers.get(probabilities.number, []) if op.name == "cross_entropy_gradient"
        ]
        if len(records) != 1 or len(gradients) != 1:
            continue
        replaced[id(records[0])] = replaced[id(gradients[0])] = None
        replaced[id(operation)] = replace(
            operation, name="cross_entropy_step", inputs=(*operation.inputs, *records[0].inputs[:3]),
            outputs=(*operation.outputs, *gradients[0].outputs),
            attributes={**operation.attributes, **records[0].attributes},
        )  # fmt: skip
    return replacing(program, replaced)


def _join_neighbours(
    first: str, second: str, joined: Callable[[Operation, Operation], Operation | None]
) -> Pass:
    def join(program: Program) -> Program:
        replaced: dict[int, Operation | None] = {}
        for one, other in pairwise(program.operations):
            found = joined(one, other) if (one.name, other.name) == (first, second) else None
            if found is not None:
                replaced[id(one)], replaced[id(other)] = None, found
        return replacing(program, replaced)

    return join


def _next_batch(advance: Operation, gather: Operation) -> Operation | None:
    clock, *tables = advance.inputs
    if gather.inputs[3] is not clock:
        return None
    return replace(gather, name="gather_next", inputs=(*gather.inputs, *tables))


def _recorded_update(record: Operation, update: Operation) -> Operation | None:
    history, clock, parameters = record.inputs
    decaying = update.attributes["decaying"]
    same = update.inputs[0] is parameters and update.inputs[5] is clock
    size = 0 if parameters is None else parameters.shape[0]
    if not same or record.attributes["decaying"] != decaying or size % 4 or decaying % 4:
        return None
    given = {**update.attributes, "early": (0, 0)}
    inputs = (history, *update.inputs, None, None)
    return replace(update, name="adam_update_recorded", inputs=inputs, attributes=given)


def _update_early(program: Program) -> Program:
    """Products' weights, most of all parameters, learn while convolutions still hand errors back.

    `adam_update_early` is put where nothing reads those weights or writes their gradients any more; the update at the
    end leaves them out, and adds its squared weights to those that the early one left.
    """
    place, update = next(
        (i, op)
        for i, op in reversed(list(enumerate(program.operations)))
        if i == 0 or op.name.endswith(("_update", "_recorded"))
    )
    last_use = _last_uses(program)
    late = [i for i, op in enumerate(program.operations) if op.name == "convolution_weight_gradient"]
    after = [
        index for op in program.operations if op.name == "linear_weight_gradient"
        for index in [last_use.get(program.storage.get(op.outputs[0].number, "").removeprefix("gradient/"))]
        if index is not None
    ]  # fmt: skip
    if update.name != "adam_update_recorded" or not after or not late or max(after) >= max(late):
        return program
    ready = [
        place
        for key, place in program.places.items()
        if last_use.get(key, len(program.operations)) <= max(after)
    ]
    first, last = _longest_run(ready)
    last = min(last, update.attributes["decaying"])
    if last - first < SMALLEST_EARLY:
        return program
    squares = Buffer(len(program.buffers), (1,), "float64")
    given = {**update.attributes, "early": (first, last)}
    early = replace(
        update,
        name="adam_update_early",
        inputs=(*update.inputs[1:-2], None),
        outputs=(squares,),
        attributes=given,
    )
    rest = replace(update, inputs=(*update.inputs[:-2], squares, None), attributes=given)
    cut = max(after) + 1
    behind = program.operations[place + 1 :]
    operations = (*program.operations[:cut], early, *program.operations[cut:place], rest, *behind)
    return replace(program, operations=operations, buffers=(*program.buffers, squares))


def _last_uses(program: Program) -> dict[str, int]:
    """Parameter -> the last operation, of those before the update, that reads it or writes its gradient."""
    found: dict[str, int] = {}
    for index, operation in enumerate(program.operations):
        names = [buffer.name for buffer in operation.inputs if buffer is not None]
        names += [program.storage.get(buffer.number, "") for buffer in operation.outputs]
        for name in names:
            if name.startswith(("parameter/", "gradient/")):
                found[name.partition("/")[2]] = index
    return found


def _longest_run(places: list[slice]) -> tuple[int, int]:
    """(start, stop) of the longest stretch that neighbouring places cover; gaps of alignment count as covered."""
    best = (0, 0)
    start = stop = 0
    for place in sorted(places, key=lambda place: place.start):
        if place.start - stop >= ALIGNMENT:
            start = place.start
        stop = place.stop
        aligned = -(-stop // ALIGNMENT) * ALIGNMENT
        if aligned - start > best[1] - best[0]:
            best = (start, aligned)
    return best


JOINS: dict[str, Pass] = {
    "pooled_weight_gradient": _join_first_layer_gradients,
    "rectified_weight_gradient": _join_rectified_gradients,
    "convolution_relu_pooling": _join_first_layer,
    "bias_relu_pooling": _join_pooling,
    "first_convolution_relu": _renamed("convolution_relu", "first_convolution_relu", MOST_CHANNELS),
    "first_convolution": _renamed("convolution", "first_convolution", FEW_CHANNELS),
    "first_weight_gradient": _renamed("convolution_weight_gradient", "first_weight_gradient", FEW_CHANNELS),
    "linear_relu_dropout": _join_dropout,
    "normalise_batch_relu": _join_normalised,
    "relu_gradient_sum": _join_gradient_sum,
    "cross_entropy_step": _join_classification,
    "gather_next": _join_neighbours("advance", "gather", _next_batch),
    "adam_update_recorded": _join_neighbours("record_squared_weights", "adam_update", _recorded_update),
    "adam_update_early": _update_early,
}
"""Name of an operation that a device has -> the pass that makes it."""
