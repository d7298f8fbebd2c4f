"""What is known of an array before it exists: its shape without the batch axis."""

from dataclasses import dataclass
from typing import Self

from engine.tensor.dimension import Dimension, as_dimension, product


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Shape [C, H, W] of one example's tensor; the batch axis comes in front of it. Holds no data."""

    channels: Dimension
    height: Dimension
    width: Dimension

    @classmethod
    def of(cls, channels: int, height: int = 1, width: int = 1) -> Self:
        """A spec from plain or derived integers."""
        return cls(as_dimension(channels), as_dimension(height), as_dimension(width))

    @property
    def shape(self) -> tuple[Dimension, Dimension, Dimension]:
        """(C, H, W)."""
        return self.channels, self.height, self.width

    @property
    def features(self) -> Dimension:
        """Values in one example: C·H·W, with its derivation."""
        return product(*self.shape) if self.height * self.width != 1 else self.channels

    @property
    def is_map(self) -> bool:
        """True when the tensor has places (H·W > 1), false for a vector of features."""
        return int(self.height) * int(self.width) > 1

    def with_shape(self, channels: int, height: int = 1, width: int = 1) -> Self:
        """The spec of another shape."""
        return self.of(channels, height, width)

    def __str__(self) -> str:
        return f"{int(self.channels)}×{int(self.height)}×{int(self.width)}"


@dataclass(frozen=True, slots=True)
class ParameterSpec:
    """A trainable tensor of a layer: its shape as users and files see it, and how it starts.

    `shape` is canonical (filters [K, C, h, w], weights [D, C·H·W], vectors [n]). `places` is the
    [D, C, H, W] view of a canonical shape whose channel axis a backend stores last; None for vectors.
    `init` is "he" (thesis eq. 2.49: std √(2/fan_in), or √(1/fan_in) before any activation), "zero" or
    "one". Only tensors that `decays` take part in weight decay.
    """

    shape: tuple[int, ...]
    init: str = "zero"
    fan_in: int = 0
    decays: bool = False
    places: tuple[int, int, int, int] | None = None

    @property
    def count(self) -> int:
        """Number of values."""
        count = 1
        for size in self.shape:
            count *= int(size)
        return count

    @property
    def stored_shape(self) -> tuple[int, ...]:
        """The shape as backends store it: channels last when there are places."""
        if self.places is None:
            return tuple(int(size) for size in self.shape)
        outputs, channels, height, width = self.places
        return int(outputs), int(height), int(width), int(channels)


@dataclass(frozen=True, slots=True)
class StateSpec:
    """A tensor that a layer keeps but does not train, such as a running mean; [n] values of `fill`."""

    shape: tuple[int, ...]
    fill: float = 0.0


@dataclass(frozen=True, slots=True)
class Cost:
    """Multiply-adds of one example: of the forward pass, and of the gradients by weights and by input."""

    forward: int = 0
    weights_backward: int = 0
    input_backward: int = 0

    @property
    def backward(self) -> int:
        """Multiply-adds of the whole backward pass."""
        return self.weights_backward + self.input_backward
