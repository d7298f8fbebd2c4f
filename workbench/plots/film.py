"""Films of a training: one picture for each of its snapshots, as an animated GIF or as numbered PNG files."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QWidget

from engine.api import Project, Snapshot, activities_of
from workbench.plots.activity_strips import ActivityStrips
from workbench.plots.axes import step_text
from workbench.plots.confusion_matrix import MatrixCanvas
from workbench.plots.filter_mosaic import FilterMosaic
from workbench.plots.matrix_canvas import MatrixPicture
from workbench.theme import Theme

Subject = Literal["filters", "confusion", "activity"]
SUBJECTS: dict[Subject, str] = {
    "filters": "First-layer filters",
    "confusion": "Confusion matrix on the validation images",
    "activity": "Unit activity",
}
MOST_FRAMES = 400
_LAST_FRAME_SECONDS = 2.0
_COLORS = 128

Pixels = NDArray[np.uint8]


def shots_of(snapshots: Sequence[Snapshot], subject: Subject) -> tuple[Snapshot, ...]:
    """The snapshots that have something of the subject to show, at most MOST_FRAMES, evenly chosen."""
    field = {"filters": "filters", "confusion": "confusion", "activity": "fires"}[subject]
    shots = [shot for shot in snapshots if getattr(shot, field) is not None]
    if subject == "confusion" and shots:
        # In mid-epoch fewer images are classified: beside the others such matrices would flicker.
        most = max(_counted(shot) for shot in shots)
        shots = [shots[0], *(shot for shot in shots[1:] if _counted(shot) == most)]
    if len(shots) > MOST_FRAMES:
        shots = [shots[n] for n in np.linspace(0, len(shots) - 1, MOST_FRAMES).round().astype(int)]
    return tuple(shots)


def _counted(shot: Snapshot) -> int:
    """Images that a snapshot's confusion matrix counts."""
    return 0 if shot.confusion is None else int(shot.confusion.sum())


class Film:
    """Draws one frame after the other; for the thread of the window."""

    def __init__(
        self,
        subject: Subject,
        project: Project,
        class_names: Sequence[str],
        theme: Theme,
        size: tuple[int, int],
    ) -> None:
        """`size`: width and height in pixels."""
        self._theme = theme
        self._project = project
        self._names = tuple(class_names)
        self._widget, self._show = self._stage(subject)
        self._widget.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
        self._widget.resize(*size)
        self._widget.show()

    def _stage(self, subject: Subject) -> tuple[QWidget, Callable[[Snapshot], None]]:
        if subject == "filters":
            mosaic = FilterMosaic(self._theme)
            return mosaic, lambda shot: mosaic.set_filters(shot.filters, shot.step)
        if subject == "confusion":
            matrix = MatrixCanvas(self._theme)
            matrix.is_picture = True
            return matrix, lambda shot: matrix.set_picture(*self._matrix(shot))
        strips = ActivityStrips(self._theme)
        return strips, lambda shot: strips.set_activity(activities_of(self._project, [shot])[0])

    def _matrix(self, shot: Snapshot) -> tuple[MatrixPicture, str]:
        assert shot.confusion is not None
        names = self._names
        if len(names) != len(shot.confusion):
            names = tuple(str(number) for number in range(len(shot.confusion)))
        right = np.trace(shot.confusion) / max(int(shot.confusion.sum()), 1)
        return MatrixPicture(
            shot.confusion, names
        ), f"Step {step_text(shot.step)} · {100 * right:.1f} % right"

    def frame(self, shot: Snapshot) -> Pixels:
        """The picture of one moment, [H, W, 3]."""
        self._show(shot)
        image = QImage(self._widget.size(), QImage.Format.Format_RGB888)
        image.fill(QColor(self._theme.surface))
        painter = QPainter(image)
        self._widget.render(painter, QPoint(0, 0))
        painter.end()
        rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
        return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()

    def close(self) -> None:
        """Give up what it is drawn with."""
        self._widget.close()
        self._widget.deleteLater()


def write_gif(path: Path, frames: Iterator[Pixels], per_second: float) -> int:
    """Write frames [H, W, 3] as an animated GIF that repeats; returns how many. Raises OSError.

    The last frame stays for two seconds. Nothing is left of a file that could not be finished.
    """
    # One palette after the other: the colours of a frame are few, those of a film may be many.
    pictures = [Image.fromarray(frame).quantize(_COLORS, dither=Image.Dither.NONE) for frame in frames]
    if not pictures:
        raise OSError("There is nothing to show in a film.")
    seconds = [1 / per_second] * (len(pictures) - 1) + [_LAST_FRAME_SECONDS]
    durations = [round(1000 * second) for second in seconds]
    half = path.with_name(f".{path.name}.part")
    try:
        pictures[0].save(
            half, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0, optimize=True
        )
        os.replace(half, path)
    finally:
        half.unlink(missing_ok=True)
    return len(pictures)


def write_frames(path: Path, frames: Iterator[Pixels]) -> int:
    """Write frames [H, W, 3] as `name-0001.png`, `name-0002.png` … beside each other; returns how many.

    Raises OSError.
    """
    count = 0
    for count, frame in enumerate(frames, start=1):
        Image.fromarray(frame).save(path.with_name(f"{path.stem}-{count:04d}.png"), "PNG")
    return count
