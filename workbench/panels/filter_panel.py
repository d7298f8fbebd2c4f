"""The panel of one filter: its values, its spectrum, what it is like, and what excites it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget
from superqt import QElidingLabel

from engine.api import (
    FilterKind,
    Patch,
    TrainedNetwork,
    exciting_patches,
    filter_kind,
    filter_nodes,
    filter_spectrum,
)
from workbench.inspection.session import InspectionSession
from workbench.inspection.thread import Stopped
from workbench.inspection.time_line import TimeLine
from workbench.panels.inspected_panel import InspectedPanel, empty_words, scrolled
from workbench.plots.feature_maps import grey_levels
from workbench.plots.filter_tiles import kind_in_words
from workbench.plots.filter_values import FilterValues
from workbench.plots.image_view import ImageView
from workbench.plots.plot_controls import fill_with_surface, stack_rows
from workbench.plots.thumbnails import Thumbnail, Thumbnails
from workbench.theme import Theme

MOST_IMAGES = 1024
"""Validation images among which the most exciting parts are sought."""
NO_FILTER = (
    "Click a filter: its values, its spectrum and the parts of images that excite it most appear here."
)
BUSY = "Looking for what excites this filter …"


EXCITED = "Excited most by"


@dataclass(frozen=True, eq=False)
class Examined:
    """What was found out about a filter."""

    kind: FilterKind
    patches: tuple[Patch, ...]
    images: int


def examine(
    network: TrainedNetwork, node: str, number: int, weights: NDArray[np.float64], stopped: Stopped
) -> Examined | None:
    """Fit a filter [C, h, w], and look for what excites it; None when `stopped` said so."""
    images = network.data.validation_images[:MOST_IMAGES]
    patches = exciting_patches(network, node, number, images, stopped=stopped)
    return None if patches is None else Examined(filter_kind(weights), patches, len(images))


class FilterPanel(InspectedPanel):
    """Shows the filter that was clicked in the mosaic, at the moment that is looked at."""

    image_opened = Signal(str, int)
    """Part of the data and number of an image that shall be looked at."""

    def __init__(self, session: InspectionSession, theme: Theme, *, line: TimeLine) -> None:
        super().__init__(session, line=line)
        self.examined: Examined | None = None
        self._wanted: tuple[str, int] | None = None
        self._is_asking = False
        self.caption = QElidingLabel()
        self.values = FilterValues(theme)
        self.spectrum = ImageView(theme, "Spectrum of the filter")
        self.spectrum.stands_at_top = True
        self.spectrum.setToolTip(
            "Magnitudes of the Fourier transform: slow changes in the middle, fast ones at the border; a wave shows as "
            "two bright spots across from each other"
        )
        self.patches = Thumbnails(theme)
        self.patches.setAccessibleName("Parts of images that excite the filter most")
        self.patches.opened.connect(self._open_image)
        self.values.read.connect(self._read)
        self.words = empty_words()
        self.pages = QStackedWidget()
        self.pages.addWidget(self.words)
        self.pages.addWidget(self._shown())
        stack_rows(self, theme, self.caption, self.pages)
        self.setAccessibleName("One filter")
        self.apply_theme(theme)
        self._say(NO_FILTER)

    def _shown(self) -> QWidget:
        self.area = scrolled(self.patches, "Patches that excite the filter most")
        self.headings = [QElidingLabel(text) for text in ("Values", "Spectrum", EXCITED)]
        self.headings[-1].setMinimumWidth(1)
        page = QWidget()
        row = QHBoxLayout(page)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        for heading, part, stretch in zip(
            self.headings, (self.values, self.spectrum, self.area), (3, 2, 4), strict=True
        ):
            column = QVBoxLayout()
            column.setSpacing(4)
            heading.setProperty("muted", True)
            column.addWidget(heading)
            column.addWidget(part, 1)
            row.addLayout(column, stretch)
        return page

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        fill_with_surface(self, theme)
        fill_with_surface(self.area.viewport(), theme)
        for label in (self.caption, *self.headings):
            label.setFont(theme.font(theme.font_small))
        for part in (self.values, self.spectrum, self.patches):
            part.apply_theme(theme)

    def show_filter(self, node: str, number: int) -> None:
        """Look at a filter of a layer."""
        self._wanted = (node, number)
        self.patches.set_items(())
        self.examined = None
        self.look()

    def look(self) -> None:
        """See the filter as it is at the moment that is looked at."""
        if not self.isVisible():
            self._is_outdated = True
            return
        weights = self._weights()
        if weights is None or self._wanted is None:
            self._say(NO_FILTER)
            return
        self.values.set_values(weights)
        spectrum = filter_spectrum(weights)
        self.spectrum.set_pixels(grey_levels(spectrum)[:, :, None])
        self._read("")
        # Snapshots keep the filters, not the network that a filter stands in.
        self.headings[2].setText("Excited most by" if self.moment is None else "Excited most by (newest)")
        self.pages.setCurrentIndex(1)
        (node, number), session = self._wanted, self.session
        if session.run is not None:
            self._is_asking = True
            session.ask(
                "filter",
                lambda network, stopped: examine(network, node, number, weights, stopped),
                self._show,
                self._fail,
            )

    def rest(self) -> None:
        """Give up an unfinished look."""
        if self._is_asking:
            self.session.cancel("filter")
            self._is_asking, self._is_outdated = False, True

    def _weights(self) -> NDArray[np.float64] | None:
        if self._wanted is None:
            return None
        node, number = self._wanted
        moment, run = self.moment, self.session.run
        filters = None
        if moment is not None and moment.filters_node == node:
            filters = moment.filters
        elif run is not None and run.checkpoint is not None:
            filters = run.checkpoint.tensors.get(f"parameter/{node}/weight")
        if filters is None or filters.ndim != 4 or number >= len(filters):
            return None
        return np.asarray(filters[number], np.float64)

    def _show(self, examined: Examined) -> None:
        self._is_asking = False
        self.examined = examined
        self.headings[-1].setText(f"{EXCITED}, of {examined.images:,} validation images")
        self.patches.set_items([_thumbnail(patch) for patch in examined.patches])
        self._read("")

    def _fail(self, sentence: str) -> None:
        self._is_asking = False
        self.caption.setText(sentence)

    def _say(self, sentence: str) -> None:
        self.caption.setText("")
        self.words.setText(sentence)
        self.pages.setCurrentIndex(0)

    def _read(self, value: str) -> None:
        text = f"{self._title()} · {value or self._describe()}"
        self.caption.setText(text)
        self.caption.setToolTip(text)

    def _title(self) -> str:
        if self._wanted is None:
            return ""
        node, number = self._wanted
        run = self.session.run
        nodes = filter_nodes(run.project.graph) if run is not None else ()
        name = next((found.name for found in nodes if found.id == node), node)
        return f"{name}, filter {number + 1}"

    def _describe(self) -> str:
        if self.examined is None:
            return BUSY
        return kind_in_words(self.examined.kind)

    def _open_image(self, place: int) -> None:
        if self.examined is not None:
            self.image_opened.emit("validation", self.examined.patches[place].image)


def _thumbnail(patch: Patch) -> Thumbnail:
    value = f"{patch.value:.2f}".replace("-", "−")
    rows, columns = patch.pixels.shape[:2]
    words = (
        f"Validation image {patch.image + 1:,}, {rows}×{columns} pixels from row {patch.row + 1}, column "
        f"{patch.column + 1}: answered with {value}"
    ).replace("-", "−")
    return Thumbnail(patch.pixels, value, words)
