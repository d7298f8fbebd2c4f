"""Passes for devices to which each launch and each byte counts: few, large kernels, each of them an own one.

The operations that they make are computed, one after the other, by the generic kernels of `engine.tensor.fused_ops`:

- linear_relu_dropout(x, w, b, keep, clock): the mask is drawn where it is applied, and kept nowhere.
- normalise_batch_relu(x, scale, shift) with its gradient(dy, x, scale, shift, mean, inverse), and normalise_fixed_relu:
  batch normalisation and the ReLU behind it.
- relu_gradient_sum(dy, y): the gradient through a ReLU, and its sum to channels.
- cross_entropy_step, gather_next: what surrounds the network, in one launch each.
- those of `first_layer_passes` and of `update_passes`.
"""

from dataclasses import replace
from itertools import pairwise

from engine.program import first_layer_passes, update_passes
from engine.program.plan import is_intermediate
from engine.program.rewriting import Pass, Uses, replacing
from engine.program.trace import Operation, Program


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


def _join_next_batch(program: Program) -> Program:
    """advance and the gather behind it."""
    replaced: dict[int, Operation | None] = {}
    for advance, gather in pairwise(program.operations):
        if (advance.name, gather.name) != ("advance", "gather"):
            continue
        clock, *tables = advance.inputs
        if gather.inputs[3] is clock:
            replaced[id(advance)] = None
            replaced[id(gather)] = replace(gather, name="gather_next", inputs=(*gather.inputs, *tables))
    return replacing(program, replaced)


JOINS: dict[str, Pass] = {
    **first_layer_passes.JOINS,
    "linear_relu_dropout": _join_dropout,
    "normalise_batch_relu": _join_normalised,
    "relu_gradient_sum": _join_gradient_sum,
    "cross_entropy_step": _join_classification,
    "gather_next": _join_next_batch,
    **update_passes.JOINS,
}
"""Name of an operation that a device has -> the pass that makes it, in order."""
