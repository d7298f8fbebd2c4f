"""The panel that shows the images behind a cell of the confusion matrix."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedWidget, QWidget
from superqt import QElidingLabel

from engine.api import Snapshot, TrainedNetwork, cell_images
from workbench.inspection.answers import Part, images_of, labels_of, probabilities_of
from workbench.inspection.session import InspectionSession
from workbench.inspection.thread import Stopped
from workbench.inspection.time_line import TimeLine
from workbench.panels.inspected_panel import InspectedPanel, empty_words, scrolled
from workbench.plots.matrix_canvas import percent
from workbench.plots.plot_controls import choice, control_row, fill_with_surface, stack_rows
from workbench.plots.thumbnails import Thumbnail, Thumbnails
from workbench.theme import Theme

MOST = 200
"""Images that are shown of a cell."""
NO_RUN = "Train a network, then click a cell of the confusion matrix: its images appear here."
NO_CELL = "Click a cell of the confusion matrix: its images appear here, the most confident answers first."
NOT_KEPT = (
    "This snapshot does not hold the answers to the validation images: train with this version of Gabor."
)
BUSY = "Answering all images …"
_PARTS: tuple[Part, ...] = ("test", "validation")


@dataclass(frozen=True, eq=False)
class Cell:
    """The images of a cell M(predicted, true): numbers in their part, the first MOST images and their probabilities."""

    predicted: int
    true: int
    part: Part
    names: tuple[str, ...]
    of: int
    numbers: NDArray[np.int64]
    images: NDArray[np.uint8]
    probabilities: NDArray[np.float64]
    """[images, classes]; of an earlier moment only that of the answer is known, the others are NaN."""
    step: int | None = None
    """The earlier moment that it tells of, or None."""


def see_cell(network: TrainedNetwork, part: Part, predicted: int, true: int, stopped: Stopped) -> Cell | None:
    """The images that are answered `predicted` and truly are `true`; None when `stopped` said so."""
    probabilities = probabilities_of(network, part, stopped)
    if probabilities is None:
        return None
    numbers = cell_images(probabilities, labels_of(network, part), predicted, true)
    first = numbers[:MOST]
    return Cell(
        predicted, true, part, network.data.dataset.class_names, len(probabilities), numbers,
        images_of(network, part)[first], probabilities[first].astype(np.float64),
    )  # fmt: skip


def see_past_cell(network: TrainedNetwork, moment: Snapshot, predicted: int, true: int) -> Cell | None:
    """The validation images that were answered `predicted` at an earlier moment and truly are `true`."""
    answers, confidence = moment.answers, moment.confidence
    labels = labels_of(network, "validation")
    if answers is None or confidence is None or len(answers) > len(labels):
        return None
    labels = labels[: len(answers)]
    numbers = np.flatnonzero((answers == predicted) & (labels == true))
    numbers = numbers[np.argsort(-confidence[numbers].astype(np.int64), kind="stable")].astype(np.int64)
    first = numbers[:MOST]
    names = network.data.dataset.class_names
    probabilities = np.full((len(first), len(names)), np.nan)
    probabilities[:, predicted] = confidence[first] / 255
    images = images_of(network, "validation")[first]
    return Cell(
        predicted, true, "validation", names, len(labels), numbers, images, probabilities, moment.step
    )


def _tells_of_some(shot: Snapshot, network: TrainedNetwork) -> bool:
    """Whether a snapshot counts fewer validation images than there are."""
    return shot.answers is not None and len(shot.answers) < len(labels_of(network, "validation"))


class CellPanel(InspectedPanel):
    """Images of one cell of the confusion matrix with the probability of the answer; a click looks closer."""

    image_opened = Signal(str, int)
    """Part of the data and number of an image that shall be looked at."""

    def __init__(
        self,
        session: InspectionSession,
        theme: Theme,
        parent: QWidget | None = None,
        *,
        line: TimeLine | None = None,
    ) -> None:
        super().__init__(session, parent, line=line)
        self.cell: Cell | None = None
        self._wanted: tuple[int, int] | None = None
        self._is_asking = False
        row = control_row()
        self.caption = QElidingLabel()
        row.addWidget(self.caption, 1)
        self.part = choice(
            row, "Images", (("Test", "Of the test set"), ("Validation", "Of the validation set"))
        )
        self.part.idClicked.connect(self._ask)
        self.thumbnails = Thumbnails(theme)
        self.thumbnails.opened.connect(self._open)
        self.area = scrolled(self.thumbnails, "Images of the cell")
        self.words = empty_words()
        self.pages = QStackedWidget()
        self.pages.addWidget(self.words)
        self.pages.addWidget(self.area)
        stack_rows(self, theme, row, self.pages)
        self.setAccessibleName("Images of a confusion cell")
        self.setFocusProxy(self.thumbnails)
        self.apply_theme(theme)
        self._say(NO_RUN)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        fill_with_surface(self, theme)
        fill_with_surface(self.area.viewport(), theme)
        self.caption.setFont(theme.font(theme.font_small))
        self.thumbnails.apply_theme(theme)

    def show_cell(self, predicted: int, true: int, part: Part) -> None:
        """Show the images of this cell."""
        self._wanted = (predicted, true)
        self.part.button(_PARTS.index(part)).setChecked(True)
        self._ask()

    def look(self) -> None:
        """See the cell with the network as it is now."""
        self._ask()

    def rest(self) -> None:
        """Give up an unfinished look."""
        if self._is_asking:
            self.session.cancel("cell")
            self._is_outdated = True

    def _ask(self, _: object = None) -> None:
        if self.session.run is None:
            self._say(NO_RUN)
        elif self._wanted is None:
            self._say(NO_CELL)
        elif not self.isVisible():
            self._is_outdated = True
        else:
            (predicted, true), part = self._wanted, _PARTS[self.part.checkedId()]
            if self.cell is None:
                self._say(BUSY)
            self._is_asking = True
            shown = self.line.known("confusion") if self.line is not None and part == "validation" else None
            is_past = self.moment is not None

            def work(network: TrainedNetwork, stopped: Stopped) -> Cell | None:
                if shown is not None and (is_past or _tells_of_some(shown, network)):
                    return see_past_cell(network, shown, predicted, true)
                return see_cell(network, part, predicted, true, stopped)

            self.session.ask("cell", work, self._show, self._say)

    def _show(self, cell: Cell | None) -> None:
        self._is_asking = False
        if cell is None:
            self._say(NOT_KEPT)
            return
        names = cell.names
        if max(cell.predicted, cell.true) >= len(names):
            self._say(NO_CELL)
            return
        self.cell = cell
        predicted, true, count = names[cell.predicted], names[cell.true], len(cell.numbers)
        which = (
            f"answered {predicted}, truly {true}" if predicted != true else f"rightly answered {predicted}"
        )
        more = f", the {MOST} most confident" if count > MOST else ""
        run = self.session.run
        at = cell.step
        if at is None and run is not None and run.result is not None:
            at = run.result.step
        step = "" if at is None else f" · step {at:,}"
        text = f"{which[0].upper()}{which[1:]}: {count:,} of {cell.of:,} {cell.part} images{more}{step}"
        self.caption.setText(text)
        self.caption.setToolTip(text)
        if not count:
            self.words.setText(f"No {cell.part} image is {which}.")
            self.pages.setCurrentIndex(0)
            return
        self.thumbnails.set_items([self._thumbnail(cell, place) for place in range(len(cell.images))])
        self.area.verticalScrollBar().setValue(0)
        self.pages.setCurrentIndex(1)

    def _thumbnail(self, cell: Cell, place: int) -> Thumbnail:
        of_answer = percent(cell.probabilities[place, cell.predicted])
        image = f"{cell.part.capitalize()} image {cell.numbers[place] + 1:,}"
        words = f"{image}: {cell.names[cell.predicted]} {of_answer} %"
        if cell.predicted != cell.true and cell.step is None:
            words += f", true class {cell.names[cell.true]} {percent(cell.probabilities[place, cell.true])} %"
        return Thumbnail(cell.images[place], f"{of_answer} %", words)

    def _say(self, sentence: str) -> None:
        self._is_asking = False
        self.cell = None
        self.caption.setText("")
        self.words.setText(sentence)
        self.pages.setCurrentIndex(0)

    def _open(self, place: int) -> None:
        if self.cell is not None:
            self.image_opened.emit(self.cell.part, int(self.cell.numbers[place]))
