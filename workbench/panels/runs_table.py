"""The table of runs: a row for each, with keys of its own."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QTableWidget, QTableWidgetItem

from workbench.panels.runs_model import COLUMNS


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
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        triggers = QAbstractItemView.EditTrigger
        self.setEditTriggers(triggers.DoubleClicked | triggers.EditKeyPressed)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(26)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setStretchLastSection(True)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Delete and Enter act on the selected runs."""
        key = Qt.Key(event.key())
        if key == Qt.Key.Key_Delete:
            self.delete_pressed.emit()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.enter_pressed.emit()
        else:
            super().keyPressEvent(event)
