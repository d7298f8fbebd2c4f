"""Keeps the journal of a running training, so that a killed process loses at most half a minute. No Qt."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.api import Checkpoint, Event, Run, RunJournal, TrainingError

_FIRST_SECONDS = 3.0
"""Until the first checkpoint: a run that has begun well should outlive a crash."""
_SECONDS = 30.0
_MOST_SECONDS = 1.0
"""Events that wait to be written are no older."""
_MOST_SHARE = 0.03
"""Part of the time of training that it may take to take checkpoints of a large network."""
_BYTES_A_SECOND = 4e8
"""That a checkpoint is taken, before it was tried: to the host, in the layout of files, with one that is kept."""
_NO_MEMORY = "The record of this run cannot be kept: there is too little memory; close other programs."


class JournalWriter:
    """Writes events at once and checkpoints now and then. A disk that is full ends the journal, not the training.

    Once `write` was called, events wait for it, up to a second: whoever trains on a GPU calls it while the GPU works.
    Checkpoints are written by a thread of their own: training waits only until one is taken.
    """

    def __init__(
        self, folder: Path, run: Run, warn: Callable[[str], None], file: Path | None = None, *,
        checkpoint_bytes: int = 0,
    ) -> None:  # fmt: skip
        """Begin with the run as it is at its start; `warn` is told once when nothing can be kept.

        `file` is the one that the run's project lies in.
        """
        self._warn = warn
        to_take = checkpoint_bytes / _BYTES_A_SECOND
        self._due = time.monotonic() + max(_FIRST_SECONDS, to_take / _MOST_SHARE)
        self._begun = run.step
        self._events: list[Event] = []
        self._writes_itself = True
        self._written = time.monotonic()
        self._writing: _Writing | None = None
        self._journal: RunJournal | None = None
        try:
            self._journal = RunJournal(folder, run, file)
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
        self._attempt(lambda _: self.settle(wait=False))
        # What there is before the first step is in the journal, or comes from the seed.
        is_due = self._writing is None and begun >= self._due and event.step > self._begun
        if self._writes_itself or is_due or begun - self._written >= _MOST_SECONDS:
            self._attempt(self._append)
        if is_due:
            self._attempt(lambda journal: self._begin_writing(journal, take_checkpoint(), take_kept()))
            self._due = begun + max(_SECONDS, (time.monotonic() - begun) / _MOST_SHARE)

    def write(self) -> None:
        """Write the events that wait."""
        self._writes_itself = False
        self._attempt(self._append)

    def _append(self, journal: RunJournal) -> None:
        events, self._events, self._written = self._events, [], time.monotonic()
        for event in events:
            journal.append(event)

    def _begin_writing(self, journal: RunJournal, last: Checkpoint, kept: Sequence[Checkpoint]) -> None:
        self._writing = _Writing(journal, last, kept)
        self._writing.start()

    def settle(self, *, wait: bool = True) -> None:
        """Take in that a checkpoint has been written; without `wait` only if it has.

        Raises what went wrong with it: TrainingError or MemoryError.
        """
        writing = self._writing
        if writing is None or (writing.is_alive() and not wait):
            return
        writing.join()
        self._writing = None
        if writing.problem is not None:
            raise writing.problem

    def end(self, run: Run | None) -> bool:
        """Leave the journal for the next start to find, until the run is saved with its project.

        With the run as it is at its end it is complete; returns False when not all of it could be kept.
        """
        self._attempt(self._append)
        self._attempt(lambda _: self.settle())
        if run is not None and (last := run.checkpoint) is not None:
            self._attempt(lambda journal: journal.checkpoint(last, run.checkpoints))
        journal, self._journal = self._journal, None
        if journal is not None:
            journal.close()
        return journal is not None

    def discard(self) -> None:
        """Delete the journal: the run has been saved, or nobody asked for it."""
        self._attempt(lambda _: self.settle())
        journal, self._journal = self._journal, None
        if journal is not None:
            journal.discard()

    def _attempt(self, write: Callable[[RunJournal], None]) -> None:
        if self._journal is None:
            return
        try:
            write(self._journal)
        except (TrainingError, MemoryError) as error:
            if self._writing is not None:
                self._writing.join()
            self._journal.close()
            self._journal = self._writing = None
            self._warn(str(error) if isinstance(error, TrainingError) else _NO_MEMORY)


class _Writing(threading.Thread):
    """Writes one checkpoint, and those that are kept beside it."""

    def __init__(self, journal: RunJournal, last: Checkpoint, kept: Sequence[Checkpoint]) -> None:
        super().__init__(name="gabor-journal", daemon=True)
        self._journal, self._last, self._kept = journal, last, kept
        self.problem: TrainingError | MemoryError | None = None

    def run(self) -> None:
        """Write; what goes wrong is kept for whoever waits."""
        try:
            self._journal.checkpoint(self._last, self._kept)
        except (TrainingError, MemoryError) as error:
            self.problem = error
