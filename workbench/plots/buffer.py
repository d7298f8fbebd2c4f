"""What a view has painted once, kept to be shown again."""

from collections.abc import Callable

from PySide6.QtGui import QColor, QPainter, QPixmap
from PySide6.QtWidgets import QWidget


def painted(view: QWidget, ground: str, paint: Callable[[QPainter], None]) -> QPixmap:
    """A picture of the size of a view, in the pixels of its screen, painted on a ground of some colour."""
    ratio = view.devicePixelRatioF()
    pixmap = QPixmap(view.size() * ratio)
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(QColor(ground))
    painter = QPainter(pixmap)
    paint(painter)
    painter.end()
    return pixmap
