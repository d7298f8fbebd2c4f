"""Curves over training steps: any number of points stored, thinned only for the screen."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeySequence, QMouseEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QStackedLayout, QVBoxLayout, QWidget

from workbench.plots.axes import step_text, value_text
from workbench.plots.band import BandItem, Spread
from workbench.plots.curve import Curve, View
from workbench.plots.curve_canvas import CurveCanvas
from workbench.plots.export import ValueTable, offer_export
from workbench.plots.legend import CurveStyle, Legend, LegendEntry
from workbench.plots.picture import Twin
from workbench.plots.plot_controls import fill_with_surface
from workbench.plots.redraw_pace import RedrawPace
from workbench.plots.series import Floats, Series, nearest_index, value_range
from workbench.plots.step_counter import StepAxis, StepCounter
from workbench.theme import Theme

PlotMode = Literal["plain", "normalised"]


class CurvePlot(QWidget):
    """Named curves over steps or epochs; draws at most `max_rate` times a second, and never while hidden.

    The view follows the data until the user pans or zooms; a double click or Home follows again.
    """

    def __init__(
        self,
        theme: Theme,
        *,
        name: str,
        y_label: str = "",
        empty_text: str = "",
        number_text: Callable[[float], str] = value_text,
        tick_text: Callable[[float], str] | None = None,
        max_rate: float = 30.0,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        texts: dict[str, Any] = {"number_text": number_text, "tick_text": tick_text}
        self._arguments = texts | {"name": name, "y_label": y_label, "empty_text": empty_text}
        self._theme = theme
        self._number_text = number_text
        self._curves: dict[str, Curve] = {}
        self._markers: dict[str, tuple[float, str]] = {}
        self._bands: dict[str, tuple[Spread, BandItem]] = {}
        self._mode: PlotMode = "plain"
        self._log = False
        self._smoothing = 0.0
        self._counter = StepCounter()
        self._following = True
        self._reading: float | None = None
        self._fine = False
        self.pace = RedrawPace(self, self.refresh, max_rate)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._build(y_label, empty_text, tick_text)
        self.export = offer_export(self, name)
        self.apply_theme(theme)

    def _build(self, y_label: str, empty_text: str, tick_text: Callable[[float], str] | None) -> None:
        self._canvas = CurveCanvas(self._theme, y_label, tick_text)
        self._canvas.setAccessibleName(self.accessibleName())
        self._canvas.view_changed.connect(self.pace.ask)
        self._canvas.moved_by_user.connect(self._stop_following)
        self._canvas.viewport().installEventFilter(self)
        self._legend = Legend(self._theme)
        self._empty = QLabel(empty_text, alignment=Qt.AlignmentFlag.AlignCenter, wordWrap=True)
        self._empty.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        filled = QWidget()
        column = QVBoxLayout(filled)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._legend)
        column.addWidget(self._canvas, 1)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self._empty)
        self._stack.addWidget(filled)
        for key, action in (
            ("Home", self.show_all),
            ("Right", lambda: self._move_reading(1)),
            ("Left", lambda: self._move_reading(-1)),
        ):
            context = Qt.ShortcutContext.WidgetWithChildrenShortcut
            QShortcut(QKeySequence(key), self, context=context).activated.connect(action)

    # Data

    def add_series(self, name: str, style: CurveStyle) -> None:
        """Declare a curve, so that it has its style and its place in the legend before it has values."""
        if name not in self._curves:
            self._curves[name] = Curve(style, self._canvas.add_curve(style))

    def set_series(
        self, name: str, steps: ArrayLike, values: ArrayLike, style: CurveStyle | None = None
    ) -> None:
        """Replace all values of a curve; steps increase. Raises ValueError as `append` does."""
        self.add_series(name, style or CurveStyle())
        self._curves[name].series = Series()
        self.append(name, steps, values)

    def append(self, name: str, steps: ArrayLike, values: ArrayLike) -> None:
        """Add points to a curve; points at or before its last step replace all from there on.

        Raises ValueError when the lengths differ or the steps do not increase.
        """
        self.add_series(name, CurveStyle())
        self._curves[name].series.append(steps, values)
        self.pace.ask()

    def set_band(self, name: str, spread: Spread) -> None:
        """Draw a spread around a curve that is there, in its colour; `clear` takes it away."""
        old = self._bands.pop(name, None)
        if old is not None:
            old[1].remove()
        item = BandItem(self._canvas.getPlotItem(), self._curves[name].style, self._theme)
        self._bands[name] = spread, item
        self.pace.ask()

    def clear(self) -> None:
        """Forget all values, bands and markers and follow the data again; curves keep their styles."""
        for _, item in self._bands.values():
            item.remove()
        self._bands.clear()
        for curve in self._curves.values():
            curve.series = Series()
        self._counter.forget()
        self._markers.clear()
        self._reading = None
        self._following = True
        self.pace.ask()

    def series(self, name: str) -> tuple[Floats, Floats]:
        """The stored steps and values of a curve, every one of them."""
        series = self._curves[name].series
        return series.steps, series.values

    def displayed(self, name: str, *, raw: bool = False) -> tuple[Floats, Floats]:
        """What was last drawn of a curve, in the numbers that the axes show.

        `raw` asks for the line behind a smoothed one, which is empty when smoothing is off.
        """
        curve = self._curves[name]
        return curve.drawn_raw if raw else curve.drawn

    def add_marker(self, step: float, text: str, key: str | None = None) -> None:
        """Mark a step with a vertical line and a short text; the same key (or text) moves its marker."""
        self._markers[key or text] = (step, text)
        self.pace.ask()

    def remove_marker(self, key: str) -> None:
        """Take a marker away, if there is one of this key."""
        if self._markers.pop(key, None) is not None:
            self.pace.ask()

    # View

    def set_mode(self, mode: PlotMode) -> None:
        """Plain values, or each curve divided by its first value so that networks of any size compare."""
        self._mode = mode
        self.show_all()

    def set_log(self, on: bool) -> None:
        """A logarithmic or a linear vertical axis; values that are not above 0 have no logarithm: a gap."""
        self._log = on
        self._canvas.set_log(on)
        self.show_all()

    def set_smoothing(self, weight: float) -> None:
        """The weight (0 to below 1) of the past in a moving average; 0 draws the values alone."""
        if not 0 <= weight < 1:
            raise ValueError(f"smoothing must be at least 0 and below 1, got {weight}")
        self._smoothing = weight
        self.pace.ask()

    def set_x_axis(self, axis: StepAxis) -> None:
        """Count in steps or, once `set_steps_per_epoch` and `add_times` have told enough, in epochs or by the clock."""
        self._counter.axis = axis
        self.show_all()

    def set_named_above(self, on: bool) -> None:
        """Whether the horizontal axis is named by a control beside the plot alone; a unit of time is always told."""
        self._canvas.set_named_above(on)

    def set_steps_per_epoch(self, steps: int) -> None:
        """How many steps make an epoch; 0 when it is not known."""
        self._counter.steps_per_epoch = steps
        self.pace.ask()

    def set_epoch_ends(self, ends: Sequence[tuple[int, int]]) -> None:
        """The steps with which epochs ended, and how many were done then: a batch size may change their length."""
        self._counter.epoch_ends = tuple(ends)
        if self._counter.axis == "epoch":
            self.pace.ask()

    def add_times(self, steps: ArrayLike, seconds: ArrayLike) -> None:
        """After how many seconds of training steps were done; as `append` does, later ones are replaced."""
        self._counter.clock.append(steps, seconds)
        if self._counter.axis == "time":
            self.pace.ask()

    def set_shown(self, names: Iterable[str]) -> None:
        """Draw only these curves; the others keep their values."""
        wanted = set(names)
        for name, curve in self._curves.items():
            curve.shown = name in wanted
        self.pace.ask()

    def show_all(self) -> None:
        """Fit the view to the data and follow it."""
        self._following = True
        self.pace.ask()

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        self._theme = theme
        fill_with_surface(self, theme)
        self._canvas.apply_theme(theme)
        self._legend.apply_theme(theme)
        for _, item in self._bands.values():
            item.apply_theme(theme)
        self._empty.setFont(theme.font())
        self._empty.setStyleSheet(f"color: {theme.muted_text}; background: {theme.surface}; padding: 16px;")
        self.pace.ask()

    @property
    def following(self) -> bool:
        """Whether the view follows the data, as it does until the user moves it."""
        return self._following

    def twin(self, theme: Theme) -> Twin:
        """A copy of what is shown, for pictures."""
        twin = CurvePlot(theme, **self._arguments)
        for name, curve in self._curves.items():
            twin.add_series(name, curve.style)
            twin._curves[name].series = curve.series
            twin._curves[name].shown = curve.shown
        for name, (spread, _) in self._bands.items():
            twin.set_band(name, spread)
        twin._markers = dict(self._markers)
        twin._mode, twin._smoothing, twin._counter = self._mode, self._smoothing, replace(self._counter)
        twin.set_log(self._log)
        twin._fine = True
        twin._canvas.draw_as_vectors()
        twin.setContentsMargins(16, 12, 12, 8)
        return Twin(twin, twin.refresh)

    def values(self) -> ValueTable:
        """The stored values of the curves that are shown, a row for each step that one of them has."""
        shown = {name: curve.series for name, curve in self._curves.items() if curve.visible}
        steps = np.unique(np.concatenate([series.steps for series in shown.values()] or [np.empty(0)]))
        columns = []
        for series in shown.values():
            column = np.full(len(steps), np.nan)
            column[np.searchsorted(steps, series.steps)] = series.values
            columns.append(column)
        return ValueTable(("step", *shown), np.column_stack([steps, *columns]).tolist())

    # Drawing

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with what arrived while hidden."""
        super().showEvent(event)
        self.pace.catch_up()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Pointer: read values; leaving: stop reading; double click: follow the data."""
        if event.type() == QEvent.Type.MouseMove and isinstance(event, QMouseEvent):
            self._read_at(self._canvas.x_at(event.position()))
        elif event.type() == QEvent.Type.Leave:
            self._read_at(None)
        elif event.type() == QEvent.Type.MouseButtonDblClick:
            self.show_all()
            return True
        return super().eventFilter(watched, event)

    def _stop_following(self) -> None:
        self._following = False

    def refresh(self) -> None:
        """Draw now what is stored, whatever the rate."""
        self.pace.drawn()
        visible = [curve for curve in self._curves.values() if curve.visible]
        self._stack.setCurrentIndex(1 if visible else 0)
        scale = self._counter.scale()
        if visible and self._following:
            low = min(float(curve.series.steps[0]) for curve in visible)
            high = max(float(curve.series.steps[-1]) for curve in visible)
            self._canvas.set_x_range(scale.place(low), scale.place(max(high, low + 1)))
        view = self._view()
        for curve in self._curves.values():
            curve.draw(view)
        edges = self._draw_bands(view)
        extent = value_range([*(heights for curve in visible for heights in curve.heights(view)), *edges])
        if self._following and extent is not None:
            self._canvas.set_y_range(*extent)
        self._canvas.settle()
        # By step: neighbours then write at different heights.
        self._canvas.set_markers([(scale.place(step), text) for step, text in sorted(self._markers.values())])
        self._canvas.set_x_label(scale.label)
        self._write_legend()

    def _draw_bands(self, view: View) -> list[Floats]:
        """Draw the spreads of the curves that are shown; returns the heights of their edges."""
        heights = []
        for name, (spread, item) in self._bands.items():
            curve = self._curves[name]
            part = spread.within(view.low, view.high, view.pixels)
            factor = curve.factor(view)
            low, high = view.scaled(part.low / factor), view.scaled(part.high / factor)
            item.draw(view.scale.places(part.steps), low, high)
            heights += [low, high]
        return heights

    def _view(self) -> View:
        scale = self._counter.scale()
        low, high = (scale.step(place) for place in self._canvas.x_range())
        normalised, pixels = self._mode == "normalised", self._canvas.pixels()
        return View(low, high, pixels, scale, normalised, self._log, self._smoothing, self._fine)

    # Reading values

    def _read_at(self, x: float | None) -> None:
        reading = None if x is None else self._counter.scale().step(x)
        if reading == self._reading:
            return
        self._reading = reading
        self._write_legend()

    def _move_reading(self, direction: int) -> None:
        """Step along the points of the longest curve, from its end when nothing is read yet."""
        steps = max((c.series.steps for c in self._curves.values() if c.visible), key=len, default=None)
        if steps is None:
            return
        place = len(steps) if self._reading is None else nearest_index(steps, self._reading)
        step = float(steps[min(max(place + direction, 0), len(steps) - 1)])
        self._read_at(self._counter.scale().place(step))

    def _write_legend(self) -> None:
        view = self._view()
        visible = {name: curve for name, curve in self._curves.items() if curve.visible}
        step, place = np.inf, ""
        if self._reading is not None and visible:
            longest = max(visible.values(), key=lambda curve: len(curve.series))
            step = longest.read(view, self._reading)[0]
            place = f"{view.scale.word} {step_text(view.scale.place(step))}"
        self._canvas.set_pointer(view.scale.place(step) if place else None)
        entries = [LegendEntry(name, c.style, self._read_text(c, view, step)) for name, c in visible.items()]
        self._legend.set_entries(tuple(entries), place)
        self._legend.setToolTip("~ is the smoothed value" if self._smoothing else "")
        self.setAccessibleDescription(self._legend.accessibleDescription() if visible else self._empty.text())

    def _read_text(self, curve: Curve, view: View, step: float) -> str:
        _, value, smooth = curve.read(view, step)
        text = self._number_text(value)
        return f"{text}  ~{self._number_text(smooth)}" if curve.smoothing(view) else text
