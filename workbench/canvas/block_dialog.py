"""Asks for the name of a block and for the settings that it offers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engine.api import Block, DesignError, Graph, blocks, setting_text, settings_of

_KEY = Qt.ItemDataRole.UserRole
_BOX = 24
_SUGGESTED = ("filters", "outputs")
"""Settings that are offered unless the user says otherwise: they make a block fit its place."""


@dataclass(frozen=True)
class BlockRequest:
    """What the user wants of a block."""

    name: str
    node_ids: tuple[str, ...]
    labels: Mapping[tuple[str, str], str]
    """(node id, setting) -> label under which the block offers it."""
    in_library: bool = True
    update_copies: bool = False


class BlockDialog(QDialog):
    """`request` tells what was chosen; what cannot be is said in words before it can be accepted."""

    def __init__(
        self,
        graph: Graph,
        node_ids: Sequence[str],
        name: str,
        known: Mapping[str, Block],
        copies_of: Callable[[str], Sequence[str]],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._graph, self._ids, self._known, self._copies_of = graph, tuple(node_ids), known, copies_of
        self.setWindowTitle("Save as block")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.name = QLineEdit(name)
        self.name.setAccessibleName("Name of the block")
        self.name.setMaxLength(60)
        self.settings = QTreeWidget()
        self.settings.setAccessibleName("Settings that the block offers")
        self.settings.setHeaderLabels(["Setting", "Now", "Called"])
        self.settings.setEditTriggers(QTreeWidget.EditTrigger.NoEditTriggers)
        self.library = QCheckBox("Keep it for other projects too")
        self.library.setChecked(True)
        self.copies = QCheckBox()
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setMinimumHeight(36)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel
        )
        self.buttons.button(QDialogButtonBox.StandardButton.Save).setProperty("primary", True)
        self._fill()
        self._lay_out()
        self.name.textChanged.connect(self._judge)
        self.settings.itemChanged.connect(self._judge)
        self.settings.itemDoubleClicked.connect(self._edit_label)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.resize(520, 560)
        self.name.selectAll()
        self._judge()

    @property
    def request(self) -> BlockRequest:
        """What is chosen now."""
        labels = {item.data(0, _KEY): item.text(2) for item in self._rows() if _is_checked(item)}
        return BlockRequest(
            self.name.text(),
            self._ids,
            labels,
            self.library.isChecked(),
            not self.copies.isHidden() and self.copies.isChecked(),
        )

    def row(self, node_id: str, setting: str) -> QTreeWidgetItem:
        """The row of a setting."""
        return next(item for item in self._rows() if item.data(0, _KEY) == (node_id, setting))

    def _fill(self) -> None:
        fresh = not any(self._graph.nodes[i].exposed for i in self._ids)
        for node_id in self._ids:
            node = self._graph.nodes[node_id]
            declared = settings_of(type(node.layer))
            if not declared:
                continue
            top = QTreeWidgetItem([node.name])
            top.setFlags(Qt.ItemFlag.ItemIsEnabled)
            self.settings.addTopLevelItem(top)
            own = dict(node.exposed)
            for setting in declared:
                value = setting_text(getattr(node.layer, setting.name))
                item = QTreeWidgetItem([setting.label, value, own.get(setting.name, setting.label)])
                item.setData(0, _KEY, (node_id, setting.name))
                item.setFlags(
                    Qt.ItemFlag.ItemIsEnabled
                    | Qt.ItemFlag.ItemIsSelectable
                    | Qt.ItemFlag.ItemIsUserCheckable
                    | Qt.ItemFlag.ItemIsEditable
                )
                offered = setting.name in own or (fresh and setting.name in _SUGGESTED)
                item.setCheckState(0, Qt.CheckState.Checked if offered else Qt.CheckState.Unchecked)
                item.setToolTip(0, setting.help)
                item.setToolTip(2, "Settings with the same name here are set together. F2 edits it.")
                top.addChild(item)
            top.setExpanded(True)

    def _lay_out(self) -> None:
        header = self.settings.header()
        header.setStretchLastSection(True)
        # What fits the contents leaves out the boxes to tick.
        self.settings.setColumnWidth(0, self.settings.sizeHintForColumn(0) + _BOX)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 14, 16, 14)
        column.setSpacing(8)
        title = QLabel("&Name")
        title.setBuddy(self.name)
        offered = QLabel("&Settings of the block. Those that are called the same are set together.")
        offered.setWordWrap(True)
        offered.setBuddy(self.settings)
        above, below = (title, self.name, offered), (self.library, self.copies, self.words, self.buttons)
        for widget in above:
            column.addWidget(widget)
        column.addWidget(self.settings, 1)
        for part in below:
            column.addWidget(part)

    def _rows(self) -> list[QTreeWidgetItem]:
        tops = [self.settings.topLevelItem(number) for number in range(self.settings.topLevelItemCount())]
        found = [top.child(number) for top in tops if top is not None for number in range(top.childCount())]
        return [item for item in found if item is not None]

    def _edit_label(self, item: QTreeWidgetItem, _: int = 0) -> None:
        if item.data(0, _KEY) is not None:
            self.settings.editItem(item, 2)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """F2 edits what a setting is called."""
        item = self.settings.currentItem()
        if event.key() == Qt.Key.Key_F2 and item is not None:
            self._edit_label(item)
        else:
            super().keyPressEvent(event)

    def _judge(self) -> None:
        """Say what saving would do, or why it cannot be done."""
        request = self.request
        problem, name = "", request.name.strip()
        try:
            blocks.checked_name(request.name)
            blocks.expose(self._graph, self._ids, request.labels)
        except DesignError as error:
            problem = str(error)
        copies = len(self._copies_of(name)) if not problem else 0
        self.copies.setVisible(bool(copies))
        others = "the other copy" if copies == 1 else f"the {copies} other copies"
        self.copies.setText(f"Make {others} in this design follow")
        words = "Placed blocks are copies: each has its own settings, and its inside is its own."
        if name in self._known:
            words = f"Replaces the block {name}. Copies that stand already stay as they are unless told to follow."
        self.words.setText(problem or words)
        self.words.setProperty("problem", bool(problem))
        self.words.setProperty("muted", not problem)
        self.words.style().unpolish(self.words)
        self.words.style().polish(self.words)
        self.buttons.button(QDialogButtonBox.StandardButton.Save).setEnabled(not problem)


def _is_checked(item: QTreeWidgetItem) -> bool:
    return item.checkState(0) == Qt.CheckState.Checked
