"""Where a growing vector is smallest and largest, at many scales: what thins millions of points at once. No Qt."""

import numpy as np
from numpy.typing import NDArray

from engine.api import GrowingArray


class Extremes:
    """Where the smallest and the largest value of each full block of a growing vector lie, for blocks of many sizes.

    With them a curve of any length is thinned by looking at a few thousand points, and no spike is lost.
    """

    BLOCK = 64
    FACTOR = 8
    """Blocks of one level that make one of the next."""

    def __init__(self) -> None:
        self._levels: list[GrowingArray] = []

    def truncate(self, size: int) -> None:
        """Keep only what belongs to the first `size` values."""
        for level, places in enumerate(self._levels):
            places.truncate(2 * (size // self._size(level)))

    def candidates(
        self, values: NDArray[np.float64], begin: int, end: int, block: int = BLOCK
    ) -> NDArray[np.intp]:
        """Increasing indexes in begin..end: the extremes of blocks of at most `block` points, all of broken ones."""
        self._extend(values)
        fitting = [level for level in range(len(self._levels)) if self._size(level) <= block]
        return self._between(fitting[-1] if fitting else -1, begin, end)

    def _size(self, level: int) -> int:
        return int(self.BLOCK * self.FACTOR**level)

    def _between(self, level: int, begin: int, end: int) -> NDArray[np.intp]:
        if level < 0:
            return np.arange(begin, end)
        size = self._size(level)
        first, last = -(-begin // size), end // size
        if first >= last:
            return self._between(level - 1, begin, end)
        before, after = (
            self._between(level - 1, begin, first * size),
            self._between(level - 1, last * size, end),
        )
        return np.concatenate((before, self._levels[level].values[2 * first : 2 * last], after))

    def _extend(self, values: NDArray[np.float64]) -> None:
        level = 0
        while len(values) >= self._size(level):
            if level == len(self._levels):
                self._levels.append(GrowingArray(np.intp))
            places, size = self._levels[level], self._size(level)
            done, whole = len(places) // 2, len(values) // size
            if done < whole:
                places.append(self._extremes(values, level, done, whole))
            level += 1

    def _extremes(self, values: NDArray[np.float64], level: int, first: int, last: int) -> NDArray[np.intp]:
        """Both places of the blocks first..last of a level, in order."""
        if level:
            count = 2 * self.FACTOR
            places = self._levels[level - 1].values[count * first : count * last].reshape(-1, count)
            rows = values[places]
        else:
            rows = values[first * self.BLOCK : last * self.BLOCK].reshape(-1, self.BLOCK)
        finite = np.isfinite(rows)
        lowest = np.where(finite, rows, np.inf).argmin(axis=1)
        highest = np.where(finite, rows, -np.inf).argmax(axis=1)
        pairs = np.sort(np.stack((lowest, highest), axis=1), axis=1)
        if level:
            pairs = np.take_along_axis(places, pairs, axis=1)
        else:
            pairs += np.arange(first * self.BLOCK, last * self.BLOCK, self.BLOCK)[:, None]
        return pairs.reshape(-1)
