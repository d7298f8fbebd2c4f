"""The confusion matrix M(predicted, true) as thesis section 3 defines it: rows are predictions."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from workbench.plots.buffer import painted
from workbench.plots.export import ValueTable, offer_export, table_of
from workbench.plots.matrix_canvas import (
    MatrixLayout,
    MatrixPicture,
    lay_out,
    paint_matrix,
    percent,
    precision,
    recall,
)
from workbench.plots.picture import Twin
from workbench.plots.plot_controls import (
    FittingLabel,
    choice,
    control_row,
    fill_with_surface,
    longest_fitting,
    stack_rows,
)
from workbench.theme import Theme

EMPTY_TEXT = "Train a classifier: what it confuses appears here."
READ_HINTS = (
    "Point at a cell to read it, click to see its images",
    "Click a cell to see its images",
)
"""What is said while no cell is read: the longest that fits."""


class ConfusionMatrix(QWidget):
    """Counts or rates of predictions by true class, with precision at the right and recall below."""

    cell_activated = Signal(int, int)
    """A cell (predicted, true) was clicked, or Enter was pressed on it."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._picture: MatrixPicture | None = None
        self._caption_text = ""
        row = control_row()
        self._caption = FittingLabel()
        row.addWidget(self._caption, 1)
        self.numbers = choice(
            row, "Cells", (("Rates", "Percent of each row: of what was predicted"), ("Counts", "Images"))
        )
        self.numbers.idClicked.connect(self._show_numbers)
        self.canvas = MatrixCanvas(theme)
        self.canvas.activated.connect(self.cell_activated)
        stack_rows(self, theme, row, self.canvas)
        self.setAccessibleName("Confusion matrix")
        self.setFocusProxy(self.canvas)
        self.export = offer_export(self, "Confusion matrix")
        self.clear()
        self.apply_theme(theme)

    def set_matrix(self, counts: ArrayLike, class_names: Sequence[str], caption: str = "") -> None:
        """Show counts [classes, classes], M(predicted, true). Raises ValueError when sizes do not fit."""
        matrix = np.array(counts, dtype=np.int64)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or len(class_names) != len(matrix):
            sizes = f"{list(matrix.shape)} counts and {len(class_names)} names"
            raise ValueError(f"a confusion matrix is square with a name for each class, got {sizes}")
        self._picture = MatrixPicture(matrix, tuple(class_names), self.numbers.checkedId() == 0)
        self._caption_text = caption
        self._refresh()

    def clear(self) -> None:
        """Show no matrix, but the sentence that says when it comes."""
        self._picture = None
        self._caption_text = ""
        self._refresh()

    def displayed(self) -> NDArray[np.float64]:
        """The rates on show [predicted, true]; empty when there is no matrix."""
        return np.empty((0, 0)) if self._picture is None else self._picture.rates

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        self._theme = theme
        fill_with_surface(self, theme)
        self._caption.setFont(theme.font(theme.font_small))
        self.canvas.apply_theme(theme)

    def twin(self, theme: Theme) -> Twin:
        """A copy of what is shown, for pictures."""
        twin = MatrixCanvas(theme)
        twin.set_picture(self._picture, self._full_caption())
        twin.is_picture = True
        return Twin(twin, twin.update)

    def values(self) -> ValueTable:
        """Counts M(predicted, true): a row for each predicted class, with precision; the last row is recall."""
        if self._picture is None:
            return ValueTable((), ())
        counts, names = self._picture.counts, self._picture.names
        rows = [
            (name, *row, share)
            for name, row, share in zip(names, counts.tolist(), precision(counts), strict=True)
        ]
        header = ("predicted \\ true", *names, "precision")
        return table_of(header, [*rows, ("recall", *recall(counts), np.nan)])

    def _show_numbers(self, number: int) -> None:
        if self._picture is not None:
            self._picture = MatrixPicture(self._picture.counts, self._picture.names, number == 0)
            self._refresh()

    def _full_caption(self) -> str:
        return self._captions()[0]

    def _captions(self) -> tuple[str, ...]:
        """What is right, of how many and of which, longest first; the number stays in the narrowest panel."""
        if self._picture is None:
            return ("",)
        counts = self._picture.counts
        total = int(counts.sum())
        right = int(np.trace(counts))
        if not total:
            return ("No images",)
        share, what = f"{percent(right / total)} %", self._caption_text
        whole = f"{share} right ({right:,} of {total:,})"
        if not what:
            return whole, f"{share} right", share
        part = what.partition(" after ")[0]
        return (
            f"{whole} · {what}",
            f"{share} right · {what}",
            f"{share} right · {part}",
            f"{share} · {part}",
            share,
        )

    def _refresh(self) -> None:
        caption = self._full_caption()
        self._caption.set_wordings(*self._captions())
        self.setAccessibleDescription(caption or EMPTY_TEXT)
        self.canvas.set_picture(self._picture, caption)


