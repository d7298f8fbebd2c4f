"""A titled frame around nodes that belong together; folded, it is one box in their place."""

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from engine.api import NODE_HEIGHT, NODE_WIDTH
from workbench.canvas.folding import FoldLook
from workbench.canvas.ink import Ink, draw_mark

TITLE_HEIGHT = 22.0
_MARGIN = 14.0
_LEVEL = 8.0
"""How much an outer frame is larger than a frame in it."""
_LEAST_TITLE = 11.0
"""Pixels on the screen that a title keeps when the view is far away."""


class FrameItem(QGraphicsItem):
    """Paints a frame; only its title bar takes the mouse, so that its inside is like empty canvas."""

    def __init__(self, path: str, ink: Ink) -> None:
        super().__init__()
        self.path = path
        self.members: tuple[str, ...] = ()
        self.fold: FoldLook | None = None
        """What the box shows while the frame is folded, else None."""
        self.is_picked = False
        self._ink = ink
        self._rect = QRectF()
        self.setZValue(-10 + path.count("/"))

    @property
    def title(self) -> str:
        """What the user reads: the last part of the path."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def rect(self) -> QRectF:
        """The frame, in scene coordinates."""
        return QRectF(self._rect)

    def title_bar(self) -> QRectF:
        """The strip that is dragged, in scene coordinates."""
        return QRectF(self._rect.left(), self._rect.top(), self._rect.width(), TITLE_HEIGHT)

    def fold_sign(self) -> QRectF:
        """The sign that folds and unfolds, in scene coordinates."""
        return QRectF(self._rect.left() + 4, self._rect.top() + 2, TITLE_HEIGHT, TITLE_HEIGHT - 2)

    def port_place(self, side: str) -> QPointF:
        """Where connections enter and leave the box of a folded frame, in scene coordinates."""
        y = self._rect.top() if side == "in" else self._rect.bottom()
        return QPointF(self._rect.center().x(), y)

    def enclose(
        self,
        members: tuple[str, ...],
        nodes: QRectF,
        depth: int,
        first: QPointF,
        fold: FoldLook | None = None,
    ) -> None:
        """Stand around what the members cover; `depth` counts the frames inside of this one.

        Folded, it is a box in the place of the first member, whose corner is `first`.
        """
        grown = _MARGIN + depth * _LEVEL
        # The title fits between two rows of a layout, below the node above.
        top = 8 + TITLE_HEIGHT * (depth + 1)
        rect = nodes.adjusted(-grown, -top, grown, grown)
        if fold is not None:
            rect = QRectF(first.x(), first.y(), NODE_WIDTH, NODE_HEIGHT)
        self.members = members
        self.setZValue(1 if fold is not None else -10 + self.path.count("/"))
        self.setToolTip(fold.problem if fold is not None else "")
        if rect != self._rect or fold != self.fold:
            self.prepareGeometryChange()
            self._rect, self.fold = rect, fold
            self.update()

    def set_picked(self, picked: bool) -> None:
        """Show that what is in the folded box is selected."""
        if picked != self.is_picked:
            self.is_picked = picked
            self.update()

    def set_ink(self, ink: Ink) -> None:
        """Draw in another theme."""
        self._ink = ink
        self.update()

    def boundingRect(self) -> QRectF:
        """The frame with its line, and the second sheet of a folded one."""
        return self._rect.adjusted(-4, -22 * _LARGEST, 8, 8)

    def shape(self) -> QPainterPath:
        """The title bar; all of a folded frame."""
        path = QPainterPath()
        path.addRect(self.title_bar() if self.fold is None else self._rect)
        return path

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """A quiet panel with its title, or a box with what goes in and out."""
        zoom = option.levelOfDetailFromTransform(painter.worldTransform())
        if self.fold is not None:
            self._paint_box(painter, self.fold, zoom)
            return
        ink = self._ink
        painter.setPen(ink.outline)
        painter.setBrush(ink.panel)
        painter.drawRoundedRect(self._rect, 10, 10)
        self._paint_sign(painter)
        painter.setPen(ink.muted)
        painter.setFont(ink.heading)
        larger = min(_LEAST_TITLE / (11 * zoom), _LARGEST)
        if larger <= 1.15:
            painter.drawText(self.title_bar().adjusted(28, 3, -12, 0), _RIGHT, self.title)
            return
        # Far out the title keeps its size on the screen and stands on top of the frame.
        painter.translate(self._rect.topLeft())
        painter.scale(larger, larger)
        room = self._rect.width() / larger - 8
        painter.drawText(QPointF(4, -5), ink.heading_metrics.elidedText(self.title, _ELIDE, room))

    def _paint_sign(self, painter: QPainter) -> None:
        """A triangle: down while open, to the right while folded."""
        middle = self.fold_sign().center()
        points = [QPointF(-4, -2), QPointF(4, -2), QPointF(0, 3)] if self.fold is None else [
            QPointF(-2, -4), QPointF(3, 0), QPointF(-2, 4)]  # fmt: skip
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._ink.muted)
        painter.drawPolygon([middle + point for point in points])

    def _paint_box(self, painter: QPainter, fold: FoldLook, zoom: float) -> None:
        ink, rect = self._ink, self._rect
        border = QPen(ink.selected if self.is_picked else ink.failed if fold.problem else ink.outline)
        if zoom < _FAR:
            # Far out a thin grey line would not show at all.
            border.setWidthF(max(border.widthF(), 1.4 / zoom))
            if not (self.is_picked or fold.problem):
                border.setColor(ink.muted)
        painter.setPen(QPen(ink.outline))
        painter.setBrush(ink.raised)
        # The sheets behind it tell that the box holds more than one node.
        for way in (6, 3):
            painter.drawRoundedRect(rect.translated(way, way), 8, 8)
        painter.setPen(border)
        painter.setBrush(ink.surface)
        painter.drawRoundedRect(rect, 8, 8)
        if zoom < _FAR:
            painter.setFont(ink.block)
            painter.setPen(ink.text)
            painter.drawText(rect, int(Qt.AlignmentFlag.AlignCenter), self.title)
            return
        self._paint_sign(painter)
        room = rect.width() - 24
        painter.setFont(ink.title)
        painter.setPen(ink.text)
        title = ink.title_metrics.elidedText(self.title, _ELIDE, room - 16)
        painter.drawText(rect.topLeft() + QPointF(28, 17.5), title)
        painter.setFont(ink.body)
        line = fold.problem.split(": ", 1)[-1] if fold.problem else fold.inside
        painter.setPen(ink.text)
        painter.drawText(
            rect.topLeft() + QPointF(12, 42.5), ink.body_metrics.elidedText(fold.shapes, _ELIDE, room)
        )
        left = 12.0
        if fold.problem:
            mark = QRectF(rect.left() + 12, rect.top() + 48, 12, 12)
            draw_mark(painter, mark, ink.problem, "!", ink.surface.color())
            left = 29.0
        painter.setPen(ink.problem if fold.problem else ink.muted)
        text = ink.body_metrics.elidedText(line, _ELIDE, room - left + 12)
        painter.drawText(rect.topLeft() + QPointF(left, 58), text)
        painter.setPen(ink.wire)
        painter.setBrush(ink.surface)
        for side in ("in", "out"):
            painter.drawEllipse(self.port_place(side), 5, 5)


_FAR = 0.42
_LARGEST = 5.0
_ELIDE = Qt.TextElideMode.ElideRight
# On the right: connections from another column arrive from the left, at this height.
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
