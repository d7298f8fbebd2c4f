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
    ProjectFile,
    Run,
    StepsDone,
    Trainer,
    TrainingError,
    check_settings,
    forget_run,
    fork,
    journal_folder,
    load_project,
    prepare,
    with_texts,
)
from workbench.commands.data import load_data, ordered_recipe
from workbench.commands.left_behind import (
    forget_left_behind,
    kept_when_broken_off,
    left_behind,
    tell_of_left,
    tell_of_unsaved,
)
from workbench.commands.progress import TrainingProgress
from workbench.commands.resume import continued_project, fork_point, is_last, run_to_resume, with_run
from workbench.commands.saving import KEPT, check_target, keep_runs, save_or_keep
from workbench.commands.summary import run_summary, whole_validation
from workbench.commands.terminal import (
    count,
    counted,
    escaped,
    fall_silent,
    give_results,
    message_console,
    plain_table,
    print_table,
)
from workbench.training.journal_writer import JournalWriter


@dataclass(frozen=True, kw_only=True)
class TrainingOrder:
    """What the user asked for; None leaves what the project says."""

    file: Path
    device: str | None = None
    epochs: int | None = None
    steps: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    schedule: str | None = None
    warm_up: float | None = None
    seed: int | None = None
    precision: str | None = None
    convolutions: str | None = None
    assignments: tuple[str, ...] = ()
    """`NAME=VALUE` of any other settings, for `with_texts`."""
    data: str | None = None
    images: str | None = None
    skip_broken: bool = False
    resume: bool = False
    fork: str | None = None
    new_design: bool = False
    forget: bool = False
    patience: int | None = None
    restore_best: bool | None = None
    save: str | None = None
    report: str | None = None
    json: str | None = None

    def project(self, project: Project) -> Project:
        """The project with the settings and data of this order; GaborError when a setting is out of range."""
        wanted = {
            name: getattr(self, name)
            for name in (
                "device", "epochs", "batch_size", "learning_rate", "schedule", "warm_up", "seed", "precision",
                "convolutions", "patience", "restore_best",
            )
            if getattr(self, name) is not None
        }  # fmt: skip
        settings = msgspec.structs.replace(project.training, **wanted)
        problems = check_settings(settings)
        if problems:
            raise TrainingError(" ".join(problems))
        project = with_texts(replace(project, training=settings), self.assignments)
        data = ordered_recipe(project, self.images, self.skip_broken)
        # Once more: own images bring a recipe with them.
        return with_texts(replace(project, data=data), self.assignments)


def train(order: TrainingOrder) -> int:
    """Train as ordered and write what was asked for; 0 unless training failed, then 1."""
    opened = load_project(order.file)
    check_target(order.save)
    if order.forget:
        forget_left_behind(order.file)
    left = left_behind(order.file, opened)
    project, resumed = _beginning(order, opened, left)
    dataset = load_data(project.data, order.data)
    if dataset.skipped:
        _tell_of_skipped(dataset.skipped)
    prepared = prepare(dataset, project.data)
    if order.steps and order.epochs is None and resumed is None:
        project = _long_enough(project, order.steps, len(prepared.train_labels))
    with TrainingProgress() as progress:
        trainer = Trainer(project, prepared, resume=resumed, steps=order.steps, announce=progress.announce)
        journal = JournalWriter(
            journal_folder(), trainer.begun_run(), progress.warn, order.file,
            checkpoint_bytes=trainer.checkpoint_bytes,
        )  # fmt: skip
        trainer.tell_of_waits(lambda seconds: journal.write())
        begun = trainer.step
        with kept_when_broken_off(journal, trainer, begun):
            speeds = _run(trainer, progress, journal)
    with kept_when_broken_off(journal, trainer, begun):
        run = trainer.run()
        # The design in the file may have changed since the resumed run; it stays as it is.
        kept = opened.project if resumed else project
        is_saved = save_or_keep(
            order.save, kept, with_run(opened.runs, run), lambda: _kept(journal, run, order.file)
        )
        if resumed is not None and resumed is left and not order.save:
            _kept(journal, run, order.file)
            tell_of_unsaved(run)
        elif is_saved:
            journal.discard()
        if order.save and is_saved:
            forget_run(journal_folder(), run.id)
    return _tell(order, run, speeds.median()) or int(not is_saved)


