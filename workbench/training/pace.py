"""How often a window looks into the mailbox of a training. No Qt."""

import time
from collections.abc import Callable
from math import inf
from typing import NamedTuple


class Phase(NamedTuple):
    """How a training is drawn for a time."""

    until: float
    """Seconds since the training began."""
    share: float
    """The part of one core that drawing may take."""
    least_ms: int
    """Milliseconds between two looks, at least."""
    waits_for_device: bool = False
    """Whether a look that is due waits until the training waits for its device."""


ON_CPU = Phase(1.0, 1.0, 100), Phase(3.0, 1.0, 200), Phase(inf, 0.03, 250)
"""In the first moments a short training should be seen to move, at any price; later training is worth more."""
ON_GPU = Phase(1.0, 0.5, 33), Phase(inf, 0.25, 100, waits_for_device=True)
"""A thousand steps may be over within a second. What drawing takes is the interpreter, which training needs between
steps, but not while it waits for them."""
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
        self.cost = 0.0
        """Seconds of the processor's time that a look takes; 0 before the first."""
        self._phases: tuple[Phase, ...] = ON_CPU

    def begin(self, *, on_cpu: bool = True) -> int:
        """A training has begun, on the cores or on a GPU; returns milliseconds until the first look, as `next_ms`."""
        self._phases = ON_CPU if on_cpu else ON_GPU
        self._begun, self._before, self.cost = self._clock(), self._taken(), 0.0
        return self._phase().least_ms

    @property
    def waits_for_device(self) -> bool:
        """Whether the next look should be at a moment in which the training waits for its device."""
        return self._phase().waits_for_device

    def _phase(self) -> Phase:
        since = self._clock() - self._begun
        return next(phase for phase in self._phases if since < phase.until)

    def next_ms(self) -> int:
        """To be called at a look that brought something to draw: milliseconds until the next look."""
        taken, phase = self._taken(), self._phase()
        cost, self._before = taken - self._before, taken
        self.cost = _WEIGHT * self.cost + (1 - _WEIGHT) * cost if self.cost else cost
        return round(min(max(1000 * self.cost / phase.share, phase.least_ms), MOST_MS))
