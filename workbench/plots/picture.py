"""Pictures of plot widgets for reports: at a given size in pixels, without a visible window."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QApplication, QWidget

from workbench.theme import Theme


def save_picture(
    widget: QWidget, theme: Theme, path: str | Path, width: int, height: int, draw: Callable[[], None]
) -> None:
    """Lay out a widget made for this off screen, and save it as PNG of `width` x `height` pixels.

    `draw` brings it up to date once its size is known.
    Raises OSError when the file cannot be written.
    """
    widget.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
    widget.resize(width, height)
    widget.show()
    image = QImage(width, height, QImage.Format.Format_RGB32)
    # Axes learn how wide their numbers are while they are painted, so the second painting is the right one.
    for _ in range(2):
        QApplication.sendPostedEvents()
        draw()
        image.fill(QColor(theme.surface))
        painter = QPainter(image)
        widget.render(painter, QPoint(0, 0))
        painter.end()
    widget.close()
    widget.deleteLater()
    if not image.save(str(path), "PNG"):  # type: ignore[call-overload]
        raise OSError(f"The picture {path} could not be written.")
