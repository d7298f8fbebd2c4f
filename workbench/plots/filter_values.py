"""One filter, channel by channel, with its values where there is room for numbers."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from workbench.plots.export import ValueTable, offer_export, table_of
from workbench.plots.filter_tiles import MID_GREY
from workbench.plots.picture import Twin
from workbench.plots.plot_controls import fill_with_surface
from workbench.theme import Theme

_GAP = 6
_LARGEST = 38.0
_WITH_TEXT = 27.0
"""Pixels of a weight from which on its number is written into it."""


class FilterValues(QWidget):
    """Channels of a filter [C, h, w] side by side in grey, all scaled together; the pointer reads a weight."""

    read = Signal(str)
    """The weight under the pointer in words; "" when there is none."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._values: NDArray[np.float64] = np.zeros((0, 1, 1))
        self.setMouseTracking(True)
        self.setMinimumSize(120, 90)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Values of the filter")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.export = offer_export(self, "Filter")
        self.apply_theme(theme)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        self._theme = theme
        self.setFont(theme.font(theme.font_small))
        self.update()

    def set_values(self, weights: ArrayLike) -> None:
        """Show a filter [C, h, w]."""
        self._values = np.array(weights, np.float64)
        self.update()

    @property
    def weights(self) -> NDArray[np.float64]:
        """The filter on show."""
        return self._values

    def twin(self, theme: Theme) -> Twin:
        """A copy of what is shown, for pictures."""
        twin = FilterValues(theme)
        fill_with_surface(twin, theme)
        twin.set_values(self._values)
        return Twin(twin, twin.update)

    def values(self) -> ValueTable:
        """The weights, a row for each channel and row of the filter."""
        channels, height, width = self._values.shape
        header = ("channel", "row", *(f"column {column + 1}" for column in range(width)))
        places = [(channel + 1, row + 1) for channel in range(channels) for row in range(height)]
        lines = self._values.reshape(-1, width).tolist()
        return table_of(header, [(*place, *line) for place, line in zip(places, lines, strict=True)])

    def sizeHint(self) -> QSize:
        """Room for a filter of 5×5 with its numbers."""
        return QSize(200, 200)

    def _layout(self) -> tuple[int, float]:
        """Channels in a row, and pixels of a weight: as large as there is room."""
        channels, height, width = self._values.shape
        best = (1, 0.0)
        for columns in range(1, channels + 1):
            rows = -(-channels // columns)
            across = (self.width() - (columns - 1) * _GAP) / (columns * width)
            down = (self.height() - (rows - 1) * _GAP) / (rows * height)
            cell = min(across, down, _LARGEST)
            best = max(best, (columns, cell), key=lambda found: found[1])
        columns, cell = best
        return columns, max(float(int(cell)), 1.0)

    def cell(self, channel: int, row: int, column: int) -> QRectF:
        """Where a weight stands."""
        columns, side = self._layout()
        _, height, width = self._values.shape
        left = channel % columns * (width * side + _GAP) + column * side
        top = channel // columns * (height * side + _GAP) + row * side
        return QRectF(left, top, side, side)

    def describe(self, at: QPointF) -> str:
        """The weight at a point in words."""
        channels, height, width = self._values.shape
        columns, side = self._layout()
        across, down = width * side + _GAP, height * side + _GAP
        channel = int(at.y() // down) * columns + int(at.x() // across)
        row, column = int(at.y() % down // side), int(at.x() % across // side)
        inside = 0 <= at.x() < columns * across and at.y() >= 0 and row < height and column < width
        if not inside or channel >= channels:
            return ""
        value = f"{self._values[channel, row, column]:.4f}".replace("-", "−")
        of = f"channel {channel + 1}, " if channels > 1 else ""
        return f"{of}row {row + 1}, column {column + 1}: {value}".capitalize()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Cells in grey, numbers in them where they are large."""
        if not self._values.size:
            return
        painter = QPainter(self)
        finite = np.nan_to_num(self._values, posinf=0.0, neginf=0.0)
        low, span = float(finite.min()), float(np.ptp(finite))
        levels = np.rint(255 * (finite - low) / span).astype(int) if span else np.full(finite.shape, MID_GREY)
        with_text = self._layout()[1] >= _WITH_TEXT
        painter.setFont(self._theme.font(self._theme.font_small * 0.85))
        for channel, row, column in np.ndindex(self._values.shape):
            place, level = self.cell(channel, row, column), int(levels[channel, row, column])
            painter.fillRect(place, QColor(level, level, level))
            if with_text:
                painter.setPen(QColor("#000000" if level > 110 else "#ffffff"))
                text = f"{self._values[channel, row, column]:.2f}".replace("-", "−").replace("0.", ".", 1)
                painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)
        painter.setPen(QPen(QColor(self._theme.border), 1))
        _, height, width = self._values.shape
        for channel in range(len(self._values)):
            whole = self.cell(channel, 0, 0).united(self.cell(channel, height - 1, width - 1))
            painter.drawRect(whole.adjusted(-0.5, -0.5, 0.5, 0.5))
        painter.end()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Read the weight under the pointer."""
        self.read.emit(self.describe(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        """Read nothing."""
        self.read.emit("")
