"""A titled frame around nodes that belong together; folded, it is one box in their place."""

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from engine.api import NODE_HEIGHT, NODE_WIDTH, Graph
from workbench.canvas.folding import FoldLook
from workbench.canvas.ink import Ink, draw_mark
from workbench.canvas.lettering import Lettering
from workbench.canvas.port import Port

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
        self.ghost: FoldLook | None = None
        """What the box would show if the wire being drawn were dropped."""
        self.is_picked = False
        self._fits: frozenset[Port] | None = None
        self._hovered: Port | None = None
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
        # On the right of an open frame: connections from another column pass on the left.
        left = self._rect.left() + 4 if self.fold is not None else self._rect.right() - TITLE_HEIGHT - 4
        return QRectF(left, self._rect.top() + 2, TITLE_HEIGHT, TITLE_HEIGHT - 2)

    def ports(self) -> list[Port]:
        """The ports of the box: inputs, each by the first end that it feeds, then outputs."""
        if self.fold is None:
            return []
        inputs = [(*entry.ends[0], "in") for entry in self.fold.inputs]
        return [*((i, "in", port) for i, port, _ in inputs), *((i, "out", 0) for i in self.fold.outputs)]

    def ends_of(self, node_id: str, port: int) -> tuple[tuple[str, int], ...]:
        """All ends of the input of the box that feeds this one inside."""
        inputs = self.fold.inputs if self.fold is not None else ()
        return next((entry.ends for entry in inputs if (node_id, port) in entry.ends), ())

    def port_place(self, side: str, node_id: str = "", port: int = 0) -> QPointF:
        """Where connections to a port inside enter or leave the box of a folded frame, in scene coordinates."""
        number, count = 0, 1
        if self.fold is not None and side == "in":
            owners = [(node_id, port) in entry.ends for entry in self.fold.inputs]
            number, count = (owners.index(True) if True in owners else 0), max(1, len(owners))
        elif self.fold is not None:
            outputs = self.fold.outputs
            number, count = (outputs.index(node_id) if node_id in outputs else 0), max(1, len(outputs))
        gap = min(_PORT_GAP, (self._rect.width() - 24) / count)
        y = self._rect.top() if side == "in" else self._rect.bottom()
        return QPointF(self._rect.center().x() + (number - (count - 1) / 2) * gap, y)

    def is_free(self, graph: Graph) -> bool:
        """True for a box with one input and one output that nothing is connected to: it can stand in an edge."""
        if self.fold is None or (len(self.fold.inputs), len(self.fold.outputs)) != (1, 1):
            return False
        return not self.fold.inputs[0].source and not graph.outgoing[self.fold.outputs[0]]

    def set_fitting(self, ports: frozenset[Port] | None) -> None:
        """While a wire is drawn: the ports that take it; None ends that."""
        if ports != self._fits:
            self._fits = ports
            self.update()

    @property
    def fitting(self) -> frozenset[Port] | None:
        """The ports that take the wire being drawn, or None when no wire is drawn."""
        return self._fits

    def set_hovered(self, port: Port | None) -> None:
        """Mark a port as under the pointer."""
        if port != self._hovered:
            self._hovered = port
            self.update()

    def set_ghost(self, look: FoldLook | None) -> None:
        """Show what would come of a wire or a setting; None shows what holds now."""
        if look != self.ghost:
            self.ghost = look
            self.update()

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
        if 11 * _INSIDE * zoom >= _READABLE:
            # As large as the strip above the nodes allows: over it, the node above would cover the title.
            bar, larger = self.title_bar().adjusted(12, 2, -28, 4), min(max(1.0, larger), _INSIDE)
            painter.translate(bar.topLeft())
            painter.scale(larger, larger)
            bar = QRectF(0, 0, bar.width() / larger, bar.height() / larger)
            title = ink.heading_metrics.elidedText(self.title, _ELIDE, bar.width())
            painter.drawText(bar, _RIGHT, title)
            return
        # Farther out the title keeps its size on the screen and stands on top of the frame.
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
        shown = self.ghost or fold
        quiet = bool(fold.waiting) or fold.muted
        border = QPen(ink.selected if self.is_picked or self.ghost else ink.outline)
        if fold.problem and not self.is_picked:
            border = QPen(ink.failed)
        if zoom < _FAR:
            # Far out a thin grey line would not show at all.
            border.setWidthF(max(border.widthF(), 1.4 / zoom))
            if not (self.is_picked or fold.problem):
                border.setColor(ink.muted)
        painter.setOpacity(0.45 if self._fits is not None and not self._fits else 1.0)
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
        letters = ink.near if ink.lettering(zoom) is ink.near else ink.far
        font, title = letters.fitted_title(self.title, room - 16 - 44 * fold.muted)
        painter.setFont(font)
        painter.setPen(ink.muted if quiet else ink.text)
        painter.drawText(rect.topLeft() + QPointF(28, letters.title_baseline - 2.0), title)
        self._paint_words(painter, shown, room, letters)
        self._paint_ports(painter)

    def _paint_words(self, painter: QPainter, fold: FoldLook, room: float, letters: Lettering) -> None:
        ink, rect, metrics = self._ink, self._rect, letters.body_metrics
        first, second = letters.baselines
        painter.setFont(letters.body)
        if fold.muted:
            painter.setPen(ink.muted)
            painter.drawText(rect.adjusted(12, 2, -12, -rect.height() + 24), _RIGHT, "muted")
        painter.setPen(ink.accent if self.ghost else ink.muted if fold.waiting else ink.text)
        shapes = metrics.elidedText(fold.shapes, _ELIDE, room)
        painter.drawText(rect.topLeft() + QPointF(12, first), shapes)
        line = fold.problem.split(": ", 1)[-1] if fold.problem else fold.waiting or fold.inside
        left = 12.0
        if fold.problem or fold.waiting:
            side = letters.mark
            mark = QRectF(rect.left() + 12, rect.top() + second - 0.81 * side, side, side)
            color, sign = (ink.problem, "!") if fold.problem else (ink.waiting, "…")
            draw_mark(painter, mark, color, sign, ink.surface.color())
            left = 18.0 + side
        painter.setPen(ink.problem if fold.problem else ink.waiting if fold.waiting else ink.muted)
        text = metrics.elidedText(line, _ELIDE, room - left + 12)
        painter.drawText(rect.topLeft() + QPointF(left, second), text)

    def _paint_ports(self, painter: QPainter) -> None:
        ink = self._ink
        for node_id, side, number in self.ports():
            port, radius = (node_id, side, number), 5.0
            painter.setBrush(ink.surface)
            painter.setPen(ink.wire)
            if self._fits is not None:
                painter.setOpacity(1.0 if port in self._fits else 0.3)
                if port in self._fits:
                    painter.setPen(ink.selected)
            if port == self._hovered:
                painter.setBrush(ink.accent)
                painter.setPen(ink.selected)
                radius = 7.0
            painter.drawEllipse(self.port_place(side, node_id, number), radius, radius)


_PORT_GAP = 30.0
_FAR = 0.42
_LARGEST = 5.0
_INSIDE = 1.9
"""So much larger than usual a title still fits into its bar."""
_READABLE = 8.5
"""Pixels on the screen that a title within its bar has at least."""
_ELIDE = Qt.TextElideMode.ElideRight
# On the right: connections from another column arrive from the left, at this height.
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
