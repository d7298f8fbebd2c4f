"""Undo commands on runs. They name a run by its id: what it holds may grow meanwhile, by training on."""

from dataclasses import replace
from typing import Protocol

from PySide6.QtGui import QUndoCommand

from engine.api import Run


class RunHolder(Protocol):
    """What has runs, oldest first, and can have others."""

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs as they are now."""

    def show_runs(self, runs: tuple[Run, ...]) -> None:
        """Make these the runs."""


class DescribeRun(QUndoCommand):
    """Gives a run a name and notes, or those of before."""

    def __init__(self, holder: RunHolder, run: Run, name: str, notes: str) -> None:
        super().__init__("Rename run" if name != run.name else "Edit notes")
        self._holder = holder
        self._id = run.id
        self._before = (run.name, run.notes)
        self._after = (name, notes)

    def redo(self) -> None:
        """The new name and notes."""
        self._describe(*self._after)

    def undo(self) -> None:
        """The name and notes of before."""
        self._describe(*self._before)

    def _describe(self, name: str, notes: str) -> None:
        runs = self._holder.runs
        self._holder.show_runs(
            tuple(replace(run, name=name, notes=notes) if run.id == self._id else run for run in runs)
        )


class DeleteRun(QUndoCommand):
    """Takes a run out of its place, or puts it back there."""

    def __init__(self, holder: RunHolder, run: Run) -> None:
        super().__init__("Delete run")
        self._holder = holder
        self._id = run.id
        self._run, self._place = run, 0

    def redo(self) -> None:
        """Without the run."""
        runs = list(self._holder.runs)
        # Found anew each time: it may have been trained on between undo and redo.
        self._place = next(place for place, run in enumerate(runs) if run.id == self._id)
        self._run = runs.pop(self._place)
        self._holder.show_runs(tuple(runs))

    def undo(self) -> None:
        """With the run, where it was."""
        runs = list(self._holder.runs)
        runs.insert(self._place, self._run)
        self._holder.show_runs(tuple(runs))
