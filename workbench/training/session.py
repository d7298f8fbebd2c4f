"""One training at a time in a thread of its own: the only owner of that thread and of the device."""

from collections.abc import Callable
from concurrent.futures import Future
from math import inf
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QCoreApplication, QObject, QTimer, Signal

from engine.api import Change, Project, Run, RunEnded, RunStarted
from workbench.training.mailbox import Mailbox
from workbench.training.pace import DrawingPace
from workbench.training.requests import ChangeSetting, Pause, Resume, TakeRun
from workbench.training.thread import TrainerFactory, TrainingThread, prepared_trainer

State = Literal["idle", "preparing", "training", "pausing", "paused", "stopping", "ended"]

_DRAIN_MS = 33
_PATIENCE_MS = 100
"""A look that is due waits so long for the training to wait for its device."""
_LONGEST_WANTED = 0.03
"""Seconds; the waits of a GPU for a block of steps are not much longer, however long a look takes."""


class TrainingSession(QObject):
    """Trains one project at a time without blocking; lives in the thread of the window.

    `pause`, `resume` and `stop` return at once and show in `state`; they take effect before the next step.
    """

    events = Signal(object)
    """A tuple of merged events, when there are any; as often as `DrawingPace` says."""
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
        self._worker: TrainingThread | None = None
        self._mailbox = Mailbox()
        self._run: Run | None = None
        self._project: Project | None = None
        self._end_is_told = False
        self._pace = DrawingPace()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._look)
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

    def start(self, project: Project, resume_run: Run | None = None, file: Path | None = None) -> None:
        """Train a project, from the checkpoint of `resume_run` if given; ignored while a training is active.

        `file` is the one that the project lies in; the record of the run names it.
        """
        if self._worker is not None:
            return
        self._project = project
        self._run = None
        self._mailbox = Mailbox()
        self._end_is_told = False
        worker = TrainingThread(self._factory, self._project, resume_run, self._mailbox, self._journals, file)
        worker.announced.connect(self._announce)
        worker.warned.connect(self.warned)
        worker.took_effect.connect(self._hear)
        worker.waits.connect(self._look_beside)
        worker.finished.connect(self._finish)
        self._worker = worker
        self._set_state("preparing")
        # On which device it trains is not known yet.
        self._pace.begin()
        self._timer.start(_DRAIN_MS)
        worker.start()

    def pause(self) -> None:
        """Stand still before the next step."""
        if self._worker is not None and self._state in ("preparing", "training"):
            self._worker.ask(Pause())
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

    def change(self, change: Change, then: Callable[[str, bool], None]) -> None:
        """Change a setting of the training; `then` gets when it takes effect, or why not and True."""
        if self._worker is None:
            then("Nothing is being trained.", True)
            return
        request = ChangeSetting(change=change)

        def tell(answer: "Future[str]") -> None:
            error = answer.exception()
            words, refused = (answer.result(), False) if error is None else (str(error), True)
            self._answered.emit(lambda: then(words, refused))

        request.answer.add_done_callback(tell)
        self._worker.ask(request)

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
        self._worker.ask(request)

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

    def _announce(self, words: str) -> None:
        # A look may come between what was announced and its word; the sentence of the end must stay.
        if not self._end_is_told:
            self.announced.emit(words)

    def _hear(self, state: State) -> None:
        self._take_effect(state)
        if state == "paused":
            # What stands still is shown as it is, however long the next look would be away.
            self._drain()

    def _look(self) -> None:
        """A look is due: now, or when it holds up nothing."""
        if self._worker is not None and self._pace.waits_for_device and self._worker.wanted_wait == inf:
            self._worker.wanted_wait = min(self._pace.cost, _LONGEST_WANTED)
            self._timer.setInterval(_PATIENCE_MS)
        else:
            self._drain()

    def _look_beside(self) -> None:
        """While the thread that trains waits for its device, what is drawn does not take the interpreter from it."""
        if self._worker is not None and self._worker.wanted_wait < inf:
            self._drain()

    def _drain(self) -> None:
        if self._worker is not None:
            self._worker.wanted_wait = inf
        events = self._mailbox.drain()
        if not events:
            return
        # Steps may be seen before the word that they have begun.
        self._take_effect("training")
        started = next((event for event in events if isinstance(event, RunStarted)), None)
        if started is not None:
            on_cpu = started.device.lower().startswith("cpu")
            self._timer.setInterval(self._pace.begin(on_cpu=on_cpu))
        else:
            self._timer.setInterval(self._pace.next_ms())
        self._end_is_told = isinstance(events[-1], RunEnded)
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
