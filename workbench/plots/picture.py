"""Pictures of plot widgets: as pixels or as SVG at a given size, without a visible window."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from PySide6.QtCore import QBuffer, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QApplication, QWidget

from workbench.theme import Theme

_DPI = 96
_FONT = re.compile(r'font-family="([^"]*)"')
_IMAGE = re.compile(r"<image ")


class Twin(NamedTuple):
    """A copy of a plot that is made to be drawn off screen, and what brings it up to date once its size is known."""

    widget: QWidget
    draw: Callable[[], None]


def picture_image(twin: Twin, theme: Theme, size: QSize, *, scale: float = 1.0) -> QImage:
    """The twin as pixels: `size` in the widget's units, each of which is `scale` pixels wide. The twin is used up."""
    image = QImage(size * scale, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(scale)
    with _laid_out(twin, size):
        image.fill(QColor(theme.surface))
        painter = QPainter(image)
        twin.widget.render(painter, QPoint(0, 0))
        painter.end()
    return image


def picture_svg(twin: Twin, size: QSize, *, title: str = "") -> str:
    """The twin as an SVG document whose text stays text, in fonts that other computers have. The twin is used up."""
    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setTitle(title)
    generator.setDescription("Drawn by Gabor")
    # Qt's fonts are in points; a unit of the picture is a pixel of the screen.
    generator.setResolution(_DPI)
    generator.setSize(size)
    generator.setViewBox(QRect(QPoint(0, 0), size))
    with _laid_out(twin, size):
        painter = QPainter(generator)
        twin.widget.render(painter, QPoint(0, 0))
        painter.end()
    text = bytes(buffer.data().data()).decode()
    text = _FONT.sub(r'font-family="\1, Helvetica, Arial, sans-serif"', text)
    # Weights and pixels are squares, not colours that run into each other.
    return _IMAGE.sub('<image style="image-rendering:pixelated" ', text)


@contextmanager
def _laid_out(twin: Twin, size: QSize) -> Iterator[None]:
    widget = twin.widget
    widget.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
    widget.resize(size)
    widget.show()
    # Axes learn how wide their numbers are while they are painted, so the second painting is the right one.
    rehearsal = QImage(size, QImage.Format.Format_RGB32)
    for _ in range(2):
        QApplication.sendPostedEvents()
        twin.draw()
        painter = QPainter(rehearsal)
        widget.render(painter, QPoint(0, 0))
        painter.end()
    yield
    widget.close()
    widget.deleteLater()
