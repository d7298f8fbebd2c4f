"""What the steps of a plot are counted in, and what is known of epochs and time. No Qt."""

from dataclasses import dataclass, field
from typing import Literal

from workbench.plots.series import Series
from workbench.plots.step_scale import StepScale, by_clock, by_epochs, by_steps

StepAxis = Literal["step", "epoch", "time"]


@dataclass(eq=False)
class StepCounter:
    """Counts in steps until enough is known to count in epochs or by the clock, where that is wanted."""

    axis: StepAxis = "step"
    steps_per_epoch: int = 0
    """0 when it is not known."""
    epoch_ends: tuple[tuple[int, int], ...] = ()
    """The steps with which epochs ended, and how many were done then."""
    clock: Series = field(default_factory=Series)
    """After how many seconds steps were done."""

    def scale(self) -> StepScale:
        """Where steps lie on the axis now."""
        if self.axis == "epoch" and self.steps_per_epoch:
            return by_epochs(self.steps_per_epoch, self.epoch_ends)
        return by_clock(self.clock.steps, self.clock.values) if self.axis == "time" else by_steps()

    def forget(self) -> None:
        """Another run: neither its ends of epochs nor its times are known yet."""
        self.epoch_ends = ()
        self.clock = Series()
