"""A view into space by OpenGL, where there is any; and what is said where there is none."""

import importlib
import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QGuiApplication,
    QOffscreenSurface,
    QOpenGLContext,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QWidget

from workbench.theme import Theme

NO_SCREEN = "This screen has no OpenGL, which the view in space needs; everything else works without it."
NO_LIBRARY = "The view in space needs PyOpenGL, which could not be loaded: install gabor-workbench anew."
_WITHOUT = ("offscreen", "minimal", "linuxfb", "vnc")
REACH = 14.0
"""Pixels within which a click means a point."""

Floats = NDArray[np.float64]


@cache
def opengl_missing() -> str:
    """Why nothing can be drawn by OpenGL here, in a sentence; "" where it can. Needs the application."""
    if QGuiApplication.platformName() in _WITHOUT:
        return NO_SCREEN
    try:
        importlib.import_module("pyqtgraph.opengl")
    except Exception:
        # PyOpenGL asks the system's libraries while it is imported, and fails in many ways.
        return NO_LIBRARY
    surface, context = QOffscreenSurface(), QOpenGLContext()
    surface.create()
    works = context.create() and context.makeCurrent(surface)
    if works:
        context.doneCurrent()
    return "" if works else NO_SCREEN


def make_view(theme: Theme, name: str, least_angle: float | None = None) -> Any:
    """A pyqtgraph GLViewWidget that is reached by Tab and turned by mouse and arrow keys; see `opengl_missing`.

    `least_angle` in degrees is seen across its shorter side, however long the other is.
    Its `set_labels` takes pairs of a place [3] and words, a colour and a font, and writes them over everything.
    """
    view = _view_class()()
    view.least_angle = least_angle
    view.setBackgroundColor(theme.surface)
    view.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    view.setAccessibleName(name)
    view.setMinimumSize(160, 120)
    return view


@cache
def _view_class() -> Any:
    """Made when it is needed: the module of its base loads OpenGL's libraries."""
    opengl = importlib.import_module("pyqtgraph.opengl")

    class LabelledView(opengl.GLViewWidget):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.least_angle: float | None = None
            self._words = _Words(self)

        def set_labels(self, labels: list[tuple[Floats, str]], color: str, font: QFont) -> None:
            self._words.set_labels(labels, color, font)

        def paintGL(self) -> None:
            super().paintGL()
            self._words.follow()

        def resizeEvent(self, event: QResizeEvent) -> None:
            super().resizeEvent(event)
            self._words.resize(event.size())
            if self.least_angle is not None:
                self.opts["fov"] = angle_across(self.least_angle, self.width(), self.height())

    return LabelledView


def angle_across(least: float, width: int, height: int) -> float:
    """The angle in degrees to see across the width, so that the shorter side sees `least`."""
    wider = max(1.0, width / max(height, 1))
    return math.degrees(2 * math.atan(math.tan(math.radians(least) / 2) * wider))


class _Words(QWidget):
    """The labels of a view, on a sheet over it: painting words among OpenGL's calls upsets both."""

    def __init__(self, view: QWidget) -> None:
        super().__init__(view)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._view = view
        self._labels: list[tuple[Floats, str]] = []
        self._places: Floats = np.zeros((0, 3))
        self._color = QColor()

    def set_labels(self, labels: list[tuple[Floats, str]], color: str, font: QFont) -> None:
        """Write other words."""
        self._labels, self._color = labels, QColor(color)
        self.setFont(font)
        self._places = np.zeros((0, 3))
        self.follow()

    def follow(self) -> None:
        """Paint anew when the view was turned."""
        points = np.array([place for place, _ in self._labels]).reshape(-1, 3)
        places = screen_places(self._view, points)
        if places.shape != self._places.shape or not np.allclose(places, self._places, atol=0.1):
            self._places = places
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Words centred over their places, higher where others stand already."""
        painter = QPainter(self)
        painter.setPen(self._color)
        taken: list[QRectF] = []
        for (x, y, _), (_, words) in zip(self._places, self._labels, strict=False):
            if np.isfinite(x):
                _write(painter, QPointF(x, y), words, taken, self.width())
        painter.end()


def _write(painter: QPainter, at: QPointF, words: str, taken: list[QRectF], width: float) -> None:
    """Write words centred over a place, within the width, higher where others stand already."""
    size = painter.fontMetrics().size(0, words)
    left = max(0.0, min(at.x() - size.width() / 2, width - size.width()))
    box = QRectF(left, at.y() - size.height(), size.width(), size.height())
    while any(box.adjusted(-4, 0, 4, 0).intersects(other) for other in taken):
        box.translate(0, -size.height())
    taken.append(box)
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)


def screen_places(view: Any, points: Floats) -> Floats:
    """Where points [n, 3] stand in the widget: x, y in pixels and the distance, [n, 3]."""
    region = (0, 0, view.width(), view.height())
    projection = view.projectionMatrix(region, region)
    matrix = projection * view.viewMatrix()
    return places_by(np.array(matrix.copyDataTo()).reshape(4, 4), points, view.width(), view.height())


def places_by(matrix: Floats, points: Floats, width: int, height: int) -> Floats:
    """Points [n, 3] through a 4×4 matrix from space to the clip cube: x, y in pixels, and the distance behind it."""
    spread = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ matrix.T
    with np.errstate(divide="ignore", invalid="ignore"):
        clip = spread[:, :3] / spread[:, 3:]
    x, y = (clip[:, 0] + 1) / 2 * width, (1 - clip[:, 1]) / 2 * height
    # What lies behind the eye is nowhere on the screen.
    return np.asarray(np.where(spread[:, 3:] > 0, np.stack([x, y, clip[:, 2]], axis=1), np.inf))


def nearest_point(places: Floats, at: QPointF, reach: float = REACH) -> int | None:
    """The point within reach of a place of the widget that is nearest to the eye; None without one."""
    away = np.hypot(places[:, 0] - at.x(), places[:, 1] - at.y())
    near = np.flatnonzero(away <= reach)
    if not len(near):
        return None
    # Of points that lie over each other the one in front, else the one that was aimed at.
    score = away[near] / reach + (places[near, 2] - places[near, 2].min()) * 10
    return int(near[score.argmin()])
