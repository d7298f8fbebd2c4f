"""The panel of the queue: every training that waits, trains or is done, with the curves of all of them live."""

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QItemSelectionModel, QSignalBlocker, QTimer
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from engine.api import Event, RunStarted, StepsDone
from workbench.panels.inspected_panel import empty_words
from workbench.panels.number_box import CountBox
from workbench.panels.queue_table import QueueTable, row_texts
from workbench.panels.run_curves import MEASURES, curve_choice, side_by_side
from workbench.plots.curves import CurvePlot
from workbench.plots.legend import DISTINCT_STYLES, CurveStyle
from workbench.plots.plot_controls import control_row, fill_with_surface, stack_rows
from workbench.theme import Theme
from workbench.training.run_queue import QueueEntry, RunQueue

EMPTY = "Add runs: several seeds, settings or designs are trained one after the other, or several at once."
_WIDE, _WIDER = 760, 920
"""From these widths on, in pixels, there is room for the curves, and for the choice of what they show."""
_REFRESH_MS = 250


class QueuePanel(QWidget):
    """Follows a queue while it is seen; what its buttons mean is told by whoever owns the queue."""

    def __init__(self, queue: RunQueue, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._queue, self._theme = queue, theme
        self._blocks: dict[int, list[StepsDone]] = {}
        self._is_outdated = False
        self.on_add: Callable[[], None] = lambda: None
        self.on_promote: Callable[[QueueEntry], None] = lambda entry: None
        self.on_fork: Callable[[QueueEntry], None] = lambda entry: None
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._refresh_if_needed)
        self._build()
        queue.changed.connect(self._follow)
        queue.received.connect(self._receive)
        self.apply_theme(theme)

    def _build(self) -> None:
        row = control_row()
        self.add = self._button("Add runs…", "Seeds, values of settings and designs", lambda: self.on_add())
        self.go = self._button("Start", "Work off what waits", self._start_or_hold)
        self.at_once = CountBox(1, 64)
        self.at_once.setAccessibleName("Runs at once on the CPU")
        self.at_once.setToolTip("Runs at once on the CPU, which share its cores; a GPU takes one at a time")
        label = QLabel("At once")
        label.setProperty("muted", True)
        label.setBuddy(self.at_once)
        self.what = curve_choice(row)
        self.what.idClicked.connect(lambda _: self._redraw())
        for button in self.what.buttons():
            # Until the panel has its width: shown in a narrow window, they would make it wider.
            button.hide()
        row.addStretch(1)
        self.stop = self._button(
            "Stop", "End this training, or take it out of the queue (Delete)", self._stop
        )
        self.promote = self._button(
            "Promote", "Make its design, settings and parameters those of the project", self._promote
        )
        self.fork = self._button("Fork…", "Go on from where it stands, with other settings", self._fork)
        self.clear = self._button(
            "Clear", "Take out what is done; its runs stay in the project", self._queue.clear_ended
        )
        for place, widget in enumerate((self.add, self.go, label, self.at_once)):
            row.insertWidget(place, widget)
        row.insertSpacing(2, 10)
        row.insertSpacing(4, 4)
        row.insertSpacing(6, 12)
        for button in (self.stop, self.promote, self.fork, self.clear):
            row.addWidget(button)
        self._build_body(row)

    def _build_body(self, row: QHBoxLayout) -> None:
        self.table = QueueTable()
        self.table.itemSelectionChanged.connect(self._follow_selection)
        self.table.on_delete = self._stop
        self.plot = CurvePlot(
            self._theme,
            name="Curves of the queue",
            empty_text="Curves appear here as soon as something trains.",
            max_rate=10,
        )
        self.plot.set_smoothing(0.9)
        self.splitter = side_by_side(self.table, self.plot)
        self.message = QLabel()
        self.message.setProperty("muted", True)
        self.message.setAccessibleName("State of the queue")
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.splitter, 1)
        column.addWidget(self.message)
        self.words = empty_words()
        self.words.setText(EMPTY)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.words)
        self.pages.addWidget(body)
        stack_rows(self, self._theme, row, self.pages)
        self.setAccessibleName("Queue")
        self.setFocusProxy(self.table)

    def _button(self, text: str, tip: str, do: Callable[[], object]) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.clicked.connect(lambda: do())
        return button

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        self._theme = theme
        fill_with_surface(self, theme)
        for part in (self.table, self.table.horizontalHeader(), self.message):
            part.setFont(theme.font(theme.font_small))
        self.plot.apply_theme(theme)
        self.refresh()

    @property
    def selected(self) -> tuple[QueueEntry, ...]:
        """The selected entries, in their order."""
        rows = sorted({index.row() for index in self.table.selectionModel().selectedRows()})
        return tuple(self._queue.entries[row] for row in rows if row < len(self._queue.entries))

    # Following the queue

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with what came while nobody looked."""
        super().showEvent(event)
        self.refresh()
        self._redraw()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Curves stand beside the table where there is room."""
        super().resizeEvent(event)
        self.plot.setVisible(self.width() >= _WIDE)
        for button in self.what.buttons():
            button.setVisible(self.width() >= _WIDER)

    def _follow(self) -> None:
        known = {entry.number for entry in self._queue.entries}
        gone = [number for number in self._blocks if number not in known]
        for number in gone:
            del self._blocks[number]
        if self.isVisible():
            self.refresh()
            if gone:
                self._redraw()

    def _receive(self, entry: QueueEntry, events: tuple[Event, ...]) -> None:
        for event in events:
            if isinstance(event, RunStarted):
                self._blocks[entry.number] = []
            elif isinstance(event, StepsDone):
                self._blocks.setdefault(entry.number, []).append(event)
                if self.isVisible():
                    self._append(entry, event)
        self._is_outdated = True
        if self.isVisible() and not self._timer.isActive():
            self._timer.start(_REFRESH_MS)

    def _refresh_if_needed(self) -> None:
        if self._is_outdated and self.isVisible():
            self.refresh()

    def refresh(self) -> None:
        """Show the entries as they are now."""
        self._is_outdated = False
        entries, kept = self._queue.entries, {entry.number for entry in self.selected}
        self.pages.setCurrentIndex(1 if entries else 0)
        with QSignalBlocker(self.table):
            if self.table.rowCount() != len(entries):
                self.table.clearSelection()
            self.table.setRowCount(len(entries))
            for row, entry in enumerate(entries):
                for place, text in enumerate(row_texts(entry)):
                    self.table.show_text(row, place, text, entry.message)
                if entry.number in kept:
                    flags = QItemSelectionModel.SelectionFlag
                    self.table.selectionModel().select(
                        self.table.model().index(row, 0), flags.Select | flags.Rows
                    )
            self.table.fit()
        self.message.setText(self.summary())
        self.go.setText("Hold" if self._queue.is_running else "Start")
        self.go.setEnabled(bool(self._queue.waiting) or self._queue.is_running)
        self._follow_selection()

    def summary(self) -> str:
        """`2 train, 3 wait, 1 is done`."""
        entries = self._queue.entries
        training, waiting = len(self._queue.active), len(self._queue.waiting)
        done = len(entries) - training - waiting
        parts = [f"{training} training"] * bool(training) + [f"{waiting} waiting"] * bool(waiting)
        parts += [f"{done} done: in the table of runs"] * bool(done)
        held = " · nothing new begins until Start" if waiting and not self._queue.is_running else ""
        return ", ".join(parts) + held

    def _follow_selection(self) -> None:
        chosen = self.selected
        one = len(chosen) == 1
        learned = one and ((chosen[0].is_active and chosen[0].step > 0) or chosen[0].run is not None)
        self.stop.setEnabled(bool(chosen))
        self.stop.setText("Stop" if any(entry.is_active for entry in chosen) or not chosen else "Remove")
        self.promote.setEnabled(learned)
        self.fork.setEnabled(learned)
        self.clear.setEnabled(any(not e.is_active and e.state != "waiting" for e in self._queue.entries))
        if one and chosen[0].message:
            self.message.setText(chosen[0].message)

    # Curves

    def _append(self, entry: QueueEntry, event: StepsDone) -> None:
        name, factor = MEASURES[self.what.checkedId()]
        values = factor * getattr(event, name)
        measured = np.flatnonzero(~np.isnan(values))
        label = _curve_name(entry)
        self.plot.add_series(label, self._style(entry))
        self.plot.append(label, event.first_step + measured, values[measured])

    def _style(self, entry: QueueEntry) -> CurveStyle:
        # By its number, which stays when others are taken out.
        return DISTINCT_STYLES[entry.number % len(DISTINCT_STYLES)]

    def _redraw(self) -> None:
        self.plot.clear()
        for entry in self._queue.entries:
            for event in self._blocks.get(entry.number, ()):
                self._append(entry, event)
        self.plot.set_shown([_curve_name(entry) for entry in self._queue.entries])
        self.plot.show_all()

    # What the buttons do

    def _start_or_hold(self) -> None:
        (self._queue.hold if self._queue.is_running else self._queue.start)()

    def _stop(self) -> None:
        for entry in self.selected:
            if entry.is_active or entry.state == "waiting":
                self._queue.stop(entry)
            else:
                self._queue.remove(entry)

    def _promote(self) -> None:
        if len(self.selected) == 1:
            self.on_promote(self.selected[0])

    def _fork(self) -> None:
        if len(self.selected) == 1:
            self.on_fork(self.selected[0])


def _curve_name(entry: QueueEntry) -> str:
    return entry.label
