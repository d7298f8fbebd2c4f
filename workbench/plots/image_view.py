"""A raw image, shown pixel by pixel as large as there is room."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from workbench.theme import Theme

Pixels = NDArray[np.uint8]


def to_qimage(pixels: Pixels) -> QImage:
    """An image [H, W, C] with one channel (grey), three (RGB) or another number (their mean, grey)."""
    height, width, channels = pixels.shape
    if channels == 3:
        rgb = np.ascontiguousarray(pixels)
        return QImage(rgb.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
    grey = np.ascontiguousarray(pixels[:, :, 0] if channels == 1 else np.rint(pixels.mean(axis=2)), np.uint8)
    return QImage(grey.data, width, height, width, QImage.Format.Format_Grayscale8).copy()


class ImageView(QWidget):
    """Shows one image; nothing until it gets one."""

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._image: QImage | None = None
        self.setAccessibleName(name)
        self.setMinimumSize(48, 48)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        self._theme = theme
        self.update()

    def set_pixels(self, pixels: Pixels | None) -> None:
        """Show another image, uint8 [H, W, C], or none."""
        self._image = None if pixels is None else to_qimage(pixels)
        self.update()

    @property
    def image(self) -> QImage | None:
        """What is shown."""
        return self._image

    def sizeHint(self) -> QSize:
        """Room to recognise something."""
        return QSize(112, 112)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The image in the middle, without smoothing, with a thin outline."""
        if self._image is None:
            return
        painter = QPainter(self)
        place = fitted(self._image, QRectF(self.rect()).adjusted(1, 1, -1, -1))
        painter.drawImage(place, self._image)
        painter.setPen(QPen(QColor(self._theme.border), 1))
        painter.drawRect(place.adjusted(-0.5, -0.5, 0.5, 0.5))
        painter.end()


def fitted(image: QImage, space: QRectF) -> QRectF:
    """The largest rectangle of the image's shape in the middle of a space."""
    scale = min(space.width() / image.width(), space.height() / image.height())
    place = QRectF(0, 0, image.width() * scale, image.height() * scale)
    place.moveCenter(space.center())
    return place
