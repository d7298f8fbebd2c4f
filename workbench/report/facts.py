"""What a report tells of a run, in words and tables. No Qt."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.api import (
    Evaluated,
    Run,
    Setting,
    best_epoch,
    design_changes,
    infer,
    setting_changes,
    settings_of,
)
from workbench.panels.runs_model import COLUMNS, NOTES, duration, run_name
from workbench.panels.training_settings import DATA, DEVICE, LEARNING, MORE, WORDS, is_used
from workbench.plots.matrix_canvas import percent, precision, recall

LABELS = {setting.name: setting.label for setting in (*DATA, *LEARNING, *MORE, DEVICE)}


@dataclass(frozen=True)
class Table:
    """A table: `numeric` columns stand at the right, `marked` cells (row, column) are set off."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    marked: frozenset[tuple[int, int]] = frozenset()


def title_of(run: Run, runs: Sequence[Run]) -> str:
    """The run's name, or its place among the runs of its project."""
    number = next((place for place, other in enumerate(runs, start=1) if other.id == run.id), 1)
    return run_name(run, number)


def headlines(run: Run) -> Iterator[tuple[str, str]]:
    """The few results that people look for first: (what, value)."""
    test = run.test_accuracy()
    if test is not None:
        yield "Test accuracy", f"{100 * test:.2f} %"
    best = best_epoch(run)
    if best is not None:
        yield f"Best validation, epoch {best.epoch}", f"{100 * best.accuracy:.2f} %"
    yield "Parameters", f"{infer(run.project.graph).parameter_count:,}"
    epochs = run.step / run.steps_per_epoch if run.steps_per_epoch else 0
    yield "Epochs", f"{epochs:,.4g}"
    yield "Time", duration(run.seconds)


def results(run: Run) -> Table:
    """Losses and accuracies as the run left them."""
    rows = [
        (f"{part} {what}", _shown(_recent(run, f"{column}_{kind}"), kind == "accuracy"))
        for part, column in (("Training", "train"), ("Validation", "validation"))
        for what, kind in (
            ("loss, mean of the last epoch", "loss"),
            ("accuracy, mean of the last epoch", "accuracy"),
        )
    ]
    tested = last_test(run)
    if tested is not None:
        rows.append(("Test loss, whole set", _shown(tested.loss)))
        rows.append(("Test accuracy, whole set", _shown(tested.accuracy, as_share=True)))
    return Table(("Result", ""), tuple(rows), frozenset({1}))


def last_test(run: Run) -> Evaluated | None:
    """The last look at the whole test set."""
    found = [event for event in run.evaluations if event.part == "test"]
    return found[-1] if found else None


def last_confusion(run: Run) -> tuple[np.ndarray, str] | None:
    """The newest confusion matrix M(predicted, true) and of what it is: of the test set, else of validation."""
    tested = last_test(run)
    if tested is not None:
        return tested.confusion, f"test set after step {tested.step:,}"
    seen = [(event.confusion, event.step) for event in run.snapshots if event.confusion is not None]
    if not seen:
        return None
    counts, step = seen[-1]
    return counts, f"{int(counts.sum()):,} validation images after step {step:,}"


def class_names(run: Run, count: int) -> tuple[str, ...]:
    """The names of the classes, or their numbers."""
    return run.class_names if len(run.class_names) == count else tuple(str(number) for number in range(count))


def classes(run: Run) -> Table | None:
    """Precision and recall of each class, and what it is taken for most often."""
    found = last_confusion(run)
    if found is None:
        return None
    counts = found[0]
    names = class_names(run, len(counts))
    rows = []
    for number, (name, right, share) in enumerate(zip(names, precision(counts), recall(counts), strict=True)):
        taken = counts[:, number].copy()
        taken[number] = 0
        worst = int(taken.argmax())
        mistaken = f"{names[worst]} ({int(taken[worst]):,})" if taken[worst] else "–"
        images = f"{int(counts[:, number].sum()):,}"
        rows.append((name, images, _share(right), _share(share), mistaken))
    header = ("Class", "Images", "Precision", "Recall", "Most often taken for")
    return Table(header, tuple(rows), frozenset({1, 2, 3}))


def _share(value: float) -> str:
    return f"{percent(value)} %" if np.isfinite(value) else "–"


def nodes(run: Run) -> Table:
    """Every layer with its settings, output shape and parameters."""
    graph, found = run.project.graph, infer(run.project.graph)
    rows = []
    for key in graph.order:
        node, shape = graph.nodes[key], found.shapes.get(key)
        told = [
            f"{setting.label.lower()} {value_words(getattr(node.layer, setting.name))}"
            for setting in settings_of(type(node.layer))
        ]
        size = "×".join(str(int(side)) for side in shape.output.shape) if shape else "–"
        count = f"{shape.parameter_count:,}" if shape else "–"
        muted = " (muted)" if node.muted else ""
        rows.append((node.name + muted, ", ".join(told), size, count))
    return Table(("Layer", "Settings", "Output", "Parameters"), tuple(rows), frozenset({2, 3}))


