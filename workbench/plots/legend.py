"""The row above a plot that names its curves, shows how each is drawn, and reads values."""

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPaintEvent, QPen, QPolygonF, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from workbench.theme import Theme

SWATCH = 26.0
GAP = 18.0


@dataclass(frozen=True)
class CurveStyle:
    """How a curve is drawn: a colour token of the theme, a marker (circle, diamond or none), a line or not.

    Curves of one plot differ in marker or line as well as in colour.
    """

    color: str = "training"
    marker: str = ""
    line: bool = True


DISTINCT_STYLES = tuple(
    CurveStyle(color, marker)
    for marker in ("", "circle", "diamond")
    for color in ("training", "validation", "test", "problem", "muted_text")
)
"""For curves of one kind: colours, then markers as well, so that no two of the first fifteen look alike."""


@dataclass(frozen=True)
class LegendEntry:
    """A curve's name, style and value in words."""

    name: str
    style: CurveStyle
    value: str


class Legend(QWidget):
    """Entries in a row, wrapped when narrow; at the right where the values were read."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._entries: tuple[LegendEntry, ...] = ()
        self._place = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.apply_theme(theme)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        self._theme = theme
        self.setFont(theme.font(theme.font_small))
        self._arrange()
        self.update()

    def set_entries(self, entries: tuple[LegendEntry, ...], place: str = "") -> None:
        """Show these entries, and `place` ("step 1,240") at the right."""
        if (entries, place) == (self._entries, self._place):
            return
        self._entries, self._place = entries, place
        self.setAccessibleName("Legend")
        read = ", ".join(f"{entry.name} {entry.value}".strip() for entry in entries)
        self.setAccessibleDescription(f"{read} at {place}" if place else read)
        self._arrange()
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Wrap anew."""
        super().resizeEvent(event)
        self._arrange()

    def _row_height(self) -> float:
        return QFontMetricsF(self.font()).height() + 6

    def _positions(self) -> list[QRectF]:
        metrics = QFontMetricsF(self.font())
        row = self._row_height()
        x = y = 0.0
        places: list[QRectF] = []
        available = self.width() - (metrics.horizontalAdvance(self._place) + GAP if self._place else 0)
        for entry in self._entries:
            # Room for a whole number, so that neighbours stand still while values change.
            value = max(metrics.horizontalAdvance(entry.value), metrics.horizontalAdvance("00.0000"))
            width = SWATCH + 6 + metrics.horizontalAdvance(entry.name) + 7 + (value if entry.value else 0)
            if x and x + width > available:
                x, y = 0.0, y + row
            places.append(QRectF(x, y, width, row))
            x += width + GAP
        return places

    def _arrange(self) -> None:
        places = self._positions()
        height = round(places[-1].bottom() if places else self._row_height())
        if height != self.height() or self.minimumHeight() != height:
            self.setFixedHeight(height)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw swatches, names and values."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = QFontMetricsF(self.font())
        middle_left = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        for entry, place in zip(self._entries, self._positions(), strict=True):
            swatch = QRectF(place.left(), place.top(), SWATCH, place.height())
            draw_swatch(painter, self._theme, entry.style, swatch)
            text = place.adjusted(SWATCH + 6, 0, 20, 0)
            painter.setPen(QColor(self._theme.muted_text))
            painter.drawText(text, middle_left, entry.name)
            painter.setPen(QColor(self._theme.text))
            painter.drawText(
                text.adjusted(metrics.horizontalAdvance(entry.name) + 7, 0, 0, 0), middle_left, entry.value
            )
        painter.setPen(QColor(self._theme.muted_text))
        first_row = QRectF(0, 0, self.width(), self._row_height())
        painter.drawText(first_row, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, self._place)
        painter.end()


def draw_swatch(painter: QPainter, theme: Theme, style: CurveStyle, place: QRectF) -> None:
    """A short piece of the curve, with its marker."""
    color = QColor(getattr(theme, style.color))
    middle = place.center()
    painter.setPen(QPen(color, 2.0))
    if style.line:
        painter.drawLine(QPointF(place.left(), middle.y()), QPointF(place.right(), middle.y()))
    painter.setBrush(QBrush(QColor(theme.surface) if style.line else color))
    if style.marker == "circle":
        painter.drawEllipse(middle, 3.6, 3.6)
    elif style.marker == "diamond":
        corners = [QPointF(0, -5), QPointF(5, 0), QPointF(0, 5), QPointF(-5, 0)]
        painter.drawPolygon(QPolygonF([middle + corner for corner in corners]))
    painter.setBrush(Qt.BrushStyle.NoBrush)
