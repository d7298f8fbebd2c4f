"""What a layer gets while it runs: operations, its parameters and state, and places for its results."""

from collections.abc import Callable
from typing import Protocol

from engine.tensor.ops import Array, Ops

Backward = Callable[[Array], tuple[Array | None, ...]]
"""Takes the gradient by a layer's output; gives one by each of its inputs (None where `wants_gradient` is false)."""


class Context(Protocol):
    """One layer's view of a run (thesis figure 3.2: what is computed stays apart from how)."""

    @property
    def ops(self) -> Ops:
        """The operations to compute with."""

    @property
    def training(self) -> bool:
        """True while learning, false for validation, tests and prediction."""

    @property
    def labels(self) -> Array | None:
        """True classes, int32 [N], where they are known."""

    @property
    def clock(self) -> Array:
        """The device's counters, for operations that draw random numbers."""

    def parameter(self, name: str) -> Array:
        """The layer's parameter, in stored layout."""

    def state(self, name: str) -> Array:
        """The layer's untrained tensor of that name."""

    def live(self, name: str) -> Array:
        """A setting that may change while training, as a [1] array on the device."""

    def gradient(self, name: str, value: Array) -> None:
        """Hand over the gradient by a parameter."""

    def wants_gradient(self, index: int = 0) -> bool:
        """Whether anything before the input `index` learns, so that its gradient is needed."""

    def random_stream(self) -> int:
        """A number that no other layer of the network shares; it keeps random draws independent."""

    def outcome(self, losses: Array, predictions: Array) -> None:
        """Hand over the loss and the predicted class of each example (classifiers alone)."""
