"""`gabor train`: training in the terminal."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import numpy as np

from engine.api import (
    Project,
    StepsDone,
    Trainer,
    TrainingError,
    check_settings,
    load_project,
    prepare,
    recipe_dataset,
    save_project,
)
from workbench.commands.data_progress import data_progress
from workbench.commands.progress import TrainingProgress
from workbench.commands.summary import run_summary
from workbench.commands.terminal import (
    STDOUT_MARK,
    count,
    escaped,
    message_console,
    plain_table,
    print_table,
    write_json,
)


@dataclass(frozen=True, kw_only=True)
class TrainingOrder:
    """What the user asked for; None leaves what the project says."""

    file: Path
    device: str | None = None
    epochs: int | None = None
    steps: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    seed: int | None = None
    data: str | None = None
    save: str | None = None
    report: str | None = None
    json: str | None = None

    def project(self, project: Project) -> Project:
        """The project with the settings of this order; TrainingError when one is out of range."""
        wanted = {
            name: getattr(self, name)
            for name in ("device", "epochs", "batch_size", "learning_rate", "seed")
            if getattr(self, name) is not None
        }
        settings = msgspec.structs.replace(project.training, **wanted)
        problems = check_settings(settings)
        if problems:
            raise TrainingError(" ".join(problems))
        return replace(project, training=settings)


def train(order: TrainingOrder) -> int:
    """Train as ordered and write what was asked for; 0 unless training failed, then 1."""
    opened = load_project(order.file)
    project = order.project(opened.project)
    with data_progress() as report:
        dataset = recipe_dataset(project.data, Path(order.data) if order.data else None, report=report)
    if dataset.skipped:
        _tell_of_skipped(dataset.skipped)
    prepared = prepare(dataset, project.data)
    if order.steps and order.epochs is None:
        project = _long_enough(project, order.steps, len(prepared.train_labels))
    trainer = Trainer(project, prepared, steps=order.steps)
    speeds = _run(trainer)
    run = trainer.run()
    if order.save:
        save_project(order.save, project, (*opened.runs, run))
    if order.report:
        from workbench.commands.report import write_report

        write_report(run, Path(order.report))
    summary = run_summary(run, speeds.median())
    if order.json != STDOUT_MARK:
        _print(summary)
    if order.json:
        write_json(order.json, summary)
    if run.status == "failed":
        message_console().print(f"[bold red]gabor:[/] {escaped(run.message)}")
        return 1
    return 0


def _tell_of_skipped(skipped: Sequence[tuple[str, str]]) -> None:
    console = message_console()
    console.print(f"Left out, since they cannot be read: {count(len(skipped))} images")
    for name, reason in skipped:
        console.print(f"  {escaped(name)}: {escaped(reason)}")


class _Speeds:
    """Training speed over a run: the median over its steps, once the first blocks have warmed caches up."""

    def __init__(self) -> None:
        self._blocks: list[tuple[float, int]] = []

    def receive(self, event: StepsDone) -> None:
        self._blocks.append((event.examples_per_second, len(event.train_loss)))

    def median(self) -> float:
        """Examples a second; 0 when no step was done."""
        settled = self._blocks[len(self._blocks) // 10 :]
        if not settled:
            return 0.0
        speeds, steps = np.array([block[0] for block in settled]), [block[1] for block in settled]
        return float(np.median(np.repeat(speeds, steps)))


def _long_enough(project: Project, steps: int, examples: int) -> Project:
    """The project with as many epochs as this number of steps takes."""
    per_epoch = max(examples // project.training.batch_size, 1)
    settings = msgspec.structs.replace(project.training, epochs=-(-steps // per_epoch))
    return replace(project, training=settings)


def _run(trainer: Trainer) -> _Speeds:
    """Draw every event of the training, showing progress."""
    speeds = _Speeds()
    with TrainingProgress() as progress, _stopped_by_signals(trainer):
        for event in trainer.events():
            progress.show(event)
            if isinstance(event, StepsDone):
                speeds.receive(event)
    return speeds


@contextmanager
def _stopped_by_signals(trainer: Trainer) -> Iterator[None]:
    """Ctrl+C and a polite kill end training after the step in hand; a second one ends the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = {kind: signal.getsignal(kind) for kind in kinds}

    def stop(number: int, frame: FrameType | None) -> None:
        # Nothing is printed here: the signal may have come in the middle of another line.
        trainer.stop()
        for kind in kinds:
            signal.signal(kind, before[kind])

    for kind in kinds:
        signal.signal(kind, stop)
    try:
        yield
    finally:
        for kind in kinds:
            signal.signal(kind, before[kind])


def _print(summary: dict[str, Any]) -> None:
    """The results that people look for first."""
    table = plain_table()
    table.add_column("Result")
    table.add_column("", justify="right")
    for label, text in _rows(summary):
        table.add_row(label, text)
    print_table(table)


def _rows(summary: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Steps", count(summary["steps"])
    yield "Epochs", f"{summary['epochs']:.4g}"
    yield "Time", f"{summary['seconds']:.1f} s"
    yield "Speed", f"{summary['examples_per_second']:,.0f} examples/s"
    for part in ("train", "validation", "test"):
        name = "Training" if part == "train" else part.capitalize()
        for kind in ("loss", "accuracy"):
            value = summary[f"{part}_{kind}"]
            if value is not None:
                yield f"{name} {kind}", f"{value:.2%}" if kind == "accuracy" else f"{value:.5g}"
