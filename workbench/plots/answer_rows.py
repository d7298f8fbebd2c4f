"""Answers over time: a row of cells for each image, one for each moment of the training."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QSizePolicy, QWidget

from engine.api import AnswerHistory
from workbench.plots.buffer import painted
from workbench.plots.export import ValueTable, offer_export, table_of
from workbench.plots.image_view import fitted, to_qimage
from workbench.plots.matrix_canvas import percent
from workbench.plots.picture import Twin
from workbench.plots.plot_controls import fill_with_surface
from workbench.theme import Theme, blend, readable_on

ROW = 26.0
_LEFT = 34.0
_LONGEST_TEXT = 24.0
Cell = tuple[int, int]
"""Row, moment."""


class AnswerRows(QWidget):
    """Right answers in one colour, wrong ones in another with the answer written in; the surer, the stronger."""

    read = Signal(str)
    """The cell under the pointer or the keys in words; "" for none."""
    opened = Signal(int)
    """The row whose image was clicked, or for which Enter was pressed."""
    moment_chosen = Signal(int)
    """The moment (its number) whose cell was clicked."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._history: AnswerHistory | None = None
        self._numbers: NDArray[np.int64] = np.zeros(0, np.int64)
        self._names: tuple[str, ...] = ()
        self._pixels: NDArray[np.uint8] = np.zeros((0, 1, 1, 1), np.uint8)
        self._images: list[QImage] = []
        self._marked = -1
        self._chosen: Cell | None = None
        self._cache: QPixmap | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.setAccessibleName("Answers over time")
        self.export = offer_export(self, "Answers over time")
        self.apply_theme(theme)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        self._theme = theme
        fill_with_surface(self, theme)
        self.setFont(theme.font(theme.font_small))
        self._forget()

    def set_rows(
        self,
        history: AnswerHistory | None,
        numbers: NDArray[np.int64],
        images: NDArray[np.uint8],
        names: tuple[str, ...],
    ) -> None:
        """Show the histories of some images: their numbers and their pixels [n, H, W, C]."""
        self._history, self._numbers, self._names = history, numbers, names
        self._pixels = images
        self._images = [to_qimage(image) for image in images]
        self._chosen = None
        self.setMinimumHeight(int(len(self._images) * ROW) + 2)
        self._forget()

    def twin(self, theme: Theme) -> Twin:
        """A copy of what is shown, for pictures."""
        twin = AnswerRows(theme)
        twin.set_rows(self._history, self._numbers, self._pixels, self._names)
        return Twin(twin, twin.update)

    def values(self) -> ValueTable:
        """A row for each image: its number, its true class, and the answer after each step."""
        if self._history is None:
            return ValueTable((), ())
        header = ("image", "true", *(f"step {step}" for step in self._history.steps.tolist()))
        rows = [
            (int(number) + 1, self._names[true], *(self._names[answer] for answer in answers))
            for number, true, answers in zip(
                self._numbers, self._history.labels.tolist(), self._history.answers.T.tolist(), strict=True
            )
        ]
        return table_of(header, rows)

    @property
    def numbers(self) -> NDArray[np.int64]:
        """The numbers of the images in their part, from the first row on."""
        return self._numbers

    def mark(self, moment: int) -> None:
        """Frame the column of a moment; −1 for none."""
        if moment != self._marked:
            self._marked = moment
            self.update()

    def sizeHint(self) -> QSize:
        """All rows."""
        return QSize(320, max(int(len(self._images) * ROW) + 2, 40))

    def cell(self, row: int, moment: int) -> QRectF:
        """Where an answer stands."""
        assert self._history is not None
        width = (self.width() - _LEFT - 2) / len(self._history.steps)
        return QRectF(_LEFT + moment * width, row * ROW + 2, max(width - 1, 1.0), ROW - 4)

    def cell_at(self, at: QPointF) -> Cell | None:
        """The answer under a point."""
        row = int(at.y() // ROW)
        if self._history is None or not 0 <= row < len(self._images) or at.x() < _LEFT:
            return None
        width = (self.width() - _LEFT - 2) / len(self._history.steps)
        moment = int((at.x() - _LEFT) // width)
        return (row, moment) if moment < len(self._history.steps) else None

    def color(self, row: int, moment: int) -> str:
        """The colour of a cell: stronger, the surer the answer."""
        assert self._history is not None
        full = self._theme.success if self._history.right[moment, row] else self._theme.problem
        return blend(self._theme.surface, full, 0.15 + 0.75 * float(self._history.confidence[moment, row]))

    def describe(self, cell: Cell) -> str:
        """An answer in words."""
        assert self._history is not None
        row, moment = cell
        history = self._history
        answer = self._names[int(history.answers[moment, row])]
        true = self._names[int(history.labels[row])]
        sure = percent(float(history.confidence[moment, row]))
        return (
            f"Validation image {self._numbers[row] + 1:,} ({true}) after step {history.steps[moment]:,}: "
            f"answered {answer} ({sure} %)"
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        """What was painted when the rows came, the marked moment and the cell that is read."""
        if self._history is None:
            return
        if self._cache is None:
            self._cache = painted(self, self._theme.surface, self._paint)
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._cache)
        if 0 <= self._marked < len(self._history.steps) and self._images:
            column = self.cell(0, self._marked).united(self.cell(len(self._images) - 1, self._marked))
            painter.setPen(QPen(QColor(self._theme.accent), 2))
            painter.drawRect(column.adjusted(-0.5, -1, 0.5, 1))
        if self._chosen is not None:
            painter.setPen(QPen(QColor(self._theme.text), 2))
            painter.drawRect(self.cell(*self._chosen))
        painter.end()

    def _paint(self, painter: QPainter) -> None:
        assert self._history is not None
        painter.setFont(self.font())
        metrics = self.fontMetrics()
        widest = max((metrics.horizontalAdvance(name[:3]) for name in self._names), default=0)
        for row, image in enumerate(self._images):
            painter.drawImage(fitted(image, QRectF(0, row * ROW + 1, ROW - 2, ROW - 2)), image)
            for moment in range(len(self._history.steps)):
                place, color = self.cell(row, moment), self.color(row, moment)
                painter.fillRect(place, QColor(color))
                if not self._history.right[moment, row] and place.width() > min(widest, _LONGEST_TEXT):
                    painter.setPen(QColor(readable_on(self._theme, color)))
                    name = self._names[int(self._history.answers[moment, row])][:3]
                    painter.drawText(place, Qt.AlignmentFlag.AlignCenter, name)

    def _forget(self) -> None:
        self._cache = None
        self.update()

    def resizeEvent(self, event: QEvent) -> None:
        """Lay out at another width."""
        self._forget()

    def choose(self, cell: Cell | None) -> None:
        """Read an answer, or none."""
        if cell != self._chosen:
            self._chosen = cell
            words = "" if cell is None else self.describe(cell)
            self.setAccessibleDescription(words)
            self.read.emit(words)
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Read the answer under the pointer."""
        self.choose(self.cell_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        """Read none."""
        self.choose(None)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """On a cell, go to its moment; on an image, open it."""
        if event.button() != Qt.MouseButton.LeftButton:
            super().mousePressEvent(event)
            return
        cell, row = self.cell_at(event.position()), int(event.position().y() // ROW)
        if cell is not None:
            self.moment_chosen.emit(cell[1])
        elif row < len(self._images):
            self.opened.emit(row)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrow keys walk; Space goes to the moment, Enter opens the image, Esc reads none."""
        key = Qt.Key(event.key())
        moves = {
            Qt.Key.Key_Right: (0, 1), Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Down: (1, 0), Qt.Key.Key_Up: (-1, 0)
        }  # fmt: skip
        if key in moves and self._history is not None and self._images:
            row, moment = self._chosen or (0, len(self._history.steps) - 1)
            down, right = moves[key] if self._chosen else (0, 0)
            last = len(self._images) - 1, len(self._history.steps) - 1
            self.choose((min(max(row + down, 0), last[0]), min(max(moment + right, 0), last[1])))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._chosen is not None:
            self.opened.emit(self._chosen[0])
        elif key == Qt.Key.Key_Space and self._chosen is not None:
            self.moment_chosen.emit(self._chosen[1])
        elif key == Qt.Key.Key_Escape and self._chosen is not None:
            self.choose(None)
        else:
            super().keyPressEvent(event)
