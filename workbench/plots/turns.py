"""Views that want to be drawn take turns, so that the event loop never waits for more than one of them."""

from collections import deque
from collections.abc import Callable
from functools import cache

import shiboken6
from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QWidget

_GAP_MS = 4
"""Between two turns, so that clicks and keys come in between."""


class _Turns(QObject):
    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[tuple[QWidget, Callable[[], None]]] = deque()
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._next)

    def add(self, view: QWidget, draw: Callable[[], None]) -> None:
        self._waiting.append((view, draw))
        if not self._timer.isActive():
            self._timer.start(0)

    def _next(self) -> None:
        while self._waiting:
            view, draw = self._waiting.popleft()
            if shiboken6.isValid(view):
                draw()
                break
        if self._waiting:
            self._timer.start(_GAP_MS)


@cache
def _turns() -> _Turns:
    return _Turns()


def take_turn(view: QWidget, draw: Callable[[], None]) -> None:
    """Call `draw` in one of the next rounds of the event loop, in which no other view is drawn.

    Only in the thread of the window. Nothing happens where the view is gone by then.
    """
    _turns().add(view, draw)
