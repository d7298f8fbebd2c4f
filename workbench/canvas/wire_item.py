"""The wire that is being drawn, with words beside the pointer."""

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from workbench.canvas.edge_item import route
from workbench.canvas.ink import Ink

_WIDEST = 400.0


class WireItem(QGraphicsItem):
    """A curve from an output to an input or the pointer. `say` puts a sentence beside the pointer."""

    def __init__(self, ink: Ink) -> None:
        super().__init__()
        self._ink = ink
        self._path = QPainterPath()
        self._pointer = QPointF()
        self._zoom = 1.0
        self._fits = False
        self._refused = False
        self.text = ""
        self.setZValue(10)
        self.setVisible(False)

    def set_ink(self, ink: Ink) -> None:
        """Draw in another theme."""
        self._ink = ink
        self.update()

    def lead(self, start: QPointF, end: QPointF, pointer: QPointF, *, fits: bool, zoom: float) -> None:
        """Show the wire from an output to `end`; solid when it `fits` there."""
        self.prepareGeometryChange()
        self._path, self._pointer, self._fits, self._zoom = route(start, end), pointer, fits, zoom
        self.setVisible(True)

    def say(self, text: str, *, refused: bool = False) -> None:
        """Show words beside the pointer; "" shows none."""
        if (text, refused) != (self.text, self._refused):
            self.prepareGeometryChange()
            self.text, self._refused = text, refused
            self.update()

    def _box(self) -> QRectF:
        """The words' place: their size stays the same on the screen at any zoom."""
        if not self.text:
            return QRectF()
        flags = int(Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeft)
        words = self._ink.body_metrics.boundingRect(QRectF(0, 0, _WIDEST, 400), flags, self.text)
        size = words.size()
        return QRectF(18, 14, size.width() + 24, size.height() + 14)

    def boundingRect(self) -> QRectF:
        """The wire and its words."""
        box = self._box()
        words = QRectF(
            self._pointer.x() + box.x() / self._zoom, self._pointer.y() + box.y() / self._zoom,
            box.width() / self._zoom, box.height() / self._zoom,
        )  # fmt: skip
        return self._path.controlPointRect().united(words).adjusted(-10, -10, 10, 10)

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        """Draw wire and words."""
        ink = self._ink
        pen = QPen(ink.problem if self._refused else ink.accent, 2.5)
        if not self._fits:
            pen.setStyle(Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(self._path)
        if not self.text:
            return
        painter.translate(self._pointer)
        painter.scale(1 / self._zoom, 1 / self._zoom)
        box = self._box()
        painter.setPen(ink.failed if self._refused else ink.outline)
        painter.setBrush(ink.surface)
        painter.drawRoundedRect(box, 6, 6)
        painter.setFont(ink.body)
        painter.setPen(ink.problem if self._refused else ink.text)
        flags = int(Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        painter.drawText(box.adjusted(12, 0, -8, 0), flags, self.text)
