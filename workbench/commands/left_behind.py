"""Trainings of a file that a program left behind when it was killed: found, told of, and kept until they are saved."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.api import ProjectFile, Run, Trainer, forget_run, journal_folder, recover_runs
from workbench.commands.resume import is_last
from workbench.commands.terminal import counted, escaped, message_console
from workbench.left_runs import is_held
from workbench.training.journal_writer import JournalWriter


def left_behind(file: Path, opened: ProjectFile) -> Run | None:
    """The newest that can be gone on with and that the file does not hold.

    What ended before its first step is forgotten: nothing is lost with it.
    """
    found = None
    for run in recover_runs(journal_folder(), file):
        if not run.step:
            forget_run(journal_folder(), run.id)
        elif run.checkpoint is not None and run.checkpoint.step and not is_held(run, opened.runs):
            found = run
    return found


def forget_left_behind(file: Path) -> None:
    """Delete what is kept of all trainings of a file that no program is at."""
    for run in recover_runs(journal_folder(), file):
        forget_run(journal_folder(), run.id)


def tell_of_left(left: Run, opened: ProjectFile) -> None:
    """Say, where training begins anew, how to go on with what was left behind."""
    step = left.checkpoint.step if left.checkpoint is not None else 0
    advice = (
        "Training anew; add --resume to go on with it, --forget to delete it."
        if is_last(left, opened)
        else "The window offers it, by “gabor”; --forget deletes it."
    )
    message_console().print(
        f"An earlier training of this file ended without being saved; {counted(step, 'step')} of it can be gone "
        f"on with. {advice}"
    )


@contextmanager
def kept_when_broken_off(journal: JournalWriter, trainer: Trainer, begun: int) -> Iterator[None]:
    """A training that something ends in between leaves what it recorded, and says so if it came beyond `begun`."""
    try:
        yield
    except BaseException:
        journal.end(None)
        if trainer.step > begun:
            message_console().print(
                "What was recorded of this training is kept: --resume goes on with it, and the window offers it."
            )
        raise


def tell_of_unsaved(run: Run) -> None:
    """Say that a run which had been left behind is left again."""
    message_console().print(
        escaped(
            f"The run of {counted(run.step, 'step')} is kept as before, since it was not saved: --resume with --save "
            "puts it into a file, --forget deletes it."
        )
    )
