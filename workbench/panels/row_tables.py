"""What all tables have in common: a row is one thing, which is selected as a whole."""

import re

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QTableView, QTableWidget, QTableWidgetItem

from workbench.panels.table_copy import heading_width

_ROW_HEIGHT = 26
_BESIDE_TEXT = 12
"""Pixels that a cell has around its text."""
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_NUMBER = re.compile(r"[-−]?\d[\d,.:]*(e[-+]?\d+)?( (%|ms|s|MiB|GiB))?( \(.*\))?")
"""An amount, with its unit and a remark in brackets."""


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


def align_number(item: QTableWidgetItem) -> None:
    """Put a number, and the heading above it, to the right: digits of one worth stand below each other."""
    if not _NUMBER.fullmatch(item.text()):
        return
    item.setTextAlignment(_RIGHT)
    table = item.tableWidget()
    heading = table.horizontalHeaderItem(item.column()) if isinstance(table, QTableWidget) else None
    if heading is not None:
        heading.setTextAlignment(_RIGHT)
