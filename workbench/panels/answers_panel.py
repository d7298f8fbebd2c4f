"""The panel of answers over time: which images were learned when, which were forgotten, which never came right."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QStackedWidget, QVBoxLayout, QWidget
from superqt import QElidingLabel

from engine.api import AnswerHistory, Snapshot, TrainedNetwork, answer_history
from workbench.inspection.session import InspectionSession
from workbench.inspection.time_line import TimeLine
from workbench.panels.inspected_panel import InspectedPanel, empty_words, scrolled
from workbench.plots.answer_rows import AnswerRows
from workbench.plots.plot_controls import choice, control_row, fill_with_surface, stack_rows
from workbench.theme import Theme

MOST = 80
"""Images that are shown."""
FORGOTTEN, NEVER, LATE = range(3)
_ORDERS = (
    ("Forgotten", "Images whose answer turned most often from right to wrong"),
    ("Wrong", "Images that are answered wrongly at the end, the longest so first"),
    ("Late", "Images that were learned last"),
)
NO_RUN = "Train a network: how its answer to each validation image changed appears here."
BUSY = "Waiting for the training to tell of its data …"
NOT_KEPT = "The snapshots of this run do not hold its answers: train it with this version of Gabor."
NOT_YET = "The answers to all validation images come with the end of the first epoch."
NONE = (
    "No answer turned from right to wrong.",
    "Every answer is right at the end.",
    "No image was learned yet.",
)


@dataclass(frozen=True, eq=False)
class AnswerTable:
    """Some images with their histories, and what all of them together say."""

    history: AnswerHistory
    numbers: NDArray[np.int64]
    images: NDArray[np.uint8]
    names: tuple[str, ...]
    summary: str


def answer_table(network: TrainedNetwork, snapshots: tuple[Snapshot, ...], order: int) -> AnswerTable | None:
    """The images to show in an order; None where snapshots hold no answers."""
    data = network.data
    history = answer_history(snapshots, data.validation_labels)
    if history is None:
        return None
    numbers = _chosen(history, order)[:MOST]
    return AnswerTable(
        history.of(numbers),
        numbers,
        data.validation_images[numbers],
        data.dataset.class_names,
        _summary(history),
    )


def _chosen(history: AnswerHistory, order: int) -> NDArray[np.int64]:
    if order == FORGOTTEN:
        value, shown = history.forgotten, history.forgotten > 0
    elif order == NEVER:
        wrong = ~history.right
        value, shown = wrong[::-1].cumprod(axis=0).sum(axis=0), wrong[-1]
    else:
        value, shown = history.learned, history.learned > 0
    ranked = np.argsort(-value, kind="stable").astype(np.int64)
    return ranked[shown[ranked]]


def _summary(history: AnswerHistory) -> str:
    right = history.right
    at_end, forgotten, never = right[-1].sum(), (history.forgotten > 0).sum(), (~right).all(axis=0).sum()
    return (
        f"{at_end:,} of {len(history.labels):,} right after step {history.steps[-1]:,} · "
        f"{forgotten:,} forgotten at some time · {never:,} never right"
    )


class AnswersPanel(InspectedPanel):
    """A row of answers for each of some validation images, from the beginning of the run to its end."""

    image_opened = Signal(str, int)
    """Part of the data and number of an image that shall be looked at."""

    def __init__(self, session: InspectionSession, theme: Theme, *, line: TimeLine) -> None:
        super().__init__(session)
        self._line = line
        self.table: AnswerTable | None = None
        self._is_asking = False
        row = control_row()
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        self.summary.setMinimumWidth(1)
        self.order = choice(row, "Images", _ORDERS)
        row.insertWidget(0, self.summary, 1)
        self.rows = AnswerRows(theme)
        self.area = scrolled(self.rows, "Images with their answers")
        self.reading = QElidingLabel()
        self.reading.setProperty("muted", True)
        self.words = empty_words()
        shown = QWidget()
        column = QVBoxLayout(shown)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.area, 1)
        column.addWidget(self.reading)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.words)
        self.pages.addWidget(shown)
        stack_rows(self, theme, row, self.pages)
        self.order.idClicked.connect(lambda number: self.look())
        self.rows.read.connect(self._read)
        self.rows.opened.connect(self._open)
        self.rows.moment_chosen.connect(self._go)
        line.grew.connect(self.outdate)
        line.moved.connect(self._mark)
        self.setAccessibleName("Answers over time")
        self.setFocusProxy(self.rows)
        self.apply_theme(theme)
        self._say(NO_RUN)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        fill_with_surface(self, theme)
        fill_with_surface(self.area.viewport(), theme)
        for label in (self.summary, self.reading):
            label.setFont(theme.font(theme.font_small))
        self.rows.apply_theme(theme)

    def needs_parameters(self) -> bool:
        """Once for each run, for its data; everything else is in the snapshots."""
        return self.isVisible() and not self._knows_data()

    def _knows_data(self) -> bool:
        return self.session.run is not None and self.session.run.id == self._line.run_id

    def look(self) -> None:
        """Read the answers of all moments anew."""
        snapshots, order = self._line.snapshots, self.order.checkedId()
        if not snapshots or not self._knows_data():
            self._say(BUSY if snapshots else NO_RUN)
            return
        self._is_asking = True
        self.session.ask(
            "answers", lambda network, stopped: answer_table(network, snapshots, order), self._show, self._say
        )

    def rest(self) -> None:
        """Give up an unfinished look."""
        if self._is_asking:
            self.session.cancel("answers")
            self._is_asking, self._is_outdated = False, True

    def _show(self, table: AnswerTable | None) -> None:
        self._is_asking = False
        if table is None:
            is_early = any(shot.answers is not None for shot in self._line.snapshots)
            self._say(NOT_YET if is_early else NOT_KEPT)
            return
        self.table = table
        self.summary.setText(table.summary)
        self.rows.set_rows(table.history, table.numbers, table.images, table.names)
        self._mark()
        self._read("")
        if not len(table.numbers):
            self.words.setText(NONE[self.order.checkedId()])
        self.pages.setCurrentIndex(1 if len(table.numbers) else 0)

    def _mark(self) -> None:
        moment, table = self._line.moment, self.table
        if table is None or moment is None:
            self.rows.mark(-1)
        else:
            # In mid-epoch the latest answers to all images are those of the moment.
            self.rows.mark(int(np.searchsorted(table.history.steps, moment.step, side="right")) - 1)

    def _go(self, number: int) -> None:
        if self.table is not None:
            step = int(self.table.history.steps[number])
            at = next((n for n, shot in enumerate(self._line.snapshots) if shot.step == step), None)
            if at is not None:
                self._line.go(at)

    def _open(self, row: int) -> None:
        if self.table is not None:
            self.image_opened.emit("validation", int(self.table.numbers[row]))

    def _read(self, words: str) -> None:
        hint = "Click a cell to go to its moment, an image to look closer"
        self.reading.setText(words or hint)
        self.reading.setToolTip(words)

    def _say(self, sentence: str) -> None:
        self._is_asking = False
        self.table = None
        self.summary.setText("")
        self.words.setText(sentence)
        self.pages.setCurrentIndex(0)
