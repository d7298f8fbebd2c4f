"""`gabor train --resume`: which run goes on, and how far."""

from dataclasses import replace

import msgspec

from engine.api import Project, ProjectFile, Run, TrainingError


def run_to_resume(opened: ProjectFile) -> Run:
    """The last run of a file; TrainingError when there is none, or nothing of it to go on from."""
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
    run: Run, *, epochs: int | None = None, steps: int | None = None, device: str | None = None
) -> Project:
    """The run's own project, trained to so many epochs; `steps` counts from the run's beginning.

    Raises TrainingError when the run has come so far already.
    """
    training, per_epoch = run.project.training, max(run.steps_per_epoch, 1)
    done = run.checkpoint.step if run.checkpoint else 0
    if steps is not None and steps <= done:
        raise TrainingError(f"The run has done {done:,} steps already. Raise --steps above {done} to go on.")
    until = epochs or training.epochs
    if steps is not None and epochs is None:
        until = max(until, -(-steps // per_epoch))
    if until * per_epoch <= done:
        whole = done // per_epoch
        raise TrainingError(
            f"The run is complete: it has done {done:,} steps, {whole} epoch{'s' * (whole != 1)}. "
            f"Raise --epochs above {whole} to train it further."
        )
    settings = msgspec.structs.replace(training, epochs=until, device=device or training.device)
    return replace(run.project, training=settings)


def with_run(runs: tuple[Run, ...], run: Run) -> tuple[Run, ...]:
    """The runs with this one in its own place, or at the end when it is new."""
    if any(other.id == run.id for other in runs):
        return tuple(run if other.id == run.id else other for other in runs)
    return (*runs, run)
