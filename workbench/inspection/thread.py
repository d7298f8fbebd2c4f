"""The thread that looks into networks: does the newest job of each kind, one after the other."""

import logging
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QThread, Signal

from engine.api import GaborError, Run, TrainedNetwork
from workbench.inspection.model import InspectedModel

_LOG = logging.getLogger(__name__)

Stopped = Callable[[], bool]
Work = Callable[[TrainedNetwork, Stopped], Any]
"""Computes something of a network; asks now and then whether it is still wanted."""


@dataclass(eq=False)
class Job:
    """Something to find out about a run. `key` is its kind: a newer job of a kind takes the place of an older one."""

    key: str
    run: Run
    work: Work
    then: Callable[[Any], None]
    """Called in the thread of the window with the result."""
    otherwise: Callable[[str], None]
    """Called there with a sentence when it cannot be found out."""
    cancelled: threading.Event = field(default_factory=threading.Event)


class InspectionThread(QThread):
    """Works off jobs until `end`; each answer goes out as (job, result, sentence about a failure)."""

    answered = Signal(object, object, str)

    def __init__(self, model: InspectedModel) -> None:
        super().__init__()
        self._model = model
        self._wake = threading.Condition()
        self._waiting: dict[str, Job] = {}
        self._current: Job | None = None
        self._ending = False

    def put(self, job: Job) -> None:
        """Do a job; one of the same kind that waits or is under way is given up."""
        with self._wake:
            self._give_up(job.key)
            self._waiting[job.key] = job
            self._wake.notify()

    def cancel(self, key: str) -> None:
        """Give up the job of a kind."""
        with self._wake:
            self._give_up(key)

    def end(self) -> None:
        """Give up everything; the thread ends soon afterwards."""
        with self._wake:
            for key in [*self._waiting, *([self._current.key] if self._current else [])]:
                self._give_up(key)
            self._ending = True
            self._wake.notify()

    def _give_up(self, key: str) -> None:
        waiting = self._waiting.pop(key, None)
        for job in (waiting, self._current):
            if job is not None and job.key == key:
                job.cancelled.set()

    def run(self) -> None:
        """Do jobs as they come, the oldest first."""
        give_way()
        while True:
            with self._wake:
                self._current = None
                self._wake.wait_for(lambda: self._ending or self._waiting)
                if self._ending:
                    return
                job = self._current = self._waiting.pop(next(iter(self._waiting)))
            self.answered.emit(job, *self._do(job))

    def _do(self, job: Job) -> tuple[Any, str]:
        try:
            return job.work(self._model.network(job.run), job.cancelled.is_set), ""
        except GaborError as error:
            return None, str(error)
        except MemoryError:
            return None, "The memory of this computer is full: the network could not be looked into."
        except Exception:
            _LOG.exception("looking into a network ended by an unexpected error")
            return None, "Looking into the network failed inside Gabor. The log file (Help menu) tells more."


def give_way() -> None:
    """Let drawing and training go first (Linux: niceness is per thread)."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
