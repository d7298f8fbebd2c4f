"""How many examples each class has in each part of the data: the thesis's figures 3.4 and 3.6."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from workbench.plots.export import ValueTable, offer_export, table_of
from workbench.plots.picture import Twin
from workbench.plots.plot_controls import fill_with_surface
from workbench.theme import Theme

LONGEST_NAME = 110.0
GAP = 16.0
MOST_HEIGHT = 1600
_COLORS = ("training", "validation", "test")


class ClassHistogram(QWidget):
    """A line for each class, a column of bars with its own scale for each part; the pointer reads a class."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._names: tuple[str, ...] = ()
        self._parts: dict[str, NDArray[np.int64]] = {}
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Examples of each class")
        self.export = offer_export(self, "Examples of each class")
        self.apply_theme(theme)

    def set_histograms(self, parts: Mapping[str, ArrayLike], names: Sequence[str]) -> None:
        """Show counts [classes] for each named part; ValueError when counts and names differ in number."""
        counts = {part: np.asarray(values, np.int64) for part, values in parts.items()}
        for part, values in counts.items():
            if values.shape != (len(names),):
                raise ValueError(f"{len(names)} classes need as many counts, {part} has {list(values.shape)}")
        self._parts, self._names = counts, tuple(names)
        totals = (f"{part.lower()} {int(values.sum()):,}" for part, values in counts.items())
        self.setAccessibleDescription(f"{len(names)} classes; images: " + ", ".join(totals))
        self.updateGeometry()
        self.update()

    def clear(self) -> None:
        """Show nothing."""
        self.set_histograms({}, ())

    @property
    def shown(self) -> dict[str, NDArray[np.int64]]:
        """The counts on show, by part."""
        return self._parts

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        self._theme = theme
        fill_with_surface(self, theme)
        self.setFont(theme.font(theme.font_small))
        self.update()

    def twin(self, theme: Theme) -> Twin:
        """A copy of what is shown, for pictures."""
        twin = ClassHistogram(theme)
        twin.set_histograms(self._parts, self._names)
        return Twin(twin, twin.update)

    def values(self) -> ValueTable:
        """A row for each class, a column of counts for each part."""
        columns = [counts.tolist() for counts in self._parts.values()]
        return table_of(("class", *self._parts), zip(self._names, *columns, strict=True))

    # Layout

    def sizeHint(self) -> QSize:
        """A readable line for each class."""
        line = self.fontMetrics().height()
        # Lines of very many classes become thin; the pointer still reads each.
        each = min(line + 5.0, max(MOST_HEIGHT / max(len(self._names), 1), 1.0))
        return QSize(320, round(2 * line + 8 + len(self._names) * each + 4))

    def minimumSizeHint(self) -> QSize:
        """As high as the lines need; a scroll area around it scrolls."""
        return QSize(220, self.sizeHint().height())

    def _columns(self) -> tuple[float, float, float]:
        """Left edge of the first column, its width, and the room for its numbers."""
        metrics = self.fontMetrics()
        longest = max((float(metrics.horizontalAdvance(name)) for name in self._names), default=0.0)
        left = 10.0 + min(longest, LONGEST_NAME) + 10.0
        count = max(len(self._parts), 1)
        width = (self.width() - left - 10.0 - (count - 1) * GAP) / count
        most = max((int(values.max(initial=0)) for values in self._parts.values()), default=0)
        return left, max(width, 10.0), metrics.horizontalAdvance(f"{most:,}") + 6.0

    def _line(self, number: int) -> QRectF:
        head = 2 * self.fontMetrics().height() + 8.0
        line = (self.height() - head - 4.0) / max(len(self._names), 1)
        return QRectF(0, head + number * line, self.width(), line)

    def bar(self, part: str, number: int) -> QRectF:
        """The rectangle of a class's bar in a part."""
        left, width, numbers = self._columns()
        values = self._parts[part]
        place = list(self._parts).index(part)
        line = self._line(number)
        room = max(width - numbers, 4.0)
        share = float(values[number]) / max(int(values.max(initial=0)), 1)
        thick = min(max(line.height() - 5.0, 2.0), 14.0)
        return QRectF(left + place * (width + GAP), line.center().y() - thick / 2, room * share, thick)

    # Painting and reading

    def paintEvent(self, event: QPaintEvent) -> None:
        """Names, bars and numbers."""
        painter = QPainter(self)
        theme, metrics = self._theme, self.fontMetrics()
        left, width, _ = self._columns()
        painter.setPen(QColor(theme.muted_text))
        for place, (part, values) in enumerate(self._parts.items()):
            head = QRectF(left + place * (width + GAP), 0, width, 2 * metrics.height())
            text = f"{part}\n{int(values.sum()):,}"
            painter.drawText(head, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, text)
        for number, name in enumerate(self._names):
            self._paint_line(painter, number, name)
        painter.end()

    def _paint_line(self, painter: QPainter, number: int, name: str) -> None:
        theme, metrics, line = self._theme, self.fontMetrics(), self._line(number)
        left, _, _ = self._columns()
        middle = Qt.AlignmentFlag.AlignVCenter
        readable = line.height() >= metrics.height() - 2
        if readable:
            painter.setPen(QColor(theme.text))
            place = QRectF(10, line.top(), left - 20, line.height())
            text = metrics.elidedText(name, Qt.TextElideMode.ElideRight, int(left - 20))
            painter.drawText(place, Qt.AlignmentFlag.AlignRight | middle, text)
        for color, (part, values) in zip(cycle(_COLORS), self._parts.items(), strict=False):
            bar = self.bar(part, number)
            painter.fillRect(bar, QColor(getattr(theme, color)))
            if readable:
                painter.setPen(QColor(theme.muted_text))
                beside = QRectF(bar.right() + 5, line.top(), 80, line.height())
                painter.drawText(beside, Qt.AlignmentFlag.AlignLeft | middle, f"{int(values[number]):,}")

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Read the class under the pointer."""
        self.setToolTip(self.reading(event.position().y()))

    def leaveEvent(self, event: QEvent) -> None:
        """Read none."""
        self.setToolTip("")

    def reading(self, height: float) -> str:
        """The class at a height of the widget in words, "" beside the lines."""
        for number, name in enumerate(self._names):
            line = self._line(number)
            if line.top() <= height < line.bottom():
                counts = (f"{part.lower()} {int(values[number]):,}" for part, values in self._parts.items())
                return f"{name}: " + ", ".join(counts)
        return ""
