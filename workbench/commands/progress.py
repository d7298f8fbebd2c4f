"""The progress of a training in a terminal: one bar, and a line for each epoch; without a terminal, the lines alone."""

from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from engine.api import EpochDone, Evaluated, Event, Notice, RunEnded, RunStarted, StepsDone
from workbench.commands.terminal import count, counted, escaped, message_console


class TrainingProgress:
    """Shows the events of a run on stderr while the `with` block lasts."""

    def __init__(self) -> None:
        self._console = message_console()
        self._steps_per_epoch = 1
        self._epochs = 0
        columns: tuple[ProgressColumn, ...] = (
            TextColumn("{task.description}"), BarColumn(bar_width=24),
            TextColumn("step {task.completed:,.0f} of {task.total:,.0f}"),
            TextColumn("{task.fields[speed]}"), TimeRemainingColumn(compact=True),
        )  # fmt: skip
        # On anything but a terminal a bar would leave its control codes in a log.
        self._bar = Progress(
            *columns, console=self._console, transient=True, disable=not self._console.is_terminal
        )
        self._task = self._bar.add_task("Preparing", total=1, speed="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def announce(self, words: str) -> None:
        """Show what is waited for before the first step."""
        self._bar.update(self._task, description=escaped(words))

    def warn(self, words: str) -> None:
        """Tell of a record that cannot be kept."""
        self._console.print(escaped(f"{words} If this program is killed, the training is lost."))

    def show(self, event: Event) -> None:
        """Take in one event of the run."""
        match event:
            case RunStarted():
                self._start(event)
            case StepsDone():
                self._advance(event)
            case EpochDone():
                self._console.print(self._epoch_line(event))
            case Evaluated(part="test"):
                self._console.print(f"  test accuracy {100 * event.accuracy:.2f} %, loss {event.loss:.4f}")
            case Notice():
                self._console.print(escaped(event.message))
            case RunEnded(reason="stopped"):
                self._console.print(escaped(event.message))
            case _:
                pass

    def _start(self, event: RunStarted) -> None:
        self._steps_per_epoch = max(event.steps_per_epoch, 1)
        self._epochs = -(-event.total_steps // self._steps_per_epoch)
        self._bar.update(self._task, total=event.total_steps, completed=event.step)
        going_on = f", going on after step {count(event.step)}" if event.step else ""
        self._console.print(
            f"Training on {event.device}: {counted(event.total_steps, 'step')} in "
            f"{counted(self._epochs, 'epoch')}, "
            f"batches of {event.batch_size}{going_on}"
        )

    def _advance(self, event: StepsDone) -> None:
        epoch = min((event.step - 1) // self._steps_per_epoch + 1, max(self._epochs, 1))
        self._bar.update(
            self._task,
            completed=event.step,
            description=f"Epoch {epoch}/{self._epochs}",
            speed=f"{event.examples_per_second:,.0f} examples/s",
        )

    def _epoch_line(self, event: EpochDone) -> Text:
        width = len(str(self._epochs))
        return Text(
            f"Epoch {event.epoch:>{width}}/{self._epochs}  loss {event.train_loss:.4f}, "
            f"validation batches {event.validation_loss:.4f}; accuracy {100 * event.train_accuracy:.2f} %, "
            f"validation batches {100 * event.validation_accuracy:.2f} %"
        )
