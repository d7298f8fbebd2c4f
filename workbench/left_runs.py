"""Runs that a program left behind when it ended: which project they belong to. No Qt."""

from collections.abc import Sequence
from pathlib import Path

from engine.api import GaborError, Project, ProjectFile, Run, fits, infer, load_project


def project_of(run: Run, file: Path) -> tuple[ProjectFile | None, str]:
    """What the file of a run's project holds by now; None, and why, where the run does not belong to it any more."""
    try:
        found = load_project(file)
    except GaborError as error:
        return None, str(error)
    if belongs_to(run, found.project):
        return found, ""
    return None, f"“{file.name}” has another design by now."


def belongs_to(run: Run, project: Project) -> bool:
    """Whether the weights of a run fit the design of a project."""
    return fits(infer(project.graph), infer(run.project.graph))


def is_held(run: Run, runs: Sequence[Run]) -> bool:
    """Whether a run is among others that have come as far or further."""
    return any(other.id == run.id and _reach(other) >= _reach(run) for other in runs)


def _reach(run: Run) -> tuple[int, int]:
    return (-1 if run.checkpoint is None else run.checkpoint.step), run.step
