"""What the canvas draws with: pens, brushes and fonts made once from a theme."""

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetricsF, QPainter, QPen, QPixmap

from workbench.theme import Theme, blend

GRID = 24
"""Distance of the dots of the background, in scene units."""


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
        self.shadow = QColor(0, 0, 0, 90 if theme.is_dark else 22)
        self.glow = _faded(self.accent, 70)
        self.outline = QPen(QColor(theme.border), 1.0)
        self.hovered = QPen(QColor(theme.muted_text), 1.0)
        self.selected = QPen(self.accent, 2.0)
        self.failed = QPen(self.problem, 1.6)
        self.wire = QPen(QColor(blend(theme.muted_text, theme.background, 0.35)), 2.0)
        self.wire.setCapStyle(Qt.PenCapStyle.RoundCap)
        self.wire_selected = QPen(self.accent, 3.0)
        self.wire_waiting = QPen(QColor(theme.border), 2.0, Qt.PenStyle.DashLine)
        self.wire_problem = QPen(self.problem, 3.0)
        self.dashed = QPen(QColor(theme.muted_text), 1.2, Qt.PenStyle.DashLine)
        self.title = _font(theme, 13, bold=True)
        self.body = _font(theme, 11)
        self.label = _font(theme, 10.5)
        self.block = _font(theme, 20, bold=True)
        self.title_metrics = QFontMetricsF(self.title)
        self.body_metrics = QFontMetricsF(self.body)
        self.label_metrics = QFontMetricsF(self.label)
        self._tints: dict[str, tuple[QBrush, QColor]] = {}
        self.grid = QBrush(self._dots())

    def tint(self, group: str) -> tuple[QBrush, QColor]:
        """Fill of a layer group, and a stronger shade of it for lines."""
        if group not in self._tints:
            fill = self.theme.tint(group)
            self._tints[group] = QBrush(QColor(fill)), QColor(blend(fill, self.theme.text, 0.28))
        return self._tints[group]

    def _dots(self) -> QPixmap:
        tile = QPixmap(GRID, GRID)
        tile.fill(self.background)
        painter = QPainter(tile)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(blend(self.theme.background, self.theme.muted_text, 0.26)))
        painter.drawEllipse(QPointF(GRID / 2, GRID / 2), 0.9, 0.9)
        painter.end()
        return tile


def _font(theme: Theme, pixels: float, *, bold: bool = False) -> QFont:
    font = theme.font(bold=bold)
    font.setPixelSize(round(pixels))
    return font


def _faded(color: QColor, alpha: int) -> QColor:
    faded = QColor(color)
    faded.setAlpha(alpha)
    return faded


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
    elif sign == "i":
        painter.drawPoint(QPointF(middle, top + 2.9 * unit))
        painter.drawLine(QPointF(middle, top + 5.4 * unit), QPointF(middle, top + 9 * unit))
    else:
        for step in (-2.8, 0.0, 2.8):
            painter.drawPoint(QPointF(middle + step * unit, rect.center().y()))
