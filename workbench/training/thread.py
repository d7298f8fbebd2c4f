"""The thread that trains: draws the events of one trainer and serves requests between them."""

import logging
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any, Protocol

from PySide6.QtCore import QThread, Signal

from engine.api import (
    Change,
    Checkpoint,
    DataProgress,
    Event,
    GaborError,
    Project,
    Run,
    RunEnded,
    Trainer,
    TrainingError,
    prepare,
    recipe_dataset,
    recover_runs,
)
from workbench.training.journal_writer import JournalWriter
from workbench.training.mailbox import Mailbox
from workbench.training.requests import ChangeSetting, Pause, Request, Stop, TakeRun

_LOG = logging.getLogger(__name__)
_SAVE = "Save the project: what is not saved is lost when the program ends."


class TrainerLike(Protocol):
    """What a session needs of `engine.api.Trainer`."""

    def events(self) -> Iterator[Event]:
        """Advance and report; ends with RunEnded."""

    def stop(self) -> None:
        """End before the next step."""

    def run(self) -> Run:
        """The run so far, with a checkpoint of now."""

    @property
    def checkpoint_bytes(self) -> int:
        """Size of what a checkpoint holds."""

    def begun_run(self) -> Run:
        """The run before its first event, as it is handed over."""

    def checkpoint(self) -> Checkpoint:
        """All that is needed to go on from here."""

    def kept_checkpoints(self) -> tuple[Checkpoint, ...]:
        """Earlier ones that are kept."""

    def interrupt(self) -> None:
        """Have the event that is in the making come after the step in hand."""

    def change(self, change: Change) -> str:
        """Change a setting; returns when it takes effect. Raises GaborError in words."""

    def tell_of_waits(self, tell: Callable[[float], None]) -> None:
        """Have `tell` called, in the thread that trains, before it waits so many seconds for a device."""


TrainerFactory = Callable[[Project, Run | None, Callable[[str], None]], TrainerLike]
"""Makes a trainer for a project (going on with a run); tells what it is busy with through the last argument, which
raises an error when it need not go on."""


class _UnwantedError(Exception):
    """A stop was asked for before there was anything to train."""


def prepared_trainer(project: Project, resume: Run | None, announce: Callable[[str], None]) -> TrainerLike:
    """A trainer with its data loaded and its network compiled. Raises GaborError in words."""
    announce("Loading data")

    def report(progress: DataProgress) -> None:
        announce(f"{progress.what}: {progress.done:,} of {progress.total:,}")

    data = prepare(recipe_dataset(project.data, report=report), project.data)
    announce("Compiling the network")
    return Trainer(project, data, resume=resume, announce=announce)


