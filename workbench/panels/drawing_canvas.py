"""A square to draw on with mouse or pen."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from workbench.theme import Theme

Strokes = list[list[tuple[float, float]]]
_PEN = 0.075
"""Width of the pen as part of the square's side."""


class DrawingCanvas(QWidget):
    """Keeps strokes as points in [0, 1]²; Ctrl+Z takes the last one back, Delete all of them."""

    drawn = Signal()
    """The drawing has changed."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.strokes: Strokes = []
        self._is_drawing = False
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Drawing canvas")
        self.setToolTip(
            "Draw with the mouse; right click or Ctrl+Z takes the last stroke back, Delete clears"
        )

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        self._theme = theme
        self.update()

    def sizeHint(self) -> QSize:
        """Room for a digit."""
        return QSize(136, 136)

    def clear(self) -> None:
        """Begin anew."""
        self.strokes = []
        self._tell()

    def take_back(self) -> None:
        """Remove the last stroke."""
        if self.strokes:
            self.strokes.pop()
            self._tell()

    def _tell(self) -> None:
        self.update()
        self.drawn.emit()

    def _square(self) -> QRectF:
        side = min(self.width(), self.height()) - 2
        return QRectF(1, 1, side, side)

    def _point(self, place: QPointF) -> tuple[float, float]:
        square = self._square()
        x, y = (place.x() - square.left()) / square.width(), (place.y() - square.top()) / square.height()
        return min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a stroke, or take the last one back."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._is_drawing = True
            self.strokes.append([self._point(event.position())])
            self._tell()
        elif event.button() == Qt.MouseButton.RightButton:
            self.take_back()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Draw on."""
        if self._is_drawing and self.strokes:
            point = self._point(event.position())
            if point != self.strokes[-1][-1]:
                self.strokes[-1].append(point)
                self._tell()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the stroke."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._is_drawing = False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Ctrl+Z takes the last stroke back, Delete and Backspace clear."""
        if event.key() == Qt.Key.Key_Z and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.take_back()
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.clear()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """White strokes on black, as the images of digits are; a hint while there are none."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        square = self._square()
        painter.setPen(QPen(QColor(self._theme.accent if self.hasFocus() else self._theme.border), 1))
        painter.setBrush(QColor("#000000"))
        painter.drawRoundedRect(square, 4, 4)
        if not self.strokes:
            painter.setPen(QColor("#b8bfca"))
            painter.setFont(self._theme.font(self._theme.font_small))
            painter.drawText(square, Qt.AlignmentFlag.AlignCenter, "Draw here")
        painter.setClipRect(square)
        pen = QPen(QColor("#ffffff"), _PEN * square.width())
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        for stroke in self.strokes:
            points = [
                QPointF(square.left() + x * square.width(), square.top() + y * square.height())
                for x, y in stroke
            ]
            if len(points) == 1:
                painter.drawPoint(points[0])
            else:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawPolyline(QPolygonF(points))
        painter.end()
