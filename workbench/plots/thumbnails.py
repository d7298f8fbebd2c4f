"""Small images in rows, each with a line of words below; one of them can be chosen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from workbench.plots.image_view import fitted, to_qimage
from workbench.plots.plot_controls import fill_with_surface
from workbench.theme import Theme

_SIDE = 52.0
_GAP = 8.0


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """An image [H, W, C] and what is said of it: a short line below it, and a whole one to read."""

    pixels: NDArray[np.uint8]
    line: str
    words: str


class Thumbnails(QWidget):
    """Images as many as fit in a row; a click or Enter opens one, pointer and arrow keys read them."""

    opened = Signal(int)
    """The number of the image that was clicked, or for which Enter was pressed."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._items: tuple[Thumbnail, ...] = ()
        self._images: list[QImage] = []
        self._chosen: int | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.setAccessibleName("Images")
        self.apply_theme(theme)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        self._theme = theme
        fill_with_surface(self, theme)
        self.setFont(theme.font(theme.font_small))
        self._arrange()

    def set_items(self, items: Sequence[Thumbnail]) -> None:
        """Show these images."""
        self._items = tuple(items)
        self._images = [to_qimage(item.pixels) for item in items]
        self._chosen = None
        self._arrange()

    @property
    def items(self) -> tuple[Thumbnail, ...]:
        """What is shown."""
        return self._items

    def _arrange(self) -> None:
        # Lines that stand below neighbours must not run into each other.
        widest = max((self.fontMetrics().horizontalAdvance(item.line) for item in self._items), default=0)
        self._cell = max(_SIDE, widest + 2.0)
        self._columns = max(int((self.width() + _GAP) // (self._cell + _GAP)), 1)
        if self.minimumHeight() != self._height():
            self.setMinimumHeight(self._height())
        self.update()

    def _step(self) -> float:
        return _SIDE + self.fontMetrics().height() + _GAP

    def _height(self) -> int:
        return int(-(-len(self._items) // self._columns) * self._step()) + 2

    def place(self, number: int) -> QRectF:
        """Where an image stands."""
        row, column = divmod(number, self._columns)
        left = column * (self._cell + _GAP) + (self._cell - _SIDE) / 2
        return QRectF(left + 2, row * self._step() + 2, _SIDE - 2, _SIDE - 2)

    def item_at(self, place: QPointF) -> int | None:
        """The number of the image under a point."""
        return next((n for n in range(len(self._items)) if self.place(n).contains(place)), None)

    def sizeHint(self) -> QSize:
        """All rows."""
        return QSize(320, self._height())

    def resizeEvent(self, event: QEvent) -> None:
        """Wrap at another width."""
        self._arrange()

    def choose(self, number: int | None) -> None:
        """Read an image, or none."""
        if number != self._chosen:
            self._chosen = number
            words = "" if number is None else self._items[number].words
            self.setToolTip(words)
            self.setAccessibleDescription(words)
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Those images of which something is seen."""
        painter = QPainter(self)
        line = self.fontMetrics().height()
        for number, (item, image) in enumerate(zip(self._items, self._images, strict=True)):
            place = self.place(number)
            if not place.adjusted(0, 0, 0, line).intersects(QRectF(event.rect())):
                continue
            shown = fitted(image, place)
            painter.drawImage(shown, image)
            is_chosen = number == self._chosen
            painter.setPen(
                QPen(QColor(self._theme.accent if is_chosen else self._theme.border), 2 if is_chosen else 1)
            )
            painter.drawRect(shown.adjusted(-0.5, -0.5, 0.5, 0.5))
            painter.setPen(QColor(self._theme.text if is_chosen else self._theme.muted_text))
            margin = (self._cell + _GAP - place.width()) / 2
            words = QRectF(place.left() - margin, place.bottom() + 1, place.width() + 2 * margin, line)
            painter.drawText(words, Qt.AlignmentFlag.AlignCenter, item.line)
        painter.end()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Read the image under the pointer."""
        self.choose(self.item_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        """Read none."""
        self.choose(None)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Open the image under the pointer."""
        number = self.item_at(event.position())
        if number is not None and event.button() == Qt.MouseButton.LeftButton:
            self.opened.emit(number)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrow keys walk, Enter opens, Esc reads none."""
        key = Qt.Key(event.key())
        steps = {
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Down: self._columns,
            Qt.Key.Key_Up: -self._columns,
        }
        if key in steps and self._items:
            place = 0 if self._chosen is None else self._chosen + steps[key]
            self.choose(min(max(place, 0), len(self._items) - 1))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._chosen is not None:
            self.opened.emit(self._chosen)
        elif key == Qt.Key.Key_Escape and self._chosen is not None:
            self.choose(None)
        else:
            super().keyPressEvent(event)