class TrainingThread(QThread):
    """Draws the events of one trainer and serves requests between them."""

    announced = Signal(str)
    warned = Signal(str)
    took_effect = Signal(str)
    waits = Signal()
    """Now would be a good time to draw."""

    def __init__(
        self,
        factory: TrainerFactory,
        project: Project,
        resume: Run | None,
        mailbox: Mailbox,
        journals: Path | None,
        file: Path | None = None,
    ) -> None:
        super().__init__()
        self.requests: queue.SimpleQueue[Request[Any]] = queue.SimpleQueue()
        self.result: Run | None = None
        self.is_prepared = False
        self.wanted_wait = inf
        """The thread that draws is told of waits that last so many seconds or longer; it alone sets this."""
        self._factory = factory
        self._project = project
        self._resume = resume
        self._mailbox = mailbox
        self._journals, self._file = journals, file
        self._journal: JournalWriter | None = None
        self._trainer: TrainerLike | None = None
        self._last: Event | None = None
        self._told = ""
        self._is_stopping = False

    def run(self) -> None:
        """Train until the end, a stop or a failure; a failure ends the run with a sentence."""
        _give_way()
        message = ""
        try:
            self._trainer = self._factory(self._project, self._resume, self._announce)
            self._train(self._trainer)
        except _UnwantedError:
            ended = "Stopped before the first step: nothing has changed."
            self._mailbox.put(RunEnded("", 0, "stopped", ended))
        except GaborError as error:
            message = str(error)
        except MemoryError:
            message = "The memory of this computer is full: choose a smaller batch size or a smaller network."
        except Exception:
            _LOG.exception("training ended by an unexpected error")
            message = (
                "Training ended because of an error inside Gabor; what was learned until then is kept. "
                "The log file (Help menu) tells more: please report it."
            )
        self._conclude(self._trainer, message)
        self._trainer = None

    def ask(self, request: Request[Any]) -> None:
        """Called in the other thread: have a request served after the step in hand."""
        self.requests.put(request)
        if (trainer := self._trainer) is not None:
            trainer.interrupt()

    def ask_to_stop(self) -> None:
        """Called in the other thread: a long look at the data ends too, and a pause, and preparing at its next word."""
        self._is_stopping = True
        if (trainer := self._trainer) is not None:
            trainer.stop()
        self.requests.put(Stop())

    def _announce(self, words: str) -> None:
        if self._is_stopping and self._trainer is None:
            raise _UnwantedError
        if words != self._told:
            self._told = words
            self.announced.emit(words)

    def _train(self, trainer: TrainerLike) -> None:
        if self._journals is not None:
            self._journal = JournalWriter(
                self._journals,
                trainer.begun_run(),
                lambda words: self.warned.emit(f"{words} {_SAVE}"),
                self._file,
                checkpoint_bytes=trainer.checkpoint_bytes,
            )
        trainer.tell_of_waits(self._use_wait)
        self.is_prepared = True
        self.took_effect.emit("training")
        events = trainer.events()
        while True:
            self._serve(trainer)
            event = next(events, None)
            if event is None:
                return
            self._last = event
            self._mailbox.put(event)
            if self._journal is not None:
                self._journal.receive(event, trainer.checkpoint, trainer.kept_checkpoints)

    def _use_wait(self, seconds: float) -> None:
        if self._journal is not None:
            self._journal.write()
        if seconds >= self.wanted_wait:
            self.waits.emit()

    def _serve(self, trainer: TrainerLike) -> None:
        paused = False
        while paused or not self.requests.empty():
            request = self.requests.get()
            if isinstance(request, TakeRun):
                request.answer.set_result(trainer.run())
                continue
            if isinstance(request, ChangeSetting):
                _answer(request, trainer)
                continue
            if isinstance(request, Stop):
                trainer.stop()
            paused = isinstance(request, Pause)
            if paused:
                self.took_effect.emit("paused")
            request.answer.set_result(None)

    def _conclude(self, trainer: TrainerLike | None, message: str) -> None:
        if trainer is not None:
            try:
                self.result = trainer.run()
            except Exception:
                # The device may be gone together with what it held.
                _LOG.exception("the run could not be taken at its end")
                message = f"{message or 'Training ended.'} {self._found_in_journal()}"
        if message:
            run = self._last.run if self._last is not None else ""
            step = self._last.step if self._last is not None else 0
            self._mailbox.put(RunEnded(run, step, "failed", message))
            if self.result is not None:
                self.result = replace(self.result, status="failed", message=message)
        if self._journal is not None:
            self._journal.end(self.result)

    def _found_in_journal(self) -> str:
        """Make what the journal holds the result; what there is to say about it."""
        words = "What was learned could not be read from the device"
        if self._journal is None or self._journals is None or self._last is None:
            return f"{words}: train again."
        self._journal.end(None)
        self._journal, run_id = None, self._last.run
        self.result = next((run for run in recover_runs(self._journals) if run.id == run_id), None)
        if self.result is None or self.result.checkpoint is None:
            return f"{words}: train again."
        step = self.result.checkpoint.step
        return f"{words}. The record on disk was taken instead: Resume run goes on after step {step:,}."

    def serve_late_requests(self) -> None:
        """Answer what was asked after the last step; called when the thread has finished."""
        while not self.requests.empty():
            request = self.requests.get()
            if isinstance(request, ChangeSetting):
                request.answer.set_exception(TrainingError("The training has ended: nothing was changed."))
            elif not isinstance(request, TakeRun):
                request.answer.set_result(None)
            elif self.result is not None:
                request.answer.set_result(self.result)
            else:
                request.answer.set_exception(LookupError("the training never began"))


def _answer(request: ChangeSetting, trainer: TrainerLike) -> None:
    try:
        request.answer.set_result(trainer.change(request.change))
    except GaborError as error:
        request.answer.set_exception(error)


def _give_way() -> None:
    """Let the thread that draws go first where both want the same core (Linux: niceness is per thread)."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 5)
