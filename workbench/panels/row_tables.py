"""What all tables have in common: a row is one thing, which is selected as a whole."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QTableView, QTableWidget

from workbench.panels.table_copy import heading_width

_ROW_HEIGHT = 26
_BESIDE_TEXT = 12
"""Pixels that a cell has around its text."""


def dress_rows(table: QTableView) -> None:
    """Give a table its look and keys: rows without grid or numbers, nothing edited, and Tab leads out of it."""
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setShowGrid(False)
    table.setTabKeyNavigation(False)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
    header = table.horizontalHeader()
    header.setHighlightSections(False)
    header.setStretchLastSection(True)
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)


def widen_columns(table: QTableWidget, *, anew: bool) -> None:
    """Make columns wider where texts need it; narrower only `anew`: beside numbers that run they should stand still."""
    for column in range(table.columnCount() - 1):
        needed = max(table.sizeHintForColumn(column) + _BESIDE_TEXT, heading_width(table, column))
        table.setColumnWidth(column, needed if anew else max(needed, table.columnWidth(column)))
