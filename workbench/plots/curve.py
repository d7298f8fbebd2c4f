"""One curve of a plot: its stored values, and what of them is drawn in a given view."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from workbench.plots.curve_canvas import CurveItems
from workbench.plots.legend import CurveStyle
from workbench.plots.series import Floats, Series, nearest_index
from workbench.plots.step_scale import StepScale, by_steps

MARKER_SPACING = 60
EMPTY: Floats = np.empty(0)


@dataclass(frozen=True)
class View:
    """What is visible, and how: steps low..high on so many pixels, placed by `scale`."""

    low: float
    high: float
    pixels: int
    scale: StepScale = field(default_factory=by_steps)
    normalised: bool = False
    log: bool = False
    smoothing: float = 0.0
    fine: bool = False

    def scaled(self, values: Floats) -> Floats:
        """Values as heights on the canvas; what has no logarithm becomes a gap."""
        if not self.log:
            return values
        return np.log10(values, out=np.full(len(values), np.nan), where=np.isfinite(values) & (values > 0))


class Curve:
    """Stored values, style, and the points last drawn."""

    def __init__(self, style: CurveStyle, items: CurveItems) -> None:
        self.style = style
        self.items = items
        self.series = Series()
        self.shown = True
        self.drawn = self.drawn_raw = (EMPTY, EMPTY)

    @property
    def visible(self) -> bool:
        """Whether there is anything to draw."""
        return self.shown and len(self.series) > 0

    def smoothing(self, view: View) -> float:
        """The weight to smooth with; points without a line are never smoothed."""
        return view.smoothing if self.style.line else 0.0

    def factor(self, view: View) -> float:
        """What values are divided by."""
        return self.series.first_value() if view.normalised else 1.0

    def draw(self, view: View) -> None:
        """Hand the canvas the points of this view."""
        if self.visible:
            smoothing = self.smoothing(view)
            self.drawn = self._points(view, smoothing)
            self.drawn_raw = self._points(view, 0.0) if smoothing else (EMPTY, EMPTY)
            markers = self._marker_points(view)
        else:
            self.drawn = self.drawn_raw = markers = (EMPTY, EMPTY)
        self.items.emphasise(self.smoothing(view) > 0)
        self.items.set_line(self.drawn[0], view.scaled(self.drawn[1]), fine=view.fine)
        self.items.set_raw(self.drawn_raw[0], view.scaled(self.drawn_raw[1]))
        self.items.set_markers(markers[0], view.scaled(markers[1]))

    def heights(self, view: View) -> list[Floats]:
        """The drawn heights inside the view, by which the vertical range is chosen."""
        low, high = view.scale.place(view.low), view.scale.place(view.high)
        return [view.scaled(y[(x >= low) & (x <= high)]) for x, y in (self.drawn, self.drawn_raw)]

    def read(self, view: View, step: float) -> tuple[float, float, float]:
        """The nearest step that has a value, the value there, and the smoothed one (the same without)."""
        place = nearest_index(self.series.steps, step)
        smoothing = self.smoothing(view)
        values = self.series.values
        smooth = self.series.smoothed(smoothing) if smoothing else values
        factor = self.factor(view)
        return float(self.series.steps[place]), float(values[place]) / factor, float(smooth[place]) / factor

    def _points(self, view: View, smoothing: float) -> tuple[Floats, Floats]:
        steps, values = self.series.visible(view.low, view.high, view.pixels, smoothing)
        return view.scale.places(steps), values / self.factor(view)

    def _marker_points(self, view: View) -> tuple[Floats, Floats]:
        places = self._marker_places(view)
        smoothing = self.smoothing(view)
        values = self.series.smoothed(smoothing) if smoothing else self.series.values
        return view.scale.places(self.series.steps[places]), values[places] / self.factor(view)

    def _marker_places(self, view: View) -> NDArray[np.intp]:
        steps = self.series.steps
        if not self.style.marker:
            return np.empty(0, dtype=np.intp)
        begin, end = (int(place) for place in np.searchsorted(steps, (view.low, view.high), side="left"))
        if not self.style.line or end - begin < view.pixels / 24:
            return np.arange(begin, min(end + 1, len(steps)))
        # A round distance in steps, so that markers stay on their points while the view moves.
        rough = (view.high - view.low) * MARKER_SPACING / view.pixels
        power = 10.0 ** np.floor(np.log10(rough))
        distance = next(power * digit for digit in (1, 2, 5, 10) if power * digit >= rough * 0.999)
        wanted = np.arange(np.ceil(view.low / distance), np.floor(view.high / distance) + 1) * distance
        wanted = wanted[(wanted >= steps[0]) & (wanted <= steps[-1])]
        return np.unique(np.searchsorted(steps, wanted))
