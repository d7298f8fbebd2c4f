"""Mixed precision: maps, features, errors and weights as bfloat16, everything that sums or learns as float32.

Parameters, their gradients and moments stay float32; the update leaves a rounded copy of the parameters, which products
read. Biases, sums, losses and the statistics of batch normalisation are float32. Types are changed where an operation
needs the other.
"""

from collections.abc import Mapping
from dataclasses import replace

from engine.program.trace import Buffer, Operation, Program
from engine.tensor.bfloat import NAME as LOW

_NONE: tuple[int, ...] = ()
_LOW: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    **dict.fromkeys(
        (
            "max_pooling", "max_pooling_gradient", "max_pooling_relu_gradient", "average_pooling",
            "average_pooling_gradient", "mean_places", "spread_places", "channels_first", "channels_last",
            "concatenate", "take_channels", "scale", "relu", "relu_gradient", "leaky_relu", "leaky_relu_gradient",
            "sigmoid", "sigmoid_gradient", "tanh", "tanh_gradient", "gelu", "gelu_gradient", "silu", "silu_gradient",
            "elu", "elu_gradient", "add", "apply_mask", "linear_input_gradient",
            "convolution_input_gradient", "convolution_weight_gradient",
        ),
        (_NONE, _NONE),
    ),
    **dict.fromkeys(
        (
            "convolution", "convolution_relu", "convolution_relu_pooling", "first_convolution",
            "first_convolution_relu", "linear", "linear_relu", "linear_relu_dropout",
        ),
        ((2,), _NONE),
    ),
    "bias_relu_pooling": ((1,), _NONE),
    **dict.fromkeys(("normalise_batch", "normalise_batch_relu"), ((1, 2), (1, 2, 3))),
    **dict.fromkeys(("normalise_fixed", "normalise_fixed_relu"), ((1, 2, 3, 4), _NONE)),
    "normalise_batch_gradient": ((2, 3, 4), (1, 2)),
    "normalise_batch_relu_gradient": ((2, 3, 4, 5), (1, 2)),
    **dict.fromkeys(
        ("sum_to_channels", "relu_pooled_sum", "linear_weight_gradient", "first_weight_gradient"), (_NONE, (0,))
    ),
    "relu_gradient_sum": (_NONE, (1,)),
    **dict.fromkeys(("pooled_weight_gradient", "rectified_weight_gradient"), (_NONE, (0, 1))),
    **dict.fromkeys(("gather", "gather_next"), ((4, 5), _NONE)),
    "gather_run": ((3, 4), _NONE),
}  # fmt: skip
"""Operations that compute with bfloat16 -> places of the inputs and outputs that stay float32 nevertheless."""
_UPDATES = frozenset({"sgd_update", "adam_update"})


def lower(program: Program) -> Program:
    """The program in mixed precision; its device must have `change_type`. Reads `rounded` and `rounded/KEY`."""
    return _Lowering(program).run()


class _Lowering:
    def __init__(self, program: Program) -> None:
        self._program = program
        self._operations: list[Operation] = []
        self._buffers = list(program.buffers)
        self._as: dict[tuple[int, str], Buffer] = {}
        """(number of a buffer, type) -> what holds its values in that type."""
        self._named: dict[str, Buffer] = {}
        self._readers: dict[int, set[str]] = {}
        for operation in program.operations:
            for buffer in operation.inputs:
                if buffer is not None:
                    self._readers.setdefault(buffer.number, set()).add(operation.name)

    def run(self) -> Program:
        """Operation by operation, in order."""
        for operation in self._program.operations:
            if operation.name in _LOW:
                self._lowered(operation, *_LOW[operation.name])
            else:
                inputs = tuple(self._typed(buffer, "float32", operation) for buffer in operation.inputs)
                self._operations.append(replace(operation, inputs=self._with_rounded(operation, inputs)))
            if operation.name in _UPDATES:
                parameters = operation.inputs[0]
                assert parameters is not None
                self._change(parameters, self._rounded(parameters, "rounded"), operation)
            average = operation.inputs[0] if operation.name == "average_in" else None
            if average is not None and average.name == "average":
                self._change(average, self._rounded(average, "rounded-average"), operation)
        return replace(self._program, operations=tuple(self._operations), buffers=tuple(self._buffers))

    def _with_rounded(
        self, operation: Operation, inputs: tuple[Buffer | None, ...]
    ) -> tuple[Buffer | None, ...]:
        if operation.name not in ("adam_update_recorded", "adam_update_early"):
            return inputs
        (parameters,) = (buffer for buffer in inputs if buffer is not None and buffer.name == "parameters")
        return (*inputs[:-1], self._rounded(parameters, "rounded"))

    def _lowered(
        self, operation: Operation, wide_inputs: tuple[int, ...], wide_outputs: tuple[int, ...]
    ) -> None:
        inputs = tuple(
            self._typed(buffer, "float32" if place in wide_inputs else LOW, operation)
            for place, buffer in enumerate(operation.inputs)
        )
        outputs = []
        casts: list[tuple[Buffer, Buffer]] = []
        for place, buffer in enumerate(operation.outputs):
            if (
                buffer.dtype != "float32"
                or place in wide_outputs
                or self._only_wide_readers(operation, buffer)
            ):
                outputs.append(buffer)
                continue
            low = self._new(buffer.shape, LOW)
            outputs.append(low)
            if buffer.number in self._program.storage or buffer.name:
                casts.append((low, buffer))
            self._as[buffer.number, LOW] = low
        inputs = self._with_rounded(operation, inputs)
        self._operations.append(replace(operation, inputs=inputs, outputs=tuple(outputs)))
        for low, buffer in casts:
            self._change(low, buffer, operation)

    def _only_wide_readers(self, operation: Operation, buffer: Buffer) -> bool:
        """Scores: a product may leave them in float32 for the classifier."""
        readers = self._readers.get(buffer.number, set())
        return operation.name == "linear" and not readers & set(_LOW)

    def _typed(self, buffer: Buffer | None, dtype: str, operation: Operation) -> Buffer | None:
        """What to read for the buffer's values in the type; only float32 ones have another."""
        if buffer is None or buffer.dtype != "float32":
            return buffer
        made_low = (buffer.number, LOW) in self._as
        if dtype == "float32" and (not made_low or (buffer.number in self._program.storage)):
            return buffer
        if dtype == LOW and buffer.name.startswith("parameter/"):
            return self._rounded(buffer, f"rounded/{buffer.name.removeprefix('parameter/')}")
        if (buffer.number, dtype) not in self._as:
            other = self._new(buffer.shape, dtype)
            source = self._as[buffer.number, LOW] if dtype == "float32" else buffer
            self._change(source, other, operation)
            self._as[buffer.number, dtype] = other
        return self._as[buffer.number, dtype]

    def _rounded(self, buffer: Buffer, name: str) -> Buffer:
        if name not in self._named:
            self._named[name] = self._new(buffer.shape, LOW, name)
        return self._named[name]

    def _new(self, shape: tuple[int, ...], dtype: str, name: str = "") -> Buffer:
        self._buffers.append(Buffer(len(self._buffers), shape, dtype, name))
        return self._buffers[-1]

    def _change(self, source: Buffer, target: Buffer, operation: Operation) -> None:
        self._operations.append(
            Operation("change_type", (source,), (target,), {}, 0, operation.node, operation.phase)
        )
