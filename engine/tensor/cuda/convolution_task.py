"""What a convolution asks of cuDNN: the task of each operation, known without a GPU."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from engine.tensor.bfloat import storage_type
from engine.tensor.window import Window

ALIGNED = 16
"""Bytes that the address of every array of a program is a multiple of."""
_NUMBERS = ("float32", "uint16")


class Shaped(Protocol):
    """An array, or the symbolic buffer of one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sizes."""

    @property
    def dtype(self) -> Any:
        """The type of its numbers."""


@dataclass(frozen=True)
class Task:
    """One convolution to plan. `kind` is "forward", "input_gradient" or "weight_gradient"; shapes as in memory."""

    kind: str
    x: tuple[int, int, int, int]
    w: tuple[int, int, int, int]
    y: tuple[int, int, int, int]
    window: Window
    bias: bool = False
    relu: bool = False
    alignments: tuple[int, ...] = ()
    """Bytes that each pointer is a multiple of, output first."""
    dtype: str = "float32"
    """Of maps and filters; "uint16" are bfloat16. Biases are float32."""

    def describe(self) -> str:
        """The task in a log line."""
        fused = " + bias" * self.bias + " + ReLU" * self.relu
        return f"{self.kind} convolution{fused} of {self.x} with {self.w} ({self.window})"

    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of its arrays, output first, then as the operation takes them."""
        if self.kind == "input_gradient":
            return [self.x, self.y, self.w]
        if self.kind == "weight_gradient":
            return [self.w, self.x, self.y]
        return [self.y, self.x, self.w, *([(self.w[0],)] if self.bias else [])]


def task(
    kind: str, x: Shaped, w: Shaped, y: Shaped, window: Window, alignments: tuple[int, ...], *, bias: bool = False,
    relu: bool = False,
) -> Task:  # fmt: skip
    """The task of maps x and y and filters w."""
    dtype = storage_type(str(x.dtype))
    return Task(kind, _sizes(x), _sizes(w), _sizes(y), window, bias, relu, alignments, dtype)


def tasks_of(
    name: str, attributes: Mapping[str, Any], outputs: Sequence[Shaped], inputs: Sequence[Shaped | None]
) -> Iterator[Task]:
    """The tasks that would compute an operation, the most that cuDNN can fuse first; the first that it knows is taken.

    Nothing for operations that cuDNN does not compute.
    """
    if name not in (
        "convolution", "convolution_relu", "convolution_input_gradient", "convolution_weight_gradient"
    ):  # fmt: skip
        return
    (out,), (first, second) = outputs, inputs[:2]
    assert first is not None
    assert second is not None
    if storage_type(str(first.dtype)) not in _NUMBERS:
        return
    window, aligned = attributes["window"], (ALIGNED,) * 3
    if name == "convolution_input_gradient":
        yield task("input_gradient", out, second, first, window, aligned)
    elif name == "convolution_weight_gradient":
        yield task("weight_gradient", first, out, second, window, aligned)
    else:
        has_bias = inputs[2] is not None
        for bias, relu in fusions(has_bias, relu=name == "convolution_relu"):
            yield task("forward", first, second, out, window, (ALIGNED,) * (3 + bias), bias=bias, relu=relu)


def fusions(has_bias: bool, *, relu: bool) -> tuple[tuple[bool, bool], ...]:
    """(bias, ReLU) that may be computed with a convolution, the most first."""
    return tuple(dict.fromkeys(((has_bias, relu), (has_bias, False), (False, False))))


def _sizes(array: Shaped) -> tuple[int, int, int, int]:
    n, h, w, c = (int(size) for size in array.shape)
    return n, h, w, c
