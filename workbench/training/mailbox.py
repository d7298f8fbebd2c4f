"""Carries events from the thread that trains to the one that draws; merges what came between two looks. No Qt."""

from dataclasses import fields, replace
from threading import Lock
from typing import Any

import numpy as np

from engine.api import Evaluating, Event, RunEnded, RunStarted, StepsDone

_Slot = list[Event]
_PER_STEP = tuple(field.name for field in fields(StepsDone) if field.type is np.ndarray)


class Mailbox:
    """A thread-safe box that merges what came in since it was last looked into.

    The step blocks of a run become one block; of its reports on a look at the data, the newest is kept. Everything
    else comes out as it went in, and after the steps that it tells of.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._slots: list[_Slot] = []
        self._open: dict[tuple[str, type[Event]], _Slot] = {}

    def put(self, event: Event) -> None:
        """Take an event in."""
        with self._lock:
            if isinstance(event, RunStarted | RunEnded):
                # A run that goes on may repeat steps: what came before must not run together with them.
                self._open = {key: slot for key, slot in self._open.items() if key[0] != event.run}
            mergeable = isinstance(event, StepsDone | Evaluating)
            key = (event.run, type(event))
            if mergeable and key in self._open:
                self._open[key].append(event)
                return
            slot = [event]
            self._slots.append(slot)
            if mergeable:
                self._open[key] = slot

    def drain(self) -> tuple[Event, ...]:
        """Everything since the last drain, merged; () when nothing came."""
        with self._lock:
            slots, self._slots, self._open = self._slots, [], {}
        return tuple(_merged(slot) for slot in slots)


def _merged(slot: _Slot) -> Event:
    last = slot[-1]
    if len(slot) == 1 or isinstance(last, Evaluating):
        return last
    assert isinstance(last, StepsDone)
    blocks = [event for event in slot if isinstance(event, StepsDone)]
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(block, name) for block in blocks]) for name in _PER_STEP
    }
    return replace(last, first_step=blocks[0].first_step, **joined)
