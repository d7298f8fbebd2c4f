"""Norms of each layer's weights, gradients and updates, taken now and then while a network trains."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.training.events import Sampled


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

    def events(self, run: str) -> list[Sampled]:
        """The samples as a training tells them."""
        rows = zip(self.steps, self.seconds, self.gradient, self.weight, self.update, strict=True)
        return [Sampled(run, int(row[0]), float(row[1]), self.nodes, *row[2:]) for row in rows]
