"""Passes over a program: neighbouring operations joined into one kernel where a device offers it.

Each pass takes a program and gives an equal one. A fused kernel has the name that the table below gives it; devices
say which of them they have by their kernels.
"""

from collections.abc import Collection
from dataclasses import replace

from engine.program import gpu_passes
from engine.program.plan import is_intermediate
from engine.program.rewriting import Pass, Uses, replacing
from engine.program.trace import Operation, Program


def fuse(program: Program, kernels: Collection[str]) -> Program:
    """The program with every fusion that `kernels` has."""
    for name, join in _JOINS.items():
        if name in kernels:
            program = join(program)
    return program


def _join_relu(product: str) -> Pass:
    def join(program: Program) -> Program:
        uses = Uses(program)
        replaced: dict[int, Operation | None] = {}
        for operation in program.operations:
            if operation.name != "relu":
                continue
            before = uses.maker(operation.inputs[0], product)
            if before is None or not uses.is_private(before.outputs[0], operation):
                continue
            replaced[id(before)] = replace(before, name=f"{product}_relu", outputs=operation.outputs)
            replaced[id(operation)] = None
        return replacing(program, replaced)

    return join


def _join_pooling_gradient(program: Program) -> Program:
    """max_pooling_gradient, then relu_gradient by the pooled map."""
    uses = Uses(program)
    replaced: dict[int, Operation | None] = {}
    for operation in program.operations:
        if operation.name != "relu_gradient":
            continue
        before = uses.maker(operation.inputs[0], "max_pooling_gradient")
        if before is None or not uses.is_private(before.outputs[0], operation):
            continue
        pooling = uses.maker(before.inputs[1], "max_pooling")
        if pooling is None or pooling.inputs[0] is not operation.inputs[1]:
            continue
        inputs = (*before.inputs, pooling.outputs[0])
        replaced[id(before)] = None
        replaced[id(operation)] = replace(
            operation, name="max_pooling_relu_gradient", inputs=inputs, attributes=before.attributes
        )
    return replacing(program, replaced)


def _join_pooled_sum(program: Program) -> Program:
    """sum_to_channels of such a gradient: the padding never wins, so every pooled error lands on some pixel."""
    uses = Uses(program)
    replaced: dict[int, Operation | None] = {}
    for operation in program.operations:
        if operation.name != "sum_to_channels":
            continue
        before = uses.maker(operation.inputs[0], "max_pooling_relu_gradient")
        if before is not None:
            inputs = (before.inputs[0], before.inputs[2])
            replaced[id(operation)] = replace(operation, name="relu_pooled_sum", inputs=inputs)
    return replacing(program, replaced)


def _join_pooling(program: Program) -> Program:
    """convolution_relu, then max_pooling, where nothing else reads the map between them."""
    uses = Uses(program)
    replaced: dict[int, Operation | None] = {}
    for operation in program.operations:
        if operation.name != "max_pooling":
            continue
        before = uses.maker(operation.inputs[0], "convolution_relu")
        if before is None or not uses.is_private(before.outputs[0], operation):
            continue
        attributes = {**before.attributes, "pooling": operation.attributes["window"]}
        replaced[id(before)] = None
        replaced[id(operation)] = replace(
            before, name="convolution_relu_max_pooling", outputs=operation.outputs, attributes=attributes
        )
    return replacing(program, replaced)


def _join_gradients(program: Program) -> Program:
    """max_pooling_relu_gradient and the one or two gradients that alone read it."""
    uses = Uses(program)
    replaced: dict[int, Operation | None] = {}
    for operation in program.operations:
        if operation.name != "max_pooling_relu_gradient" or not is_intermediate(
            program, operation.outputs[0]
        ):
            continue
        readers = {reader.name: reader for reader in uses.readers.get(operation.outputs[0].number, [])}
        by_filters = readers.pop("convolution_weight_gradient", None)
        by_input = readers.pop("convolution_input_gradient", None)
        if by_filters is None or readers or len(uses.readers[operation.outputs[0].number]) > 2:
            continue
        attributes = {**by_filters.attributes, "pooling": operation.attributes["window"]}
        x = by_filters.inputs[0]
        fused = replace(
            by_filters,
            name="pooled_convolution_weight_gradient",
            inputs=(x, *operation.inputs),
            attributes=attributes,
        )
        if by_input is not None:
            fused = replace(
                fused, name="pooled_convolution_gradients", outputs=(*by_filters.outputs, *by_input.outputs),
                inputs=(x, by_input.inputs[1], *operation.inputs),
                multiply_adds=by_filters.multiply_adds + by_input.multiply_adds,
            )  # fmt: skip
            replaced[id(by_filters)] = None
        replaced[id(operation)] = None
        replaced[id(by_input or by_filters)] = fused
    return replacing(program, replaced)


_JOINS: dict[str, Pass] = {
    "convolution_relu": _join_relu("convolution"),
    "linear_relu": _join_relu("linear"),
    "max_pooling_relu_gradient": _join_pooling_gradient,
    "relu_pooled_sum": _join_pooled_sum,
    "convolution_relu_max_pooling": _join_pooling,
    "pooled_convolution_gradients": _join_gradients,
    **gpu_passes.JOINS,
}
"""Passes by the names of the operations that only they make:

- convolution_relu, linear_relu: the product with its bias, then max(0, ·).
- max_pooling_relu_gradient(dy, winners, pooled): the gradient through ReLU and the pooling behind it. Where a pooled
  value is positive its winner was, so the map before pooling need not be kept.
- relu_pooled_sum(dy, pooled): the same gradient summed to channels, without reading the map.
- convolution_relu_max_pooling(x, w, b): pooled map and winners; the map before pooling is not kept.
- pooled_convolution_weight_gradient(x, dy, winners, pooled), and pooled_convolution_gradients(x, w, dy, winners,
  pooled) with the input's gradient: max_pooling_relu_gradient and the gradients of the convolution before it.
- those of `gpu_passes`.
"""
