"""Where a command puts what it trained; hours of training are not lost with a disk that has become full."""

from collections.abc import Callable, Sequence
from pathlib import Path

from engine.api import (
    Project,
    ProjectFileError,
    Run,
    RunEnded,
    RunJournal,
    TrainingError,
    check_place,
    journal_folder,
    save_project,
)
from workbench.commands.interrupts import interrupts_wait
from workbench.commands.terminal import escaped, message_console

KEPT = "What was trained is kept all the same: the window offers it when it is opened next, by “gabor”."


def check_target(save: str | None) -> None:
    """Raise ProjectFileError before anything is trained when nothing could be saved there."""
    if save:
        check_place(Path(save))


def save_or_keep(save: str | None, project: Project, runs: Sequence[Run], keep: Callable[[], str]) -> bool:
    """Save the project with its runs, if that is wanted; False when it failed.

    A first Ctrl+C waits for the file. A failure is told, and so is what `keep` says, which keeps what is new as if the
    program had been killed.
    """
    if not save:
        return True
    try:
        with interrupts_wait():
            save_project(save, project, runs)
    except ProjectFileError as error:
        console = message_console()
        console.print(f"[bold red]gabor:[/] {escaped(str(error))}")
        console.print(escaped(keep()))
        return False
    return True


def keep_runs(runs: Sequence[Run], file: Path) -> str:
    """Leave runs of the project in a file for the window to offer; what there is to say about it."""
    try:
        for run in runs:
            _journal(run, file).close()
    except TrainingError as error:
        return str(error)
    return KEPT


class UnsavedRuns:
    """Runs that a command has done and will save in the end: when it is killed before, the window offers them."""

    def __init__(self, file: Path) -> None:
        """`file` is the one that their project lies in."""
        self._file = file
        self._runs: list[Run] = []
        self._journals: list[RunJournal] = []
        self._problem = ""

    def add(self, run: Run) -> None:
        """Keep a run; that it cannot be kept is told once."""
        self._runs.append(run)
        try:
            self._journals.append(_journal(run, self._file))
        except TrainingError as error:
            if not self._problem:
                message_console().print(escaped(f"{error} If this program is killed, what is done is lost."))
            self._problem = str(error)

    def discard(self) -> None:
        """They are saved."""
        for journal in self._journals:
            journal.discard()

    def leave(self) -> str:
        """They are not: the window shall offer them. What there is to say about it."""
        for journal in self._journals:
            journal.close()
        return keep_runs(self._runs, self._file) if self._problem else KEPT


def _journal(run: Run, file: Path) -> RunJournal:
    journal = RunJournal(journal_folder(), run, file)
    journal.append(RunEnded(run.id, run.step, run.status, run.message, run.result_step))
    return journal
