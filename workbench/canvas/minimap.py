"""The whole network at a glance, and where the view is in it."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from engine.api import NODE_HEIGHT, NODE_WIDTH
from workbench.canvas.network_view import NetworkView

_SIZE = QSize(168, 112)
_MARGIN = 8.0


class Minimap(QWidget):
    """A plain widget over the canvas. A press or drag on it moves the view there."""

    def __init__(self, view: NetworkView) -> None:
        super().__init__(view)
        self._view = view
        self.setFixedSize(_SIZE)
        self.setAccessibleName("Overview of the network")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        view.canvas.updated.connect(self.update)
        view.moved.connect(self.update)

    def place(self) -> None:
        """Stand in the lower right corner."""
        self.move(self._view.width() - self.width() - 12, self._view.height() - self.height() - 12)

    def _shown(self) -> tuple[QRectF, float, QPointF]:
        """What of the scene is drawn, at which scale, and where its corner lies on the widget."""
        area = self._view.canvas.network_rect().united(self._view.visible_rect())
        room = QRectF(self.rect()).adjusted(_MARGIN, _MARGIN, -_MARGIN, -_MARGIN)
        scale = min(room.width() / max(area.width(), 1.0), room.height() / max(area.height(), 1.0))
        corner = room.center() - QPointF(area.width(), area.height()) * (scale / 2)
        return area, scale, corner

    def paintEvent(self, event: QPaintEvent) -> None:
        """Blocks for nodes, a frame for the view."""
        ink = self._view.canvas.ink
        area, scale, corner = self._shown()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(ink.outline)
        painter.setBrush(ink.surface)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        painter.translate(corner)
        painter.scale(scale, scale)
        painter.translate(-area.topLeft())
        painter.setPen(Qt.PenStyle.NoPen)
        for item in (item for item in self._view.canvas.nodes.values() if not item.is_folded):
            color: QColor = ink.problem if item.look.status == "problem" else ink.tint(item.look.group)[1]
            painter.setBrush(ink.accent if item.isSelected() else color)
            painter.drawRect(QRectF(item.x(), item.y(), NODE_WIDTH, NODE_HEIGHT))
        for box in self._view.canvas.framing.boxes():
            quiet = ink.problem if box.fold is not None and box.fold.problem else ink.muted
            painter.setBrush(ink.accent if box.is_picked else quiet)
            painter.drawRect(box.rect)
        frame = QPen(ink.accent, 1.5)
        frame.setCosmetic(True)
        painter.setPen(frame)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(self._view.visible_rect())
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Move the view there."""
        self.mouseMoveEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Move the view along."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            area, scale, corner = self._shown()
            self._view.centerOn(area.topLeft() + (event.position() - corner) / scale)
            self._view.moved.emit()
