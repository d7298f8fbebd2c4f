"""How long work on data tells how far it is, and how it is stopped."""

from collections.abc import Callable
from dataclasses import dataclass

from engine.errors import DataError


@dataclass(frozen=True)
class DataProgress:
    """How far a piece of work is: `done` of `total`, counted in bytes or images."""

    what: str
    """What is being worked on, in words: the name of a file, or of the step."""
    done: int
    total: int
    counts_bytes: bool = False


Report = Callable[[DataProgress], None]
"""Receives progress, in the thread that does the work; a few times to a few thousand times."""

Cancelled = Callable[[], bool]
"""Asked often whether to stop."""


class DataStoppedError(DataError):
    """The user stopped the work; what was done is kept where that is possible."""


def no_report(progress: DataProgress) -> None:
    """Tell nobody."""


def never() -> bool:
    """Go on to the end."""
    return False
