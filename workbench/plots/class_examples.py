"""Some images of each class in rows; one of them is chosen."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from engine.api import Example
from workbench.plots.image_view import fitted, to_qimage
from workbench.plots.plot_controls import fill_with_surface
from workbench.theme import Theme

MOST_CLASSES = 100
"""Rows at most; a larger number of classes is looked at in the histogram."""
SIDE, GAP = 34.0, 5.0
LONGEST_NAME = 74.0


class ClassExamples(QWidget):
    """A row of images for each class; a click or the arrow keys choose one."""

    chosen = Signal(int)
    """Index of the image that was chosen."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._names: tuple[str, ...] = ()
        self._rows: list[list[tuple[int, QImage]]] = []
        self._index: int | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Examples of each class")
        self.apply_theme(theme)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        self._theme = theme
        fill_with_surface(self, theme)
        self.setFont(theme.font(theme.font_small))
        self.update()

    def set_examples(self, names: Sequence[str], rows: Sequence[Sequence[Example]]) -> None:
        """Show a row of examples for each of the first named classes."""
        self._names = tuple(names)[: len(rows)]
        self._rows = [[(example.index, to_qimage(example.pixels)) for example in row] for row in rows]
        shown = [index for row in self._rows for index, _ in row]
        if self._index not in shown:
            self._index = None
        self.updateGeometry()
        self.update()

    def clear(self) -> None:
        """Show nothing."""
        self.set_examples((), ())

    @property
    def shown(self) -> list[list[int]]:
        """Indexes on show, a list for each class."""
        return [[index for index, _ in row] for row in self._rows]

    def columns(self) -> int:
        """How many images of a class there is room for."""
        return max(int((self.width() - self._left()) // (SIDE + GAP)), 1)

    def place(self, row: int, column: int) -> QRectF:
        """Where an image stands."""
        return QRectF(self._left() + column * (SIDE + GAP), row * (SIDE + GAP) + 1, SIDE, SIDE)

    def choose(self, index: int) -> None:
        """Mark an image as the chosen one, and tell of it."""
        self._index = index
        row = next((n for n, shown in enumerate(self.shown) if index in shown), None)
        name = self._names[row] if row is not None else ""
        self.setAccessibleDescription(f"Chosen: image {index:,}, {name}")
        self.update()
        self.chosen.emit(index)

    def _left(self) -> float:
        longest = max(
            (float(self.fontMetrics().horizontalAdvance(name)) for name in self._names), default=0.0
        )
        return min(longest, LONGEST_NAME) + 10.0

    def sizeHint(self) -> QSize:
        """All rows."""
        return QSize(300, round(len(self._rows) * (SIDE + GAP)) + 2)

    def minimumSizeHint(self) -> QSize:
        """As high as the rows; a scroll area around it scrolls."""
        return QSize(160, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Names and images of the rows that are seen."""
        painter = QPainter(self)
        theme, left, columns = self._theme, self._left(), self.columns()
        for number, (name, row) in enumerate(zip(self._names, self._rows, strict=True)):
            line = QRectF(0, number * (SIDE + GAP), self.width(), SIDE + 2)
            if not line.intersects(QRectF(event.rect())):
                continue
            painter.setPen(QColor(theme.text))
            words = self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, int(left - 8))
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, words)
            for column, (index, image) in enumerate(row[:columns]):
                shown = fitted(image, self.place(number, column))
                painter.drawImage(shown, image)
                is_chosen = index == self._index
                color = theme.accent if is_chosen else theme.border
                painter.setPen(QPen(QColor(color), 2 if is_chosen else 1))
                painter.drawRect(shown.adjusted(-0.5, -0.5, 0.5, 0.5))
        painter.end()

    def _at(self, place: QPointF) -> int | None:
        for number, row in enumerate(self._rows):
            for column, (index, _) in enumerate(row[: self.columns()]):
                if self.place(number, column).contains(place):
                    return index
        return None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the image under the pointer."""
        index = self._at(event.position())
        if index is not None and event.button() == Qt.MouseButton.LeftButton:
            self.choose(index)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Walk with the arrow keys."""
        moves = {
            Qt.Key.Key_Right: (0, 1), Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Down: (1, 0), Qt.Key.Key_Up: (-1, 0),
        }  # fmt: skip
        key = Qt.Key(event.key())
        filled = [number for number, row in enumerate(self._rows) if row]
        if key not in moves or not filled:
            super().keyPressEvent(event)
            return
        found = next(
            ((n, row.index(self._index)) for n, row in enumerate(self.shown) if self._index in row), None
        )
        row, column = found or (filled[0], 0)
        if found is not None:
            down, right = moves[key]
            row = filled[min(max(filled.index(row) + down, 0), len(filled) - 1)]
            column += right
        column = min(max(column, 0), min(len(self._rows[row]), self.columns()) - 1)
        self.choose(self._rows[row][column][0])

    def changeEvent(self, event: QEvent) -> None:
        """Another font moves the rows."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.updateGeometry()
