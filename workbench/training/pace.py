"""How often a window looks into the mailbox of a training. No Qt."""

import time
from collections.abc import Callable
from math import inf

Phase = tuple[float, float, int]
"""Seconds since the training began in which it holds, the part of one core that drawing may take, and the least
milliseconds between two looks."""
ON_CPU: tuple[Phase, ...] = ((3.0, 1.0, 100), (inf, 0.03, 250))
"""In the first moments a short training should be seen to move, at any price; later training is worth more."""
ON_GPU: tuple[Phase, ...] = ((1.0, 0.5, 33), (3.0, 0.1, 100), (inf, 0.05, 250))
"""A thousand steps may be over within a second; what drawing takes is the interpreter, which training needs now and
then."""
MOST_MS = 1000
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
        self._phases = ON_CPU

    def begin(self, *, on_cpu: bool = True) -> int:
        """A training has begun, on the cores or on a GPU; returns milliseconds until the first look, as `next_ms`."""
        self._phases = ON_CPU if on_cpu else ON_GPU
        self._begun, self._before, self._cost = self._clock(), self._taken(), 0.0
        return self._phases[0][2]

    def next_ms(self) -> int:
        """To be called at a look that brought something to draw: milliseconds until the next look."""
        taken, since = self._taken(), self._clock() - self._begun
        cost, self._before = taken - self._before, taken
        self._cost = _WEIGHT * self._cost + (1 - _WEIGHT) * cost if self._cost else cost
        share, least = next((share, least) for until, share, least in self._phases if since < until)
        return round(min(max(1000 * self._cost / share, least), MOST_MS))