def training_settings(run: Run) -> Table:
    """Every setting of training and data that played a part, with its value."""
    training = run.project.training
    used = [setting for setting in (*LEARNING, *MORE) if is_used(setting.name, training)]
    rows = [*_declared(run.project.data, DATA), *_declared(training, used)]
    return Table(("Setting", "Value"), tuple(rows))


def _declared(owner: object, settings: Sequence[Setting]) -> Iterator[tuple[str, str]]:
    for setting in settings:
        yield setting.label, value_words(getattr(owner, setting.name))


def changes(run: Run) -> Table | None:
    """What was changed while the run trained, in the order of the steps; None when nothing was."""
    if not run.changes:
        return None
    rows = []
    for change in run.changes:
        node = run.project.graph.nodes.get(change.node)
        name = f"{node.name}: {_spoken(change.name).lower()}" if node else _spoken(change.name)
        rows.append((f"{change.step:,}", name, f"{change.old:g}", f"{change.new:g}"))
    return Table(("After step", "Setting", "Before", "Then"), tuple(rows), frozenset({0, 2, 3}))


def machine(run: Run) -> Table:
    """What computed, and how."""
    name, _, description = run.device.partition(": ")
    rows = [("Device", description or name or "not recorded"), ("Began", _moment(run.created))]
    if run.threads:
        rows.append(("Threads", str(run.threads)))
    if run.seconds and run.step:
        rows.append(("Steps a second", f"{run.step / run.seconds:.4g}"))
    return Table(("Machine", ""), tuple(rows))


def _moment(created: str) -> str:
    """`2026-11-28 18:19:20 UTC`; what is written otherwise is left as it is."""
    return created.replace("T", " ").replace("+00:00", " UTC")


def implementations(run: Run) -> Table:
    """What computed each operation."""
    return Table(("Operation", "Computed by"), tuple(run.implementations.items()))


def differences(run: Run, runs: Sequence[Run]) -> tuple[str, Table | None]:
    """From its parent, or else the run before it: a sentence, and what changed."""
    places = [place for place, other in enumerate(runs) if other.id == run.id]
    parents = [place for place, other in enumerate(runs) if run.parent and other.id == run.parent]
    if parents:
        place, word = parents[0], f"the run that it was forked from at step {run.fork_step:,}"
    elif places and places[0] > 0:
        place, word = places[0] - 1, "the run before it"
    else:
        return "This is the first run of its project.", None
    before = runs[place]
    rows = [
        (LABELS.get(name.removeprefix("data."), _spoken(name)), value_words(a), value_words(b))
        for name, a, b in setting_changes(before, run)
    ]
    rows += [("Design", "", words) for words in design_changes(before.project.graph, run.project.graph)]
    told = f"{run_name(before, place + 1)}, {word}"
    if not rows:
        return f"Settings and design are those of {told}.", None
    return f"In what it differs from {told}:", Table(("What", "Before", "Here"), tuple(rows))


def all_runs(run: Run, runs: Sequence[Run]) -> Table | None:
    """The table of the project's runs; cells where a run differs from this one are marked."""
    if len(runs) < 2:
        return None
    columns = [column for column in COLUMNS if column.title != NOTES]
    rows = tuple(
        tuple(column.text(other, number, runs[0]) for column in columns)
        for number, other in enumerate(runs, 1)
    )
    own = next((row for row, other in zip(rows, runs, strict=True) if other.id == run.id), rows[-1])
    marked = {
        (line, place)
        for line, row in enumerate(rows)
        for place, column in enumerate(columns)
        if column.setting and row[place] != own[place]
    }
    return Table(tuple(column.title for column in columns), rows, marked=frozenset(marked))


def value_words(value: object) -> str:
    """A setting's value as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        sizes = list(dict.fromkeys(value))
        return str(sizes[0]) if len(sizes) == 1 else "×".join(str(size) for size in value)
    return WORDS.get(str(value), str(value).replace("_", " "))


def _spoken(name: str) -> str:
    return name.removeprefix("data.").replace("_", " ").capitalize()


def _recent(run: Run, column: str) -> float:
    values = run.history.get(column, np.zeros(0))[-max(run.steps_per_epoch, 1) :]
    measured = values[~np.isnan(values)]
    return float(measured.mean()) if measured.size else float("nan")


def _shown(value: float, as_share: bool = False) -> str:
    if not np.isfinite(value):
        return "–"
    return f"{100 * value:.2f} %" if as_share else f"{value:.4f}"
