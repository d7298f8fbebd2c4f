"""The run that is looked into, and a door to the thread that does the looking."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, Signal

from engine.api import Run
from workbench.inspection.model import InspectedModel
from workbench.inspection.thread import InspectionThread, Job, Work


class InspectionSession(QObject):
    """Answers questions about one run's network without blocking; lives in the thread of the window.

    The thread begins with the first question: as long as nothing asks, nothing is loaded and nothing is computed.
    """

    run_changed = Signal()
    """Another run, or a later state of it, is looked into."""
    seen = Signal()
    """Someone has begun to look at a panel, and would like to see the newest."""
    rested = Signal()
    """The last open question has been answered."""

    def __init__(self, parent: QObject | None = None, *, model: InspectedModel | None = None) -> None:
        super().__init__(parent)
        self._model = model or InspectedModel()
        self._run: Run | None = None
        self._thread: InspectionThread | None = None
        self._newest: dict[str, Job] = {}
        if (application := QCoreApplication.instance()) is not None:
            # A thread must never be destroyed while it runs.
            application.aboutToQuit.connect(self.close)

    @property
    def run(self) -> Run | None:
        """The run that is looked into; it has a checkpoint."""
        return self._run

    @property
    def is_busy(self) -> bool:
        """True while a question is open."""
        return bool(self._newest)

    def set_run(self, run: Run | None) -> None:
        """Look into another run, or nothing; a run without a checkpoint is nothing."""
        run = run if run is not None and run.checkpoint is not None else None
        if run is not self._run:
            self._run = run
            self.run_changed.emit()

    def ask(
        self,
        key: str,
        work: Work,
        then: Callable[[Any], None],
        otherwise: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        """Do `work` on the run's network in the background, then call `then` with its result.

        A newer question with the same key takes the place of an older one, whose answer never comes. `otherwise`
        gets a sentence when there is no answer. Nothing happens while there is no run.
        """
        if self._run is None:
            return
        if self._thread is None:
            self._thread = InspectionThread(self._model)
            self._thread.answered.connect(self._answer)
            self._thread.start()
        job = self._newest[key] = Job(key, self._run, work, then, otherwise)
        self._thread.put(job)

    def cancel(self, key: str) -> None:
        """Give up the question of that key; its answer never comes."""
        self._newest.pop(key, None)
        if self._thread is not None:
            self._thread.cancel(key)

    def close(self) -> None:
        """Give up everything and wait for the thread; a later question starts another."""
        self._newest.clear()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.end()
            thread.wait()

    def _answer(self, job: Job, result: Any, sentence: str) -> None:
        # It may have been given up while the answer was on its way.
        if self._newest.get(job.key) is not job:
            return
        del self._newest[job.key]
        if sentence:
            job.otherwise(sentence)
        else:
            job.then(result)
        if not self._newest:
            self.rested.emit()
