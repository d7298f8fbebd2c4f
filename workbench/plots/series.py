"""The numbers behind a curve: growing storage, smoothing as values arrive, thinning for the screen. No Qt."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_BLOCK = 128


class GrowingArray:
    """A float64 vector that grows by doubling, so that appending costs amortised constant time."""

    def __init__(self) -> None:
        self._buffer: Floats = np.empty(256)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def values(self) -> Floats:
        """A read-only view of what is stored; the next append may leave it behind."""
        view = self._buffer[: self._size]
        view.flags.writeable = False
        return view

    def append(self, values: Floats) -> None:
        """Add values at the end."""
        needed = self._size + len(values)
        if needed > len(self._buffer):
            grown = np.empty(max(needed, 2 * len(self._buffer)))
            grown[: self._size] = self._buffer[: self._size]
            self._buffer = grown
        self._buffer[self._size : needed] = values
        self._size = needed

    def truncate(self, size: int) -> None:
        """Keep only what belongs to the first `size` values."""
        self._size = min(self._size, size)


class Extremes:
    """Where the smallest and the largest value of each full block of a growing vector lie.

    With them a curve of millions of points is thinned by looking at a few thousand.
    """

    BLOCK = 64

    def __init__(self) -> None:
        self._places = GrowingArray()

    def truncate(self, size: int) -> None:
        """Keep only what belongs to the first `size` values."""
        self._places.truncate(2 * (size // self.BLOCK))

    def candidates(self, values: Floats, begin: int, end: int) -> NDArray[np.intp]:
        """Increasing indexes in begin..end: every block's extremes, all points of broken blocks."""
        self._extend(values)
        first, last = -(-begin // self.BLOCK), end // self.BLOCK
        if first >= last:
            return np.arange(begin, end)
        inner = self._places.values[2 * first : 2 * last].astype(np.intp)
        ends = np.arange(begin, first * self.BLOCK), np.arange(last * self.BLOCK, end)
        return np.concatenate((ends[0], inner, ends[1]))

    def _extend(self, values: Floats) -> None:
        done = len(self._places) // 2 * self.BLOCK
        whole = len(values) // self.BLOCK * self.BLOCK
        if done == whole:
            return
        rows = values[done:whole].reshape(-1, self.BLOCK)
        finite = np.isfinite(rows)
        lowest = np.where(finite, rows, np.inf).argmin(axis=1)
        highest = np.where(finite, rows, -np.inf).argmax(axis=1)
        pairs = np.sort(np.stack((lowest, highest), axis=1), axis=1)
        pairs += np.arange(done, whole, self.BLOCK)[:, None]
        self._places.append(pairs.reshape(-1).astype(np.float64))


@cache
def _decay_matrix(weight: float) -> Floats:
    """Lower triangular: row i holds the share of every value j <= i of a block in the average at i."""
    distance = np.subtract.outer(np.arange(_BLOCK), np.arange(_BLOCK)).astype(np.float64)
    return np.where(distance >= 0, (1 - weight) * weight ** np.maximum(distance, 0), 0.0)


class Smoothing:
    """Exponential moving average with bias correction, fed in pieces.

    s <- w s + (1 - w) y, shown as s / (1 - w^t).
    Values that are not finite are passed over: they change nothing and come out as NaN.
    """

    def __init__(self, weight: float) -> None:
        self.weight = weight
        self._average = 0.0
        self._count = 0

    def feed(self, values: Floats) -> Floats:
        """The smoothed value at each of `values`, which follow those of earlier calls."""
        finite = np.isfinite(values)
        result = np.full(len(values), np.nan)
        result[finite] = self._feed_finite(values[finite])
        return result

    def _feed_finite(self, values: Floats) -> Floats:
        matrix = _decay_matrix(self.weight)
        carried = self.weight ** np.arange(1, _BLOCK + 1)
        blocks = -(-len(values) // _BLOCK)
        padded = np.zeros(blocks * _BLOCK)
        padded[: len(values)] = values
        averages = padded.reshape(blocks, _BLOCK) @ matrix.T
        for block in averages:
            block += carried * self._average
            self._average = float(block[-1])
        flat: Floats = averages.reshape(-1)[: len(values)]
        if len(values):
            self._average = float(flat[-1])
        counts = np.arange(self._count + 1, self._count + len(values) + 1)
        self._count += len(values)
        corrected: Floats = flat / (1 - self.weight**counts)
        return corrected


class Series:
    """One curve's values over steps; steps increase."""

    def __init__(self) -> None:
        self._steps = GrowingArray()
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
            chosen = extremes.candidates(values, begin, end)
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
