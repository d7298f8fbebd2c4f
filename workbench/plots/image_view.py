"""A raw image, shown pixel by pixel as large as there is room."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from workbench.plots.export import ValueTable, offer_export, table_of
from workbench.plots.picture import Twin
from workbench.plots.plot_controls import fill_with_surface
from workbench.theme import Theme

Pixels = NDArray[np.uint8]
FOR, AGAINST = (255, 140, 0), (30, 110, 255)
"""Colours of what speaks for a class and against it: told apart by most who see few colours."""


def to_qimage(pixels: Pixels) -> QImage:
    """An image [H, W, C] with one channel (grey), three (RGB) or another number (their mean, grey)."""
    height, width, channels = pixels.shape
    if channels == 3:
        rgb = np.ascontiguousarray(pixels)
        return QImage(rgb.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
    grey = np.ascontiguousarray(pixels[:, :, 0] if channels == 1 else np.rint(pixels.mean(axis=2)), np.uint8)
    return QImage(grey.data, width, height, width, QImage.Format.Format_Grayscale8).copy()


def attribution_colors(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """A map [H, W] as colours with opacity [H, W, 4]: orange speaks for, blue against, the strongest is opaque.

    Values are divided by the greatest size among them; a map without any is transparent.
    """
    numbers = np.nan_to_num(np.asarray(values, np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    most = float(np.abs(numbers).max()) if numbers.size else 0.0
    share = numbers / most if most > 0 else numbers
    colors = np.empty((*numbers.shape, 4), np.uint8)
    colors[..., :3] = np.where(share[..., None] >= 0, FOR, AGAINST)
    colors[..., 3] = np.rint(255 * np.abs(share))
    return colors


class ImageView(QWidget):
    """Shows one image, and a map of values over it; nothing until it gets one."""

    read = Signal(str)
    """The map's value under the pointer in words; "" when there is none."""

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.stands_at_top = False
        """Under a heading, at the upper edge of the room there is, instead of in its middle."""
        self._pixels: Pixels | None = None
        self._image: QImage | None = None
        self._values: NDArray[np.float64] | None = None
        self._over: QImage | None = None
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.export = offer_export(self, name)
        self.setMinimumSize(48, 48)
        self.setMouseTracking(True)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        self._theme = theme
        self.update()

    def set_pixels(self, pixels: Pixels | None) -> None:
        """Show another image, uint8 [H, W, C], or none."""
        self._pixels = pixels
        self._image = None if pixels is None else to_qimage(pixels)
        self.update()

    def set_map(self, values: NDArray[np.float64] | None) -> None:
        """Lay a map [H, W] over the image (see `attribution_colors`), or none."""
        self._values, self._over = values, None
        if values is not None:
            colors = np.ascontiguousarray(attribution_colors(values))
            height, width = values.shape
            self._over = QImage(colors.data, width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()
        self.update()

    def twin(self, theme: Theme) -> Twin:
        """A copy of what is shown, for pictures."""
        twin = ImageView(theme, self.accessibleName())
        fill_with_surface(twin, theme)
        twin.set_pixels(self._pixels)
        twin.set_map(self._values)
        return Twin(twin, twin.update)

    def values(self) -> ValueTable:
        """A row for each place: the map's value there, or the pixel's levels where there is no map."""
        if self._pixels is None:
            return ValueTable((), ())
        if self._values is not None:
            return table_of(
                ("row", "column", "value"), ((*place, value) for place, value in np.ndenumerate(self._values))
            )
        height, width = self._pixels.shape[:2]
        levels = self._pixels.reshape(height, width, -1)
        names = ("level",) if levels.shape[2] == 1 else ("red", "green", "blue")
        places = np.ndindex(height, width)
        return table_of(("row", "column", *names), ((*place, *levels[place].tolist()) for place in places))

    @property
    def image(self) -> QImage | None:
        """What is shown."""
        return self._image

    @property
    def map(self) -> NDArray[np.float64] | None:
        """The map over the image."""
        return self._values

    def sizeHint(self) -> QSize:
        """Room to recognise something."""
        return QSize(112, 112)

    def _place(self, image: QImage) -> QRectF:
        place = fitted(image, QRectF(self.rect()).adjusted(1, 1, -1, -1))
        if self.stands_at_top:
            place.moveTop(1.0)
        return place

    def paintEvent(self, event: QPaintEvent) -> None:
        """The image, without smoothing, with a thin outline."""
        if self._image is None:
            return
        painter = QPainter(self)
        place = self._place(self._image)
        painter.drawImage(place, self._image)
        if self._over is not None:
            # Colours of the map are read on a quiet image.
            painter.fillRect(place, QColor(128, 128, 128, 110))
            painter.drawImage(place, self._over)
        painter.setPen(QPen(QColor(self._theme.border), 1))
        painter.drawRect(place.adjusted(-0.5, -0.5, 0.5, 0.5))
        painter.end()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Read the map's value under the pointer."""
        self.read.emit(self.describe(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        """Read nothing."""
        self.read.emit("")

    def describe(self, at: QPointF) -> str:
        """The map's value at a point of the widget in words."""
        if self._image is None or self._values is None:
            return ""
        place = self._place(self._image)
        if not place.contains(at):
            return ""
        height, width = self._values.shape
        row = min(int((at.y() - place.top()) / place.height() * height), height - 1)
        column = min(int((at.x() - place.left()) / place.width() * width), width - 1)
        value = f"{float(self._values[row, column]):+.3g}".replace("-", "−")
        return f"Row {row + 1}, column {column + 1}: {value}"


def fitted(image: QImage, space: QRectF) -> QRectF:
    """The largest rectangle of the image's shape in the middle of a space."""
    scale = min(space.width() / image.width(), space.height() / image.height())
    place = QRectF(0, 0, image.width() * scale, image.height() * scale)
    place.moveCenter(space.center())
    return place
