"""The panel of filters: of the first layer as they are learned, and of any later layer."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QStackedWidget

from engine.api import (
    Project,
    Run,
    TrainedNetwork,
    filter_changes,
    filter_nodes,
    filter_norms,
    initial_filters,
    order_by,
    similarity_order,
)
from workbench.inspection.session import InspectionSession
from workbench.inspection.time_line import TimeLine
from workbench.panels.inspected_panel import InspectedPanel
from workbench.plots.filter_mosaic import FilterMosaic
from workbench.plots.plot_controls import DropDown, control_row, fill_with_surface, stack_rows, toggle
from workbench.theme import Theme

NUMBER, NORM, SIMILARITY, CHANGE = range(4)
_ORDERS = (
    ("Number", "In the order of the layer"),
    ("Norm", "The largest filters first: √Σ w²"),
    ("Similarity", "Alike filters side by side"),
    ("Change", "Those that have changed most since the beginning first: ‖w − w₀‖ / ‖w₀‖"),
)
_NARROWEST, _WIDE = 176, 236
"""Pixels that the panel has at least, and from which on there is room for order and scale beside the layer."""
_LATER = "Train the network: the filters of this layer appear here."
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LayerFilters:
    """The filters [K, C, h, w] of a layer, and those that it began with."""

    node: str
    now: Floats
    start: Floats


def layer_filters(network: TrainedNetwork, node: str, weights: NDArray[np.floating]) -> LayerFilters:
    """The filters of a layer beside those of its beginning."""
    return LayerFilters(node, np.asarray(weights, np.float64), initial_filters(network, node))


class FiltersPanel(InspectedPanel):
    """Wraps the live mosaic of the first layer; another layer's filters are those of the run looked into."""

    filter_opened = Signal(str, int)
    """Node and number of a filter that was clicked."""

    def __init__(self, first: FilterMosaic, session: InspectionSession, line: TimeLine, theme: Theme) -> None:
        """`first`: the mosaic of the first layer, which is fed elsewhere."""
        super().__init__(session, line=line)
        self.first, self.later = first, FilterMosaic(theme)
        self.later.set_empty_text(_LATER)
        self._later: LayerFilters | None = None
        self._project: Project | None = None
        self._nodes: tuple[str, ...] = ()
        self._is_asking = self._is_unsorted = False
        row = control_row()
        self.layer = DropDown("Layer")
        self.sort = DropDown("Order", _ORDERS)
        self.alike = toggle(
            "Alike", "Scale all filters alike, which shows how strong each is; else each by itself, as in the thesis"
        )  # fmt: skip
        for part in (self.layer, self.sort, self.alike):
            row.addWidget(part)
        row.addStretch(1)
        self.pages = QStackedWidget()
        self.pages.addWidget(first)
        self.pages.addWidget(self.later)
        stack_rows(self, theme, row, self.pages)
        self.layer.chosen.connect(self._choose_layer)
        self.sort.chosen.connect(lambda number: self._sort())
        self.alike.toggled.connect(self._scale)
        for mosaic in (first, self.later):
            mosaic.changed.connect(self._sort)
            mosaic.opened.connect(self._open)
        line.grew.connect(self._follow_run)
        session.run_changed.connect(self._follow_run)
        self.setAccessibleName("Filters")
        self.setMinimumWidth(_NARROWEST)
        self.apply_theme(theme)
        self._follow_run()

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`; the first layer's mosaic gets it elsewhere."""
        fill_with_surface(self, theme)
        self.later.apply_theme(theme)

    @property
    def node(self) -> str:
        """The layer whose filters are shown; "" without any."""
        return self._nodes[self.layer.current] if self._nodes else ""

    @property
    def mosaic(self) -> FilterMosaic:
        """The mosaic on show."""
        return self.first if self.layer.current == 0 else self.later

    def needs_parameters(self) -> bool:
        """The first layer's filters come with the snapshots; only later ones need more."""
        return self.isVisible() and self.layer.current > 0

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In a narrow panel the layer's name is worth more than what is done rarely."""
        super().resizeEvent(event)
        for part in (self.sort, self.alike):
            part.setVisible(self.width() >= _WIDE)

    def showEvent(self, event: QShowEvent) -> None:
        """Sort what came while nobody looked."""
        super().showEvent(event)
        if self._is_unsorted:
            self._sort()

    def look(self) -> None:
        """Take a later layer's filters from the run that is looked into."""
        run, node = self.session.run, self.node
        if self.layer.current == 0:
            return
        weights = _weights(run, node)
        if weights is None:
            self._later = None
            self.later.clear()
            return
        self._is_asking = True
        self.session.ask(
            "filters", lambda network, stopped: layer_filters(network, node, weights), self._show
        )

    def rest(self) -> None:
        """Give up what is being computed."""
        if self._is_asking:
            self.session.cancel("filters")
            self._is_asking, self._is_outdated = False, True

    def _show(self, found: LayerFilters) -> None:
        self._is_asking = False
        if found.node == self.node:
            run = self.session.run
            self._later = found
            step = run.checkpoint.step if run is not None and run.checkpoint is not None else 0
            self.later.set_filters(found.now, step)

    def _follow_run(self) -> None:
        """Offer the layers of the run on show."""
        project = self.line.project if self.line is not None else None
        if project is None and self.session.run is not None:
            project = self.session.run.project
        if project is self._project:
            return
        self._project = project
        nodes = () if project is None else filter_nodes(project.graph)
        ids = tuple(node.id for node in nodes)
        if ids == self._nodes:
            return
        self._nodes = ids
        self.layer.set_options([(node.name, f"Filters of {node.name}") for node in nodes])
        self.layer.setVisible(len(nodes) > 1)
        self._choose_layer(0)

    def _choose_layer(self, number: int) -> None:
        self.pages.setCurrentIndex(min(number, 1))
        self.later.clear()
        self._later = None
        self.setFocusProxy(self.mosaic)
        if self.needs_parameters():
            self.look()
            self.session.seen.emit()

    def _scale(self, on: bool) -> None:
        for mosaic in (self.first, self.later):
            mosaic.set_per_filter(not on)

    def _sort(self) -> None:
        if not self.isVisible():
            self._is_unsorted = True
            return
        self._is_unsorted = False
        filters = self.mosaic.filters
        if len(filters):
            self.mosaic.set_order(self._order(filters))

    def _order(self, filters: Floats) -> NDArray[np.int64]:
        how = self.sort.current
        if how == NORM:
            return order_by(filter_norms(filters))
        if how == SIMILARITY:
            return similarity_order(filters)
        start = self._start()
        if how == CHANGE and start is not None and start.shape == filters.shape:
            return order_by(filter_changes(filters, start))
        return np.arange(len(filters))

    def _start(self) -> Floats | None:
        if self.layer.current > 0:
            return self._later.start if self._later is not None else None
        shots = self.line.snapshots if self.line is not None else ()
        return next((np.asarray(s.filters, np.float64) for s in shots if s.filters is not None), None)

    def _open(self, number: int) -> None:
        if self.node:
            self.filter_opened.emit(self.node, number)


def _weights(run: Run | None, node: str) -> NDArray[np.floating] | None:
    if run is None or run.checkpoint is None:
        return None
    return run.checkpoint.tensors.get(f"parameter/{node}/weight")
