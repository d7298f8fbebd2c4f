"""The table of the queue: a row for each training, with its state in a sign and a word."""

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QTableWidget, QTableWidgetItem

from workbench.panels.row_tables import align_number, dress_rows, widen_columns
from workbench.training.run_queue import QueueEntry

COLUMNS = ("Run", "State", "Test", "Validation loss", "Progress", "Device")
_SIGNS = {
    "waiting": "·", "preparing": "…", "training": "▶", "stopping": "■", "finished": "✓", "stopped": "■", "failed": "!",
}  # fmt: skip


def row_texts(entry: QueueEntry) -> tuple[str, ...]:
    """The cells of an entry; its state is told by a sign and a word."""
    device = ""
    if entry.slot is not None:
        device = entry.slot.device
        if entry.slot.threads:
            device += f", {entry.slot.threads} thread{'s' * (entry.slot.threads != 1)}"
    progress = ""
    if entry.total_steps:
        progress = (
            f"{100 * entry.step / entry.total_steps:.0f} % · step {entry.step:,} of {entry.total_steps:,}"
        )
    loss = f"{entry.validation_loss:.4f}" if np.isfinite(entry.validation_loss) else ""
    tested = entry.run.test_accuracy() if entry.run is not None else None
    return (
        entry.label,
        f"{_SIGNS[entry.state]} {entry.state}",
        "" if tested is None else f"{100 * tested:.2f} %",
        loss,
        progress,
        device,
    )


class QueueTable(QTableWidget):
    """A row for each entry."""

    def __init__(self) -> None:
        super().__init__(0, len(COLUMNS))
        self.on_delete: Callable[[], None] = lambda: None
        self.setHorizontalHeaderLabels(list(COLUMNS))
        self.setAccessibleName("Trainings of the queue")
        dress_rows(self)
        self.setWordWrap(False)

    def show_text(self, row: int, column: int, text: str, tip: str) -> None:
        """Write a cell, if it says something else than before."""
        item = self.item(row, column)
        if item is None:
            item = QTableWidgetItem()
            self.setItem(row, column, item)
        if item.text() != text:
            item.setText(text)
            align_number(item)
        item.setToolTip(tip)

    def fit(self) -> None:
        """Make columns wider where texts need it, never narrower: numbers that run should stand still."""
        widen_columns(self, anew=self.rowCount() == 0)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Delete stops or removes what is selected."""
        if event.key() == Qt.Key.Key_Delete:
            self.on_delete()
        else:
            super().keyPressEvent(event)
