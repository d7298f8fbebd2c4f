"""What the canvas draws with: pens, brushes and fonts made once from a theme."""

import math

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetricsF, QPainter, QPen, QPixmap

from workbench.canvas.lettering import FAR_ZOOM, FARTHER_ZOOM, HEADER, Lettering
from workbench.theme import Theme, blend

_GRID = 24.0
"""Distance of the background's dots in scene units at full size."""
_DOT = 2.0
"""Half the height of a row of dots in screen pixels."""
_LEAST_DISTANCE = 18.0
"""In screen pixels: far out, only every second or fourth dot is drawn."""


class Ink:
    """The tools for one theme. Scene units equal pixels at 100 %, so fonts are sized in pixels."""

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self.background = QColor(theme.background)
        self.surface = QBrush(QColor(theme.surface))
        self.raised = QBrush(QColor(theme.raised))
        self.text = QColor(theme.text)
        self.muted = QColor(theme.muted_text)
        self.accent = QColor(theme.accent)
        self.problem = QColor(theme.problem)
        self.waiting = QColor(theme.waiting)
        self.warning = QColor(theme.warning)
        self.success = QColor(theme.success)
        self.shadow = QColor(0, 0, 0, 90 if theme.is_dark else 22)
        self.glow = _faded(self.accent, 70)
        self.panel = QBrush(_faded(QColor(theme.raised), 150))
        self.outline = QPen(QColor(theme.border), 1.0)
        self.hovered = QPen(QColor(theme.muted_text), 1.0)
        self.selected = QPen(self.accent, 2.0)
        self.failed = QPen(self.problem, 1.6)
        self.passed = QPen(self.success, 1.6)
        self.wire = QPen(QColor(blend(theme.muted_text, theme.background, 0.35)), 2.0)
        self.wire.setCapStyle(Qt.PenCapStyle.RoundCap)
        self.wire_selected = QPen(self.accent, 3.0)
        self.wire_waiting = QPen(
            QColor(blend(theme.muted_text, theme.background, 0.55)), 2.0, Qt.PenStyle.DashLine
        )
        self.wire_problem = QPen(self.problem, 3.0)
        self.dashed = QPen(QColor(theme.muted_text), 1.2, Qt.PenStyle.DashLine)
        self.title = _font(theme, 13, bold=True)
        self.heading = _font(theme, 11, bold=True)
        self.body = _font(theme, 11)
        self.near = Lettering(
            (self.title,), self.body, _font(theme, 11), _font(theme, 11), HEADER - 6.5, (HEADER + 14.5, HEADER + 29.0),
            HEADER + 23.5, 13.0, has_parameters=True,
        )  # fmt: skip
        self.far = Lettering(
            tuple(_font(theme, size, bold=True) for size in (16, 14.5, 13)), _font(theme, 14), _font(theme, 14),
            _font(theme, 12), HEADER - 5.0, (HEADER + 14.0, HEADER + 30.0), HEADER + 24.0, 16.0, has_parameters=False,
        )  # fmt: skip
        self.farther = Lettering(
            tuple(_font(theme, size, bold=True) for size in (19, 17, 16, 14.5)), _font(theme, 17), _font(theme, 14),
            _font(theme, 12), HEADER - 4.0, (HEADER + 25.0, HEADER + 25.0), HEADER + 25.0, 18.0,
            has_parameters=False, has_settings=False,
        )  # fmt: skip
        self.block = _font(theme, 20, bold=True)
        self.title_metrics = QFontMetricsF(self.title)
        self.heading_metrics = QFontMetricsF(self.heading)
        self.body_metrics = QFontMetricsF(self.body)
        self._tints: dict[str, tuple[QBrush, QColor]] = {}
        self._widths: dict[tuple[str, bool], tuple[float, float]] = {}
        self.dots = QPen(QColor(blend(theme.background, theme.muted_text, 0.3)), 1.8)
        self.dots.setCapStyle(Qt.PenCapStyle.RoundCap)
        self.dots.setCosmetic(True)

    def label_widths(self, text: str, *, aside: bool) -> tuple[float, float]:
        """Width of a text on a connection, near and far; the same few shapes are asked for again and again."""
        if (text, aside) not in self._widths:
            near, far = (
                letters.label_metrics(aside).horizontalAdvance(text) for letters in (self.near, self.far)
            )
            self._widths[text, aside] = near, far
        return self._widths[text, aside]

    def lettering(self, zoom: float) -> Lettering:
        """How nodes and connections are lettered at a zoom."""
        if zoom < FARTHER_ZOOM:
            return self.farther
        return self.far if zoom < FAR_ZOOM else self.near

    def tint(self, group: str) -> tuple[QBrush, QColor]:
        """Fill of a layer group, and a stronger shade of it for lines."""
        if group not in self._tints:
            fill = self.theme.tint(group)
            self._tints[group] = QBrush(QColor(fill)), QColor(blend(fill, self.theme.text, 0.28))
        return self._tints[group]


