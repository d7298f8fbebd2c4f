"""The table of runs: a row for each, with keys of its own."""

from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QKeyEvent, QPainter, QPainterPath, QPen, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QTableWidget, QTableWidgetItem

from engine.api import Run
from workbench.panels.runs_model import COLUMNS, run_values
from workbench.panels.table_copy import table_twin
from workbench.plots.export import ValueTable, offer_export
from workbench.plots.picture import Twin
from workbench.theme import Theme

MARK = QSize(14, 14)
MOST_DEPTH = 6
"""Forks that lie deeper are drawn as deep."""


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
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        triggers = QAbstractItemView.EditTrigger
        self.setEditTriggers(triggers.DoubleClicked | triggers.EditKeyPressed)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setIconSize(QSize(MARK.width() * MOST_DEPTH, MARK.height()))
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(26)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setStretchLastSection(True)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)

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
