"""Where epochs begin and end among the steps of a run: another batch size makes epochs of another length."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Stretch(NamedTuple):
    """Epochs of one length: from step `first_step` on, where epoch `first_epoch` begins (both counted from 0)."""

    first_step: int
    first_epoch: int
    steps_per_epoch: int


@dataclass(frozen=True)
class Timeline:
    """The stretches of a run, in order; the last one goes on without end. An empty one knows no epochs."""

    stretches: tuple[Stretch, ...] = ()

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch by now; 0 when nothing is known."""
        return self.stretches[-1].steps_per_epoch if self.stretches else 0

    def place(self, step: int) -> tuple[int, int, int]:
        """(epoch, position in it, its first step) of the update that follows `step` updates, all from 0."""
        stretch = self._stretch(step)
        epochs, position = divmod(step - stretch.first_step, stretch.steps_per_epoch)
        return stretch.first_epoch + epochs, position, step - position

    def epochs_done(self, step: int) -> int:
        """Whole epochs that end at `step` or before."""
        return self.place(step)[0] if self.stretches else 0

    def ends_epoch(self, step: int) -> bool:
        """Whether an epoch ends with the update numbered `step`, counting from 1."""
        if step < 1 or not self.stretches:
            return False
        stretch = self._stretch(step - 1)
        return (step - stretch.first_step) % stretch.steps_per_epoch == 0

    def steps_until(self, epochs: int) -> int:
        """The step at which so many epochs are done, as things stand at the end."""
        if not self.stretches:
            return 0
        last = self.stretches[-1]
        return last.first_step + (epochs - last.first_epoch) * last.steps_per_epoch

    def with_length(self, step: int, steps_per_epoch: int) -> "Timeline":
        """The same with epochs of that length from `step` on; an epoch that is under way ends there.

        Nothing changes when they had this length already.
        """
        known = self.until(step)
        if not known.stretches:
            return Timeline((Stretch(0, 0, steps_per_epoch),))
        if known.steps_per_epoch == steps_per_epoch:
            return known
        epoch, position, _ = known.place(step)
        return Timeline((*known.stretches, Stretch(step, epoch + (position > 0), steps_per_epoch)))

    def until(self, step: int) -> "Timeline":
        """The same without the stretches that begin at `step` or later, apart from the very first."""
        return Timeline(tuple(s for s in self.stretches if s.first_step < step or s.first_step == 0))

    def epoch_ends(self, step: int) -> tuple[int, ...]:
        """The steps until `step` with which an epoch ends."""
        return tuple(self._ends(step))

    def _ends(self, step: int) -> Iterable[int]:
        limits = [*(stretch.first_step for stretch in self.stretches[1:]), step]
        for stretch, limit in zip(self.stretches, limits, strict=False):
            first = stretch.first_step + stretch.steps_per_epoch
            yield from range(first, min(limit, step) + 1, stretch.steps_per_epoch)

    def _stretch(self, step: int) -> Stretch:
        return next(s for s in reversed(self.stretches) if s.first_step <= step)
