"""The panel of runs: every training of the project in a table, its curves over each other, and what differs."""

from dataclasses import replace
from itertools import cycle

import numpy as np
from PySide6.QtCore import QSignalBlocker, QTimer, Signal
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLabel,
    QPushButton,
    QStackedWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from engine.api import design_changes, seed_groups, setting_changes
from workbench.document.document import Document
from workbench.panels.inspected_panel import empty_words
from workbench.panels.run_curves import MEASURES, curve_choice, side_by_side
from workbench.panels.runs_model import (
    COLUMNS,
    NAME,
    Branch,
    run_name,
    tree,
)
from workbench.panels.runs_table import RunsTable
from workbench.panels.seed_words import group_curve, group_names, noise_sentence
from workbench.plots.curves import CurvePlot
from workbench.plots.legend import DISTINCT_STYLES
from workbench.plots.plot_controls import choice, control_row, fill_with_surface, stack_rows, toggle
from workbench.theme import Theme

EMPTY = "Train the network: every training is kept here, to be compared with the next."
_WIDE = 760
_SMOOTHING = 0.9


class RunsPanel(QWidget):
    """Follows the document while it is seen. Names and notes are edited in the table; Delete removes a run."""

    show_requested = Signal(str)
    """Id of the run that all views shall show."""
    fork_requested = Signal(str)
    """Id of the run that shall be forked."""

    def __init__(self, document: Document, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._theme = theme
        self._is_outdated = True
        self._rows: tuple[Branch, ...] = ()
        self._can_fork = True
        row = control_row()
        self.view = choice(
            row, "View", (("Table", "Settings and results"), ("Curves", "Curves over each other"))
        )
        self.what = curve_choice(row)
        self.normalised = toggle("Normalised", "Each curve divided by its first value")
        self.bands = toggle("Bands", "Runs that differ in their seed alone as one curve: mean and spread")
        row.addWidget(self.normalised)
        row.addWidget(self.bands)
        row.addStretch(1)
        self.open = QPushButton("Show")
        self.open.setToolTip("Show this run in all views (Enter)")
        self.delete = QPushButton("Delete")
        self.delete.setToolTip("Take the selected runs out of the project (Delete); undo brings them back")
        self.fork = QPushButton("Fork…")
        self.fork.setToolTip("Go on from a checkpoint of this run, as a run of its own (Ctrl+Shift+F5)")
        for button in (self.open, self.fork, self.delete):
            row.addWidget(button)
        self.table = RunsTable()
        self.plot = CurvePlot(theme, name="Curves of all runs", empty_text="Nothing was measured yet.")
        self.plot.set_smoothing(_SMOOTHING)
        self.splitter = side_by_side(self.table, self.plot)
        self.comparison = QElidingLabel()
        self.comparison.setProperty("muted", True)
        self.noise = QLabel()
        self.noise.setWordWrap(True)
        self.noise.setAccessibleName("Seed noise")
        shown = QWidget()
        column = QVBoxLayout(shown)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.splitter, 1)
        column.addWidget(self.comparison)
        column.addWidget(self.noise)
        self.words = empty_words()
        self.words.setText(EMPTY)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.words)
        self.pages.addWidget(shown)
        stack_rows(self, theme, row, self.pages)
        self.setAccessibleName("Runs")
        self.setFocusProxy(self.table)
        self._wire_up()
        # Before it is first shown: with all its controls side by side it would make a narrow window wider.
        self._fit()
        self.apply_theme(theme)

    def _wire_up(self) -> None:
        self._document.runs_changed.connect(self._follow)
        self.view.idClicked.connect(self._fit)
        self.what.idClicked.connect(self._draw_curves)
        self.normalised.toggled.connect(lambda on: self.plot.set_mode("normalised" if on else "plain"))
        self.bands.toggled.connect(self._draw_curves)
        self.table.itemSelectionChanged.connect(self._compare)
        self.table.itemChanged.connect(self._edited)
        self.open.clicked.connect(self._show_selected)
        self.fork.clicked.connect(self._fork_selected)
        self.delete.clicked.connect(self._delete_selected)
        self.table.delete_pressed.connect(self._delete_selected)
        self.table.enter_pressed.connect(self._show_selected)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        self._theme = theme
        fill_with_surface(self, theme)
        for label in (self.comparison, self.noise):
            label.setFont(theme.font(theme.font_small))
        for part in (self.table, self.table.horizontalHeader()):
            part.setFont(theme.font(theme.font_small))
        self.plot.apply_theme(theme)
        self._follow()

    @property
    def selected(self) -> tuple[str, ...]:
        """Ids of the selected runs, in the order of the table."""
        rows = sorted({index.row() for index in self.table.selectionModel().selectedRows()})
        return tuple(self._rows[row].run.id for row in rows if row < len(self._rows))

    def set_forkable(self, on: bool) -> None:
        """Whether a run can be forked now."""
        self._can_fork = on
        self._compare()

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with what came while nobody looked."""
        super().showEvent(event)
        self._fit()
        if self._is_outdated:
            self.refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Table and curves stand side by side where there is room."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self, _: object = None) -> None:
        wide = self.width() >= _WIDE
        curves = wide or self.view.checkedId() == 1
        shown: dict[QWidget, bool] = dict.fromkeys(self.view.buttons(), not wide)
        shown |= {self.table: wide or not curves, self.plot: curves}
        shown |= dict.fromkeys((*self.what.buttons(), self.normalised, self.bands), curves)
        shown |= dict.fromkeys((self.open, self.fork, self.delete), wide or not curves)
        # What goes first: all of them at once, even for a moment, would make the window wider.
        for part in sorted(shown, key=shown.__getitem__):
            part.setVisible(shown[part])

    def _follow(self) -> None:
        self._is_outdated = True
        if self.isVisible():
            self.refresh()

    def refresh(self) -> None:
        """Show the runs as they are now."""
        self._is_outdated = False
        runs = self._document.runs
        self.pages.setCurrentIndex(1 if runs else 0)
        kept = self.selected
        self._rows = tree(runs)
        with QSignalBlocker(self.table):
            self.table.fill(self._rows, runs, self._theme)
            self.table.clearSelection()
            self.table.setSelectionMode(QAbstractItemView.SelectionMode.MultiSelection)
            for row, branch in enumerate(self._rows):
                if branch.run.id in kept:
                    self.table.selectRow(row)
            self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self._draw_curves()
        self._compare()

    def _draw_curves(self, _: object = None) -> None:
        self.plot.clear()
        name, factor = MEASURES[self.what.checkedId()]
        if self.bands.isChecked():
            self._draw_bands(name, factor)
            return
        shown = []
        for number, (run, style) in enumerate(zip(self._document.runs, cycle(DISTINCT_STYLES), strict=False)):
            if not run.step:
                continue
            steps = np.flatnonzero(~np.isnan(run.history[name]))
            label = f"{number + 1} {run.name}".strip() if run.name else f"Run {number + 1}"
            self.plot.set_series(label, steps + 1, factor * run.history[name][steps], style)
            shown.append(label)
        self.plot.set_shown(shown)
        self.plot.show_all()

    def _draw_bands(self, name: str, factor: float) -> None:
        runs = tuple(run for run in self._document.runs if run.step)
        groups = seed_groups(runs)
        labels = group_names(groups)
        for label, group, style in zip(labels, groups, cycle(DISTINCT_STYLES), strict=False):
            curve = group_curve(group.runs, name, factor=factor, smoothing=_SMOOTHING)
            self.plot.set_series(label, curve.steps, curve.mean, style)
            if curve.spread is not None:
                self.plot.set_band(label, curve.spread)
        self.plot.set_shown(labels)
        self.plot.show_all()

    # Comparing and editing

    def _tell_noise(self, ids: tuple[str, ...]) -> None:
        groups = seed_groups(self._document.runs)
        chosen = [group for group in groups if any(run.id in ids for run in group.runs)]
        text = noise_sentence(groups, chosen)
        self.noise.setText(text)
        self.noise.setVisible(bool(text))

    def _compare(self) -> None:
        ids = self.selected
        self._tell_noise(ids)
        text = self.describe(ids)
        self.comparison.setText(text)
        self.comparison.setToolTip(text)
        self.open.setEnabled(len(ids) == 1)
        self.delete.setEnabled(bool(ids))
        run = self._document.find_run(ids[0]) if len(ids) == 1 else None
        self.fork.setEnabled(self._can_fork and run is not None and run.checkpoint is not None)

    def describe(self, ids: tuple[str, ...]) -> str:
        """In what the last of the chosen runs differs from the first of them, or one from the run before it."""
        runs = self._document.runs
        places = [place for place, run in enumerate(runs) if run.id in ids]
        if not places:
            return "Select a run to read in what it differs from the one before, or two to compare them"
        first, last = places[0], places[-1]
        if first == last:
            parent = next((place for place, run in enumerate(runs) if run.id == runs[last].parent), last - 1)
            first = parent
        if first < 0:
            return f"{run_name(runs[last], last + 1)} is the first run"
        before, after = runs[first], runs[last]
        changes = [
            f"{_spoken(name)} {_value(a)} → {_value(b)}" for name, a, b in setting_changes(before, after)
        ]
        changes += design_changes(before.project.graph, after.project.graph)
        words = "; ".join(changes) or "the same settings and design"
        forked = f", forked at step {after.fork_step:,}," if after.parent == before.id else ""
        return f"{run_name(after, last + 1)}{forked} against {run_name(before, first + 1)}: {words}"

    def _edited(self, item: QTableWidgetItem) -> None:
        branch = self._rows[item.row()]
        run, number = branch.run, branch.number
        title, text = COLUMNS[item.column()].title, item.text().strip()[:1000]

        def describe() -> None:
            if title == NAME:
                unnamed = text == run_name(replace(run, name=""), number)
                self._document.describe_run(run.id, name="" if unnamed else text)
            else:
                self._document.describe_run(run.id, notes=text)
            self.refresh()

        # Later: the table is filled anew, and the cell that tells of its change must outlive the telling.
        QTimer.singleShot(0, self, describe)

    def _delete_selected(self) -> None:
        ids = self.selected
        if not ids:
            return
        stack = self._document.undo_stack
        stack.beginMacro("Delete run" if len(ids) == 1 else f"Delete {len(ids)} runs")
        for run_id in ids:
            self._document.delete_run(run_id)
        stack.endMacro()

    def _fork_selected(self) -> None:
        if len(self.selected) == 1:
            self.fork_requested.emit(self.selected[0])

    def _show_selected(self) -> None:
        if len(self.selected) == 1:
            self.show_requested.emit(self.selected[0])


def _spoken(name: str) -> str:
    return name.removeprefix("data.").replace("_", " ")


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
