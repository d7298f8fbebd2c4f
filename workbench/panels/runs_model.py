"""The columns of the table of runs. No Qt."""

from collections.abc import Callable
from dataclasses import dataclass

from engine.api import Run, best_epoch
from workbench.panels.training_settings import WORDS

NAME, NOTES = "Run", "Notes"


@dataclass(frozen=True)
class Column:
    """One column: its title, its text for a run, and the setting that it shows (to mark where runs differ)."""

    title: str
    text: Callable[[Run, int], str]
    setting: str = ""
    help: str = ""


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.2%}"


def _best(run: Run) -> str:
    best = best_epoch(run)
    return "" if best is None else f"{best.accuracy:.2%} (epoch {best.epoch})"


def _training(name: str, title: str) -> Column:
    def text(run: Run, _: int) -> str:
        value = getattr(run.project.training, name)
        return f"{value:g}" if isinstance(value, float) else WORDS.get(value, str(value))

    return Column(title, text, name)


def duration(seconds: float) -> str:
    """`1:05` or `2:03:10`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def run_name(run: Run, number: int) -> str:
    """As the user calls it, or its place in the project counted from 1."""
    return run.name or f"Run {number}"


COLUMNS = (
    Column(NAME, run_name, help="Double click or F2 renames"),
    Column(
        "Test", lambda run, _: _percent(run.test_accuracy()), help="Accuracy at the last look at the test set"
    ),
    Column(
        "Best validation",
        lambda run, _: _best(run),
        help="Accuracy of the best epoch on the validation set",
    ),
    Column("Steps", lambda run, _: f"{run.step:,}"),
    _training("epochs", "Epochs"),
    _training("batch_size", "Batch"),
    _training("optimizer", "Optimiser"),
    _training("learning_rate", "Learning rate"),
    _training("weight_decay", "Weight decay"),
    _training("seed", "Seed"),
    Column("Data", lambda run, _: run.project.data.dataset, "data.dataset"),
    Column("Time", lambda run, _: duration(run.seconds), help="Of training, pauses excluded"),
    Column("State", lambda run, _: run.status),
    Column(NOTES, lambda run, _: run.notes, help="Double click or F2 writes notes"),
)
