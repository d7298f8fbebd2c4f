"""Filters as a mosaic, each scaled by itself as in the thesis, or all of them together."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from engine.api import filter_kind
from workbench.plots.axes import step_text
from workbench.plots.export import ValueTable, offer_export, table_of
from workbench.plots.filter_tiles import Pixels, kind_in_words, mosaic
from workbench.plots.picture import Twin
from workbench.plots.plot_controls import fill_with_surface, longest_fitting
from workbench.theme import Theme

TILE_GAP = 4
MARGIN = 12
EMPTY_WIDTH = 300
EMPTY_TEXT = "Train a network that begins with a convolution: its filters appear here."


class FilterMosaic(QWidget):
    """Shows filters as large as there is room; pointer or arrow keys read one filter, a click or Enter opens it."""

    changed = Signal()
    """There are other filters."""
    opened = Signal(int)
    """The number of the filter that was clicked, or for which Enter was pressed."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._filters: NDArray[np.float64] = np.empty((0, 1, 1, 1))
        self._step = 0
        self._order: NDArray[np.int64] = np.arange(0)
        self._per_filter = True
        self._empty = EMPTY_TEXT
        self._picture: Pixels = np.empty((0, 0, 3), dtype=np.uint8)
        self._columns = 1
        self._chosen: int | None = None
        self._kinds: dict[int, str] = {}
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(120, 100)
        self.setAccessibleName("First-layer filters")
        self.export = offer_export(self, "Filters")
        self.apply_theme(theme)
        self._describe()

    def sizeHint(self) -> QSize:
        """Room for some dozens of filters."""
        return QSize(360, 260)

    def set_filters(self, filters: ArrayLike, step: int) -> None:
        """Show filters [K, C, h, w] as they were after `step`. Raises ValueError for another shape."""
        values = np.array(filters, dtype=np.float64)
        if values.ndim != 4:
            raise ValueError(f"filters need the shape [K, C, h, w], got {list(values.shape)}")
        if len(values) != len(self._filters):
            self._order = np.arange(len(values))
        self._filters, self._step = values, step
        self._kinds.clear()
        if self._chosen is not None and self._chosen >= len(values):
            self._chosen = None
        self._arrange()
        self.changed.emit()

    def clear(self) -> None:
        """Show no filters, but the sentence that says when they come."""
        self._filters, self._order = np.empty((0, 1, 1, 1)), np.arange(0)
        self._chosen = None
        self._arrange()

    def set_order(self, order: ArrayLike) -> None:
        """Show the filters in the order of these numbers; ValueError unless each is there once."""
        numbers = np.array(order, np.int64)
        if sorted(numbers.tolist()) != list(range(len(self._filters))):
            raise ValueError(f"an order of {len(self._filters)} filters names each of them once")
        self._order = numbers
        self._arrange()

    def set_per_filter(self, on: bool) -> None:
        """Scale each filter by itself, as in the thesis, or all of them alike, which shows how strong each is."""
        self._per_filter = on
        self._arrange()

    def set_empty_text(self, text: str) -> None:
        """What is said while there are no filters."""
        self._empty = text
        self._describe()
        self.update()

    @property
    def filters(self) -> NDArray[np.float64]:
        """All filters [K, C, h, w], by their numbers."""
        return self._filters

    @property
    def order(self) -> NDArray[np.int64]:
        """Numbers of the filters as they stand."""
        return self._order

    @property
    def columns(self) -> int:
        """How many filters stand in a row, which follows the shape of the widget."""
        return self._columns

    def displayed(self) -> Pixels:
        """The picture on show, [H, W, 3]: `mosaic(filters, columns=self.columns)`."""
        return self._picture

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        self._theme = theme
        fill_with_surface(self, theme)
        self.setFont(theme.font(theme.font_small))
        self.update()

    def twin(self, theme: Theme) -> Twin:
        """A copy of what is shown, for pictures."""
        twin = FilterMosaic(theme)
        twin.set_filters(self._filters, self._step)
        twin.set_order(self._order)
        twin.set_per_filter(self._per_filter)
        return Twin(twin, twin.update)

    def values(self) -> ValueTable:
        """The weights, a row for each filter, channel and row of the filter."""
        count, channels, height, width = self._filters.shape
        header = ("filter", "channel", "row", *(f"column {column + 1}" for column in range(width)))
        places = [(f + 1, c + 1, r + 1) for f in range(count) for c in range(channels) for r in range(height)]
        lines = self._filters.reshape(-1, width).tolist()
        return table_of(header, [(*place, *line) for place, line in zip(places, lines, strict=True)])

    # Layout

    def resizeEvent(self, event: QEvent) -> None:
        """Choose the number of columns anew."""
        self._arrange()

    def _space(self) -> QRect:
        caption = self.fontMetrics().height() + 10
        return self.rect().adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN - caption)

    def _arrange(self) -> None:
        count = len(self._filters)
        space = self._space()
        # The largest tiles; among equals the fewest empty places in the last row.
        ranked = [
            (self._scale(columns, space), -(-count % columns), -columns) for columns in range(1, count + 1)
        ]
        self._columns = -max(ranked)[2] if ranked else 1
        self._picture = mosaic(self._filters[self._order], self._per_filter, columns=self._columns)
        self._describe()
        self.update()

    def _scale(self, columns: int, space: QRect) -> int:
        """Screen pixels a weight has when the filters stand in so many columns; 0 when they do not fit."""
        count, _, height, width = self._filters.shape
        rows = -(-count // columns)
        across = (space.width() - (columns - 1) * TILE_GAP) // (columns * width)
        down = (space.height() - (rows - 1) * TILE_GAP) // (rows * height)
        return max(min(int(across), int(down)), 0)

    def _tiles(self) -> list[QRectF]:
        count, _, height, width = self._filters.shape
        space = self._space()
        rows = -(-count // self._columns)
        scale: float = self._scale(self._columns, space)
        gap = float(TILE_GAP)
        if scale < 1:  # more filters than room: shrink the mosaic as a whole
            gap = 0.0
            scale = max(min(space.width() / (self._columns * width), space.height() / (rows * height)), 0.0)
        across, down = width * scale + gap, height * scale + gap
        left = space.left() + max((space.width() - self._columns * across + gap) // 2, 0)
        top = space.top() + max((space.height() - rows * down + gap) // 2, 0)
        return [
            QRectF(
                left + number % self._columns * across,
                top + number // self._columns * down,
                width * scale,
                height * scale,
            )
            for number in range(count)
        ]

    # Painting and reading

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw tiles from the picture, the chosen one outlined, and the caption."""
        painter = QPainter(self)
        if not len(self._filters):
            painter.setFont(self._theme.font())
            painter.setPen(QColor(self._theme.muted_text))
            words = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            side = max((self.width() - EMPTY_WIDTH) // 2, MARGIN)
            painter.drawText(self.rect().adjusted(side, 0, -side, 0), words, self._caption())
            painter.end()
            return
        _, _, height, width = self._filters.shape
        rows, across, _ = self._picture.shape
        image = QImage(self._picture.data, across, rows, 3 * across, QImage.Format.Format_RGB888)
        tiles = self._tiles()
        painter.setPen(QPen(QColor(self._theme.border), 1))  # so that white weights end on a white ground
        for number, tile in enumerate(tiles):
            left, top = number % self._columns * (width + 1), number // self._columns * (height + 1)
            # Cut out: an SVG shows the whole of an image.
            painter.drawImage(tile, image.copy(left, top, width, height))
            painter.drawRect(tile.adjusted(-0.5, -0.5, 0.5, 0.5))
        if self._chosen is not None:
            painter.setPen(QPen(QColor(self._theme.accent), 2))
            painter.drawRect(tiles[self._place_of(self._chosen)].adjusted(-2, -2, 2, 2))
        painter.setPen(QColor(self._theme.muted_text))
        line = self.rect().adjusted(MARGIN, 0, -MARGIN, -MARGIN + 4)
        text = longest_fitting(self._captions(), self.fontMetrics(), line.width())
        text = self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, line.width())
        painter.drawText(line, Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignHCenter, text)
        painter.end()

    def _caption(self) -> str:
        return self._captions()[0]

    def _captions(self) -> tuple[str, ...]:
        """What is shown, longest wording first."""
        count, channels, height, width = self._filters.shape
        if not count:
            return (self._empty,)
        if self._chosen is not None:
            chosen = self._filters[self._chosen]
            low, high = (f"{edge:.4f}".replace("-", "−") for edge in (chosen.min(), chosen.max()))
            words = f"Filter {self._chosen + 1}: smallest weight {low}, largest {high}"
            return (f"{words} · {self._kind_in_words(self._chosen)}",)
        shown = {1: "", 3: ""}.get(channels, f" · mean of {channels} channels")
        scaled = "" if self._per_filter else ", scaled alike"
        step = f"Step {step_text(self._step)}"
        short = f"{step} · {count} filters"
        return f"{short} {height}×{width}{scaled}{shown}", f"{short} {height}×{width}", short, step

    def _kind_in_words(self, number: int) -> str:
        # Fitted when someone asks, and once: a fit takes some ten milliseconds.
        if number not in self._kinds:
            self._kinds[number] = kind_in_words(filter_kind(self._filters[number]))
        return self._kinds[number]

    def _describe(self) -> None:
        self.setAccessibleDescription(self._caption())

    def _choose(self, number: int | None) -> None:
        if number != self._chosen:
            self._chosen = number
            self.setToolTip("" if number is None else self._caption())
            self._describe()
            self.update()

    def filter_at(self, place: QPointF) -> int | None:
        """The index of the filter under a point of the widget."""
        at = next((at for at, tile in enumerate(self._tiles()) if tile.contains(place)), None)
        return None if at is None else int(self._order[at])

    def _place_of(self, number: int) -> int:
        return int(np.flatnonzero(self._order == number)[0])

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Read the filter under the pointer."""
        self._choose(self.filter_at(event.position()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Open the filter under the pointer."""
        number = self.filter_at(event.position())
        if number is not None and event.button() == Qt.MouseButton.LeftButton:
            self.opened.emit(number)
        else:
            super().mousePressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Read no filter."""
        self._choose(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Walk through the filters with the arrow keys; Enter opens one, Esc reads none."""
        steps = {Qt.Key.Key_Right: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Down: self._columns}
        steps[Qt.Key.Key_Up] = -self._columns
        key = Qt.Key(event.key())
        if key in steps and len(self._filters):
            place = 0 if self._chosen is None else self._place_of(self._chosen) + steps[key]
            self._choose(int(self._order[min(max(place, 0), len(self._filters) - 1)]))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._chosen is not None:
            self.opened.emit(self._chosen)
        elif key == Qt.Key.Key_Escape and self._chosen is not None:
            self._choose(None)
        else:
            super().keyPressEvent(event)
