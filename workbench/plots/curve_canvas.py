"""The drawing area of a curve plot: axes, lines, markers, the pointer's line. It knows no training."""

from collections.abc import Callable, Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QColor, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from workbench.plots.axes import NumberAxis, step_text
from workbench.plots.legend import CurveStyle
from workbench.plots.series import Floats
from workbench.theme import Theme, blend

# Above this many points a line two pixels wide is drawn without antialiasing, which costs up to 100 ms there;
# lines of one pixel take Qt's fast path.
ANTIALIAS_WIDE_UP_TO = 400
SYMBOLS = {"circle": "o", "diamond": "d"}


_COUNTED = ("Step", "Epoch")
"""Names of an axis that only repeat what its control says; a unit of time does not."""


class CurveItems:
    """The scene items of one curve. Python keeps them: PySide drops items that nothing refers to."""

    def __init__(self, plot: pg.PlotItem, style: CurveStyle) -> None:
        self.style = style
        self._strong = False
        self._color = QColor()
        self.raw = pg.PlotCurveItem()
        self.line = pg.PlotCurveItem()
        self.markers = pg.ScatterPlotItem(symbol=SYMBOLS.get(style.marker, "o"), size=8 if style.line else 11)
        for z, item in enumerate((self.raw, self.line, self.markers), start=1):
            item.setZValue(10 * z)
            # Without points an item stays out of what is asked of each at a painting.
            item.setVisible(False)
            plot.addItem(item, ignoreBounds=True)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        color = getattr(theme, self.style.color)
        self.raw.setPen(pg.mkPen(QColor(blend(theme.surface, color, 0.32)), width=1))
        self._color = QColor(color)
        self._set_line_pen()
        self.markers.setPen(pg.mkPen(QColor(color), width=1.6))
        self.markers.setBrush(pg.mkBrush(QColor(theme.surface if self.style.line else color)))

    def emphasise(self, strong: bool) -> None:
        """A smoothed line is drawn stronger than the noise of single steps."""
        if strong != self._strong:
            self._strong = strong
            self._set_line_pen()

    def _set_line_pen(self) -> None:
        self.line.setPen(pg.mkPen(self._color, width=2 if self._strong else 1))

    def set_line(self, x: Floats, y: Floats, *, fine: bool) -> None:
        """The main line; `fine` asks for antialiasing at any length."""
        antialias = fine or not self._strong or len(x) <= ANTIALIAS_WIDE_UP_TO
        _set_points(self.line, x, y if self.style.line else y[:0], antialias)

    def set_raw(self, x: Floats, y: Floats) -> None:
        """The faint line of values behind a smoothed one."""
        _set_points(self.raw, x, y, antialias=True)

    def set_markers(self, x: Floats, y: Floats) -> None:
        """The points that carry the curve's marker."""
        finite = np.isfinite(y)
        if _has_points(self.markers, bool(finite.any())):
            self.markers.setData(x[finite], y[finite])


def _set_points(item: pg.PlotCurveItem, x: Floats, y: Floats, antialias: bool) -> None:
    x = x[: len(y)]
    if not _has_points(item, len(y) > 0):
        return
    gaps = not np.isfinite(y).all()
    item.setData(x, y, connect="finite" if gaps else "all", skipFiniteCheck=not gaps, antialias=antialias)


def _has_points(item: pg.GraphicsObject, some: bool) -> bool:
    """Whether there are points to set; an item without any is emptied once, and hidden."""
    if not some and item.isVisible():
        item.setData([], [])
    item.setVisible(some)
    return some


