"""The painted confusion matrix: cells, class names, precision and recall."""

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPen

from workbench.theme import Theme, blend, readable_on, rgb

Floats = NDArray[np.float64]
TEXT_UP_TO = 25
LONGEST_NAME = 96.0


def confusion_rates(counts: NDArray[np.int64]) -> Floats:
    """Each row (prediction) divided by its total; an empty row stays zero."""
    return _share(counts, counts.sum(axis=1, keepdims=True))


def precision(counts: NDArray[np.int64]) -> Floats:
    """Of what was predicted as each class, the share that is right; NaN where nothing was predicted."""
    return _share(np.diagonal(counts), counts.sum(axis=1), empty=np.nan)


def recall(counts: NDArray[np.int64]) -> Floats:
    """Of what truly is of each class, the share that was found; NaN where there is nothing of it."""
    return _share(np.diagonal(counts), counts.sum(axis=0), empty=np.nan)


def _share(part: NDArray[np.int64], total: NDArray[np.int64], empty: float = 0.0) -> Floats:
    result = np.full(np.broadcast_shapes(part.shape, total.shape), empty)
    np.divide(part, total, out=result, where=np.broadcast_to(total > 0, result.shape))
    return result


@dataclass(frozen=True)
class MatrixPicture:
    """What is painted: counts M(predicted, true), names, and whether cells show rates or counts."""

    counts: NDArray[np.int64]
    names: tuple[str, ...]
    as_rates: bool = True
    rates: Floats = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rates", confusion_rates(self.counts))

    def cell_text(self, row: int, column: int, decimals: int = 1) -> str:
        """A cell's number: a count, or a rate in percent; nothing where the count is zero."""
        count = int(self.counts[row, column])
        if count == 0:
            return ""
        return percent(self.rates[row, column], decimals) if self.as_rates else str(count)


def percent(share: float, decimals: int = 1) -> str:
    """A share as a short percentage: 3.1, 97.0, 100; `<0.1` for what is there and would read as zero."""
    value = 100 * float(share)
    unit = 10.0**-decimals
    if not np.isfinite(value):
        return "–"
    if 0 < value < unit / 2:
        return f"<{unit:g}"
    return "100" if value >= 100 - unit / 2 else f"{value:.{decimals}f}"


@dataclass(frozen=True)
class MatrixLayout:
    """Where everything stands: the square of cells, the cells' side, whether column names are turned."""

    cells: QRectF
    side: float
    turned: bool
    with_text: bool
    decimals: int
    margin: float

    def cell(self, row: int, column: int) -> QRectF:
        """The rectangle of one cell."""
        left, top = self.cells.left() + column * self.side, self.cells.top() + row * self.side
        return QRectF(left, top, self.side, self.side)

    def at(self, place: QPointF) -> tuple[int, int] | None:
        """The (row, column) under a point; None beside the cells."""
        if not self.cells.contains(place) or self.side <= 0:
            return None
        count = max(round(self.cells.width() / self.side), 1)
        row = int((place.y() - self.cells.top()) / self.side)
        column = int((place.x() - self.cells.left()) / self.side)
        return min(row, count - 1), min(column, count - 1)


def lay_out(space: QRectF, picture: MatrixPicture, metrics: QFontMetricsF) -> MatrixLayout:
    """Give the cells the largest square beside names, precision and recall; without the two where space is short."""
    layout = _lay_out(space, picture, metrics, with_margins=True)
    if layout.side >= max(metrics.height(), metrics.horizontalAdvance("100") + 2):
        return layout
    return _lay_out(space, picture, metrics, with_margins=False)


def _lay_out(
    space: QRectF, picture: MatrixPicture, metrics: QFontMetricsF, *, with_margins: bool
) -> MatrixLayout:
    count = len(picture.names)
    longest = min(max((metrics.horizontalAdvance(name) for name in picture.names), default=0.0), LONGEST_NAME)
    line = metrics.height()
    margin = metrics.horizontalAdvance("99.9") + 18 + line if with_margins else 4.0
    bottom = line + 8 if with_margins else 2.0
    left = line + 8 + longest + 8
    if with_margins:
        left = max(left, metrics.horizontalAdvance("Recall %") + 8)

    def fit(top: float) -> float:
        across = (space.width() - left - margin) / max(count, 1)
        down = (space.height() - top - bottom) / max(count, 1)
        side = min(across, down)
        return float(np.floor(side)) if side >= 6 else max(side, 0.5)

    upright = line + 6 + line + 6
    side = fit(upright)
    turned = longest > side - 4
    if turned:
        side = fit(line + 6 + longest * 0.71 + line * 0.71 + 4)
    top = line + 6 + longest * 0.71 + line * 0.71 + 4 if turned else upright
    width = left + count * side + margin
    height = top + count * side + bottom
    x = space.left() + max((space.width() - width) / 2, 0) + left
    y = space.top() + max((space.height() - height) / 2, 0) + top
    cells = QRectF(round(x), round(y), count * side, count * side)
    decimals = 1 if side >= metrics.horizontalAdvance("99.9") + 4 else 0
    widest = str(picture.counts.max(initial=0))
    if picture.as_rates:
        widest = "99.9" if decimals else "100"
    with_text = count <= TEXT_UP_TO and side >= metrics.horizontalAdvance(widest) + 2 and side >= line
    return MatrixLayout(cells, side, turned, with_text, decimals, margin if with_margins else 0.0)


