"""A band around a curve: the spread of several runs, drawn below all lines."""

from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QColor

from workbench.plots.legend import CurveStyle
from workbench.plots.series import Floats
from workbench.theme import Theme

_OPACITY = 56


@dataclass(frozen=True)
class Spread:
    """Lower and upper edge over increasing steps."""

    steps: Floats
    low: Floats
    high: Floats

    def within(self, first: float, last: float, pixels: int) -> "Spread":
        """The part in view with at most two points a pixel: edges are the extremes of what falls together."""
        begin, end = np.searchsorted(self.steps, (first, last))
        begin, end = max(int(begin) - 1, 0), min(int(end) + 1, len(self.steps))
        count = end - begin
        width = max(-(-count // max(2 * pixels, 1)), 1)
        if width == 1:
            return Spread(self.steps[begin:end], self.low[begin:end], self.high[begin:end])
        starts = np.arange(begin, end, width)
        return Spread(
            self.steps[starts],
            np.minimum.reduceat(self.low[:end], starts),
            np.maximum.reduceat(self.high[:end], starts),
        )


class BandItem:
    """The scene items of one band. Python keeps them: PySide drops items that nothing refers to."""

    def __init__(self, plot: pg.PlotItem, style: CurveStyle, theme: Theme) -> None:
        self.style = style
        self._plot = plot
        self._edges = (pg.PlotCurveItem(pen=None), pg.PlotCurveItem(pen=None))
        self._fill = pg.FillBetweenItem(*self._edges)
        self._fill.setZValue(1)
        for item in (*self._edges, self._fill):
            plot.addItem(item, ignoreBounds=True)
        self.apply_theme(theme)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        color = QColor(getattr(theme, self.style.color))
        color.setAlpha(_OPACITY)
        self._fill.setBrush(pg.mkBrush(color))

    def draw(self, x: Floats, low: Floats, high: Floats) -> None:
        """Place both edges, in the numbers of the axes; places without a height are left out."""
        finite = np.isfinite(low) & np.isfinite(high)
        for item, heights in zip(self._edges, (low, high), strict=True):
            item.setData(x[finite], heights[finite])

    def remove(self) -> None:
        """Take it off the plot."""
        for item in (self._fill, *self._edges):
            self._plot.removeItem(item)
