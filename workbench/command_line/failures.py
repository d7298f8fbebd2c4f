"""Turns every failure into a sentence."""

import traceback

from workbench.commands.terminal import escaped, message_console


def say(sentence: str) -> None:
    """Tell on standard error what went wrong."""
    message_console().print(f"[bold red]gabor:[/] {escaped(sentence)}")


def sentence(error: Exception) -> str:
    """What a user reads of an error; where the fault is ours, the details go to a file that it names."""
    from engine.api import GaborError

    if isinstance(error, GaborError):
        return str(error)
    if isinstance(error, MemoryError):
        return "There is not enough memory for this: choose a smaller batch size."
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror}."
    return _kept_for_report(error)


def _kept_for_report(error: Exception) -> str:
    from workbench.logs import log_folder

    kind = type(error).__name__
    log = log_folder() / "last-failure.txt"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError:
        return f"Gabor failed in a way that it should not ({kind}: {error})."
    return f"Gabor failed in a way that it should not ({kind}). Please report it with the file {log}."
