"""The panel of the data in space: images where the last hidden layer puts them, moving while a network learns."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, QPointF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from engine.api import Snapshot, TrainedNetwork, turned_to
from workbench.inspection.session import InspectionSession
from workbench.inspection.time_line import TimeLine
from workbench.panels.inspected_panel import InspectedPanel, empty_words
from workbench.plots.image_view import ImageView
from workbench.plots.matrix_canvas import percent
from workbench.plots.plot_controls import fill_with_surface, stack_rows
from workbench.plots.view_3d import make_view, nearest_point, opengl_missing, screen_places
from workbench.theme import Theme

NO_RUN = "Train a network: each validation image becomes a point where the last hidden layer puts it."
NOT_KEPT = "The snapshots of this run do not hold where images lie: train it with this version of Gabor."
HINT = "Drag or use the arrow keys to turn, the wheel to come nearer; click a point to see its image"
_RADIUS = 10.0
_SIZE, _CHOSEN_SIZE = 7.0, 15.0

_COLORS = (
    "#e6194b", "#3cb44b", "#d0a000", "#4363d8", "#f58231", "#a04fc4", "#00a8b5", "#e84fd8", "#7f9100", "#a06a48",
)  # fmt: skip
_SIDE = 124

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Labelled:
    """The images behind the points, with their true classes and the names of these."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int32]
    names: tuple[str, ...]


def labelled_images(network: TrainedNetwork, count: int) -> Labelled:
    """The first validation images."""
    data = network.data
    return Labelled(data.validation_images[:count], data.validation_labels[:count], data.dataset.class_names)


def paths(snapshots: tuple[Snapshot, ...]) -> dict[int, Floats]:
    """Step -> points [n, 3], each moment turned towards the one before and scaled to the same mean distance."""
    found: dict[int, Floats] = {}
    before: Floats | None = None
    for shot in snapshots:
        if shot.points is None:
            continue
        points = np.asarray(shot.points, np.float64)
        if before is not None:
            points = turned_to(points, before)
        size = float(np.sqrt((points**2).sum(axis=1).mean()))
        before = points / size if size > 0 else points
        found[shot.step] = before
    return found


def class_colors(count: int, theme: Theme) -> Floats:
    """Colours [count, 4] of classes: ten that are told apart on both grounds, beyond that as many hues."""
    if count <= len(_COLORS):
        colors = [QColor(name) for name in _COLORS[:count]]
    else:
        lightness = 0.62 if theme.is_dark else 0.42
        hues = [number / count for number in range(count)]
        colors = [QColor.fromHslF(hue, 0.75, lightness + 0.1 * (n % 2)) for n, hue in enumerate(hues)]
    return np.array([color.getRgbF() for color in colors])


