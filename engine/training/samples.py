"""Norms of each layer's weights, gradients and updates, taken now and then while a network trains."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.training.events import Sampled
from engine.training.growing import GrowingArray


def _nothing(*shape: int) -> np.ndarray:
    return np.zeros(shape)


@dataclass(frozen=True, eq=False)
class Samples:
    """All samples of a run: one row a sample, one column a node."""

    nodes: tuple[str, ...] = ()
    """Names of the nodes that learn, in the order of the data."""
    steps: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    seconds: np.ndarray = field(default_factory=lambda: _nothing(0))
    """Time of training until then, pauses excluded."""
    gradient: np.ndarray = field(default_factory=lambda: _nothing(0, 0))
    """Euclidean norm of the gradient of the data's loss, float64 [samples, nodes]; decoupled decay is no part of it."""
    weight: np.ndarray = field(default_factory=lambda: _nothing(0, 0))
    """Norm of the parameters before the update."""
    update: np.ndarray = field(default_factory=lambda: _nothing(0, 0))
    """Norm of what the update added to the parameters, by their norm; 0 where that is 0."""

    def __eq__(self, other: object) -> bool:
        """Whether all numbers are the same."""
        if not isinstance(other, Samples):
            return NotImplemented
        names = ("steps", "seconds", "gradient", "weight", "update")
        same = (np.array_equal(getattr(self, n), getattr(other, n), equal_nan=True) for n in names)
        return self.nodes == other.nodes and all(same)

    __hash__ = None  # type: ignore[assignment]

    @staticmethod
    def of(events: Sequence[Sampled]) -> "Samples":
        """The samples that a training told."""
        if not events:
            return Samples()
        return Samples(
            events[-1].nodes,
            np.array([event.step for event in events], np.int64),
            np.array([event.seconds for event in events]),
            *(
                np.stack([getattr(event, name) for event in events])
                for name in ("gradient", "weight", "update")
            ),
        )

    def until(self, step: int) -> "Samples":
        """Those of the updates until `step`."""
        some = self.steps <= step
        columns = (self.steps, self.seconds, self.gradient, self.weight, self.update)
        return Samples(self.nodes, *(column[some] for column in columns))


class GrowingSamples:
    """The samples of a training as they come: numbers alone, as hours of them are kept."""

    def __init__(self, before: Samples) -> None:
        """`before`: those that were taken earlier."""
        self._nodes = before.nodes
        self._steps, self._seconds = GrowingArray(np.int64), GrowingArray()
        self._steps.append(before.steps)
        self._seconds.append(before.seconds)
        self._norms = {name: GrowingArray() for name in ("gradient", "weight", "update")}
        for name, norms in self._norms.items():
            norms.append(getattr(before, name).reshape(-1))

    def append(self, event: Sampled, seconds_before: float) -> None:
        """Add one, of a training that began when the run had taken so many seconds."""
        self._nodes = event.nodes
        self._steps.append(np.array([event.step]))
        self._seconds.append(np.array([seconds_before + event.seconds]))
        for name, norms in self._norms.items():
            norms.append(getattr(event, name))

    def all(self) -> Samples:
        """All of them so far; read-only."""
        if not len(self._steps):
            return Samples()
        norms = (norms.values.reshape(len(self._steps), -1) for norms in self._norms.values())
        return Samples(self._nodes, self._steps.values, self._seconds.values, *norms)
