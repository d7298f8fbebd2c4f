"""One training at a time in a thread of its own: the only owner of that thread and of the device."""

import logging
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Protocol

from PySide6.QtCore import QCoreApplication, QObject, QThread, QTimer, Signal

from engine.api import Checkpoint, Event, GaborError, Project, Run, RunEnded, RunStarted, Trainer, load_dataset, prepare
from workbench.training.journal_writer import JournalWriter
from workbench.training.mailbox import Mailbox
from workbench.training.requests import Pause, Request, Resume, Stop, TakeRun

State = Literal["idle", "preparing", "training", "pausing", "paused", "stopping", "ended"]

_LOG = logging.getLogger(__name__)
_DRAIN_MS = 33
_DRAIN_ON_CPU_MS = 100
"""The processor that draws is then the one that trains."""


class TrainerLike(Protocol):
    """What a session needs of `engine.api.Trainer`."""

    def events(self) -> Iterator[Event]:
        """Advance and report; ends with RunEnded."""

    def stop(self) -> None:
        """End before the next step."""

    def run(self) -> Run:
        """The run so far, with a checkpoint of now."""

    def checkpoint(self) -> Checkpoint:
        """All that is needed to go on from here."""


TrainerFactory = Callable[[Project, Run | None, Callable[[str], None]], TrainerLike]
"""Makes a trainer for a project (going on with a run); tells what it is busy with through the last argument."""


def prepared_trainer(project: Project, resume: Run | None, announce: Callable[[str], None]) -> TrainerLike:
    """A trainer with its data loaded and its network compiled. Raises GaborError in words."""
    announce("Loading data")
    folder = Path(project.data.folder) if project.data.folder else None
    data = prepare(load_dataset(project.data.dataset, folder), project.data)
    announce("Compiling the network")
    return Trainer(project, data, resume=resume)


class TrainingSession(QObject):
    """Trains one project at a time without blocking; lives in the thread of the window.

    `pause`, `resume` and `stop` return at once and show in `state`; they take effect before the next step.
    """

    events = Signal(object)
    """A tuple of merged events, when there are any; at most 30 times a second, 10 while a CPU trains."""
    state_changed = Signal(str)
    announced = Signal(str)
    """What the training is busy with before its first step."""
    ended = Signal(object)
    """The Run with its last checkpoint after training has ended; None when it never began."""

    warned = Signal(str)
    """A sentence about something that does not end the training."""

    _answered = Signal(object)

    def __init__(
        self,
        factory: TrainerFactory = prepared_trainer,
        parent: QObject | None = None,
        *,
        journals: Path | None = None,
    ) -> None:
        """`journals`: the folder where running trainings are recorded; None records nothing."""
        super().__init__(parent)
        self._factory = factory
        self._journals = journals
        self._state: State = "idle"
        self._worker: _Worker | None = None
        self._mailbox = Mailbox()
        self._run: Run | None = None
        self._project: Project | None = None
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._drain)
        self._answered.connect(_call)
        if (application := QCoreApplication.instance()) is not None:
            # A thread must never be destroyed while it runs.
            application.aboutToQuit.connect(self.close)

    @property
    def state(self) -> State:
        """What the training does; "ended" until the next start."""
        return self._state

    @property
    def is_active(self) -> bool:
        """True from `start` until `ended`."""
        return self._worker is not None

    @property
    def project(self) -> Project | None:
        """The project as it was when the training began."""
        return self._project

    def start(self, project: Project, resume_run: Run | None = None) -> None:
        """Train a project, from the checkpoint of `resume_run` if given; ignored while a training is active."""
        if self._worker is not None:
            return
        self._project = project
        self._run = None
        self._mailbox = Mailbox()
        worker = _Worker(self._factory, self._project, resume_run, self._mailbox, self._journals)
        worker.announced.connect(self.announced)
        worker.warned.connect(self.warned)
        worker.took_effect.connect(self._take_effect)
        worker.finished.connect(self._finish)
        self._worker = worker
        self._set_state("preparing")
        self._timer.start(_DRAIN_MS)
        worker.start()

    def pause(self) -> None:
        """Stand still before the next step."""
        if self._worker is not None and self._state in ("preparing", "training"):
            self._worker.requests.put(Pause())
            self._set_state("pausing")

    def resume(self) -> None:
        """Go on after `pause`."""
        if self._worker is not None and self._state in ("pausing", "paused"):
            self._worker.requests.put(Resume())
            self._set_state("training" if self._worker.is_prepared else "preparing")

    def stop(self) -> None:
        """End before the next step; `ended` follows with what was learned."""
        if self._worker is not None and self._state != "stopping":
            self._worker.ask_to_stop()
            self._set_state("stopping")

    def request_run(self, then: Callable[[Run | None], None]) -> None:
        """Call `then` with the run as it is now and its checkpoint, after at most one step.

        Without an active training `then` gets the last run at once; None when there is none.
        """
        if self._worker is None:
            then(self._run)
            return
        request = TakeRun()
        # The answer comes in the other thread; the signal carries it over to this one.
        request.answer.add_done_callback(
            lambda answer: self._answered.emit(lambda: then(None if answer.exception() else answer.result()))
        )
        self._worker.requests.put(request)

    def close(self) -> Run | None:
        """End the training and wait for it; returns what was learned. For the end of the program."""
        worker = self._worker
        if worker is not None:
            self.stop()
            worker.wait()
            self._finish()
        return self._run

    def _set_state(self, state: State) -> None:
        if state != self._state:
            self._state = state
            self.state_changed.emit(state)

    def _take_effect(self, state: State) -> None:
        # An older answer must not hide a newer wish.
        expected = {"pausing": ("paused",), "preparing": ("training",)}
        if state in expected.get(self._state, ()):
            self._set_state(state)

    def _drain(self) -> None:
        events = self._mailbox.drain()
        if not events:
            return
        started = next((event for event in events if isinstance(event, RunStarted)), None)
        if started is not None:
            on_cpu = started.device.lower().startswith("cpu")
            self._timer.setInterval(_DRAIN_ON_CPU_MS if on_cpu else _DRAIN_MS)
        self.events.emit(events)

    def _finish(self) -> None:
        worker = self._worker
        if worker is None or not worker.isFinished():
            return
        self._timer.stop()
        self._worker, self._run = None, worker.result
        worker.serve_late_requests()
        self._drain()
        self._set_state("ended")
        self.ended.emit(self._run)
        worker.deleteLater()


