"""A connection on the canvas: a smooth curve that carries the shape of what flows there."""

import itertools
import math

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPainterPathStroker, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyle, QStyleOptionGraphicsItem, QWidget

from engine.api import Edge
from workbench.canvas.ink import Ink
from workbench.canvas.lettering import FARTHER_ZOOM
from workbench.canvas.provenance import number_at

LABEL_ZOOM = FARTHER_ZOOM
"""Below this zoom connections carry no text: the shapes stand in the nodes."""
_LEAD = 19.0
"""How far a connection to a node above leaves its port before it turns."""
_CORNER = 12.0
_ASIDE = 6.0
"""Empty ground at both sides of a text."""


def leads_down(start: QPointF, end: QPointF) -> bool:
    """True when a simple curve joins the two; else the way goes round."""
    return end.y() - start.y() >= 16


def route(start: QPointF, end: QPointF, gutter: float | None = None) -> QPainterPath:
    """The way from an output down to an input; with `gutter`, or to an input above, it goes round at that x."""
    path = QPainterPath(start)
    drop = end.y() - start.y()
    if leads_down(start, end) and gutter is None:
        reach = max(drop / 2, min(drop * 0.85, abs(end.x() - start.x()) / 3))
        path.cubicTo(start + QPointF(0, reach), end - QPointF(0, reach), end)
        return path
    side = (start.x() + end.x()) / 2 if gutter is None else gutter
    _rounded(path, [QPointF(start.x(), start.y() + _LEAD), QPointF(side, start.y() + _LEAD),
                    QPointF(side, end.y() - _LEAD), QPointF(end.x(), end.y() - _LEAD), end])  # fmt: skip
    return path


def _rounded(path: QPainterPath, points: list[QPointF]) -> None:
    """Go on along straight lines through the points, with rounded corners."""
    for corner, after in itertools.pairwise(points):
        before = path.currentPosition()
        way_in, way_out = corner - before, after - corner
        length_in, length_out = _length(way_in), _length(way_out)
        radius = min(_CORNER, length_in / 2 + 1e-9, length_out / 2)
        if length_in > 0 and length_out > 0:
            path.lineTo(corner - way_in * (radius / length_in))
            path.quadTo(corner, corner + way_out * (radius / length_out))
    path.lineTo(points[-1])


def _length(way: QPointF) -> float:
    return math.hypot(way.x(), way.y())


