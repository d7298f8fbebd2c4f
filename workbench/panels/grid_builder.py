"""The dialogue that builds a grid of trainings: seeds × values of settings × designs."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from engine.api import (
    GaborError,
    Graph,
    Project,
    Variant,
    load_project,
    setting_values,
    settings_of,
    variants,
    whole_numbers,
)
from workbench.panels.training_settings import AUGMENTATION, DATA, FILTERS, LEARNING, MORE

VARIED: tuple[tuple[str, str], ...] = (
    *(
        (setting.label, setting.name)
        for setting in (*LEARNING, *MORE)
        if setting.name not in ("seed", "threads", "deterministic")
    ),
    *((f"Data: {setting.label}", f"data.{setting.name}") for setting in DATA if setting.name != "dataset"),
    *((f"Data: {setting.label}", f"data.{setting.name}") for setting in FILTERS),
    *((f"Augmentation: {setting.label}", f"data.{setting.name}") for setting in AUGMENTATION),
)
"""(Label, name) of the settings of training and data that can be varied."""
_MOST_ROWS = 6
_SHOWN_DESIGNS = 4
_SETTING_WIDTH = 24
"""Characters; longer names of settings are read in the open list."""


def varied_settings(graph: Graph) -> tuple[tuple[str, str], ...]:
    """(Label, name) of everything that can be varied: settings of training and data, and those of the nodes."""
    names = Counter(node.name for node in graph.nodes.values())
    return (
        *VARIED,
        *(
            (
                f"{node.name}: {setting.label}",
                f"{node.name if names[node.name] == 1 else node.id}.{setting.name}",
            )
            for node in (graph.nodes[key] for key in graph.order)
            for setting in settings_of(type(node.layer))
        ),
    )


class ValueRow(QWidget):
    """One setting and the values that it shall take."""

    def __init__(self, varied: Sequence[tuple[str, str]], name: str, text: str = "") -> None:
        """`varied`: label and name of each setting that can be chosen."""
        super().__init__()
        self.setting = QComboBox()
        self.setting.setAccessibleName("Setting to vary")
        self.setting.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setting.setMinimumContentsLength(_SETTING_WIDTH)
        for label, known in varied:
            self.setting.addItem(label, known)
        self.setting.setCurrentIndex(self.setting.findData(name))
        self.values = QLineEdit(text)
        self.values.setPlaceholderText("such as 0.01, 0.001")
        self.values.setAccessibleName("Values of the setting")
        self.remove = QToolButton()
        self.remove.setText("✕")
        self.remove.setAccessibleName("Do not vary this setting")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.setting)
        row.addWidget(self.values, 1)
        row.addWidget(self.remove)

    @property
    def name(self) -> str:
        """The name of the chosen setting."""
        return str(self.setting.currentData())


class GridBuilder(QDialog):
    """Asks for a grid; `variants` are the trainings that it means, once it was accepted."""

    def __init__(
        self, designs: Sequence[tuple[str, Project]], parent: QWidget | None = None, *, forks: str = ""
    ) -> None:
        """`designs`: name and project, the first one is chosen; `forks` names the run that all shall go on from."""
        super().__init__(parent)
        self.setWindowTitle(f"Go on from {forks}" if forks else "Add runs")
        self.setMinimumWidth(560)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.variants: tuple[Variant, ...] = ()
        self._forks = forks
        self._varied = varied_settings(designs[0][1].graph)
        self.seeds = QLineEdit("" if forks else "1..3")
        self.seeds.setPlaceholderText("1, 2, 3 or 1..5")
        self.seeds.setAccessibleName("Seeds")
        self._rows: list[ValueRow] = []
        self._row_box = QVBoxLayout()
        self._row_box.setSpacing(6)
        self.add_row = QPushButton("Vary a setting")
        self.add_row.clicked.connect(lambda: self.vary())
        self.designs = QListWidget()
        self.designs.setAccessibleName("Designs")
        self.designs.setSpacing(4)
        for number, (name, project) in enumerate(designs):
            self._add_design(name, project, number == 0)
        self.add_file = QPushButton("Add a file…")
        self.add_file.clicked.connect(self._ask_file)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setAccessibleName("What these are")
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setProperty("primary", True)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self._lay_out()
        self.seeds.textChanged.connect(self._count)
        self.designs.itemChanged.connect(self._count)
        if forks:
            epochs = designs[0][1].training.epochs
            self.vary("epochs", str(2 * epochs))
        else:
            self.vary()
        self._count()

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setSpacing(10)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        settings = QVBoxLayout()
        settings.addLayout(self._row_box)
        settings.addWidget(self.add_row, 0, Qt.AlignmentFlag.AlignLeft)
        if not self._forks:
            form.addRow("&Seeds", self.seeds)
        form.addRow("Settings", settings)
        if not self._forks:
            column = QVBoxLayout()
            self.designs.setMaximumHeight((_SHOWN_DESIGNS + 1) * 24)
            column.addWidget(self.designs)
            column.addWidget(self.add_file, 0, Qt.AlignmentFlag.AlignLeft)
            form.addRow("Designs", column)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 16, 18, 14)
        column.setSpacing(14)
        column.addLayout(form)
        column.addWidget(self.words)
        column.addWidget(self.buttons)

    def vary(self, name: str = "learning_rate", text: str = "") -> ValueRow:
        """Add a row for a setting."""
        taken = {row.name for row in self._rows}
        if name in taken:
            name = next((known for _, known in self._varied if known not in taken), name)
        row = ValueRow(self._varied, name, text)
        row.values.textChanged.connect(self._count)
        row.setting.currentIndexChanged.connect(self._count)
        row.remove.clicked.connect(lambda: self._drop(row))
        self._rows.append(row)
        self._row_box.addWidget(row)
        self.add_row.setEnabled(len(self._rows) < _MOST_ROWS)
        self._count()
        return row

    @property
    def rows(self) -> tuple[ValueRow, ...]:
        """The settings that vary."""
        return tuple(self._rows)

    def _drop(self, row: ValueRow) -> None:
        self._rows.remove(row)
        row.hide()
        row.deleteLater()
        self.add_row.setEnabled(True)
        self._count()

    def _add_design(self, name: str, project: Project, chosen: bool) -> None:
        item = QListWidgetItem(name)
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        item.setCheckState(Qt.CheckState.Checked if chosen else Qt.CheckState.Unchecked)
        item.setData(Qt.ItemDataRole.UserRole, project)
        self.designs.addItem(item)

    def _ask_file(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Add a design", "", "Gabor projects (*.netproj)")
        if chosen:
            self.add_design_file(Path(chosen))

    def add_design_file(self, path: Path) -> None:
        """Offer the design of another project, with its own settings."""
        try:
            self._add_design(path.stem, load_project(path).project, True)
        except GaborError as error:
            self._say(str(error), failed=True)

    def _chosen(self) -> list[tuple[str, Project]]:
        items = (self.designs.item(number) for number in range(self.designs.count()))
        return [
            (item.text(), item.data(Qt.ItemDataRole.UserRole))
            for item in items
            if item.checkState() == Qt.CheckState.Checked
        ]

    def _count(self, _: object = None) -> None:
        """Say how many trainings these are, or what is not understood."""
        self.variants = ()
        try:
            seeds = whole_numbers(self.seeds.text())
            designs = self._chosen()
            if not designs:
                self._say("Choose one design at least.", failed=True)
                return
            graphs = [project.graph for _, project in designs]
            values = {row.name: setting_values(row.name, row.values.text(), graphs) for row in self._rows}
            self.variants = variants(designs, seeds, values)
        except GaborError as error:
            self._say(str(error), failed=True)
            return
        parts = [f"{len(seeds)} seeds"] if len(seeds) > 1 else []
        parts += [
            f"{len(found)} × {row.setting.currentText().lower()}"
            for row in self._rows
            if len(found := values[row.name]) > 1
        ]
        parts += [f"{len(designs)} designs"] if len(designs) > 1 else []
        count = len(self.variants)
        runs = f"{count:,} run{'s' * (count != 1)}"
        self._say(f"{', '.join(parts)}: {runs}." if parts else f"{runs}.")

    def _say(self, text: str, *, failed: bool = False) -> None:
        self.words.setText(text)
        self.words.setProperty("problem", failed)
        self.words.style().unpolish(self.words)
        self.words.style().polish(self.words)
        ok = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        ok.setEnabled(bool(self.variants))
        ok.setText("Fork" if self._forks else "Add to the queue")