def cell_colors(theme: Theme, values: Floats) -> NDArray[np.uint8]:
    """Shares 0..1 as colours [..., 3] from the surface to the accent, in 256 levels.

    The square root lets small errors show, which are what one looks for.
    """
    levels = np.rint(255 * np.sqrt(np.clip(values, 0, 1))).astype(np.int64)
    colors: NDArray[np.uint8] = _ramp(theme)[levels]
    return colors


@cache
def _ramp(theme: Theme) -> NDArray[np.uint8]:
    steps = (blend(theme.surface, theme.accent, level / 255) for level in range(256))
    return np.array([rgb(color) for color in steps], dtype=np.uint8)


def paint_matrix(painter: QPainter, theme: Theme, picture: MatrixPicture, layout: MatrixLayout) -> None:
    """Paint everything that does not follow the pointer."""
    _paint_cells(painter, theme, picture, layout)
    _paint_names(painter, theme, picture, layout)
    _paint_margins(painter, theme, picture, layout)


def _paint_cells(painter: QPainter, theme: Theme, picture: MatrixPicture, layout: MatrixLayout) -> None:
    count = len(picture.names)
    colors = np.ascontiguousarray(cell_colors(theme, picture.rates))
    if count <= TEXT_UP_TO:
        # Cell by cell, so that a picture made of vectors stays one.
        for row, column in np.ndindex(count, count):
            painter.fillRect(layout.cell(row, column), QColor(*map(int, colors[row, column])))
    else:
        image = QImage(colors.data, count, count, 3 * count, QImage.Format.Format_RGB888)
        painter.drawImage(layout.cells, image)
    if layout.side >= 10:
        painter.setPen(QPen(QColor(theme.surface), 1))
        for number in range(1, count):
            shift = number * layout.side
            left, top = layout.cells.left(), layout.cells.top()
            painter.drawLine(QPointF(left + shift, top), QPointF(left + shift, layout.cells.bottom()))
            painter.drawLine(QPointF(left, top + shift), QPointF(layout.cells.right(), top + shift))
    painter.setPen(QPen(QColor(theme.border), 1))
    painter.drawRect(layout.cells)
    if not layout.with_text:
        return
    for row in range(count):
        for column in range(count):
            text = picture.cell_text(row, column, layout.decimals)
            if text:
                red, green, blue = colors[row, column]
                painter.setPen(QColor(readable_on(theme, f"#{red:02x}{green:02x}{blue:02x}")))
                painter.drawText(layout.cell(row, column), Qt.AlignmentFlag.AlignCenter, text)


def _paint_names(painter: QPainter, theme: Theme, picture: MatrixPicture, layout: MatrixLayout) -> None:
    metrics = QFontMetricsF(painter.font())
    line = metrics.height()
    painter.setPen(QColor(theme.text))
    every = max(int(np.ceil(line / max(layout.side, 0.5))), 1)
    for number in range(0, len(picture.names), every):
        name = metrics.elidedText(picture.names[number], Qt.TextElideMode.ElideRight, LONGEST_NAME)
        middle = (number + 0.5) * layout.side
        beside = QRectF(
            layout.cells.left() - LONGEST_NAME - 8, layout.cells.top() + middle - line / 2, LONGEST_NAME, line
        )
        painter.drawText(beside, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, name)
        above = QPointF(layout.cells.left() + middle, layout.cells.top() - 4)
        painter.save()
        painter.translate(above)
        if layout.turned:
            painter.rotate(-45)
            painter.drawText(QPointF(2, line * 0.25), name)
        else:
            painter.drawText(QRectF(-100, -line, 200, line), Qt.AlignmentFlag.AlignCenter, name)
        painter.restore()


def _paint_margins(painter: QPainter, theme: Theme, picture: MatrixPicture, layout: MatrixLayout) -> None:
    metrics = QFontMetricsF(painter.font())
    line = metrics.height()
    painter.setPen(QColor(theme.muted_text))
    cells = layout.cells
    longest = min(max((metrics.horizontalAdvance(name) for name in picture.names), default=0.0), LONGEST_NAME)
    _upward(painter, QPointF(cells.left() - longest - 16 - line / 2, cells.center().y()), "Predicted class")
    names_height = longest * 0.71 + line * 0.71 + 4 if layout.turned else line + 6
    heading = QRectF(cells.center().x() - 200, cells.top() - names_height - line - 4, 400, line)
    painter.drawText(heading, Qt.AlignmentFlag.AlignCenter, "True class")
    if not layout.margin:
        return
    _upward(painter, QPointF(cells.right() + layout.margin - line / 2, cells.center().y()), "Precision %")
    below = QRectF(cells.left() - 128, cells.bottom() + 5, 120, line)
    painter.drawText(below, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, "Recall %")
    shares = zip(precision(picture.counts), recall(picture.counts), strict=True)
    for number, (right, found) in enumerate(shares):
        middle = (number + 0.5) * layout.side
        beside = QRectF(cells.right() + 8, cells.top() + middle - line / 2, layout.margin, line)
        painter.drawText(beside, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, percent(right))
        below = QRectF(cells.left() + middle - layout.side / 2, cells.bottom() + 5, layout.side, line)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, percent(found, layout.decimals))


def _upward(painter: QPainter, middle: QPointF, text: str) -> None:
    painter.save()
    painter.translate(middle)
    painter.rotate(-90)
    painter.drawText(QRectF(-200, -20, 400, 40), Qt.AlignmentFlag.AlignCenter, text)
    painter.restore()
