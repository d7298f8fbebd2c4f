"""The analysis panel: every node in numbers, in a table that sorts, selects and exports."""

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QRectF, QSortFilterProxyModel, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from engine.api import MemoryForecast, analyse, bytes_text
from workbench.document.document import Document
from workbench.panels.analysis_model import NUMBERS, SHARE, SORT, AnalysisModel, Index, write_csv
from workbench.panels.row_tables import dress_rows
from workbench.theme import Theme, blend

_WIDTHS = (190, 120, 190, 150, 140, 150, 140)
_SETTINGS = 2
_LOW = 320
"""Pixels of height below which the totals are left to the status bar."""
"""The column that takes what room there is."""


class AnalysisPanel(QWidget):
    """Follows the document while it is seen. Selecting rows tells `nodes_selected`; `set_selection` selects rows."""

    nodes_selected = Signal(object)
    """tuple of node ids."""
    node_activated = Signal(str)
    message = Signal(str)

    def __init__(self, document: Document, theme: Theme) -> None:
        super().__init__()
        self._document = document
        self._forecast: MemoryForecast | None = None
        self._stale, self._quiet = True, False
        self._selected: tuple[str, ...] = ()
        self.model = AnalysisModel(theme)
        self.sorted = QSortFilterProxyModel()
        self.sorted.setSourceModel(self.model)
        self.sorted.setSortRole(SORT)
        # The order of the data needs no sorting after each edit; other orders are asked for in `refresh`.
        self.sorted.setDynamicSortFilter(False)
        self.table = self._make_table()
        self.totals, self.judgement = QLabel(), QLabel()
        self.totals.setProperty("muted", True)
        # A long line would make the window wider when the panel comes.
        for label in (self.totals, self.judgement):
            label.setWordWrap(True)
            label.setProperty("small", True)
        self.export = QPushButton("Export CSV…")
        self.export.setProperty("slim", True)
        self.export.setToolTip("Write the table with plain numbers to a file")
        self.export.clicked.connect(self.ask_export)
        self._lay_out()
        document.changed.connect(self._follow)

    def _make_table(self) -> QTableView:
        table = QTableView()
        table.setModel(self.sorted)
        table.setItemDelegate(_Bars(self.model, table))
        table.setAccessibleName("Analysis of the network")
        dress_rows(table)
        table.setWordWrap(False)
        table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header = table.horizontalHeader()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(_SETTINGS, QHeaderView.ResizeMode.Stretch)
        header.setMinimumSectionSize(70)
        table.setSortingEnabled(True)
        table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        for number, width in enumerate(_WIDTHS):
            table.setColumnWidth(number, width)
        table.selectionModel().selectionChanged.connect(self._tell_selection)
        table.activated.connect(lambda index: self.node_activated.emit(self._node_of(index)))
        return table

    def _lay_out(self) -> None:
        foot = QGridLayout()
        foot.setContentsMargins(12, 4, 12, 8)
        foot.setHorizontalSpacing(12)
        foot.setVerticalSpacing(2)
        foot.setColumnStretch(0, 1)
        foot.addWidget(self.judgement, 0, 0)
        foot.addWidget(self.totals, 1, 0)
        foot.addWidget(self.export, 0, 1, 2, 1, Qt.AlignmentFlag.AlignBottom)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.table, 1)
        column.addLayout(foot)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where there is no height the table comes first: the status bar tells the totals too."""
        super().resizeEvent(event)
        self.totals.setVisible(self.height() >= _LOW)

    def apply_theme(self, theme: Theme) -> None:
        """Draw the bars in another theme."""
        self.model.theme = theme
        self.table.viewport().update()

    def set_forecast(self, told: MemoryForecast | None) -> None:
        """What training will take of its device, when that is known."""
        self._forecast = told
        self._judge()

    def _judge(self) -> None:
        """The sentences below the table; a forecast of an earlier design says nothing."""
        found = self.model.analysis
        memory = "" if self._forecast is None else self._forecast.sentence()
        self.judgement.setText(" ".join(part for part in (memory, found.judgement()) if part))
        self.judgement.setVisible(bool(self.judgement.text()))

    def set_selection(self, node_ids: Iterable[str]) -> None:
        """Select the rows of these nodes and show the first of them."""
        self._selected = tuple(node_ids)
        if self.isVisible() and not self._quiet:
            self._select_rows()

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with what was changed while nobody looked."""
        super().showEvent(event)
        self.catch_up()

    def catch_up(self, is_seen: bool = True) -> None:
        """Show what was changed while the panel stood behind another."""
        if is_seen and self._stale:
            self.refresh()

    def _follow(self, _: object = None) -> None:
        self._stale = True
        # A panel behind another tab counts as visible, but shows nothing.
        if not self.visibleRegion().isEmpty():
            self.refresh()

    def refresh(self) -> None:
        """Show the design as it is now."""
        self._stale = False
        found = analyse(self._document.project, self._document.inference)
        self._quiet = True
        self.model.show_analysis(found, self._document.inference)
        if self.sorted.sortColumn() > 0:
            self.sorted.sort(self.sorted.sortColumn(), self.sorted.sortOrder())
        self._quiet = False
        self._select_rows()
        count = len(found.nodes)
        self.totals.setText(
            f"{count} node{'s' * (count != 1)} · {found.parameters:,} parameters · {found.multiply_adds:,} "
            f"multiply-adds · {bytes_text(found.memory)} at batches of {found.batch_size}, before memory is shared"
        )
        self._judge()
        self.export.setEnabled(count > 0)

    def ask_export(self) -> None:
        """Ask for a file and write the table into it."""
        start = f"{self._document.project.name} analysis.csv"
        chosen, _ = QFileDialog.getSaveFileName(self, "Export the analysis", start, "Tables (*.csv)")
        if not chosen:
            return
        try:
            write_csv(self.model.analysis, Path(chosen))
        except OSError as error:
            self.message.emit(f"{chosen} could not be written: {error.strerror or error}.")

    def _node_of(self, index: Index) -> str:
        return self.model.node_at(self.sorted.mapToSource(index).row())

    def _select_rows(self) -> None:
        wanted = set(self._selected)
        rows = [row for row in range(self.model.rowCount()) if self.model.node_at(row) in wanted]
        chosen = QItemSelection()
        for row in rows:
            index = self.sorted.mapFromSource(self.model.index(row, 0))
            chosen.select(index, index)
        flag = QItemSelectionModel.SelectionFlag
        self._quiet = True
        self.table.selectionModel().select(chosen, flag.ClearAndSelect | flag.Rows)
        self._quiet = False
        if rows:
            self.table.scrollTo(self.sorted.mapFromSource(self.model.index(rows[0], 0)))

    def _tell_selection(self) -> None:
        if self._quiet:
            return
        self._selected = tuple(self._node_of(index) for index in self.table.selectionModel().selectedRows())
        self._quiet = True
        self.nodes_selected.emit(self._selected)
        self._quiet = False


class _Bars(QStyledItemDelegate):
    """Draws a bar as long as the share of the total behind the number."""

    def __init__(self, model: AnalysisModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._model = model

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """The bar, then the cell on it."""
        share = index.data(SHARE) if index.column() in NUMBERS else None
        super().paint(painter, option, index)
        if not share:
            return
        theme = self._model.theme
        rect = QRectF(option.rect)
        width = (rect.width() - 16) * share
        if width < 1:
            # A dot would say as much of a hundredth as of a millionth.
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(blend(theme.surface, theme.accent, 0.75)))
        # From the right, below the number that it belongs to.
        painter.drawRoundedRect(QRectF(rect.right() - 8 - width, rect.bottom() - 4.5, width, 3), 1.5, 1.5)
        painter.restore()
