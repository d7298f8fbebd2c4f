"""The offer of trainings that were going on when the program ended."""

from engine.api import Run, forget_run, journal_folder
from workbench.file_actions import FileActions
from workbench.message_bar import MessageBar


def offer_recovered(messages: MessageBar, files: FileActions, runs: list[Run]) -> None:
    """Ask about each run, one after the other: open it, or forget it."""
    if not runs:
        return
    run, rest = runs[-1], runs[:-1]

    def forget() -> None:
        forget_run(journal_folder(), run.id)
        offer_recovered(messages, files, rest)

    messages.ask(
        "recovered",
        f"A training of “{run.project.name}” was not saved when Gabor ended; {_kept(run)}.",
        {"Open it": lambda: files.open_run(run), "Forget it": forget},
    )


def _kept(run: Run) -> str:
    if run.checkpoint is None or run.checkpoint.step >= run.step:
        return f"its {run.step:,} steps were kept"
    step = run.checkpoint.step
    return f"its {run.step:,} steps are recorded, and it can go on after step {step:,}, whose parameters were kept"
