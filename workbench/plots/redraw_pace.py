"""Spaces out the redraws of a view that is told of more than can be seen."""

from collections.abc import Callable

from PySide6.QtCore import QElapsedTimer, QTimer
from PySide6.QtWidgets import QWidget

from workbench.plots.turns import take_turn

_LONG_AGO = 1_000_000


class RedrawPace:
    """Calls `draw` at most `max_rate` times a second, while the view is seen and something was asked for."""

    def __init__(self, view: QWidget, draw: Callable[[], None], max_rate: float) -> None:
        self.max_rate = max_rate
        self.redraws = 0
        """How often the view has been drawn anew."""
        self._view = view
        self._draw = draw
        self._is_stale = True
        self._since = QElapsedTimer()
        self._timer = QTimer(view, singleShot=True)
        self._timer.timeout.connect(lambda: take_turn(view, self._draw_if_stale))

    def ask(self) -> None:
        """Draw as soon as the rate allows; a hidden view when it is seen again."""
        self._is_stale = True
        if not self._view.isVisible() or self._timer.isActive():
            return
        passed = self._since.elapsed() if self._since.isValid() else _LONG_AGO
        self._timer.start(max(0, round(1000 / self.max_rate) - passed))

    def catch_up(self) -> None:
        """The view is seen again: draw what was asked for meanwhile."""
        if self._is_stale:
            self.ask()

    def drawn(self) -> None:
        """The view shows all that it was told."""
        self._is_stale = False
        self.redraws += 1
        self._since.start()

    def _draw_if_stale(self) -> None:
        if self._is_stale and self._view.isVisible():
            self._draw()
