"""How often units fire, painted as strips of small cells, one strip for each activation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QSizePolicy, QWidget

from engine.api import Activity, NodeActivity
from workbench.plots.buffer import painted
from workbench.plots.export import ValueTable, offer_export, table_of
from workbench.plots.picture import Twin
from workbench.plots.plot_controls import fill_with_surface
from workbench.theme import Theme, blend

CELL = 9.0
_GAP = 1.0
_BETWEEN = 14.0
Unit = tuple[int, int]
"""Number of the node's strip, number of the unit."""


@dataclass(frozen=True)
class _Strip:
    """One node's place: its title's line, its cells in rows of `columns`, and the unit that stands in each cell."""

    top: float
    cells_top: float
    columns: int
    order: NDArray[np.int64]

    @property
    def bottom(self) -> float:
        """Below the last row of cells."""
        return self.cells_top + -(-len(self.order) // self.columns) * (CELL + _GAP)

    def cell(self, place: int) -> QRectF:
        """The cell at a place in the order."""
        row, column = divmod(place, self.columns)
        step = CELL + _GAP
        return QRectF(column * step, self.cells_top + row * step, CELL, CELL)


class ActivityStrips(QWidget):
    """A cell for each unit, darker the more often it fires; dead units are crossed, saturated ones dotted."""

    chosen_changed = Signal()
    """Another unit, or none, is read by pointer or arrow keys."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._activity: Activity | None = None
        self._is_sorted = False
        self._strips: list[_Strip] = []
        self._chosen: Unit | None = None
        self._cache: QPixmap | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.setAccessibleName("Unit activity")
        self._is_picture = False
        self.export = offer_export(self, "Unit activity")
        self.apply_theme(theme)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        self._theme = theme
        fill_with_surface(self, theme)
        self.setFont(theme.font(theme.font_small))
        self._arrange()

    def set_activity(self, activity: Activity | None) -> None:
        """Show another activity, or none."""
        self._activity = activity
        self._chosen = None
        self._arrange()

    def set_sorted(self, on: bool) -> None:
        """Order the units of each node by how often they fire, or by their number."""
        self._is_sorted = on
        self._chosen = None
        self._arrange()

    def twin(self, theme: Theme) -> Twin:
        """A copy of what is shown, for pictures."""
        twin = ActivityStrips(theme)
        twin._is_picture, twin._is_sorted = True, self._is_sorted
        twin.set_activity(self._activity)
        return Twin(twin, twin.update)

    def values(self) -> ValueTable:
        """A row for each unit: how often it fires (0 to 1), whether it is dead or saturated."""
        nodes = self._activity.nodes if self._activity else ()
        rows = [
            (node.name, unit + 1, float(node.fires[unit]), int(node.dead[unit]), int(node.saturated[unit]))
            for node in nodes
            for unit in range(len(node.fires))
        ]
        return table_of(("node", "unit", "fires", "dead", "saturated"), rows)

    @property
    def chosen(self) -> Unit | None:
        """The unit that is read: (number of its node, number of the unit)."""
        return self._chosen

    def order(self, strip: int) -> NDArray[np.int64]:
        """The units of a node in the order of their cells."""
        return self._strips[strip].order

    def place_of(self, unit: Unit) -> QPointF:
        """The middle of a unit's cell."""
        strip = self._strips[unit[0]]
        return strip.cell(int(np.flatnonzero(strip.order == unit[1])[0])).center()

    def unit_at(self, place: QPointF) -> Unit | None:
        """The unit whose cell is under a point."""
        step = CELL + _GAP
        for number, strip in enumerate(self._strips):
            if strip.cells_top <= place.y() < strip.bottom:
                column, row = int(place.x() // step), int((place.y() - strip.cells_top) // step)
                cell = row * strip.columns + column
                if 0 <= column < strip.columns and cell < len(strip.order):
                    return number, int(strip.order[cell])
        return None

    def choose(self, unit: Unit | None) -> None:
        """Read a unit, or none."""
        if unit != self._chosen:
            self._chosen = unit
            self.chosen_changed.emit()
            self.update()

    # Laying out

    def sizeHint(self) -> QSize:
        """As high as the strips are at this width."""
        return QSize(320, self._height())

    def minimumSizeHint(self) -> QSize:
        """All strips, for a scroll area to scroll."""
        return QSize(120, self._height())

    def _height(self) -> int:
        return int(self._strips[-1].bottom) + 4 if self._strips else 40

    def _arrange(self) -> None:
        line = QFontMetricsF(self.font()).height()
        columns = max(int((self.width() + _GAP) // (CELL + _GAP)), 8)
        top = 0.0
        self._strips = []
        for node in self._activity.nodes if self._activity else ():
            order = np.argsort(-node.fires, kind="stable") if self._is_sorted else np.arange(len(node.fires))
            strip = _Strip(top, top + line + 4, columns, order.astype(np.int64))
            self._strips.append(strip)
            top = strip.bottom + _BETWEEN
        self._cache = None
        if self.minimumHeight() != self._height():
            self.setMinimumHeight(self._height())
        self.update()

    def resizeEvent(self, event: QEvent) -> None:
        """Wrap the strips at another width."""
        self._arrange()

    # Painting and reading

    def paintEvent(self, event: QPaintEvent) -> None:
        """Show the painted strips and the outline of the unit that is read."""
        painter = QPainter(self)
        if self._activity is not None:
            if self._is_picture:
                self._paint(painter)
            else:
                self._cache = self._cache or painted(self, self._theme.surface, self._paint)
                painter.drawPixmap(0, 0, self._cache)
        if self._chosen is not None:
            side = CELL + 2
            outline = QRectF(0, 0, side, side)
            outline.moveCenter(self.place_of(self._chosen))
            painter.setPen(QPen(QColor(self._theme.text), 2))
            painter.drawRect(outline)
        painter.end()

    def _paint(self, painter: QPainter) -> None:
        for node, strip in zip(self._activity.nodes if self._activity else (), self._strips, strict=True):
            self._paint_title(painter, node, strip)
            for place, unit in enumerate(strip.order):
                paint_unit(painter, self._theme, strip.cell(place), node, int(unit))

    def _paint_title(self, painter: QPainter, node: NodeActivity, strip: _Strip) -> None:
        line = QRectF(0, strip.top, self.width(), strip.cells_top - strip.top - 4)
        painter.setFont(self._theme.font(self._theme.font_small, bold=True))
        painter.setPen(QColor(self._theme.text))
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft, node.name)
        painter.setFont(self._theme.font(self._theme.font_small))
        painter.setPen(QColor(self._theme.muted_text))
        painter.drawText(line, Qt.AlignmentFlag.AlignRight, strip_summary(node))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Read the unit under the pointer."""
        self.choose(self.unit_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        """Read no unit."""
        self.choose(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Walk over the cells with the arrow keys, on to the next node at the ends; Esc reads none."""
        key = Qt.Key(event.key())
        steps = {Qt.Key.Key_Right: 1, Qt.Key.Key_Left: -1}
        if self._strips:
            steps |= {Qt.Key.Key_Down: self._strips[0].columns, Qt.Key.Key_Up: -self._strips[0].columns}
        if key in steps and self._strips:
            self.choose(self._stepped(steps[key]))
        elif key == Qt.Key.Key_Escape and self._chosen is not None:
            self.choose(None)
        else:
            super().keyPressEvent(event)

    def _stepped(self, step: int) -> Unit:
        if self._chosen is None:
            return 0, int(self._strips[0].order[0])
        number, unit = self._chosen
        order = self._strips[number].order
        place = int(np.flatnonzero(order == unit)[0]) + step
        if place >= len(order) and number + 1 < len(self._strips):
            number, place = number + 1, 0
        elif place < 0 and number > 0:
            number, place = number - 1, len(self._strips[number - 1].order) - 1
        order = self._strips[number].order
        return number, int(order[min(max(place, 0), len(order) - 1)])


def strip_summary(node: NodeActivity) -> str:
    """`32 channels · 3 dead · 1 saturated`."""
    count = len(node.fires)
    parts = [f"{count:,} {'channel' if node.is_map else 'unit'}{'s' * (count != 1)}"]
    for word, found in (("dead", node.dead.sum()), ("saturated", node.saturated.sum())):
        if found:
            parts.append(f"{int(found):,} {word}")
    return " · ".join(parts)


def paint_unit(painter: QPainter, theme: Theme, cell: QRectF, node: NodeActivity, unit: int) -> None:
    """One cell: its shade says how often, a cross dead, a dot saturated."""
    painter.fillRect(cell, QColor(shade(theme, float(node.fires[unit]))))
    if node.dead[unit]:
        painter.fillRect(cell, QColor(theme.surface))
        painter.setPen(QPen(QColor(theme.problem), 1.4))
        inner = cell.adjusted(2, 2, -2, -2)
        painter.drawLine(inner.topLeft(), inner.bottomRight())
        painter.drawLine(inner.topRight(), inner.bottomLeft())
    elif node.saturated[unit]:
        painter.fillRect(cell, QColor(theme.surface))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.warning))
        painter.drawEllipse(cell.center(), 2.4, 2.4)


def shade(theme: Theme, share: float) -> str:
    """The colour of a unit that fires at this share of places; even rare firing differs from the ground."""
    return blend(theme.surface, theme.accent, 0.1 + 0.9 * min(max(share, 0.0), 1.0))
