"""The table of runs: a row for each, with keys of its own."""

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QIcon, QKeyEvent, QPainter, QPainterPath, QPen, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QTableWidget, QTableWidgetItem

from engine.api import Run
from workbench.panels.row_tables import align_number, dress_rows
from workbench.panels.runs_model import (
    COLUMNS,
    NAME,
    NOTES,
    Branch,
    Column,
    marked_settings,
    run_values,
)
from workbench.panels.table_copy import table_twin
from workbench.plots.export import ValueTable, offer_export
from workbench.plots.picture import Twin
from workbench.theme import Theme, selection_color

MARK = QSize(14, 14)
MOST_DEPTH = 6
"""Forks that lie deeper are drawn as deep."""


_HEADER_PADDING = 10
"""Pixels on either side of a header's words, a little more than the style sheet's."""
_RESULTS = 3
"""Columns that always come first: name and results."""


def _cell(
    column: Column, branch: Branch, runs: tuple[Run, ...], theme: Theme, differs: bool
) -> QTableWidgetItem:
    item = QTableWidgetItem(column.text(branch.run, branch.number, runs[0]))
    if column.title == NAME and branch.depth:
        item.setIcon(fork_mark(branch.depth, theme))
        item.setToolTip(f"Forked at step {branch.run.fork_step:,} of the run above")
    if column.title not in (NAME, NOTES):
        item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
    if differs:
        item.setFont(theme.font(theme.font_small, bold=True))
        item.setBackground(QColor(selection_color(theme)))
        item.setToolTip("The runs differ in this setting")
    return item


class RunsTable(QTableWidget):
    """A row for each run, a column for each fact."""

    delete_pressed = Signal()
    enter_pressed = Signal()

    def __init__(self) -> None:
        super().__init__(0, len(COLUMNS))
        for place, column in enumerate(COLUMNS):
            heading = QTableWidgetItem(column.title)
            heading.setToolTip(column.help or column.title)
            self.setHorizontalHeaderItem(place, heading)
        self.setAccessibleName("Runs of the project")
        self.runs: tuple[Run, ...] = ()
        """What the rows tell of, in the order of the project."""
        self.export = offer_export(self, "Runs", is_table=True)
        dress_rows(self)
        triggers = QAbstractItemView.EditTrigger
        self.setEditTriggers(triggers.DoubleClicked | triggers.EditKeyPressed)
        self.setWordWrap(False)
        self.setIconSize(QSize(MARK.width() * MOST_DEPTH, MARK.height()))

    def fill(self, rows: Sequence[Branch], runs: tuple[Run, ...], theme: Theme) -> None:
        """Show `rows`; cells in whose settings the `runs` of the project differ are set off."""
        differing = marked_settings(runs)
        self.runs = runs
        self.setRowCount(len(rows))
        for row, branch in enumerate(rows):
            for place, column in enumerate(COLUMNS):
                item = _cell(column, branch, runs, theme, column.setting in differing)
                self.setItem(row, place, item)
                if column.title not in (NAME, NOTES):
                    align_number(item)
        self.resizeColumnsToContents()
        # Qt measures a header in the plain font, whatever weight the style sheet gives it.
        bold = QFontMetrics(theme.font(bold=True))
        for place, column in enumerate(COLUMNS):
            needed = bold.horizontalAdvance(column.title) + 2 * _HEADER_PADDING
            self.setColumnWidth(place, max(self.columnWidth(place), needed))
        # What differs stands beside the results.
        first = [place for place, column in enumerate(COLUMNS) if column.setting in differing]
        rest = [place for place in range(_RESULTS, len(COLUMNS)) if place not in first]
        header = self.horizontalHeader()
        for place, logical in enumerate((*range(_RESULTS), *first, *rest)):
            header.moveSection(header.visualIndex(logical), place)

    def values(self) -> ValueTable:
        """Every run with its results and all of its settings, in full precision."""
        return run_values(self.runs)

    def twin(self, theme: Theme) -> Twin:
        """A copy of the table, for pictures."""
        return table_twin(self, theme)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Delete and Enter act on the selected runs."""
        key = Qt.Key(event.key())
        if key == Qt.Key.Key_Delete:
            self.delete_pressed.emit()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.enter_pressed.emit()
        else:
            super().keyPressEvent(event)


def fork_mark(depth: int, theme: Theme) -> QIcon:
    """The branch that leads from the run above to a fork, as far in as it lies deep."""
    width, height = MARK.width(), MARK.height()
    picture = QPixmap(width * MOST_DEPTH, height)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setPen(QPen(QColor(theme.muted_text), 1.5))
    left = width * (min(depth, MOST_DEPTH) - 1)
    path = QPainterPath(QPointF(left + width / 2 - 2, 0))
    path.lineTo(left + width / 2 - 2, height / 2)
    path.lineTo(left + width - 2, height / 2)
    painter.drawPath(path)
    painter.end()
    return QIcon(picture.copy(0, 0, width * min(depth, MOST_DEPTH), height))