def _font(theme: Theme, pixels: float, *, bold: bool = False) -> QFont:
    font = theme.font(bold=bold)
    font.setPixelSize(round(pixels))
    return font


def _faded(color: QColor, alpha: int) -> QColor:
    faded = QColor(color)
    faded.setAlpha(alpha)
    return faded


def draw_dots(painter: QPainter, rect: QRectF, zoom: float, ink: Ink) -> None:
    """The background: dots whose distance on the screen stays about the same."""
    painter.fillRect(rect, ink.background)
    step = _GRID * 2.0 ** max(0, math.ceil(math.log2(_LEAST_DISTANCE / (_GRID * zoom))))
    left, top = math.floor(rect.left() / step), math.floor(rect.top() / step)
    across, down = math.ceil(rect.width() / step) + 2, math.ceil(rect.height() / step) + 2
    corner = painter.worldTransform().map(QPointF(left * step, top * step))
    row = _row_of_dots(across, step * zoom, ink, painter.device().devicePixelRatio())
    painter.save()
    painter.resetTransform()
    # One picture of a row, many times: thousands of single dots took longer than all nodes together.
    for number in range(down):
        painter.drawPixmap(QPointF(corner.x() - _DOT, corner.y() - _DOT + number * step * zoom), row)
    painter.restore()


def _row_of_dots(count: int, distance: float, ink: Ink, ratio: float) -> QPixmap:
    """So many dots beside each other on nothing."""
    picture = QPixmap(math.ceil((count * distance + 2 * _DOT) * ratio), math.ceil(2 * _DOT * ratio))
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(ink.dots)
    painter.drawPoints([QPointF(_DOT + number * distance, _DOT) for number in range(count)])
    painter.end()
    return picture


def draw_mark(painter: QPainter, rect: QRectF, color: QColor, sign: str, paper: QColor) -> None:
    """A filled disc with a sign (`!`, `…`, `i`): says by form what its colour says."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawEllipse(rect)
    painter.setPen(QPen(paper, 1.7, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    middle, top, unit = rect.center().x(), rect.top(), rect.height() / 12
    if sign == "!":
        painter.drawLine(QPointF(middle, top + 3 * unit), QPointF(middle, top + 6.6 * unit))
        painter.drawPoint(QPointF(middle, top + 9.2 * unit))
    elif sign == "→":
        start, tip = (
            QPointF(middle - 3.2 * unit, rect.center().y()),
            QPointF(middle + 3.2 * unit, rect.center().y()),
        )
        painter.drawLine(start, tip)
        painter.drawLine(tip, tip + QPointF(-2.6 * unit, -2.6 * unit))
        painter.drawLine(tip, tip + QPointF(-2.6 * unit, 2.6 * unit))
    elif sign == "✓":
        low = QPointF(middle - 0.8 * unit, top + 8.6 * unit)
        painter.drawLine(QPointF(middle - 3.0 * unit, top + 6.4 * unit), low)
        painter.drawLine(low, QPointF(middle + 3.2 * unit, top + 3.8 * unit))
    elif sign == "i":
        painter.drawPoint(QPointF(middle, top + 2.9 * unit))
        painter.drawLine(QPointF(middle, top + 5.4 * unit), QPointF(middle, top + 9 * unit))
    else:
        for step in (-2.8, 0.0, 2.8):
            painter.drawPoint(QPointF(middle + step * unit, rect.center().y()))