def _call(action: Callable[[], None]) -> None:
    action()


class _Worker(QThread):
    """Draws the events of one trainer and serves requests between them."""

    announced = Signal(str)
    warned = Signal(str)
    took_effect = Signal(str)

    def __init__(
        self,
        factory: TrainerFactory,
        project: Project,
        resume: Run | None,
        mailbox: Mailbox,
        journals: Path | None,
    ) -> None:
        super().__init__()
        self.requests: queue.SimpleQueue[Request[Any]] = queue.SimpleQueue()
        self.result: Run | None = None
        self.is_prepared = False
        self._factory = factory
        self._project = project
        self._resume = resume
        self._mailbox = mailbox
        self._journals = journals
        self._journal: JournalWriter | None = None
        self._trainer: TrainerLike | None = None
        self._last: Event | None = None

    def run(self) -> None:
        """Train until the end, a stop or a failure; a failure ends the run with a sentence."""
        _give_way()
        message = ""
        try:
            self._trainer = self._factory(self._project, self._resume, self.announced.emit)
            self._train(self._trainer)
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

    def ask_to_stop(self) -> None:
        """Called in the other thread: a long look at the data ends too, and a pause."""
        if (trainer := self._trainer) is not None:
            trainer.stop()
        self.requests.put(Stop())

    def _train(self, trainer: TrainerLike) -> None:
        if self._journals is not None:
            self._journal = JournalWriter(self._journals, trainer.run(), self.warned.emit)
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
                self._journal.receive(event, trainer.checkpoint)

    def _serve(self, trainer: TrainerLike) -> None:
        paused = False
        while paused or not self.requests.empty():
            request = self.requests.get()
            if isinstance(request, TakeRun):
                request.answer.set_result(trainer.run())
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
                message = message or "Training ended, but what was learned could not be read from the device."
        if message:
            run = self._last.run if self._last is not None else ""
            step = self._last.step if self._last is not None else 0
            self._mailbox.put(RunEnded(run, step, "failed", message))
            if self.result is not None:
                self.result = replace(self.result, status="failed", message=message)
        if self._journal is not None:
            self._journal.end(self.result.checkpoint if self.result is not None else None)

    def serve_late_requests(self) -> None:
        """Answer what was asked after the last step; called when the thread has finished."""
        while not self.requests.empty():
            request = self.requests.get()
            if not isinstance(request, TakeRun):
                request.answer.set_result(None)
            elif self.result is not None:
                request.answer.set_result(self.result)
            else:
                request.answer.set_exception(LookupError("the training never began"))


def _give_way() -> None:
    """Let the thread that draws go first where both want the same core (Linux: niceness is per thread)."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 5)
