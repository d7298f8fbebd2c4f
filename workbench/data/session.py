"""Long work on data in threads of its own, told of by signals in the thread of the window."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, QThread, Signal

from engine.api import DataError, DataProgress, DataStoppedError, GaborError

_LOG = logging.getLogger(__name__)
_TOLD_EVERY = 0.1

Report = Callable[[DataProgress], None]
Cancelled = Callable[[], bool]
Work = Callable[[Report, Cancelled], Any]
"""Does something with data; reports how far it is and asks now and then whether it is still wanted."""
Otherwise = Callable[[GaborError], None]


class DataTask(QThread):
    """One piece of work; ends with `done` or `failed`, or with neither when it was cancelled."""

    progressed = Signal(object, object)
    """This task and a DataProgress, at most ten times a second and whenever another thing is worked on."""
    done = Signal(object, object)
    """This task and its result."""
    failed = Signal(object, object)
    """This task and a GaborError."""

    def __init__(self, key: str, work: Work, then: Callable[[Any], None], otherwise: Otherwise) -> None:
        super().__init__()
        self.key = key
        self.then, self.otherwise = then, otherwise
        self._work = work
        self._cancelled = threading.Event()
        self._told = 0.0
        self._told_what = ""

    def cancel(self) -> None:
        """Its result is not wanted any more; it ends as soon as it asks."""
        self._cancelled.set()

    def run(self) -> None:
        """Do the work."""
        try:
            result = self._work(self._report, self._cancelled.is_set)
        except DataStoppedError:
            return
        except GaborError as error:
            self.failed.emit(self, error)
        except MemoryError:
            self.failed.emit(
                self, DataError("There is not enough memory for these images: choose a smaller size.")
            )
        except Exception:  # the last resort: a sentence instead of a thread that dies in silence
            _LOG.exception("Work on data failed")
            self.failed.emit(
                self, DataError("Working on the data failed in a way that it should not; the log tells more.")
            )
        else:
            self.done.emit(self, result)

    def _report(self, progress: DataProgress) -> None:
        now = time.monotonic()
        is_other = progress.what != self._told_what
        if now - self._told >= _TOLD_EVERY or progress.done >= progress.total or is_other:
            self._told, self._told_what = now, progress.what
            self.progressed.emit(self, progress)


class DataSession(QObject):
    """Runs tasks by key: a newer one takes the place of an older one, whose result never comes."""

    progressed = Signal(str, object)
    """Key of a task and its DataProgress."""
    busy_changed = Signal(str, bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._newest: dict[str, DataTask] = {}
        self._running: list[DataTask] = []
        if (application := QCoreApplication.instance()) is not None:
            # A thread must never be destroyed while it runs.
            application.aboutToQuit.connect(self.close)

    def run(self, key: str, work: Work, then: Callable[[Any], None], otherwise: Otherwise) -> None:
        """Do `work` in a thread, then call `then` with its result, or `otherwise` with the error, here."""
        self.cancel(key)
        task = self._newest[key] = DataTask(key, work, then, otherwise)
        self._running.append(task)
        task.progressed.connect(self._tell)
        task.done.connect(self._finish)
        task.failed.connect(self._fail)
        task.finished.connect(self._sweep)
        self.busy_changed.emit(key, True)
        task.start()

    def cancel(self, key: str) -> None:
        """Give up the work of that key."""
        task = self._newest.pop(key, None)
        if task is not None:
            task.cancel()
            self.busy_changed.emit(key, False)

    def is_busy(self, key: str) -> bool:
        """Whether work of that key is under way."""
        return key in self._newest

    def close(self) -> None:
        """Give up everything and wait for the threads."""
        for key in [*self._newest]:
            self.cancel(key)
        for task in self._running:
            task.wait()
        self._running.clear()

    def _tell(self, task: DataTask, progress: DataProgress) -> None:
        if self._newest.get(task.key) is task:
            self.progressed.emit(task.key, progress)

    def _finish(self, task: DataTask, result: object) -> None:
        if self._is_wanted(task):
            task.then(result)

    def _fail(self, task: DataTask, error: GaborError) -> None:
        if self._is_wanted(task):
            task.otherwise(error)

    def _is_wanted(self, task: DataTask) -> bool:
        # It may have been given up while its answer was on the way.
        if self._newest.get(task.key) is not task:
            return False
        del self._newest[task.key]
        self.busy_changed.emit(task.key, False)
        return True

    def _sweep(self) -> None:
        self._running = [task for task in self._running if not task.isFinished()]
