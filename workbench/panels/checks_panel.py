"""The panel of checks: are the gradients right, and do two devices compute the same; node by node."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QComboBox,
    QLabel,
    QProgressBar,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engine.api import GRADIENT_TOLERANCE, DeviceInfo, NodeParity, TensorCheck, Way
from workbench.panels.row_tables import align_number, dress_rows, widen_columns
from workbench.panels.table_copy import cells_of, table_twin
from workbench.plots.export import ValueTable, offer_export
from workbench.plots.picture import Twin
from workbench.plots.plot_controls import control_row, fill_with_surface, stack_rows
from workbench.theme import Theme

GRADIENT_COLUMNS = (
    "Layer",
    "Gradient of",
    "Verdict",
    "Relative error",
    "Compared",
    "Skipped at kinks",
)
PARITY_COLUMNS = (
    "Layer",
    "Verdict",
    "Output differs by",
    "Gradient differs by",
    "{first}",
    "{second}",
    "Ratio",
)
EMPTY = "Check the gradients of every layer against central differences, or compare two devices."


class ChecksPanel(QWidget):
    """Buttons, progress, and the results in a table; who owns it does the checking."""

    node_activated = Signal(str)
    """A row of this node was chosen."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._nodes: list[str] = []
        self.on_gradients: Callable[[], None] = lambda: None
        self.on_parity: Callable[[Way, Way], None] = lambda first, second: None
        self.on_cancel: Callable[[], None] = lambda: None
        row = control_row()
        self.gradients = self._button(
            "Check gradients", "Every gradient against central differences, in float64"
        )
        self.gradients.clicked.connect(lambda: self.on_gradients())
        self.first, self.second = self._choice("First way"), self._choice("Second way")
        self.compare = self._button(
            "Compare", "The same network in both ways: differences and times of every node"
        )
        self.compare.clicked.connect(lambda: self.on_parity(*self.ways))
        self.cancel = self._button("Cancel", "Give the check up")
        self.cancel.clicked.connect(lambda: self.on_cancel())
        self.against = QLabel("with")
        self.against.setProperty("muted", True)
        row.addWidget(self.gradients)
        row.addSpacing(18)
        for widget in (self.first, self.against, self.second, self.compare):
            row.addWidget(widget)
            row.addSpacing(4)
        row.addStretch(1)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setMinimumWidth(40)
        self.bar.setMaximumWidth(160)
        self.bar.setAccessibleName("Progress of the check")
        row.addWidget(self.bar)
        row.addSpacing(8)
        row.addWidget(self.cancel)
        self.table = _ResultTable()
        self.table.itemSelectionChanged.connect(self._tell_node)
        self.verdict = QLabel(EMPTY)
        self.verdict.setWordWrap(True)
        self.verdict.setAccessibleName("Verdict")
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.verdict)
        column.addWidget(self.table, 1)
        stack_rows(self, theme, row, body)
        self.setAccessibleName("Checks")
        self.setFocusProxy(self.table)
        self.set_devices(())
        self.set_busy(False)
        self.apply_theme(theme)

    def _button(self, text: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        return button

    def _choice(self, name: str) -> QComboBox:
        box = QComboBox()
        box.setAccessibleName(name)
        return box

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        self._theme = theme
        fill_with_surface(self, theme)
        for part in (self.table, self.table.horizontalHeader()):
            part.setFont(theme.font(theme.font_small))
        self.table.colors = QColor(theme.success), QColor(theme.problem)

    def set_devices(self, found: Sequence[DeviceInfo]) -> None:
        """Offer the ways that this machine can compute in; a GPU against the CPU, where there is one."""
        gpus = [info.name for info in found if info.name.startswith("cuda")]
        ways = [Way(name, precision) for name in gpus for precision in ("float32", "tf32", "float64")]
        ways += [Way("cpu", "float32"), Way("cpu", "float64")]
        for box in (self.first, self.second):
            box.clear()
            for way in ways:
                box.addItem(str(way), way)
        self.first.setCurrentText(str(ways[0]))
        self.second.setCurrentText("cpu/float32" if gpus else "cpu/float64")

    @property
    def ways(self) -> tuple[Way, Way]:
        """What shall be compared."""
        return self.first.currentData(), self.second.currentData()

    def set_busy(self, busy: bool) -> None:
        """Show that a check is under way, or that none is."""
        for button in (self.gradients, self.compare, self.first, self.second):
            button.setEnabled(not busy)
        self.cancel.setVisible(busy)
        # In its place: beside it, the panel would be wider than the window has room for.
        self.compare.setVisible(not busy)
        self.bar.setVisible(busy)
        self.bar.setRange(0, 0)

    def set_progress(self, done: int, total: int) -> None:
        """Show how far the check is."""
        self.bar.setRange(0, total)
        self.bar.setValue(done)

    def begin(self, columns: Sequence[str]) -> None:
        """Begin a new table."""
        self._nodes = []
        self.table.begin(columns)

    def say(self, text: str, *, failed: bool = False) -> None:
        """Say what came of it."""
        self.verdict.setText(text)
        self.verdict.setProperty("problem", failed)
        self.verdict.style().unpolish(self.verdict)
        self.verdict.style().polish(self.verdict)

    def add_gradient(self, name: str, check: TensorCheck) -> None:
        """One more tensor."""
        passed = check.max_relative_error <= GRADIENT_TOLERANCE
        of = "its inputs" if check.parameter == "input" else check.parameter
        cells = (f"{check.max_relative_error:.1e}", f"{check.checked:,}", f"{check.skipped:,}")
        self._nodes.append(check.node)
        self.table.add((name, of, _verdict(passed), *cells), passed, 2)

    def add_parity(self, name: str, parity: NodeParity, limit: float) -> None:
        """One more node."""
        passed = parity.largest <= limit
        gradient = "" if parity.gradient is None else f"{parity.gradient:.1e}"
        first, second = parity.seconds
        times = (milliseconds(first), milliseconds(second), f"{first / second:.2f}" if second else "")
        self._nodes.append(parity.node)
        self.table.add((name, _agrees(passed), f"{parity.output:.1e}", gradient, *times), passed, 1)

    def _tell_node(self) -> None:
        rows = {index.row() for index in self.table.selectionModel().selectedRows()}
        if len(rows) == 1 and (row := rows.pop()) < len(self._nodes):
            self.node_activated.emit(self._nodes[row])


def _verdict(passed: bool) -> str:
    return "✓ right" if passed else "✗ wrong"


def _agrees(passed: bool) -> str:
    return "✓ agrees" if passed else "✗ differs"


def milliseconds(seconds: float) -> str:
    """`0.123 ms`, `1,090 ms`."""
    amount = 1000 * seconds
    return f"{amount:,.0f} ms" if amount >= 100 else f"{amount:.3g} ms"


class _ResultTable(QTableWidget):
    """A row for each result; copied and exported as plots are."""

    def __init__(self) -> None:
        super().__init__(0, 0)
        self.colors = QColor(), QColor()
        self.setAccessibleName("Results of the check")
        dress_rows(self)
        self.export = offer_export(self, "Checks", is_table=True)

    def begin(self, columns: Sequence[str]) -> None:
        """Empty, under these headings."""
        self.setRowCount(0)
        self.setColumnCount(len(columns))
        self.setHorizontalHeaderLabels(list(columns))
        widen_columns(self, anew=True)

    def add(self, cells: Sequence[str], passed: bool, verdict: int) -> None:
        """One row; the cell of the verdict is coloured, and says it in words."""
        row = self.rowCount()
        self.insertRow(row)
        for place, text in enumerate(cells):
            item = QTableWidgetItem(text)
            if place == verdict:
                item.setForeground(self.colors[0 if passed else 1])
            self.setItem(row, place, item)
            align_number(item)
        widen_columns(self, anew=row == 0)

    def values(self) -> ValueTable:
        """What stands in the cells."""
        return cells_of(self)

    def twin(self, theme: Theme) -> Twin:
        """A copy of the table, for pictures."""
        return table_twin(self, theme)