class EdgeItem(QGraphicsItem):
    """Shows an `Edge` between two points, with a text in its middle."""

    def __init__(self, edge: Edge, ink: Ink) -> None:
        super().__init__()
        self.edge = edge
        self.text = ""
        self.ghost: str | None = None
        """The shape that would flow here by a design that is only tried; "" when it would not fit, None for none."""
        self._ink = ink
        self._accused = False
        self._marked = False
        self._path = QPainterPath()
        self._stroke = QPainterPath()
        self._labels = (QRectF(), QRectF())
        """The text's place near by and far out."""
        self._is_far = False
        """Which of them it had when it was painted the last time."""
        self._is_aside = False
        """Whether it leads elsewhere than straight down: between columns of nodes there is less room for a text."""
        self._middle = QPointF()
        self._bounds = QRectF()
        self._has_label = True
        """Whether the zoom let its text be drawn the last time."""
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemIsSelectable)

    @property
    def path(self) -> QPainterPath:
        """The curve, in scene coordinates."""
        return self._path

    def set_ends(self, start: QPointF, end: QPointF, gutter: float | None = None) -> None:
        """Lead from an output at `start` to an input at `end`, past other nodes at x = `gutter`."""
        self.prepareGeometryChange()
        self._path = route(start, end, gutter)
        self._is_aside = abs(end.x() - start.x()) > 1 or not leads_down(start, end) or gutter is not None
        stroker = QPainterPathStroker()
        stroker.setWidth(14)
        self._stroke = stroker.createStroke(self._path)
        self._middle = self._path.pointAtPercent(0.5) if not self._path.isEmpty() else QPointF()
        self._measure()
        self.update()

    def set_text(self, text: str) -> None:
        """Show the shape that flows here; "" when it is not known, which draws the curve dashed."""
        if text != self.text:
            wider = self._widths(text) > self._widths(self.text)
            if wider:
                self.prepareGeometryChange()
            # Where no text is drawn, only whether there is one can be seen: by dashes.
            seen = self._has_label or bool(text) != bool(self.text)
            self.text = text
            self._measure(keep_bounds=not wider)
            if seen:
                self.update()

    def set_ghost(self, text: str | None) -> None:
        """Show the shape of a design that is only tried in place of what holds now; None ends that."""
        if text != self.ghost:
            self.prepareGeometryChange()
            self.ghost = text
            self._measure()
            self.update()

    @property
    def shown(self) -> str:
        """The text on show."""
        return self.text if self.ghost is None else self.ghost

    def set_ink(self, ink: Ink) -> None:
        """Draw in another theme."""
        self.prepareGeometryChange()
        self._ink = ink
        self._measure()
        self.update()

    def set_accused(self, accused: bool) -> None:
        """Light up as part of a cycle that a wire would close."""
        if accused != self._accused:
            self._accused = accused
            self.update()

    def set_marked(self, marked: bool) -> None:
        """Light up as the place where a dragged node would be inserted."""
        if marked != self._marked:
            self._marked = marked
            self.update()

    @property
    def marked(self) -> bool:
        """True while a dragged node would be inserted here."""
        return self._marked

    def number_at(self, place: QPointF) -> int | None:
        """Which number of the shape lies at a place of the scene."""
        label = self._labels[self._is_far]
        if not self.text or self.ghost is not None or not label.contains(place):
            return None
        letters = self._ink.far if self._is_far else self._ink.near
        return number_at(self.text, letters.label_metrics(self._is_aside), place.x() - label.left() - _ASIDE)

    def _measure(self, *, keep_bounds: bool = False) -> None:
        near, far = self._widths(self.shown) if self.shown else (-2 * _ASIDE, -2 * _ASIDE)
        self._labels = self._around(near, 17.0), self._around(far, 20.0)
        if not keep_bounds:
            self._bounds = self._path.controlPointRect().united(self._labels[1]).adjusted(-8, -8, 8, 8)

    def _widths(self, text: str) -> tuple[float, float]:
        return self._ink.label_widths(text, aside=self._is_aside)

    def _around(self, text_width: float, height: float) -> QRectF:
        width = text_width + 2 * _ASIDE
        return QRectF(self._middle.x() - width / 2, self._middle.y() - height / 2, width, height)

    def boundingRect(self) -> QRectF:
        """The curve and its text."""
        return self._bounds

    def shape(self) -> QPainterPath:
        """A band along the curve, wide enough to hit."""
        return self._stroke

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Draw the curve; the text only where it can be read."""
        ink = self._ink
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        pen = ink.wire if self.shown else ink.wire_waiting
        if selected or self._marked:
            pen = ink.wire_selected
        if self._accused:
            pen = ink.wire_problem
        zoom = option.levelOfDetailFromTransform(painter.worldTransform())
        if zoom < LABEL_ZOOM:
            # Far out a line must not fade away.
            pen = QPen(pen)
            pen.setWidthF(max(pen.widthF(), 1.1 / zoom))
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(self._path)
        self._has_label = zoom >= LABEL_ZOOM
        if not self.shown or not self._has_label:
            return
        letters = ink.lettering(zoom)
        self._is_far = letters is ink.far
        label = self._labels[self._is_far]
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink.background)
        painter.drawRoundedRect(label, 6, 6)
        painter.setPen(ink.accent if selected or self.ghost is not None else ink.muted)
        painter.setFont(letters.aside if self._is_aside else letters.label)
        painter.drawText(label, Qt.AlignmentFlag.AlignCenter, self.shown)
