"""A view that shows a network: framing, centring, and what is drawn before and behind the items."""

from collections.abc import Iterable

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QWidget

from engine.api import NODE_HEIGHT
from workbench.canvas.ink import draw_dots
from workbench.canvas.node_item import BLOCK_ZOOM, NodeItem
from workbench.canvas.scene import CanvasScene
from workbench.canvas.zoom_view import ZoomView

_WORDS_WIDTH = 300.0


class NetworkView(ZoomView):
    """Shows a `CanvasScene`; it takes no part in editing."""

    def __init__(self, canvas: CanvasScene, parent: QWidget | None = None) -> None:
        super().__init__(canvas, parent)
        self.canvas = canvas
        canvas.setParent(self)
        canvas.updated.connect(self._update_words)
        self._band, self._outline = QRectF(), QRectF()
        self.named: NodeItem | None = None
        """The node whose words are shown in full size although the view is far away."""

    def select(self, node_ids: Iterable[str]) -> None:
        """Select exactly these nodes."""
        self.canvas.select(node_ids)

    def center_on(self, node_id: str) -> None:
        """Bring a node into the middle."""
        if node_id in self.canvas.nodes:
            self.hold_still()
            self.centerOn(self.canvas.body_of(node_id).center())
            self.moved.emit()

    def show_node(self, node_id: str) -> None:
        """Scroll just as far as the node needs to be seen."""
        self._show_rect(self.canvas.body_of(node_id))

    def show_nodes(self, node_ids: Iterable[str]) -> None:
        """Scroll just as far as these nodes need to be seen; show everything where they do not fit into the view."""
        rect, seen = self.canvas.network_rect(node_ids), self.visible_rect()
        if rect.width() > seen.width() or rect.height() > seen.height():
            self.frame_all()
        else:
            self._show_rect(rect)

    def _show_rect(self, rect: QRectF) -> None:
        if not self.visible_rect().contains(rect):
            self.hold_still()
            room = self.viewport().rect()
            # With a wider margin than there is room for, Qt would scroll past the other end.
            across = min(40, int((room.width() - rect.width() * self.zoom) / 2))
            down = min(40, int((room.height() - rect.height() * self.zoom) / 2))
            self.ensureVisible(rect, max(0, across), max(0, down))
            self.moved.emit()

    def frame_selection(self) -> None:
        """Show the selected nodes as large as they fit, or everything when none is selected."""
        if not self.canvas.selected_nodes:
            self.frame_all()
            return
        self.hold_still()
        self.frame_rect(self.canvas.network_rect(self.canvas.selected_nodes))

    def content_rect(self) -> QRectF:
        """All nodes, with their frames and the connections that go round them."""
        rect = self.canvas.network_rect()
        for item in self.canvas.edges.values():
            if item.isVisible():
                rect = rect.united(item.boundingRect())
        for frame in self.canvas.frames.values():
            if frame.isVisible():
                rect = rect.united(frame.rect)
        return rect

    def show_band(self, band: QRectF) -> None:
        """Draw the rectangle of a rubber band; an empty one ends it."""
        self.canvas.update(self._band.united(band).adjusted(-4, -4, 4, 4))
        self._band = band

    def show_outline(self, outline: QRectF) -> None:
        """Draw where a dropped layer would stand; an empty rectangle ends it."""
        self.canvas.update(self._outline.united(outline).adjusted(-4, -4, 4, 4))
        self._outline = outline

    def name_node(self, item: NodeItem | None) -> None:
        """Far out, where nodes are mere blocks, show one node's words beside it; None ends that."""
        wanted = item if item is not None and self.zoom < BLOCK_ZOOM else None
        if wanted is not self.named:
            self.named = wanted
            self.viewport().update()

    def _update_words(self) -> None:
        if self.named is not None:
            self.viewport().update()

    def _draw_words(self, painter: QPainter, item: NodeItem) -> None:
        ink, look = self.canvas.ink, item.look
        lines = [
            look.title,
            " · ".join(filter(None, (look.summary, look.shape, look.parameters))),
            look.status_text,
        ]
        text = "\n".join(filter(None, lines))
        painter.save()
        painter.translate(item.pos() + QPointF(0, NODE_HEIGHT))
        painter.scale(1 / self.zoom, 1 / self.zoom)
        flags = int(Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextWordWrap)
        box = ink.body_metrics.boundingRect(QRectF(10, 12, _WORDS_WIDTH, 200), flags, text)
        painter.setFont(ink.body)
        painter.setPen(ink.outline)
        painter.setBrush(ink.surface)
        painter.drawRoundedRect(box.adjusted(-10, -6, 14, 6), 6, 6)
        painter.setPen(ink.problem if look.status == "problem" else ink.text)
        painter.drawText(box.adjusted(0, 0, 4, 0), flags, text)
        painter.restore()

    def drawBackground(self, painter: QPainter, rect: QRectF | QRect) -> None:
        """Dots, so that movement can be seen."""
        draw_dots(painter, QRectF(rect), self.zoom, self.canvas.ink)

    def drawForeground(self, painter: QPainter, rect: QRectF | QRect) -> None:
        """The rubber band, and the outline of a layer about to be dropped."""
        for frame, radius in ((self._band, 2), (self._outline, 8)):
            if not frame.isNull():
                pen = self.canvas.ink.selected
                fill = QColor(self.canvas.ink.glow)
                fill.setAlpha(28)
                painter.setPen(pen)
                painter.setBrush(fill)
                painter.drawRoundedRect(frame, radius, radius)
        if self.named is not None and self.zoom < BLOCK_ZOOM:
            self._draw_words(painter, self.named)
