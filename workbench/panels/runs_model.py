"""The columns of the table of runs. No Qt."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from engine.api import (
    Graph,
    Run,
    SettingChanged,
    best_epoch,
    design_changes,
    differing_settings,
    setting_changes,
    setting_text,
)
from workbench.panels.training_settings import WORDS
from workbench.plots.export import ValueTable

NAME, DESIGN, NOTES = "Run", "Design", "Notes"


@dataclass(frozen=True)
class Column:
    """One column: its title, its text, and the setting that it shows (to mark where runs differ)."""

    title: str
    text: Callable[[Run, int, Run], str]
    """For a run, its number in the project from 1, and the first run, from which others may differ."""
    setting: str = ""
    help: str = ""


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f} %"


def _best(run: Run) -> str:
    best = best_epoch(run)
    return "" if best is None else f"{100 * best.accuracy:.2f} % (epoch {best.epoch})"


def _training(name: str, title: str) -> Column:
    def text(run: Run, *_: object) -> str:
        value = getattr(run.project.training, name)
        return f"{value:g}" if isinstance(value, float) else WORDS.get(value, str(value))

    return Column(title, text, name)


def duration(seconds: float) -> str:
    """`1:05` or `2:03:10`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def run_name(run: Run, number: int, *_: object) -> str:
    """As the user calls it, or its place in the project counted from 1."""
    return run.name or f"Run {number}"


@dataclass(frozen=True)
class Branch:
    """A run in the tree of forks: its number in the project counted from 1, and how many forks deep it lies."""

    run: Run
    number: int
    depth: int


def tree(runs: Sequence[Run]) -> tuple[Branch, ...]:
    """The runs with each fork behind the run that it left; else in their order."""
    ids = {run.id for run in runs}
    children: dict[str, list[tuple[int, Run]]] = {}
    for number, run in enumerate(runs, start=1):
        children.setdefault(run.parent if run.parent in ids - {run.id} else "", []).append((number, run))
    found: list[Branch] = []

    def grow(parent: str, depth: int) -> None:
        for number, run in children.pop(parent, ()):
            found.append(Branch(run, number, depth))
            grow(run.id, depth + 1)

    grow("", 0)
    # Runs that name each other as parents are in no file of ours; they are shown all the same.
    for parent in tuple(children):
        grow(parent, 0)
    return tuple(found)


def _forked(run: Run, *_: object) -> str:
    return f"step {run.fork_step:,}" if run.parent else ""


def _changed(run: Run, *_: object) -> str:
    return ", ".join(f"{spoken_change(change)} at step {change.step:,}" for change in run.changes)


def spoken_change(change: SettingChanged) -> str:
    """`learning rate 0.0005`."""
    return f"{change.name.replace('_', ' ')} {change.new:g}"


COLUMNS = (
    Column(NAME, run_name, help="Double click or F2 renames"),
    Column(
        "Test",
        lambda run, *_: _percent(run.test_accuracy()),
        help="Accuracy at the last look at the test set",
    ),
    Column(
        "Best validation",
        lambda run, *_: _best(run),
        help="Accuracy of the best epoch on the validation set",
    ),
    Column("Steps", lambda run, *_: f"{run.step:,}"),
    _training("epochs", "Epochs"),
    _training("batch_size", "Batch"),
    _training("optimizer", "Optimiser"),
    _training("learning_rate", "Learning rate"),
    _training("weight_decay", "Weight decay"),
    _training("seed", "Seed"),
    Column("Data", lambda run, *_: run.project.data.dataset, "data.dataset"),
    Column(
        "Preparation",
        lambda run, _, first: preparation_words(run, first),
        "preparation",
        help="In what preparation and augmentation differ from those of the first run",
    ),
    Column(
        DESIGN,
        lambda run, _, first: design_words(run, first),
        "design",
        help="In what it differs from the design of the first run",
    ),
    Column("Changed", _changed, help="Settings that were changed while it trained"),
    Column("Forked at", _forked, help="Where this run left the one above it"),
    Column("Time", lambda run, *_: duration(run.seconds), help="Of training, pauses excluded"),
    Column("State", lambda run, *_: run.status),
    Column(NOTES, lambda run, *_: run.notes, help="Double click or F2 writes notes"),
)


def marked_settings(runs: Sequence[Run]) -> frozenset[str]:
    """The settings of the columns in which the runs differ; "design" and "preparation" among them."""
    designs: list[Graph] = []
    for run in runs:
        if run.project.graph not in designs:
            designs.append(run.project.graph)
    differing = differing_settings(runs)
    prepared = {"preparation"} if any(map(_is_preparation, differing)) else frozenset()
    return differing | prepared | ({"design"} if len(designs) > 1 else frozenset())


def _is_preparation(name: str) -> bool:
    return name.startswith("data.") and name not in ("data.dataset", "data.folder")


def preparation_words(run: Run, first: Run) -> str:
    """In what a run's preparation and augmentation differ from those of the first run; "" for the same."""
    changed = ((name, now) for name, _, now in setting_changes(first, run) if _is_preparation(name))
    return ", ".join(
        f"{name.removeprefix('data.').replace('_', ' ')} {_shown(value)}" for name, value in changed
    )


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else WORDS.get(str(value), setting_text(value))


def design_words(run: Run, first: Run) -> str:
    """In what a run's design differs from that of the first run; "" for the same."""
    if run.project.graph == first.project.graph:
        return ""
    return "; ".join(design_changes(first.project.graph, run.project.graph)) or "wired otherwise"


def run_values(runs: Sequence[Run]) -> ValueTable:
    """A row for each run: name, results, every setting of training and data, notes; numbers in full precision."""
    settings = tuple(runs[0].project.training.__struct_fields__) if runs else ()
    recipe = tuple(runs[0].project.data.__struct_fields__) if runs else ()
    rows = []
    for number, run in enumerate(runs, start=1):
        best = best_epoch(run)
        tested = run.test_accuracy()
        training, data = (msgspec.structs.asdict(part) for part in (run.project.training, run.project.data))
        rows.append(
            [
                run_name(run, number), run.id, run.parent, run.status,
                "" if tested is None else tested,
                "" if best is None else best.accuracy, "" if best is None else best.epoch,
                run.step, run.seconds, design_words(run, runs[0]),
                *(_cell(training[name]) for name in settings), *(_cell(data[name]) for name in recipe), run.notes,
            ]
        )  # fmt: skip
    header = (
        "run", "id", "parent", "status", "test_accuracy", "best_validation_accuracy", "best_epoch", "steps",
        "seconds", "design", *settings, *(f"data.{name}" for name in recipe), "notes",
    )  # fmt: skip
    return ValueTable(header, rows)


def _cell(value: object) -> str | int | float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
