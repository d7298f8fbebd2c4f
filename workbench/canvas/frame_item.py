"""A titled frame around nodes that belong together."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from workbench.canvas.ink import Ink

TITLE_HEIGHT = 22.0
_MARGIN = 14.0
_LEVEL = 8.0
"""How much an outer frame is larger than a frame in it."""


class FrameItem(QGraphicsItem):
    """Paints a frame; only its title bar takes the mouse, so that its inside is like empty canvas."""

    def __init__(self, path: str, ink: Ink) -> None:
        super().__init__()
        self.path = path
        self.members: tuple[str, ...] = ()
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

    def enclose(self, members: tuple[str, ...], nodes: QRectF, depth: int) -> None:
        """Stand around what the members cover; `depth` counts the frames inside of this one."""
        grown = _MARGIN + depth * _LEVEL
        # The title fits between two rows of a layout, below the node above.
        top = 8 + TITLE_HEIGHT * (depth + 1)
        rect = nodes.adjusted(-grown, -top, grown, grown)
        self.members = members
        if rect != self._rect:
            self.prepareGeometryChange()
            self._rect = rect

    def set_ink(self, ink: Ink) -> None:
        """Draw in another theme."""
        self._ink = ink
        self.update()

    def boundingRect(self) -> QRectF:
        """The frame with its line."""
        return self._rect.adjusted(-2, -2, 2, 2)

    def shape(self) -> QPainterPath:
        """The title bar."""
        path = QPainterPath()
        path.addRect(self.title_bar())
        return path

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """A quiet panel with its title."""
        ink = self._ink
        painter.setPen(ink.outline)
        painter.setBrush(ink.panel)
        painter.drawRoundedRect(self._rect, 10, 10)
        painter.setFont(ink.heading)
        painter.setPen(ink.muted)
        painter.drawText(self.title_bar().adjusted(12, 3, -12, 0), _RIGHT, self.title)


# On the right: connections from another column arrive from the left, at this height.
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
