"""The rows and columns of the analysis: what is shown, what is sorted by, what goes into a CSV file."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from engine.api import Analysis, Inference, NodeAnalysis, bytes_text
from workbench.theme import Theme

SHARE = Qt.ItemDataRole.UserRole + 1
"""The part of the whole (0..1) that a cell has, for its bar."""
SORT = Qt.ItemDataRole.UserRole + 2
Index = QModelIndex | QPersistentModelIndex


def _window(row: NodeAnalysis) -> str:
    return "" if row.shape is None or row.node.muted else row.node.layer.summary()


def _field(row: NodeAnalysis) -> str:
    field = row.field
    if field is None:
        return ""
    height, width = field.size
    if field.whole:
        return f"all of {height}×{width}"
    step = str(field.stride[0]) if field.stride[0] == field.stride[1] else "×".join(map(str, field.stride))
    return f"{height}×{width}, every {step}"


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


@dataclass(frozen=True)
class Column:
    """One column: its heading, what a cell says, what it is sorted by, and of which total it shows the share."""

    title: str
    help: str
    text: Callable[[NodeAnalysis], str]
    key: Callable[[NodeAnalysis], Any]
    total: Callable[[Analysis], int] | None = None


COLUMNS = (
    Column("Node", "In the order of the data", lambda row: row.node.name, lambda row: 0),
    Column("Output", "Channels × height × width of one image",
           lambda row: str(row.shape.output) if row.shape else "",
           lambda row: int(row.shape.output.features) if row.shape else 0),
    Column("Settings", "Filter or region, stride, padding", _window, _window),
    Column("Receptive field", "The pixels of the image that one value depends on; neighbours are so many apart",
           _field, lambda row: row.field.size[0] * row.field.size[1] if row.field else 0),
    Column("Parameters", "Trainable values; the bar is the share of all", lambda row: _count(row.parameters),
           lambda row: row.parameters, lambda found: found.parameters),
    Column("Multiply-adds", "For one image, forward; the bar is the share of all",
           lambda row: _count(row.multiply_adds), lambda row: row.multiply_adds, lambda found: found.multiply_adds),
    Column("Memory", "Output at the batch size, parameters with gradients and optimiser state; with its share of all",
           lambda row: bytes_text(row.memory) if row.memory else "",
           lambda row: row.memory, lambda found: found.memory),
)  # fmt: skip
NUMBERS = frozenset(number for number, column in enumerate(COLUMNS) if column.total)


class AnalysisModel(QAbstractTableModel):
    """One row a node. `show_analysis` puts another analysis in place of the one that is shown."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self._analysis = Analysis((), 1)
        self._reasons: dict[str, str] = {}

    @property
    def analysis(self) -> Analysis:
        """What is shown."""
        return self._analysis

    def show_analysis(self, analysis: Analysis, inference: Inference) -> None:
        """Show these rows; a selection survives when the nodes are the same."""
        names = {row.node.id: row.node.name for row in analysis.nodes}
        reasons = {node_id: f"waiting for {names[blocker]}" for node_id, blocker in inference.waiting.items()}
        reasons |= dict.fromkeys(inference.problem_of, "has a problem")
        same = [row.node.id for row in analysis.nodes] == [row.node.id for row in self._analysis.nodes]
        if same:
            self._analysis, self._reasons = analysis, reasons
            last = self.index(self.rowCount() - 1, self.columnCount() - 1)
            self.dataChanged.emit(self.index(0, 0), last)
            return
        self.beginResetModel()
        self._analysis, self._reasons = analysis, reasons
        self.endResetModel()

    def node_at(self, row: int) -> str:
        """The id of the node in a row."""
        return self._analysis.nodes[row].node.id

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """The number of nodes."""
        return 0 if parent.isValid() else len(self._analysis.nodes)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """The number of facts."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Titles, and what they mean."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section].title
        if role == Qt.ItemDataRole.ToolTipRole:
            return COLUMNS[section].help
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(section)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, number to sort by, or share of the total."""
        row, column = self._analysis.nodes[index.row()], COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            if index.column() == 1 and row.shape is None:
                return self._reasons.get(row.node.id, "not known yet")
            return column.text(row)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(index.column())
        if role == SORT:
            return index.row() if index.column() == 0 else column.key(row)
        if role == SHARE and column.total is not None:
            return column.key(row) / max(1, column.total(self._analysis))
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tool_tip(row, column)
        return None

    def _tool_tip(self, row: NodeAnalysis, column: Column) -> str:
        if column.total is not None:
            amount, total = column.key(row), column.total(self._analysis)
            return f"{100 * amount / total:.1f} % of {total:,}" if amount else ""
        return f"{row.node.name}: {row.node.layer.label}"


def write_csv(analysis: Analysis, path: Path) -> None:
    """Write a row for each node, with plain numbers; raises OSError."""
    headers = (
        "node", "type", "settings", "channels", "height", "width", "parameters", "multiply_adds", "memory_bytes",
        "field_height", "field_width", "field_stride_vertical", "field_stride_horizontal",
    )  # fmt: skip
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(headers)
        for row in analysis.nodes:
            shape = [int(size) for size in row.shape.output.shape] if row.shape else [""] * 3
            field = [*row.field.size, *row.field.stride] if row.field else [""] * 4
            numbers = [row.parameters, row.multiply_adds, row.memory] if row.shape else [""] * 3
            writer.writerow([row.node.name, row.node.layer.label, _window(row), *shape, *numbers, *field])


def _alignment(column: int) -> int:
    side = Qt.AlignmentFlag.AlignRight if column in NUMBERS else Qt.AlignmentFlag.AlignLeft
    return int(side | Qt.AlignmentFlag.AlignVCenter)