class MatrixCanvas(QWidget):
    """Paints the matrix once for each change, and what the pointer reads on top of it."""

    activated = Signal(int, int)
    """A cell (predicted, true) was clicked, or Enter was pressed on it."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.is_picture = False
        """Painted as vectors where the paper takes them, and with its caption."""
        self._theme = theme
        self._picture: MatrixPicture | None = None
        self._caption = ""
        self._cache: QPixmap | None = None
        self._layout: MatrixLayout | None = None
        self._chosen: tuple[int, int] | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 140)
        self.setAccessibleName("Confusion matrix cells")
        self.apply_theme(theme)

    def sizeHint(self) -> QSize:
        """Room for ten classes with numbers."""
        return QSize(460, 440)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        self._theme = theme
        fill_with_surface(self, theme)
        self.setFont(theme.font(theme.font_small))
        self._forget()

    def set_picture(self, picture: MatrixPicture | None, caption: str) -> None:
        """Paint another matrix, or the sentence that says when there will be one."""
        self._picture, self._caption = picture, caption
        if self._chosen and (picture is None or max(self._chosen) >= len(picture.names)):
            self._chosen = None
        self._forget()

    def reading(self) -> str:
        """The chosen cell in words, empty when none is chosen."""
        if self._picture is None or self._chosen is None:
            return ""
        row, column = self._chosen
        count = int(self._picture.counts[row, column])
        predicted, true = self._picture.names[row], self._picture.names[column]
        images = "1 image" if count == 1 else f"{count:,} images"
        share = percent(self._picture.rates[row, column])
        return f"predicted {predicted}, true {true}: {images}, {share} % of the predicted {predicted}s"

    def choose(self, cell: tuple[int, int] | None) -> None:
        """Read a cell (predicted, true), or none."""
        if cell != self._chosen:
            self._chosen = cell
            self.setAccessibleDescription(self.reading() or self._caption)
            self.setToolTip(self.reading())
            self.update()

    def cell_at(self, place: QPointF) -> tuple[int, int] | None:
        """The cell (predicted, true) under a point of the widget."""
        return self._layout.at(place) if self._layout is not None else None

    def resizeEvent(self, event: QEvent) -> None:
        """Lay out anew."""
        self._forget()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Read the cell under the pointer."""
        self.choose(self.cell_at(event.position()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Activate the cell under the pointer."""
        cell = self.cell_at(event.position())
        if cell is not None and self._picture is not None and event.button() == Qt.MouseButton.LeftButton:
            self.activated.emit(*cell)
        else:
            super().mousePressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Read no cell."""
        self.choose(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Walk over the cells with the arrow keys; Enter activates one, Esc reads none."""
        moves = {
            Qt.Key.Key_Right: (0, 1),
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Down: (1, 0),
            Qt.Key.Key_Up: (-1, 0),
        }
        key = Qt.Key(event.key())
        if key in moves and self._picture is not None:
            last = len(self._picture.names) - 1
            row, column = self._chosen or (0, 0)
            down, right = moves[key] if self._chosen else (0, 0)
            self.choose((min(max(row + down, 0), last), min(max(column + right, 0), last)))
        elif key == Qt.Key.Key_Escape and self._chosen is not None:
            self.choose(None)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._chosen is not None:
            self.activated.emit(*self._chosen)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Show the painted matrix, the outline of the chosen cell and its words."""
        painter = QPainter(self)
        if self._picture is None:
            painter.setFont(self._theme.font())
            painter.setPen(QColor(self._theme.muted_text))
            words = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect(), words, EMPTY_TEXT)
            painter.end()
            return
        if self.is_picture:
            self._paint(self._picture, painter)
        else:
            if self._cache is None:
                self._cache = painted(self, self._theme.surface, partial(self._paint, self._picture))
            painter.drawPixmap(0, 0, self._cache)
        if self._chosen is not None and self._layout is not None:
            painter.setPen(QPen(QColor(self._theme.text), 2))
            painter.drawRect(self._layout.cell(*self._chosen))
        line = self._bottom_line(painter.fontMetrics())
        painter.setPen(QColor(self._theme.muted_text))
        place = self.rect().adjusted(0, 0, 0, -2)
        painter.drawText(place, Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignHCenter, line)
        painter.end()

    def _bottom_line(self, metrics: QFontMetrics) -> str:
        """The cell that is read, the caption or a hint, shortened to the width; a tool tip tells a cell in full."""
        hint = longest_fitting((*READ_HINTS, ""), metrics, self.width())
        line = self.reading() or (self._caption if self.is_picture else hint)
        return metrics.elidedText(line, Qt.TextElideMode.ElideRight, self.width())

    def _paint(self, picture: MatrixPicture, painter: QPainter) -> None:
        painter.setFont(self.font())
        metrics = QFontMetricsF(self.font())
        below = metrics.height() + 8
        self._layout = lay_out(QRectF(self.rect()).adjusted(0, 0, 0, -below), picture, metrics)
        paint_matrix(painter, self._theme, picture, self._layout)

    def _forget(self) -> None:
        self._cache = None
        self.update()
