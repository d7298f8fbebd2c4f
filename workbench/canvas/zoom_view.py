"""A view that zooms about the pointer and pans without scroll bars."""

from PySide6.QtCore import QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QResizeEvent, QTransform, QWheelEvent
from PySide6.QtWidgets import QFrame, QGraphicsScene, QGraphicsView, QWidget

LEAST_ZOOM, MOST_ZOOM = 0.05, 4.0
_FRAME_ZOOM = 1.5
"""Framing a few nodes does not blow them up beyond this."""
_FRAME_MARGIN = 16.0
_EDGE = 26.0
"""Screen pixels from the border within which a drag scrolls the view."""


class ZoomView(QGraphicsView):
    """Zoom from 5 % to 400 %; the place under the pointer stays there. Until it is used it shows everything."""

    moved = Signal()
    """The view shows another part of the scene."""

    def __init__(self, scene: QGraphicsScene, parent: QWidget | None = None) -> None:
        super().__init__(scene, parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Qt's own anchor follows the real pointer only, not the place that a wheel event names.
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setResizeAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.SmartViewportUpdate)
        self.setOptimizationFlag(QGraphicsView.OptimizationFlag.DontSavePainterState)
        self.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.TextAntialiasing)
        self._shows_all = True
        self._scroll_step: QPointF | None = None
        self._scroll_timer = QTimer(self)
        self._scroll_timer.setInterval(16)
        self._scroll_timer.timeout.connect(self._scroll_on)

    @property
    def zoom(self) -> float:
        """Screen pixels for a scene unit."""
        return float(self.transform().m11())

    def place_at(self, position: QPointF) -> QPointF:
        """The place of the scene at a position of the viewport."""
        inverse, _ = self.viewportTransform().inverted()
        return inverse.map(position)

    def position_of(self, place: QPointF) -> QPointF:
        """The position in the viewport of a place of the scene."""
        return self.viewportTransform().map(place)

    def visible_rect(self) -> QRectF:
        """The part of the scene that is seen."""
        rect = self.viewport().rect()
        return QRectF(self.place_at(QPointF(rect.topLeft())), self.place_at(QPointF(rect.bottomRight())))

    def zoom_by(self, factor: float, about: QPointF) -> None:
        """Zoom; the scene's place under the position `about` of the viewport stays there."""
        place = self.place_at(about)
        zoom = min(max(self.zoom * factor, LEAST_ZOOM), MOST_ZOOM)
        self.setTransform(QTransform.fromScale(zoom, zoom))
        self.pan_by(self.position_of(place) - about)

    def pan_by(self, way: QPointF) -> None:
        """Scroll by screen pixels."""
        self._shows_all = False
        across, down = self.horizontalScrollBar(), self.verticalScrollBar()
        across.setValue(across.value() + round(way.x()))
        down.setValue(down.value() + round(way.y()))
        self.moved.emit()

    def frame_rect(self, rect: QRectF) -> None:
        """Show a part of the scene as large as it fits."""
        if rect.isEmpty():
            return
        room = self.viewport().rect()
        zoom = min(
            (room.width() - 2 * _FRAME_MARGIN) / rect.width(), (room.height() - 2 * _FRAME_MARGIN) / rect.height(),
            _FRAME_ZOOM,
        )  # fmt: skip
        zoom = min(max(zoom, LEAST_ZOOM), MOST_ZOOM)
        self.setTransform(QTransform.fromScale(zoom, zoom))
        self.centerOn(rect.center())
        self.moved.emit()

    def frame_all(self) -> None:
        """Show the whole scene, and keep doing so when the window changes its size, until the view is moved."""
        self.frame_rect(self.content_rect())
        self._shows_all = True

    def hold_still(self) -> None:
        """The view is used by hand from now on: a new size of the window moves nothing."""
        self._shows_all = False

    def content_rect(self) -> QRectF:
        """What `frame_all` shows."""
        return self.scene().itemsBoundingRect()

    def zoom_in(self) -> None:
        """Larger, about the middle."""
        self.zoom_by(1.25, QPointF(self.viewport().rect().center()))

    def zoom_out(self) -> None:
        """Smaller, about the middle."""
        self.zoom_by(0.8, QPointF(self.viewport().rect().center()))

    def zoom_to_full_size(self) -> None:
        """100 %, about the middle."""
        self.zoom_by(1 / self.zoom, QPointF(self.viewport().rect().center()))

    def scroll_near_edge(self, position: QPointF | None) -> None:
        """While a drag is near the border, scroll on; None ends that."""
        self._scroll_step = None
        if position is not None:
            step = QPointF(
                _push(position.x(), self.viewport().width()), _push(position.y(), self.viewport().height())
            )
            self._scroll_step = None if step.isNull() else step
        if self._scroll_step is None:
            self._scroll_timer.stop()
        elif not self._scroll_timer.isActive():
            self._scroll_timer.start()

    def scrolled_under_drag(self) -> None:
        """The view scrolled by itself under a pointer that did not move."""

    def _scroll_on(self) -> None:
        if self._scroll_step is not None:
            self.pan_by(self._scroll_step)
            self.scrolled_under_drag()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom about the pointer."""
        self.zoom_by(1.0015 ** event.angleDelta().y(), event.position())
        event.accept()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep everything in view as long as the view was not moved by hand."""
        super().resizeEvent(event)
        if self._shows_all:
            self.frame_all()
        self.moved.emit()


def _push(position: float, length: float) -> float:
    """Pixels to scroll in one step: more the nearer to (or further beyond) the border."""
    if length < 4 * _EDGE:
        return 0.0
    if position < _EDGE:
        return -min(_EDGE, _EDGE - position) * 0.6
    return min(_EDGE, max(0.0, position - (length - _EDGE))) * 0.6
