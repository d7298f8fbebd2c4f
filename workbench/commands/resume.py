"""`gabor train --resume` and `--fork`: which run goes on or is left, where, and how far."""

from dataclasses import replace

import msgspec

from engine.api import Project, ProjectFile, Run, TrainingError, best_epoch


def is_last(left: Run | None, opened: ProjectFile) -> bool:
    """Whether a run that was left behind is newer than all that the file of its project holds."""
    return left is not None and all(left.created >= run.created for run in opened.runs[-1:])


def run_to_resume(opened: ProjectFile, left: Run | None = None) -> Run:
    """The last run of a file, or `left`, which was left behind, where that is newer.

    TrainingError when there is none, or nothing of it to go on from.
    """
    if left is not None and is_last(left, opened):
        return left
    if not opened.runs:
        raise TrainingError(
            "The file holds no run to resume. Leave out --resume to train from the beginning."
        )
    run = opened.runs[-1]
    if run.checkpoint is None:
        raise TrainingError(
            "The last run of the file has no checkpoint to go on from. "
            "Leave out --resume to train from the beginning."
        )
    return run


def continued_project(
    run: Run,
    *,
    epochs: int | None = None,
    steps: int | None = None,
    device: str | None = None,
    patience: int | None = None,
    may_be_complete: bool = False,
) -> Project:
    """The run's own project, trained to so many epochs; `steps` counts from the run's beginning.

    Raises TrainingError when the run has come so far already, unless it `may_be_complete`.
    """
    training, timeline = run.project.training, run.timeline
    done = run.checkpoint.step if run.checkpoint else 0
    if steps is not None and steps <= done:
        raise TrainingError(f"The run has done {done:,} steps already. Raise --steps above {done} to go on.")
    until = epochs or training.epochs
    if steps is not None and epochs is None and timeline.stretches:
        until = max(until, timeline.epochs_done(steps) + (not timeline.ends_epoch(steps)))
    whole = timeline.epochs_done(done)
    if timeline.stretches and until <= whole and not may_be_complete:
        raise TrainingError(
            f"The run is complete: it has done {done:,} steps, {whole} epoch{'s' * (whole != 1)}. "
            f"Raise --epochs above {whole} to train it further."
        )
    changes = {"epochs": until, "device": device, "patience": patience}
    given = {name: value for name, value in changes.items() if value is not None}
    return replace(run.project, training=msgspec.structs.replace(training, **given))


def fork_point(opened: ProjectFile, wanted: str) -> tuple[Run, int | None]:
    """The run and the step of `RUN[@STEP]`: a run's name, id or number (from 1), and a step, `best` or `last`.

    None stands for the last step. Raises TrainingError with what there is.
    """
    name, _, place = wanted.rpartition("@") if "@" in wanted else (wanted, "", "last")
    if not opened.runs:
        raise TrainingError("The file holds no run to fork: train it first.")
    run = run_called(opened.runs, name)
    if place == "last":
        return run, None
    if place == "best":
        best = best_epoch(run)
        if best is None:
            raise TrainingError("The run has no best epoch: none of its epochs is complete.")
        return run, best.step
    if not place.isdecimal():
        raise TrainingError(f"“{place}” is no step: give a number, best or last, as in --fork 1@best.")
    return run, int(place)


def run_called(runs: tuple[Run, ...], wanted: str) -> Run:
    """The run of that id, name or number (from 1); of several with one name the last. TrainingError with what there is.

    A run without a name is called by its number, as in the window.
    """
    names = [run.name or f"Run {number}" for number, run in enumerate(runs, start=1)]
    found = [run for run, name in zip(runs, names, strict=True) if wanted and wanted in (run.id, name)]
    if not found and wanted.isdecimal() and 0 < int(wanted) <= len(runs):
        found = [runs[int(wanted) - 1]]
    if not found:
        there = ", ".join(f"{number} ({name})" for number, name in enumerate(names, start=1))
        raise TrainingError(f"The file holds no run “{wanted}”; it holds {there or 'none'}.")
    return found[-1]


def with_run(runs: tuple[Run, ...], run: Run) -> tuple[Run, ...]:
    """The runs with this one in its own place, or at the end when it is new."""
    if any(other.id == run.id for other in runs):
        return tuple(run if other.id == run.id else other for other in runs)
    return (*runs, run)
