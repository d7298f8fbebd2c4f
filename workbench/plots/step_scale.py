"""Where steps lie on a plot's horizontal axis: counted in steps, in epochs or by the clock. No Qt."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
_UNITS = ((3600.0, "Hours", "hour"), (60.0, "Minutes", "minute"), (1.0, "Seconds", "second"))


@dataclass(frozen=True, eq=False)
class StepScale:
    """A line through known points (step, place), both increasing, at least two; the ends go on straight."""

    known_steps: Floats
    known_places: Floats
    label: str = "Step"
    """As the axis is named."""
    word: str = "step"
    """As a place is spoken of."""

    def places(self, steps: ArrayLike) -> Floats:
        """Places of steps."""
        return _on_line(self.known_steps, self.known_places, steps)

    def steps(self, places: ArrayLike) -> Floats:
        """Steps at places, with fractions."""
        return _on_line(self.known_places, self.known_steps, places)

    def place(self, step: float) -> float:
        """The place of one step."""
        return float(self.places(step))

    def step(self, place: float) -> float:
        """The step at one place."""
        return float(self.steps(place))


def by_steps() -> StepScale:
    """Each step at its number."""
    return _BY_STEPS


def by_epochs(steps_per_epoch: int, ends: Sequence[tuple[int, int]] = ()) -> StepScale:
    """Each step at the number of epochs done.

    `ends` are the steps with which epochs ended, and how many were done then; behind them epochs have the given length.
    """
    known = [(0, 0), *ends]
    step, epoch = known[-1]
    line = np.array([*known, (step + steps_per_epoch, epoch + 1)], np.float64)
    return StepScale(line[:, 0], line[:, 1], "Epoch", "epoch")


def by_clock(steps: Floats, seconds: Floats) -> StepScale:
    """Each step at the time of training when it was done; in steps where fewer than two times are known."""
    if len(steps) < 2:
        return by_steps()
    unit, label, word = next(unit for unit in _UNITS if seconds[-1] >= 2 * unit[0] or unit[0] == 1.0)
    return StepScale(steps, seconds / unit, label, word)


def _on_line(x: Floats, y: Floats, at: ArrayLike) -> Floats:
    wanted = np.asarray(at, np.float64)
    if x is y:
        return wanted
    before = np.clip(np.searchsorted(x, wanted) - 1, 0, len(x) - 2)
    slope = (y[before + 1] - y[before]) / (x[before + 1] - x[before])
    result: Floats = y[before] + (wanted - x[before]) * slope
    return result


_ONE_TO_ONE = np.array([0.0, 1.0])
_BY_STEPS = StepScale(_ONE_TO_ONE, _ONE_TO_ONE)
