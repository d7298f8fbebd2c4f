"""The panel of the network in space: what every node makes of the chosen image, as volumes of feature maps."""

from collections.abc import Callable
from typing import Any

import numpy as np
from PySide6.QtGui import QMatrix4x4
from PySide6.QtWidgets import QSizePolicy, QStackedWidget, QVBoxLayout, QWidget
from superqt import QElidingLabel

from workbench.inspection.answers import Seen
from workbench.inspection.session import InspectionSession
from workbench.inspection.thread import Work
from workbench.panels.inspected_panel import InspectedPanel, empty_words
from workbench.plots.plot_controls import fill_with_surface, stack_rows
from workbench.plots.view_3d import make_view, opengl_missing
from workbench.plots.volumes import Volume, slice_texture, volumes_of
from workbench.theme import Theme, rgb

NO_RUN = "Train a network: what each of its layers makes of an image stands here as a volume of maps."
UNDRAWN = "Draw something in the Activations panel: each layer's maps appear here."
HINT = "The image that the Activations panel shows, from layer to layer; drag to turn, wheel to come nearer"


class VolumesPanel(InspectedPanel):
    """Shows the image of the activations panel; while one draws there, the volumes follow."""

    def __init__(self, session: InspectionSession, theme: Theme, work: Callable[[], Work | None]) -> None:
        """`work`: what is to be asked for the chosen image."""
        super().__init__(session)
        self._theme = theme
        self._work = work
        self.view: Any = None
        self.volumes: tuple[Volume, ...] = ()
        self._items: list[Any] = []
        self.words = empty_words()
        self.caption = QElidingLabel(HINT)
        self.caption.setToolTip(HINT)
        self.caption.setProperty("muted", True)
        self.caption.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        page = QWidget()
        self._column = QVBoxLayout(page)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addWidget(self.caption)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.words)
        self.pages.addWidget(page)
        stack_rows(self, theme, self.pages)
        self.setAccessibleName("Network in space")
        self.apply_theme(theme)
        self._say(NO_RUN)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        self._theme = theme
        fill_with_surface(self, theme)
        self.caption.setFont(theme.font(theme.font_small))
        if self.view is not None:
            self.view.setBackgroundColor(theme.surface)
            self._draw()

    def look(self) -> None:
        """See the chosen image with the network as it is now."""
        missing = opengl_missing()
        if missing:
            self._say(missing)
        elif self.session.run is None:
            self._say(NO_RUN)
        elif (work := self._work()) is None:
            self._say(UNDRAWN)
        else:
            self.session.ask("volumes", work, self.show_seen, self._say)

    def rest(self) -> None:
        """Give up an unfinished look; another image may be chosen meanwhile."""
        self.session.cancel("volumes")
        self._is_outdated = True

    def show_seen(self, seen: Seen | None) -> None:
        """Show what a network makes of an image; of nothing while nobody looks."""
        if not self.isVisible() or opengl_missing():
            return
        if seen is None:
            self._say(UNDRAWN)
            return
        self.volumes = volumes_of(seen.observation, seen.names)
        if self.view is None:
            self.view = make_view(self._theme, "Feature maps of every node in space")
            self._column.insertWidget(0, self.view, 1)
            self.setFocusProxy(self.view)
            length = self.volumes[-1].end - self.volumes[0].start
            self.view.setCameraParams(fov=20, distance=3.1 * length, elevation=16, azimuth=-66)
        self._draw()
        self.pages.setCurrentIndex(1)

    def _draw(self) -> None:
        from OpenGL import GL
        from pyqtgraph import opengl

        blended = {
            GL.GL_DEPTH_TEST: False,
            GL.GL_BLEND: True,
            # The window is laid over others by its own opacity, which must stay whole.
            "glBlendFuncSeparate": (GL.GL_SRC_ALPHA, GL.GL_ONE_MINUS_SRC_ALPHA, GL.GL_ZERO, GL.GL_ONE),
        }
        color = rgb(self._theme.accent)
        needed = [(volume, number) for volume in self.volumes for number in range(len(volume.slices))]
        while len(self._items) < len(needed):
            item = opengl.GLImageItem(np.zeros((1, 1, 4), np.uint8))
            item.setGLOptions(blended)
            self._items.append(item)
            self.view.addItem(item)
        for item, (volume, number) in zip(self._items, needed, strict=False):
            item.setData(slice_texture(volume.slices[number], color))
            item.setTransform(QMatrix4x4(*volume.matrix(number).ravel().tolist()))
            item.setVisible(True)
        for item in self._items[len(needed) :]:
            item.setVisible(False)
        self._label()

    def _label(self) -> None:
        labels = [(np.array([(v.start + v.end) / 2, 0.0, v.height / 2 + 2.0]), v.name) for v in self.volumes]
        self.view.set_labels(labels, self._theme.muted_text, self._theme.font(self._theme.font_small))

    def _say(self, sentence: str) -> None:
        self.words.setText(sentence)
        self.pages.setCurrentIndex(0)
