"""The numbers behind a curve: stored whole, smoothed, thinned for the screen. No Qt."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.api import GrowingArray
from workbench.plots.extremes import Extremes
from workbench.plots.smoothing import Smoothing
from workbench.plots.step_numbers import StepNumbers

Floats = NDArray[np.float64]


class Series:
    """One curve's values over steps; steps increase."""

    def __init__(self) -> None:
        self._steps = StepNumbers()
        self._values = GrowingArray()
        self._smoothed = GrowingArray()
        self._smoothing = Smoothing(0.0)
        self._value_extremes = Extremes()
        self._smoothed_extremes = Extremes()
        self._first: float | None = None

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def steps(self) -> Floats:
        """All steps, read-only."""
        return self._steps.values

    @property
    def values(self) -> Floats:
        """All values, read-only."""
        return self._values.values

    def append(self, steps: ArrayLike, values: ArrayLike) -> None:
        """Add points; those that begin at or before the last stored step replace all from there on.

        So a run goes on from an earlier checkpoint. Raises ValueError for unequal lengths or unordered steps.
        """
        new_steps = np.atleast_1d(np.asarray(steps, dtype=np.float64))
        new_values = np.atleast_1d(np.asarray(values, dtype=np.float64))
        if new_steps.shape != new_values.shape or new_steps.ndim != 1:
            raise ValueError(f"a curve needs one value a step, got {new_steps.shape} and {new_values.shape}")
        if not len(new_steps):
            return
        if not np.all(np.diff(new_steps) > 0):
            raise ValueError("the steps of a curve must increase")
        if len(self) and new_steps[0] <= self.steps[-1]:
            keep = int(np.searchsorted(self.steps, new_steps[0]))
            self._steps.truncate(keep)
            self._values.truncate(keep)
            self._value_extremes.truncate(keep)
            self._first = None
            self._restart_smoothing(self._smoothing.weight)
        self._steps.append(new_steps)
        self._values.append(new_values)

    def smoothed(self, weight: float) -> Floats:
        """All values smoothed with `weight` (0 <= weight < 1); only what is new is computed."""
        if weight != self._smoothing.weight:
            self._restart_smoothing(weight)
        done = len(self._smoothed)
        if done < len(self):
            self._smoothed.append(self._smoothing.feed(self.values[done:]))
        return self._smoothed.values

    def first_value(self) -> float:
        """The first value that is finite and not zero, by which a normalised curve is divided; else 1."""
        if self._first is None:
            usable = np.flatnonzero(np.isfinite(self.values) & (self.values != 0))
            if not len(usable):
                return 1.0
            self._first = float(self.values[usable[0]])
        return self._first

    def visible(self, low: float, high: float, pixels: int, smoothing: float = 0.0) -> tuple[Floats, Floats]:
        """The steps and (smoothed) values to draw when steps `low..high` are visible on `pixels` columns.

        Keeps one point beyond each side, and of all points that share a column the smallest and the largest:
        at most about three points a column, and no spike is lost. Not finite values come out as NaN: a gap.
        """
        values = self.smoothed(smoothing) if smoothing else self.values
        extremes = self._smoothed_extremes if smoothing else self._value_extremes
        begin = max(int(np.searchsorted(self.steps, low, side="left")) - 1, 0)
        end = min(int(np.searchsorted(self.steps, high, side="right")) + 1, len(self))
        if end - begin > 2 * Extremes.BLOCK * max(pixels, 1):
            chosen = extremes.candidates(values, begin, end, (end - begin) // (2 * max(pixels, 1)))
            chosen = np.concatenate(([begin], chosen, [end - 1]))
            # Sorted already: comparing neighbours is much cheaper than np.unique.
            chosen = chosen[np.flatnonzero(np.diff(chosen, prepend=-1))]
            return thin(self.steps[chosen], values[chosen], pixels)
        return thin(self.steps[begin:end], values[begin:end], pixels)

    def _restart_smoothing(self, weight: float) -> None:
        self._smoothing = Smoothing(weight)
        self._smoothed.truncate(0)
        self._smoothed_extremes.truncate(0)


def thin(x: Floats, y: Floats, pixels: int) -> tuple[Floats, Floats]:
    """First, last, and the smallest and largest point of every run that falls on one of `pixels`."""
    finite = np.isfinite(y)
    length = len(x) // max(pixels, 1)
    if length < 3:
        return x, y if finite.all() else np.where(finite, y, np.nan)
    whole = len(x) // length * length
    starts = np.arange(0, whole, length)
    low_y = y if finite.all() else np.where(finite, y, np.inf)
    high_y = y if finite.all() else np.where(finite, y, -np.inf)
    smallest = starts + low_y[:whole].reshape(-1, length).argmin(axis=1)
    largest = starts + high_y[:whole].reshape(-1, length).argmax(axis=1)
    rest = np.arange(whole, len(x))
    keep = np.unique(np.concatenate(([0], smallest, largest, rest, [len(x) - 1])))
    return x[keep], np.where(finite[keep], y[keep], np.nan)


def nearest_index(x: Floats, place: float) -> int:
    """The index of the value in increasing, non-empty `x` that is nearest to `place`."""
    right = int(np.searchsorted(x, place))
    if right == 0:
        return 0
    if right == len(x):
        return right - 1
    return right if x[right] - place < place - x[right - 1] else right - 1


def value_range(parts: Sequence[Floats]) -> tuple[float, float] | None:
    """The smallest and largest finite value of several arrays; None when there is none."""
    finite = [part[np.isfinite(part)] for part in parts]
    filled = [part for part in finite if len(part)]
    if not filled:
        return None
    return min(float(part.min()) for part in filled), max(float(part.max()) for part in filled)
