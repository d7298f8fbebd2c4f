"""A vector that grows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class GrowingArray:
    """A vector of numbers that grows by doubling, so that appending costs amortised constant time."""

    def __init__(self, dtype: type = np.float64) -> None:
        self._buffer: NDArray[Any] = np.empty(256, dtype)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def values(self) -> NDArray[Any]:
        """A read-only view of what is stored; it stays as it is until something is truncated."""
        view = self._buffer[: self._size]
        view.flags.writeable = False
        return view

    def append(self, values: NDArray[Any]) -> None:
        """Add values at the end."""
        needed = self._size + len(values)
        if needed > len(self._buffer):
            grown = np.empty(max(needed, 2 * len(self._buffer)), self._buffer.dtype)
            grown[: self._size] = self._buffer[: self._size]
            self._buffer = grown
        self._buffer[self._size : needed] = values
        self._size = needed

    def truncate(self, size: int) -> None:
        """Keep only what belongs to the first `size` values."""
        self._size = min(self._size, size)
