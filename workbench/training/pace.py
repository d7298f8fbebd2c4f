"""How often a window looks into the mailbox of a training. No Qt."""

import time
from collections.abc import Callable

SHARE = 0.03
"""Part of one core that drawing may take while a network trains on the cores."""
FIRST_SHARE = 0.1
"""The same in the first moments, in which a short training should be seen to move."""
GPU_FIRST_SHARE = 0.5
GPU_SHARE = 0.05
"""The same while it trains on a GPU, which waits for the interpreter alone."""
FIRST_SECONDS = 3.0
GPU_FIRST_MS, FIRST_MS, LATER_MS, MOST_MS = 33, 100, 250, 1000
"""The least time between two looks in the first moments on a GPU, on the cores, and later, and the most."""
_WEIGHT = 0.5


class DrawingPace:
    """Says how long to wait before the next look, from the processor's time that the thread has taken since the last.

    The slower a computer draws, the less often it does, down to once a second; what is drawn costs a constant part of
    the training's speed. Used by one thread alone: the one that draws.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, taken: Callable[[], float] = time.thread_time
    ) -> None:
        """`taken`: seconds of processor time that the calling thread has used."""
        self._clock, self._taken = clock, taken
        self._begun = self._before = 0.0
        self._cost = 0.0
        self._first = self._later = (SHARE, FIRST_MS)

    def begin(self, *, on_cpu: bool = True) -> int:
        """A training has begun, on the cores or on a GPU; returns milliseconds until the first look, as `next_ms`."""
        self._first = (FIRST_SHARE, FIRST_MS) if on_cpu else (GPU_FIRST_SHARE, GPU_FIRST_MS)
        self._later = (SHARE if on_cpu else GPU_SHARE, LATER_MS)
        self._begun, self._before, self._cost = self._clock(), self._taken(), 0.0
        return self._first[1]

    def next_ms(self) -> int:
        """To be called at a look that brought something to draw: milliseconds until the next look."""
        taken = self._taken()
        cost, self._before = taken - self._before, taken
        self._cost = _WEIGHT * self._cost + (1 - _WEIGHT) * cost if self._cost else cost
        is_first = self._clock() - self._begun < FIRST_SECONDS
        share, least = self._first if is_first else self._later
        return round(min(max(1000 * self._cost / share, least), MOST_MS))