class CurveCanvas(pg.PlotWidget):  # type: ignore[misc]
    """`view_changed` follows every change of range or size, `moved_by_user` only what a hand did."""

    view_changed = Signal()
    moved_by_user = Signal()

    def __init__(
        self,
        theme: Theme,
        y_label: str,
        tick_text: Callable[[float], str] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        self.x_axis = NumberAxis("bottom", step_text)
        self.y_axis = NumberAxis("left", tick_text)
        super().__init__(parent, axisItems={"bottom": self.x_axis, "left": self.y_axis})
        self._y_label = y_label
        self._x_label = ""
        self._is_named_above = False
        self._theme = theme
        self._curves: list[CurveItems] = []
        self._markers: list[pg.InfiniteLine] = []
        self._marked: list[tuple[float, str]] = []
        self._moving = False
        self._view = self.getPlotItem().getViewBox()
        self._view.disableAutoRange()
        for axis in (self.x_axis, self.y_axis):
            axis.setZValue(-1000)  # below the curves, which its grid would cross out
        self._pointer = pg.InfiniteLine(angle=90)
        self._pointer.setVisible(False)
        self.addItem(self._pointer, ignoreBounds=True)
        for side in ("top", "right"):
            # Never shown, but told of every new range.
            self.getPlotItem().getAxis(side).unlinkFromView()
        self.getPlotItem().hideButtons()
        self.getPlotItem().setMenuEnabled(False)
        self.getPlotItem().layout.setContentsMargins(0, 0, 8, 0)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(120, 80)
        self._view.sigRangeChanged.connect(self._range_changed)
        self._view.sigRangeChangedManually.connect(lambda *_: self.moved_by_user.emit())

    def add_curve(self, style: CurveStyle) -> CurveItems:
        """Make the items of one more curve."""
        items = CurveItems(self.getPlotItem(), style)
        items.apply_theme(self._theme)
        self._curves.append(items)
        return items

    def draw_as_vectors(self) -> None:
        """Draw markers and ground as paths instead of kept pixels, which an SVG would have to embed."""
        self.setCacheMode(self.CacheModeFlag.CacheNone)
        for curve in self._curves:
            curve.markers.opts["useCache"] = False

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        self._theme = theme
        self.setBackground(QColor(theme.surface))
        self.x_axis.apply_theme(theme, grid=False)
        self.y_axis.apply_theme(theme, grid=True)
        self._pointer.setPen(pg.mkPen(QColor(theme.muted_text), width=1))
        for curve in self._curves:
            curve.apply_theme(theme)
        marked, self._marked = self._marked, []
        self.set_markers(marked)
        if self._y_label:
            self.set_y_label(self._y_label)
        x_label, self._x_label = self._x_label, ""
        self.set_x_label(x_label)

    def set_y_label(self, text: str) -> None:
        """Name the vertical axis."""
        self._y_label = text
        self.y_axis.setLabel(text, color=self._theme.muted_text)
        self.y_axis.label.setFont(self._theme.font(self._theme.font_small))

    def set_x_label(self, text: str) -> None:
        """Name the horizontal axis."""
        if text == self._x_label:
            return
        self._x_label = text
        self.x_axis.setLabel(text, color=self._theme.muted_text)
        self.x_axis.label.setFont(self._theme.font(self._theme.font_small))
        self._show_x_label()

    def set_named_above(self, on: bool) -> None:
        """Whether a control beside the plot tells what the horizontal axis counts, and is to be left at that."""
        self._is_named_above = on
        self._show_x_label()

    def _show_x_label(self) -> None:
        told = self._is_named_above and self._x_label in _COUNTED
        shown = bool(self._x_label) and not told
        if shown != self.x_axis.label.isVisible():
            self.x_axis.showLabel(shown)

    def set_log(self, on: bool) -> None:
        """Label the vertical axis as powers of ten; the caller passes logarithms."""
        self.y_axis.setLogMode(x=False, y=on)

    def set_x_range(self, low: float, high: float) -> None:
        """Show low..high with a narrow margin."""
        self._set_range(xRange=(low, high), padding=0.015)

    def set_y_range(self, low: float, high: float) -> None:
        """Show low..high with a margin; a single value in the middle of one."""
        if high <= low:
            margin = abs(low) * 0.1 or 1.0
            low, high = low - margin, high + margin
        self._set_range(yRange=(low, high), padding=0.06)

    def _set_range(self, **ranges: object) -> None:
        self._moving = True
        self._view.setRange(disableAutoRange=True, **ranges)
        self._moving = False

    def settle(self) -> None:
        """Take new ranges in: left to the next painting, they would move what is painted and ask for another one."""
        self._view.updateMatrix()

    def x_range(self) -> tuple[float, float]:
        """The visible range of the horizontal axis."""
        low, high = self._view.viewRange()[0]
        return float(low), float(high)

    def pixels(self) -> int:
        """How many screen pixels the drawn range is wide."""
        width = float(self._view.width()) * float(self.devicePixelRatioF())
        return max(round(width), 50)

    def x_at(self, position: QPointF) -> float | None:
        """The horizontal value under a point of the widget; None outside the axes."""
        place = self.mapToScene(position.toPoint())
        if not self._view.sceneBoundingRect().contains(place):
            return None
        return float(self._view.mapSceneToView(place).x())

    def set_pointer(self, x: float | None) -> None:
        """Put the reading line at x, or hide it."""
        self._pointer.setVisible(x is not None)
        if x is not None:
            self._pointer.setPos(x)

    def set_markers(self, places: Sequence[tuple[float, str]]) -> None:
        """Vertical lines with a text each; neighbours write at different heights."""
        if list(places) == self._marked:
            return
        for line in self._markers:
            self.removeItem(line)
        self._marked = list(places)
        self._markers = [self._marker(number, x, text) for number, (x, text) in enumerate(self._marked)]

    def _marker(self, number: int, x: float, text: str) -> pg.InfiniteLine:
        color = QColor(self._theme.muted_text)
        fill = QColor(self._theme.surface)
        height = 0.95 - 0.1 * (number % 3)
        options = {"position": height, "color": color, "fill": fill, "anchors": [(0, 0.5), (1, 0.5)]}
        pen = pg.mkPen(color, width=1, style=Qt.PenStyle.DashLine)
        line = pg.InfiniteLine(x, angle=90, pen=pen, label=text, labelOpts=options)
        line.label.textItem.setFont(self._theme.font(self._theme.font_small))
        # Above the curves: its words are to be read.
        line.setZValue(35)
        line.label.setZValue(40)
        self.addItem(line, ignoreBounds=True)
        return line

    def _range_changed(self, *_: object) -> None:
        if not self._moving:
            self.view_changed.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A new width thins differently."""
        super().resizeEvent(event)
        if hasattr(self, "_view"):  # pyqtgraph resizes while it is being built
            self.view_changed.emit()
