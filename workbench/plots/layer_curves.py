"""Curves of how a network learns rather than how well: the learning rate, and norms layer by layer."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from PySide6.QtWidgets import QWidget

from workbench.plots.curves import CurvePlot
from workbench.plots.history_panels import HistoryPanel
from workbench.plots.legend import DISTINCT_STYLES
from workbench.plots.plot_controls import DropDown, toggle
from workbench.plots.series import Series
from workbench.theme import Theme

NORMS = ("gradient", "weight", "update")
_QUANTITIES = (
    ("Update ratio", "Norm of each update, by the norm of the weights: about 0.001 is healthy"),
    ("Gradients", "Norm of the gradient of each layer's parameters"),
    ("Weights", "Norm of each layer's parameters"),
    ("Learning rate", "As the schedule has it at each step"),
)
_SOURCES = ("update", "gradient", "weight", "learning_rate")
RATE = "Learning rate"


class LayerCurves(HistoryPanel):
    """One quantity at a time, for every layer that learns; on a logarithmic scale at first."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        plot = CurvePlot(theme, name="Layers", empty_text="Press Train: each layer's norms appear here.")
        self._stored: dict[str, dict[str, Series]] = {source: {} for source in _SOURCES}
        super().__init__(theme, plot, parent)
        self.quantity = DropDown("Quantity", _QUANTITIES)
        self.quantity.chosen.connect(lambda number: self._show())
        self.log = toggle(
            "Log", "Logarithmic scale, on which layers of different size compare", "Logarithmic scale"
        )
        self.log.toggled.connect(plot.set_log)
        for control in (self.quantity, self.log):
            self.controls.addWidget(control)
        self.smoothing, self.axis = self.add_common_controls(self.controls)
        self.log.setChecked(True)

    @property
    def source(self) -> str:
        """What is shown: one of NORMS, or "learning_rate"."""
        return _SOURCES[self.quantity.current]

    def add_samples(self, nodes: Sequence[str], steps: ArrayLike, **norms: np.ndarray) -> None:
        """Add norms [samples, nodes] of each of NORMS; samples at or after the first of these steps are replaced."""
        for source in NORMS:
            for node, values in zip(nodes, np.asarray(norms[source]).T, strict=True):
                self._add(source, node, steps, values)

    def add_rates(self, first_step: int, rates: ArrayLike) -> None:
        """Add the learning rate of each step from `first_step` on."""
        values = np.atleast_1d(np.asarray(rates, np.float64))
        self._add("learning_rate", RATE, first_step + np.arange(len(values)), values)

    def clear(self) -> None:
        """Forget the run; the choices stay."""
        super().clear()
        for curves in self._stored.values():
            curves.clear()

    def _add(self, source: str, name: str, steps: ArrayLike, values: ArrayLike) -> None:
        curves = self._stored[source]
        curves.setdefault(name, Series()).append(steps, values)
        if source == self.source:
            self.plot.add_series(name, DISTINCT_STYLES[(len(curves) - 1) % len(DISTINCT_STYLES)])
            self.plot.append(name, steps, values)
            self.plot.set_shown(curves)

    def _show(self) -> None:
        curves = self._stored[self.source]
        for number, (name, series) in enumerate(curves.items()):
            self.plot.set_series(
                name, series.steps, series.values, DISTINCT_STYLES[number % len(DISTINCT_STYLES)]
            )
        self.plot.set_shown(curves)
        self.plot.show_all()
