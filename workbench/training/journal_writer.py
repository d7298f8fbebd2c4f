"""Keeps the journal of a running training, so that a killed process loses at most half a minute. No Qt."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.api import Checkpoint, Event, Run, RunJournal, TrainingError

_FIRST_SECONDS = 3.0
"""Until the first checkpoint: a run that has begun well should outlive a crash."""
_SECONDS = 30.0
_MOST_SECONDS = 1.0
"""Events that wait to be written are no older."""
_MOST_SHARE = 0.05
"""Part of the time that checkpoints of a large network may take."""
_NO_MEMORY = (
    "The record of this run cannot be kept: there is too little memory; close other programs. Save the project: what "
    "is not saved is lost when the program ends."
)


class JournalWriter:
    """Writes events at once and checkpoints now and then. A disk that is full ends the journal, not the training.

    Once `write` was called, events wait for it, up to a second: whoever trains on a GPU calls it while the GPU works.
    """

    def __init__(self, folder: Path, run: Run, warn: Callable[[str], None]) -> None:
        """Begin with the run as it is at its start; `warn` is told once when nothing can be kept."""
        self._warn = warn
        self._due = time.monotonic() + _FIRST_SECONDS
        self._events: list[Event] = []
        self._writes_itself = True
        self._written = time.monotonic()
        self._journal: RunJournal | None = None
        try:
            self._journal = RunJournal(folder, run)
        except TrainingError as error:
            warn(str(error))

    def receive(
        self,
        event: Event,
        take_checkpoint: Callable[[], Checkpoint],
        take_kept: Callable[[], Sequence[Checkpoint]] = tuple,
    ) -> None:
        """Keep an event and, when one is due, a checkpoint with those that the training keeps beside it."""
        if self._journal is None:
            return
        self._events.append(event)
        begun = time.monotonic()
        is_due = begun >= self._due
        if self._writes_itself or is_due or begun - self._written >= _MOST_SECONDS:
            self._attempt(self._append)
        if is_due:
            self._attempt(lambda journal: journal.checkpoint(take_checkpoint(), take_kept()))
            self._due = time.monotonic() + max(_SECONDS, (time.monotonic() - begun) / _MOST_SHARE)

    def write(self) -> None:
        """Write the events that wait."""
        self._writes_itself = False
        self._attempt(self._append)

    def _append(self, journal: RunJournal) -> None:
        events, self._events, self._written = self._events, [], time.monotonic()
        for event in events:
            journal.append(event)

    def end(self, run: Run | None) -> None:
        """Leave the journal for the next start to find, until the run is saved with its project."""
        self._attempt(self._append)
        if run is not None and (last := run.checkpoint) is not None:
            self._attempt(lambda journal: journal.checkpoint(last, run.checkpoints))
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def _attempt(self, write: Callable[[RunJournal], None]) -> None:
        if self._journal is None:
            return
        try:
            write(self._journal)
        except (TrainingError, MemoryError) as error:
            self._journal.close()
            self._journal = None
            self._warn(str(error) if isinstance(error, TrainingError) else _NO_MEMORY)
