"""Tables leave the program as plots do: what their cells say, and a copy of them for pictures."""

from PySide6.QtGui import QFont, QFontMetrics
from PySide6.QtWidgets import QApplication, QTableWidget, QTableWidgetItem

from workbench.plots.export import ValueTable
from workbench.plots.picture import Twin
from workbench.plots.plot_controls import fill_with_surface
from workbench.theme import Theme

_PADDING = 10
"""Pixels on either side of a heading, a little more than the style sheet's."""


def heading_width(table: QTableWidget, column: int) -> int:
    """Pixels that a heading needs: Qt measures it in the plain font, whatever weight the style sheet gives it."""
    font = QApplication.font()
    font.setWeight(QFont.Weight.DemiBold)
    title = table.horizontalHeaderItem(column)
    return QFontMetrics(font).horizontalAdvance(title.text() if title else "") + 2 * _PADDING


def cells_of(table: QTableWidget) -> ValueTable:
    """The texts of all cells under their headings, columns in the order in which they are seen."""
    header = table.horizontalHeader()
    order = [header.logicalIndex(place) for place in range(table.columnCount())]
    titles = [table.horizontalHeaderItem(column) for column in order]
    rows = [
        [(item.text() if (item := table.item(row, column)) else "") for column in order]
        for row in range(table.rowCount())
    ]
    return ValueTable(tuple(title.text() if title else "" for title in titles), rows)


def table_twin(table: QTableWidget, theme: Theme) -> Twin:
    """A copy of what the cells say, in a theme."""
    values = cells_of(table)
    twin = QTableWidget(len(values.rows), len(values.header))
    twin.setHorizontalHeaderLabels(list(values.header))
    twin.setShowGrid(False)
    twin.verticalHeader().hide()
    twin.setFrameShape(QTableWidget.Shape.NoFrame)
    fill_with_surface(twin, theme)
    for part in (twin, twin.horizontalHeader()):
        part.setFont(theme.font(theme.font_small))
    for row, cells in enumerate(values.rows):
        for column, text in enumerate(cells):
            twin.setItem(row, column, QTableWidgetItem(str(text)))
    twin.resizeColumnsToContents()
    return Twin(twin, twin.update)