class SpacePanel(InspectedPanel):
    """Points by the first three principal components, coloured by class; a click shows a point's image."""

    image_opened = Signal(str, int)
    """Part of the data and number of an image that shall be looked at."""

    def __init__(self, session: InspectionSession, theme: Theme, *, line: TimeLine) -> None:
        super().__init__(session, line=line)
        self._theme = theme
        self._line = line
        self.view: Any = None
        self._scatter: Any = None
        self._marker: Any = None
        self._pressed: QPointF | None = None
        self._paths: dict[int, Floats] = {}
        self._labelled: Labelled | None = None
        self._labelled_count = 0
        """Points whose images were asked for."""
        self._run_id = ""
        self.chosen: int | None = None
        self.words = empty_words()
        self.image = ImageView(theme, "The image of the chosen point")
        self.legend = QLabel()
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setWordWrap(True)
        self.legend.setFixedWidth(_SIDE)
        self.open = QPushButton("Look closer")
        self.open.setToolTip("See the image's activations (Enter)")
        self.open.clicked.connect(self._open)
        self.caption = QElidingLabel(HINT)
        self.caption.setToolTip(HINT)
        self.caption.setProperty("muted", True)
        self.caption.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.words)
        self.pages.addWidget(self._shown())
        stack_rows(self, theme, self.pages)
        line.grew.connect(self.outdate)
        self.setAccessibleName("Data in space")
        self.apply_theme(theme)
        self._say(NO_RUN)

    def _shown(self) -> QWidget:
        page = QWidget()
        side = QVBoxLayout()
        side.addWidget(self.legend)
        side.addWidget(self.image, 1)
        side.addWidget(self.open)
        side.setSpacing(8)
        self.open.setFixedWidth(_SIDE)
        self.image.setFixedWidth(_SIDE)
        self._row = QHBoxLayout()
        self._row.setSpacing(12)
        self._row.addLayout(side)
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._row, 1)
        column.addWidget(self.caption)
        return page

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        self._theme = theme
        fill_with_surface(self, theme)
        for label in (self.legend, self.caption):
            label.setFont(theme.font(theme.font_small))
        self.image.apply_theme(theme)
        if self.view is not None:
            self.view.setBackgroundColor(theme.surface)
            self._draw()

    def needs_parameters(self) -> bool:
        """Once for each run, for its data; everything else is in the snapshots."""
        return self.isVisible() and not self._knows_data()

    def _knows_data(self) -> bool:
        return self.session.run is not None and self.session.run.id == self._line.run_id

    def look(self) -> None:
        """Show the points of the moment that is looked at."""
        missing = opengl_missing()
        if missing:
            self._say(missing)
            return
        if self._line.run_id != self._run_id:
            self._run_id, self._labelled, self.chosen = self._line.run_id, None, None
            self._labelled_count = 0
        self._paths = paths(self._line.snapshots)
        if not self._paths:
            self._say(NOT_KEPT if self._line.snapshots else NO_RUN)
            return
        if self.view is None:
            self._make_view()
        self._draw()
        self.pages.setCurrentIndex(1)
        count = max(map(len, self._paths.values()))
        if self._labelled_count < count and self._knows_data():
            self._labelled_count = count
            self.session.ask(
                "space", lambda network, stopped: labelled_images(network, count), self._take, self._say
            )

    def rest(self) -> None:
        """Give up an unfinished question."""
        self.session.cancel("space")
        if self._labelled is None or len(self._labelled.labels) < self._labelled_count:
            self._labelled_count = 0
        self._is_outdated = True

    def _take(self, labelled: Labelled) -> None:
        self._labelled = labelled
        colors = class_colors(len(labelled.names), self._theme)
        self.legend.setText(_legend(labelled.names, colors))
        self._draw()

    def _make_view(self) -> None:
        from pyqtgraph import opengl

        self.view = make_view(self._theme, "Validation images in space", least_angle=60)
        self.view.setCameraPosition(distance=2.8 * _RADIUS, elevation=22, azimuth=40)
        self._scatter, self._marker = opengl.GLScatterPlotItem(), opengl.GLScatterPlotItem()
        for item in (self._scatter, self._marker):
            # Later points must not shine through nearer ones, on a light ground least of all.
            item.setGLOptions("translucent")
            self.view.addItem(item)
        self.view.installEventFilter(self)
        self._row.insertWidget(0, self.view, 1)
        self.setFocusProxy(self.view)

    @property
    def points(self) -> Floats:
        """The points on show [n, 3], in the view's units."""
        shots = self._line.snapshots
        step = shots[self._line.position].step if shots else -1
        known = [at for at in self._paths if at <= step] or list(self._paths)
        return self._paths[known[-1]] * _RADIUS if known else np.zeros((0, 3))

    def colors(self) -> Floats:
        """The colour of each point [n, 4], by its class."""
        count = len(self.points)
        if self._labelled is None or len(self._labelled.labels) < count:
            return np.tile(np.array(QColor(self._theme.muted_text).getRgbF()), (count, 1))
        return class_colors(len(self._labelled.names), self._theme)[self._labelled.labels[:count]]

    def _draw(self) -> None:
        if self.view is None:
            return
        points = self.points
        self._scatter.setData(pos=points, color=self.colors(), size=_SIZE, pxMode=True)
        marked = (
            points[[self.chosen]] if self.chosen is not None and self.chosen < len(points) else points[:0]
        )
        ring = np.array([QColor(self._theme.text).getRgbF()])
        if len(marked):
            self._marker.setData(pos=marked, color=ring, size=_CHOSEN_SIZE, pxMode=True)
        self._marker.setVisible(bool(len(marked)))
        self._describe()

    def choose(self, number: int | None) -> None:
        """Show the image of a point, or none."""
        self.chosen = number
        self._draw()

    def _describe(self) -> None:
        labelled, number = self._labelled, self.chosen
        if labelled is None or number is None or number >= len(labelled.images):
            self.image.set_pixels(None)
            self.open.setEnabled(False)
            self._read(HINT)
            return
        self.image.set_pixels(labelled.images[number])
        self.open.setEnabled(True)
        true = labelled.names[int(labelled.labels[number])]
        text = f"Validation image {number + 1:,}: {true}"
        shot = self._line.known("points")
        if (
            shot is not None
            and shot.answers is not None
            and shot.confidence is not None
            and number < len(shot.answers)
        ):
            answer = labelled.names[int(shot.answers[number])]
            text += f", answered {answer} ({percent(float(shot.confidence[number]) / 255)} %) after step {shot.step:,}"
        self._read(text)

    def _read(self, words: str) -> None:
        self.caption.setText(words)
        self.caption.setToolTip(words)

    def _say(self, sentence: str) -> None:
        self.words.setText(sentence)
        self.pages.setCurrentIndex(0)

    def _open(self) -> None:
        if self.chosen is not None:
            self.image_opened.emit("validation", self.chosen)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A click that does not turn the view chooses a point; N and P walk through them, Enter looks closer."""
        kind = event.type()
        if kind == QEvent.Type.MouseButtonPress and isinstance(event, QMouseEvent):
            self._pressed = event.position()
        elif (
            kind == QEvent.Type.MouseButtonRelease
            and isinstance(event, QMouseEvent)
            and self._pressed is not None
        ):
            moved = (event.position() - self._pressed).manhattanLength()
            if moved < 4 and event.button() == Qt.MouseButton.LeftButton:
                self.choose(nearest_point(screen_places(self.view, self.points), event.position()))
        elif kind == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            return self._take_key(event)
        return super().eventFilter(watched, event)

    def _take_key(self, event: QKeyEvent) -> bool:
        step = {Qt.Key.Key_N: 1, Qt.Key.Key_P: -1}.get(Qt.Key(event.key()), 0)
        if step and len(self.points):
            at = -1 if self.chosen is None and step > 0 else self.chosen or 0
            self.choose((at + step) % len(self.points))
            return True
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._open()
            return True
        return False


def _legend(names: tuple[str, ...], colors: Floats) -> str:
    marks = [
        f'<span style="color:{QColor.fromRgbF(*color).name()}">●</span>&nbsp;{name}'
        for name, color in zip(names, colors.tolist(), strict=True)
    ]
    return " ".join(marks[:12]) if len(names) <= 12 else ""
