"""Class probabilities as bars, the true class marked."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from workbench.plots.export import ValueTable, offer_export, table_of
from workbench.plots.matrix_canvas import percent
from workbench.plots.picture import Twin
from workbench.plots.plot_controls import fill_with_surface
from workbench.theme import Theme

_LONGEST_NAME = 72


class ProbabilityBars(QWidget):
    """A bar and a number for each class; a tick stands at the true class, the greatest bar is in the accent colour.

    A click, or the arrow keys, choose a class.
    """

    chosen = Signal(int)
    """The number of the class that was clicked or walked to."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._names: tuple[str, ...] = ()
        self._values: NDArray[np.float64] = np.zeros(0)
        self._true: int | None = None
        self._chosen: int | None = None
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Class probabilities")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.export = offer_export(self, "Class probabilities")
        self.apply_theme(theme)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        self._theme = theme
        self.setFont(theme.font(theme.font_small))
        self.update()

    def set_probabilities(self, values: ArrayLike, names: Sequence[str], true: int | None = None) -> None:
        """Show probabilities [classes] of named classes; raises ValueError when their numbers differ."""
        shown = np.array(values, np.float64)
        if shown.shape != (len(names),):
            raise ValueError(
                f"{len(names)} names need as many probabilities, got the shape {list(shown.shape)}"
            )
        self._values, self._names, self._true = shown, tuple(names), true
        best = int(shown.argmax()) if len(shown) else 0
        words = f"{self._names[best]} {percent(shown[best])} %" if len(shown) else ""
        truth = f"; true class {self._names[true]}" if true is not None else ""
        self.setAccessibleDescription(words + truth)
        self.update()

    def set_chosen(self, number: int | None) -> None:
        """Mark a class, or none."""
        if number != self._chosen:
            self._chosen = number
            self.update()

    def class_at(self, place: QPointF) -> int | None:
        """The class whose line is under a point."""
        lines = (n for n in range(len(self._names)) if abs(self.bar(n).center().y() - place.y()) <= 8)
        return min(lines, key=lambda n: abs(self.bar(n).center().y() - place.y()), default=None)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the class under the pointer."""
        number = self.class_at(event.position())
        if number is not None and event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit(number)
        else:
            super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Walk through the classes with the arrow keys."""
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()), 0)
        if step and len(self._names):
            at = int(self._values.argmax()) if self._chosen is None else self._chosen
            self.chosen.emit(min(max(at + step, 0), len(self._names) - 1))
        else:
            super().keyPressEvent(event)

    def clear(self) -> None:
        """Show nothing."""
        self.set_probabilities((), ())

    def twin(self, theme: Theme) -> Twin:
        """A copy of what is shown, for pictures."""
        twin = ProbabilityBars(theme)
        fill_with_surface(twin, theme)
        twin.set_probabilities(self._values, self._names, self._true)
        return Twin(twin, twin.update)

    def values(self) -> ValueTable:
        """A row for each class."""
        return table_of(("class", "probability"), zip(self._names, self._values.tolist(), strict=True))

    @property
    def shown(self) -> NDArray[np.float64]:
        """The probabilities on show."""
        return self._values

    def bar(self, number: int) -> QRectF:
        """The rectangle of a class's bar."""
        line = self.height() / max(len(self._names), 1)
        line = min(line, self.fontMetrics().height() + 8.0)
        left, right = self._edges()
        thick = max(min(line - 4, 10.0), 2.0)
        return QRectF(left, number * line + (line - thick) / 2, (right - left) * self._values[number], thick)

    def _edges(self) -> tuple[float, float]:
        metrics = self.fontMetrics()
        names = max((metrics.horizontalAdvance(name) for name in self._names), default=0)
        left = min(names, _LONGEST_NAME) + 8.0 + metrics.horizontalAdvance("✓")
        return left, max(self.width() - metrics.horizontalAdvance("100.0 %") - 6.0, left + 8)

    def sizeHint(self) -> QSize:
        """A line for each of ten classes."""
        return QSize(150, 10 * (self.fontMetrics().height() + 2))

    def minimumSizeHint(self) -> QSize:
        """Bars may become thin, but names are read."""
        return QSize(120, 80)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Names, bars and numbers."""
        painter = QPainter(self)
        theme, metrics = self._theme, self.fontMetrics()
        left, right = self._edges()
        best = int(self._values.argmax()) if len(self._values) else -1
        middle = Qt.AlignmentFlag.AlignVCenter
        for number, name in enumerate(self._names):
            bar = self.bar(number)
            line = QRectF(0, bar.center().y() - metrics.height() / 2, self.width(), metrics.height())
            painter.fillRect(QRectF(left, bar.top(), right - left, bar.height()), QColor(theme.raised))
            painter.fillRect(bar, QColor(theme.accent if number == best else theme.muted_text))
            if number == self._chosen:
                painter.setPen(QPen(QColor(theme.text), 1))
                painter.drawRect(
                    QRectF(left, bar.top(), right - left, bar.height()).adjusted(-1.5, -1.5, 1.5, 1.5)
                )
            emphasised = number in (best, self._true)
            painter.setPen(QColor(theme.text if emphasised else theme.muted_text))
            text = metrics.elidedText(name, Qt.TextElideMode.ElideRight, _LONGEST_NAME)
            painter.drawText(line, Qt.AlignmentFlag.AlignLeft | middle, text)
            painter.drawText(line, Qt.AlignmentFlag.AlignRight | middle, f"{percent(self._values[number])} %")
            if number == self._true:
                painter.setPen(QColor(theme.success))
                tick = QRectF(line.left(), line.top(), left - 3, line.height())
                painter.drawText(tick, Qt.AlignmentFlag.AlignRight | middle, "✓")
        painter.end()
