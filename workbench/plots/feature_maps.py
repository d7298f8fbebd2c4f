"""The feature maps of every node for one image, as mosaics one below the other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QSizePolicy, QWidget

from engine.api import NodeMaps
from workbench.plots.buffer import painted
from workbench.plots.export import ValueTable, offer_export, table_of
from workbench.plots.filter_tiles import MID_GREY
from workbench.plots.picture import Twin
from workbench.plots.plot_controls import fill_with_surface
from workbench.theme import Theme

_TILE = 34
"""Screen pixels that a map has at least along its longer side, and a vector's units share out."""
_UNIT = 7
_GAP = 2
_BETWEEN = 12

Place = tuple[int, int, int, int]
"""Number of the node, channel, row, column."""


def grey_levels(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Values as grey from the least (black) to the greatest (white) of all of them; mid-grey where all are alike."""
    numbers = np.nan_to_num(np.asarray(values, np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 0.0)
    if high <= low:
        return np.full(numbers.shape, MID_GREY, np.uint8)
    return np.rint(255 * (numbers - low) / (high - low)).astype(np.uint8)


@dataclass(frozen=True)
class _Block:
    """One node's place: its line of text, and its maps in rows of `columns`."""

    top: float
    maps_top: float
    columns: int
    scale: int
    gap: int
    shape: tuple[int, int, int]

    def tile(self, channel: int) -> QRectF:
        """Where a channel stands."""
        _, height, width = self.shape
        row, column = divmod(channel, self.columns)
        across, down = width * self.scale + self.gap, height * self.scale + self.gap
        return QRectF(column * across, self.maps_top + row * down, width * self.scale, height * self.scale)

    @property
    def bottom(self) -> float:
        """Below the last row of maps."""
        return self.tile(self.shape[0] - 1).bottom()


class FeatureMaps(QWidget):
    """Mosaics of [C, H, W] outputs, each node scaled by itself; the pointer reads a value."""

    read = Signal(str)
    """The value under the pointer in words; "" when there is none."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._nodes: tuple[NodeMaps, ...] = ()
        self._blocks: list[_Block] = []
        self._cache: QPixmap | None = None
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.setAccessibleName("Feature maps")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._is_picture = False
        self.export = offer_export(self, "Feature maps")
        self.apply_theme(theme)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        self._theme = theme
        fill_with_surface(self, theme)
        self.setFont(theme.font(theme.font_small))
        self._arrange()

    def set_nodes(self, nodes: Sequence[NodeMaps]) -> None:
        """Show the outputs of these nodes, in their order."""
        same = [node.values.shape for node in nodes] == [node.values.shape for node in self._nodes]
        self._nodes = tuple(nodes)
        self.setAccessibleDescription(", ".join(title_of(node) for node in nodes))
        if same:
            self._cache = None
            self.update()
        else:
            self._arrange()

    def twin(self, theme: Theme) -> Twin:
        """A copy of what is shown, for pictures."""
        twin = FeatureMaps(theme)
        twin._is_picture = True
        twin.set_nodes(self._nodes)
        return Twin(twin, twin.update)

    def values(self) -> ValueTable:
        """A row for each value: node, channel, row, column."""
        rows = [
            (node.name, channel + 1, row + 1, column + 1, float(value))
            for node in self._nodes
            for (channel, row, column), value in np.ndenumerate(node.values)
        ]
        return table_of(("node", "channel", "row", "column", "value"), rows)

    @property
    def nodes(self) -> tuple[NodeMaps, ...]:
        """What is shown."""
        return self._nodes

    def tile(self, node: int, channel: int) -> QRectF:
        """Where a channel of a node stands."""
        return self._blocks[node].tile(channel)

    def place_at(self, place: QPointF) -> Place | None:
        """The value under a point."""
        for number, block in enumerate(self._blocks):
            if not block.maps_top <= place.y() <= block.bottom:
                continue
            for channel in range(block.shape[0]):
                tile = block.tile(channel)
                if tile.contains(place):
                    row = int((place.y() - tile.top()) / block.scale)
                    column = int((place.x() - tile.left()) / block.scale)
                    return number, channel, min(row, block.shape[1] - 1), min(column, block.shape[2] - 1)
        return None

    def describe(self, place: Place) -> str:
        """A value in words."""
        number, channel, row, column = place
        node = self._nodes[number]
        value = f"{float(node.values[channel, row, column]):.4g}".replace("-", "−")
        if node.values.shape[1:] == (1, 1):
            return f"{node.name}, unit {channel + 1}: {value}"
        return f"{node.name}, channel {channel + 1}, row {row + 1}, column {column + 1}: {value}"

    # Laying out

    def sizeHint(self) -> QSize:
        """As high as the mosaics are at this width."""
        return QSize(320, self._height())

    def minimumSizeHint(self) -> QSize:
        """All of them, for a scroll area to scroll."""
        return QSize(120, self._height())

    def _height(self) -> int:
        return int(self._blocks[-1].bottom) + 4 if self._blocks else 40

    def _arrange(self) -> None:
        line = self.fontMetrics().height()
        top = 0.0
        self._blocks = []
        for node in self._nodes:
            channels, height, width = node.values.shape
            is_vector = height * width == 1
            scale = _UNIT if is_vector else max(round(_TILE / max(height, width)), 1)
            gap = 1 if is_vector else _GAP
            columns = min(max((self.width() + gap) // (width * scale + gap), 1), channels)
            block = _Block(top, top + line + 3, columns, scale, gap, (channels, height, width))
            self._blocks.append(block)
            top = block.bottom + _BETWEEN
        self._cache = None
        if self.minimumHeight() != self._height():
            self.setMinimumHeight(self._height())
        self.update()

    def resizeEvent(self, event: QEvent) -> None:
        """Lay out at another width."""
        self._arrange()

    # Painting and reading

    def paintEvent(self, event: QPaintEvent) -> None:
        """Show what was painted when the values came."""
        painter = QPainter(self)
        if self._is_picture:
            self._paint(painter)
        else:
            self._cache = self._cache or painted(self, self._theme.surface, self._paint)
            painter.drawPixmap(0, 0, self._cache)
        painter.end()

    def _paint(self, painter: QPainter) -> None:
        painter.setFont(self.font())
        for node, block in zip(self._nodes, self._blocks, strict=True):
            painter.setPen(QColor(self._theme.muted_text))
            line = QRectF(0, block.top, self.width(), block.maps_top - block.top)
            title = self.fontMetrics().elidedText(title_of(node), Qt.TextElideMode.ElideRight, self.width())
            painter.drawText(line, Qt.AlignmentFlag.AlignLeft, title)
            levels = grey_levels(node.values)
            channels, height, width = levels.shape
            column_of_maps = np.ascontiguousarray(levels.reshape(channels * height, width))
            grey = QImage.Format.Format_Grayscale8
            image = QImage(column_of_maps.data, width, channels * height, width, grey)
            for channel in range(channels):
                # Cut out: an SVG shows the whole of an image.
                painter.drawImage(block.tile(channel), image.copy(0, channel * height, width, height))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Read the value under the pointer."""
        place = self.place_at(event.position())
        self.read.emit("" if place is None else self.describe(place))

    def leaveEvent(self, event: QEvent) -> None:
        """Read nothing."""
        self.read.emit("")


def title_of(node: NodeMaps) -> str:
    """`Convolution 1 · 32×28×28 · −1.2 to 3.4`."""
    shape = "×".join(str(size) for size in node.values.shape)
    low, high = (f"{float(edge):.3g}".replace("-", "−") for edge in (node.values.min(), node.values.max()))
    return f"{node.name} · {shape} · {low} to {high}"
