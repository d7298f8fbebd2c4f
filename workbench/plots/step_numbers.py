"""The steps of a curve. No Qt."""

from threading import Lock

import numpy as np
from numpy.typing import NDArray

from engine.api import GrowingArray

Floats = NDArray[np.float64]

_LATEST_FIRST = 2**16
"""Curves that begin later keep their own steps."""


class StepNumbers:
    """Increasing steps of a curve. Those that count one by one, as in a training, are stored once for all curves."""

    def __init__(self) -> None:
        self._first = self._size = 0
        self._own: GrowingArray | None = None

    def __len__(self) -> int:
        return self._size if self._own is None else len(self._own)

    @property
    def values(self) -> Floats:
        """All of them, read-only."""
        if self._own is not None:
            return self._own.values
        return _counted(self._first, self._first + self._size)

    def append(self, steps: Floats) -> None:
        """Add steps at the end; they are larger than those before."""
        if self._own is None and not self._goes_on_with(steps):
            own = GrowingArray()
            own.append(self.values)
            self._own = own
        if self._own is None:
            self._first = self._first if self._size else int(steps[0])
            self._size += len(steps)
        else:
            self._own.append(steps)

    def truncate(self, size: int) -> None:
        """Keep the first `size` steps."""
        if self._own is None:
            self._size = min(self._size, size)
        else:
            self._own.truncate(size)

    def _goes_on_with(self, steps: Floats) -> bool:
        """Whether these steps, with those before, count one by one."""
        if not self._size and not 0 <= steps[0] <= _LATEST_FIRST:
            return False
        begin = self._first + self._size if self._size else int(steps[0])
        return np.array_equal(steps, _counted(begin, begin + len(steps)))


_numbers = GrowingArray()
"""0, 1, 2 and so on, as far as a curve has needed."""
_growing = Lock()


def _counted(begin: int, end: int) -> Floats:
    """The numbers begin..end, `end` left out; read-only."""
    with _growing:
        if end > len(_numbers):
            _numbers.append(np.arange(len(_numbers), end, dtype=np.float64))
    return _numbers.values[begin:end]
