"""How far a training is, in words. No Qt."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from engine.api import EpochDone, Evaluated, Event, RunEnded, RunStarted, SettingChanged, StepsDone

_WEIGHT = 0.9


@dataclass(frozen=True)
class RunProgress:
    """What the events told so far; `step` of `total_steps`, examples per second, and the sentence at the end."""

    device: str = ""
    step: int = 0
    total_steps: int = 0
    steps_per_epoch: int = 0
    epochs_before: int = 0
    first_step: int = 0
    """Step at which epochs of this length began, after `epochs_before` others."""
    batch_size: int = 0
    examples_per_second: float = 0.0
    step_seconds: float = 0.0
    """Smoothed time of a whole step, validation and looks included."""
    seconds: float = 0.0
    train_loss: float = float("nan")
    validation_accuracy: float = float("nan")
    ended: RunEnded | None = None

    def after(self, events: Iterable[Event]) -> "RunProgress":
        """The progress after some more events."""
        now = self
        for event in events:
            now = now._after(event)
        return now

    def _after(self, event: Event) -> "RunProgress":
        if isinstance(event, RunStarted):
            return RunProgress(
                device=event.device,
                step=event.step,
                total_steps=event.total_steps,
                steps_per_epoch=event.steps_per_epoch,
                epochs_before=event.epochs_done,
                first_step=event.epoch_step,
                batch_size=event.batch_size,
            )
        if isinstance(event, StepsDone):
            took = (event.seconds - self.seconds) / len(event.train_loss)
            smoothed = _WEIGHT * self.step_seconds + (1 - _WEIGHT) * took if self.step_seconds else took
            return replace(
                self,
                step=event.step,
                seconds=event.seconds,
                step_seconds=smoothed,
                examples_per_second=event.examples_per_second,
                train_loss=float(event.train_loss[-1]),
            )
        if isinstance(event, SettingChanged):
            return self._with_length(event.step, event.steps_per_epoch)
        if isinstance(event, EpochDone):
            return replace(self, validation_accuracy=event.validation_accuracy)
        if isinstance(event, Evaluated):
            return self
        return replace(self, ended=event) if isinstance(event, RunEnded) else self

    def _with_length(self, step: int, steps_per_epoch: int) -> "RunProgress":
        """Epochs of another length from here on, as another batch size makes them."""
        if steps_per_epoch == self.steps_per_epoch:
            return self
        done = (step - self.first_step) // self.steps_per_epoch
        left = -(-(self.total_steps - step) // self.steps_per_epoch)
        return replace(
            self,
            steps_per_epoch=steps_per_epoch,
            epochs_before=self.epochs_before + done,
            first_step=step,
            total_steps=step + left * steps_per_epoch,
            step_seconds=0.0,
        )

    @property
    def share(self) -> float:
        """Part of all steps that is done, 0 to 1."""
        return self.step / self.total_steps if self.total_steps else 0.0

    def place(self) -> str:
        """`Epoch 3 of 10 · step 1,240 of 3,750`."""
        if not self.total_steps or not self.steps_per_epoch:
            return ""
        epochs = self.epochs_before - (-(self.total_steps - self.first_step) // self.steps_per_epoch)
        begun = max(-(-(self.step - self.first_step) // self.steps_per_epoch), 1)
        epoch = min(self.epochs_before + begun, epochs)
        return f"Epoch {epoch} of {epochs} · step {self.step:,} of {self.total_steps:,}"

    def pace(self) -> str:
        """`2,400 examples/s · 1:05 left`."""
        if not self.step_seconds:
            return ""
        left = (self.total_steps - self.step) * self.step_seconds
        return f"{self.examples_per_second:,.0f} examples/s · {duration(left)} left"


def duration(seconds: float) -> str:
    """`0:07`, `12:30`, `3:05:00`."""
    whole = max(round(seconds), 0)
    hours, rest = divmod(whole, 3600)
    minutes, seconds_left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds_left:02}" if hours else f"{minutes}:{seconds_left:02}"