def _kept(journal: JournalWriter, run: Run, file: Path) -> str:
    told = KEPT if journal.end(run) else keep_runs([run], file)
    return f"{told} --resume with --save puts it into a file." if told == KEPT else told


def _beginning(order: TrainingOrder, opened: ProjectFile, left: Run | None) -> tuple[Project, Run | None]:
    """What is trained, and the run that it goes on from; `left` was left behind."""
    if order.fork:
        return _forked(order, opened, *fork_point(opened, order.fork))
    if order.resume:
        run = run_to_resume(opened, left)
        project = continued_project(
            run, epochs=order.epochs, steps=order.steps, device=order.device, patience=order.patience,
            may_be_complete=run is left,
        )  # fmt: skip
        if run is left:
            message_console().print("Going on with the training that ended without being saved.")
        return project, run
    if left is not None:
        tell_of_left(left, opened)
    if not is_last(left, opened):
        _tell_of_earlier(opened)
    return order.project(opened.project), None


def _forked(
    order: TrainingOrder, opened: ProjectFile, run: Run, step: int | None
) -> tuple[Project, Run | None]:
    then = fork(run, step).run.project
    wanted = order.project(replace(then, graph=opened.project.graph) if order.new_design else then)
    found = fork(run, step, None if wanted == then else wanted)
    project = continued_project(
        replace(found.run, project=wanted), epochs=order.epochs, steps=order.steps, device=order.device
    )
    name = run.name or f"run {opened.runs.index(run) + 1}"
    message_console().print(f"Fork of {escaped(name)} after step {found.run.fork_step:,}. {found.told()}")
    return project, found.run


def _tell(order: TrainingOrder, run: Run, examples_per_second: float) -> int:
    """Write table, JSON and report as ordered; returns the exit code."""
    summary = run_summary(run, examples_per_second)
    whole = whole_validation(run) is not None
    give_results(order.json, lambda: _print(summary, whole_validation=whole), lambda: summary)
    if order.report:
        from workbench.commands.report import write_report

        write_report(run, Path(order.report))
    if run.status == "failed":
        message_console().print(f"[bold red]gabor:[/] {escaped(run.message)}")
        return 1
    return 0


def _tell_of_earlier(opened: ProjectFile) -> None:
    if opened.runs and opened.runs[-1].checkpoint is not None:
        steps = counted(opened.runs[-1].checkpoint.step, "step")
        message_console().print(f"Training anew; add --resume to go on with the run of {steps} in the file.")


def _tell_of_skipped(skipped: Sequence[tuple[str, str]]) -> None:
    console = message_console()
    console.print(f"Left out, since they cannot be read: {counted(len(skipped), 'image')}")
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


def _run(trainer: Trainer, progress: TrainingProgress, journal: JournalWriter) -> _Speeds:
    """Draw every event of the training, record and show it; it ends when whoever read along goes away."""
    speeds = _Speeds()
    with _stopped_by_signals(trainer):
        for event in trainer.events():
            journal.receive(event, trainer.checkpoint, trainer.kept_checkpoints)
            try:
                progress.show(event)
            except BrokenPipeError:
                fall_silent()
                trainer.stop()
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


def _print(summary: dict[str, Any], *, whole_validation: bool) -> None:
    """The results that people look for first."""
    table = plain_table(["Result"], [""])
    for label, text in _rows(summary, whole_validation):
        table.add_row(label, text)
    print_table(table)


def _rows(summary: dict[str, Any], whole_validation: bool) -> Iterator[tuple[str, str]]:
    yield "Steps", count(summary["steps"])
    yield "Epochs", f"{summary['epochs']:.4g}"
    yield "Time", f"{summary['seconds']:.1f} s"
    yield "Speed", f"{summary['examples_per_second']:,.0f} examples/s"
    batches = "(batches of the last epoch)"
    for name, label in (
        ("train_loss", "Training loss"),
        ("train_accuracy", "Training accuracy"),
        ("validation_loss", f"Validation loss {batches}"),
        ("validation_accuracy", f"Validation accuracy {'(whole set)' if whole_validation else batches}"),
        ("test_loss", "Test loss"),
        ("test_accuracy", "Test accuracy"),
    ):
        value = summary[name]
        if value is not None:
            yield label, f"{100 * value:.2f} %" if name.endswith("accuracy") else f"{value:.5g}"
