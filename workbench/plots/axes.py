"""Axes whose numbers read like those in a text: 12,000 steps, 97.5 %, 0.02 on a logarithmic scale."""

from collections.abc import Callable, Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QColor

from workbench.theme import Theme


def step_text(value: float) -> str:
    """A step or an epoch in words' spelling: 12,000 or 2.5."""
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 100 else f"{value:,.2f}".rstrip("0")


def value_text(value: float) -> str:
    """A loss with four significant digits."""
    if not np.isfinite(value):
        return "–"
    if value == 0 or 1e-4 <= abs(value) < 1e5:
        decimals = 4 if abs(value) < 10 else 2
        return f"{value:.{decimals}f}"
    return f"{value:.2e}"


def percent_text(value: float) -> str:
    """A percentage with two decimals, as tests are reported."""
    return f"{value:.2f} %" if np.isfinite(value) else "–"


class NumberAxis(pg.AxisItem):  # type: ignore[misc]
    """An axis with the workbench's colours and spelling of numbers; logarithmic ticks at 1, 2 and 5."""

    def __init__(self, orientation: str, tick_text: Callable[[float], str] | None = None) -> None:
        super().__init__(orientation)
        self._tick_text = tick_text
        # Numbers here have no units; with prefixes every new range would lay out the axis's name anew.
        self.enableAutoSIPrefix(False)

    def apply_theme(self, theme: Theme, *, grid: bool) -> None:
        """Take colours and font of `theme`, with or without lines across the plot."""
        self.setPen(pg.mkPen(QColor(theme.grid)))
        self.setTextPen(pg.mkPen(QColor(theme.muted_text)))
        self.setTickFont(theme.font(theme.font_small))
        self.setStyle(tickLength=0, tickTextOffset=8, hideOverlappingLabels=True)
        self.setGrid(255 if grid else False)

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        """The ticks by level, as pyqtgraph asks for them; few, so that the grid stays calm."""
        if not self.logMode:
            levels: list[tuple[float, list[float]]] = super().tickValues(low, high, size)
            return levels[:1] if len(levels[0][1]) >= 3 else levels[:2]
        decades = range(int(np.floor(low)), int(np.ceil(high)) + 1)
        digits = (1,) if high - low > 4 else (1, 2, 5) if high - low > 0.8 else tuple(range(1, 10))
        places = [decade + float(np.log10(digit)) for decade in decades for digit in digits]
        return [(1.0, [place for place in places if low <= place <= high])]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        """The spelling of each tick."""
        if self.logMode:
            return [f"{10.0**value:.4g}" for value in values]
        if self._tick_text is not None:
            return [self._tick_text(value) for value in values]
        return [str(text) for text in super().tickStrings(values, scale, spacing)]
