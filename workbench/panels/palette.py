"""The layer types, grouped and searchable, to drag onto the canvas."""

from collections.abc import Iterable

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QKeyEvent, QPainter, QPen, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engine.api import GROUPS, REGISTRY, Block, Layer
from workbench.canvas.search_words import BLOCK_GROUP, matching_blocks
from workbench.document.block_shelf import BlockShelf
from workbench.panels.layer_help import documentation_of, sentence_of
from workbench.panels.palette_list import ABOUT_ROLE, BLOCK_ROLE, TYPE_ROLE, PaletteList
from workbench.theme import Theme, blend


def grouped(types: Iterable[type[Layer]]) -> dict[str, list[type[Layer]]]:
    """Layer types by group in the order of GROUPS, then alphabetically; inside a group by label."""
    table: dict[str, list[type[Layer]]] = {}
    for layer in sorted(types, key=lambda layer: layer.label):
        table.setdefault(layer.group, []).append(layer)
    order = [group for group in GROUPS if group in table]
    return {group: table[group] for group in (*order, *sorted(set(table) - set(order)))}


def matching(text: str) -> list[type[Layer]]:
    """Layer types with every word of `text` in their name, group or documentation.

    Names come first, then what a layer does, then its formula and what its settings do.
    """
    words = text.lower().split()
    found = []
    for layer in REGISTRY.values():
        name = f"{layer.label} {layer.type_name}".lower()
        purpose = f"{name} {layer.group} {sentence_of(layer)}".lower()
        for rank, told in enumerate((name, purpose, f"{purpose} {documentation_of(layer)}")):
            if all(word in told for word in words):
                found.append((rank, layer.label, layer))
                break
    return [layer for _, _, layer in sorted(found, key=lambda entry: entry[:2])]


class Palette(QWidget):
    """Drag a layer onto the canvas; a double click or Enter adds it too."""

    add_requested = Signal(str)
    """Name of the layer type."""
    block_requested = Signal(str)
    """Name of the block."""

    def __init__(self, theme: Theme, shelf: BlockShelf | None = None) -> None:
        super().__init__()
        self._theme = theme
        self._shelf = shelf
        self._items: dict[str, QTreeWidgetItem] = {}
        self._block_items: dict[str, QTreeWidgetItem] = {}
        self.setProperty("surface", True)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 4, 4, 8)
        column.setSpacing(6)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search layers")
        self.search.setAccessibleName("Search layers")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self.refresh)
        self.search.returnPressed.connect(self._add_best)
        self.search.installEventFilter(self)
        self.list = PaletteList(theme)
        self.list.setAccessibleName("Layer types")
        self.list.setHeaderHidden(True)
        self.list.setRootIsDecorated(False)
        self.list.setIndentation(0)
        self.list.setIconSize(QSize(14, 14))
        self.list.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setItemsExpandable(False)
        self.list.chosen.connect(self.add_requested)
        self.list.block_chosen.connect(self.block_requested)
        if shelf is not None:
            self.list.block_unwanted.connect(shelf.forget)
            self.list.block_renamed.connect(self._rename_block)
            shelf.changed.connect(self.refresh)
        self.empty = QLabel("No layer fits these words.")
        self.empty.setProperty("muted", True)
        self.empty.setWordWrap(True)
        above = QHBoxLayout()
        # The list's scroll bar takes the margin at its right.
        above.setContentsMargins(0, 0, 6, 0)
        above.addWidget(self.search)
        column.addLayout(above)
        column.addWidget(self.empty)
        column.addWidget(self.list, 1)
        self.refresh()

    def apply_theme(self, theme: Theme) -> None:
        """Draw the groups' colours anew."""
        self._theme = self.list.theme = theme
        self.refresh()

    def refresh(self) -> None:
        """Show the layer types and blocks that match the search."""
        found = matching(self.search.text())
        blocks = self._blocks()
        self.list.clear()
        self._items, self._block_items = {}, {}
        self.empty.setVisible(not found and not blocks)
        if blocks:
            self._add_group(BLOCK_GROUP)
            for block in blocks:
                self._add_block(block)
        for group, layers in grouped(found).items():
            heading = self._add_group(group)
            for layer in layers:
                self._items[layer.type_name] = self._item(layer)
                heading.addChild(self._items[layer.type_name])
        if (best := self._best()) is not None:
            self.list.setCurrentItem(best)

    def _blocks(self) -> list[Block]:
        return [block for _, block in matching_blocks(self._known_blocks(), self.search.text())]

    def _known_blocks(self) -> Iterable[Block]:
        return self._shelf.blocks.values() if self._shelf is not None else ()

    def _add_group(self, title: str) -> QTreeWidgetItem:
        heading = QTreeWidgetItem([title])
        heading.setFlags(Qt.ItemFlag.ItemIsEnabled)
        heading.setFont(0, self._theme.font(self._theme.font_small, bold=True))
        heading.setForeground(0, QColor(self._theme.muted_text))
        self.list.addTopLevelItem(heading)
        heading.setExpanded(True)
        return heading

    def _add_block(self, block: Block) -> None:
        item = QTreeWidgetItem([block.name])
        item.setData(0, BLOCK_ROLE, block.name)
        item.setData(0, ABOUT_ROLE, block.sentence)
        item.setIcon(0, group_chip(self._theme, BLOCK_GROUP))
        item.setFlags(
            Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsDragEnabled
        )
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
        heading = self.list.topLevelItem(self.list.topLevelItemCount() - 1)
        assert heading is not None
        heading.addChild(item)
        self._block_items[block.name] = item

    def _rename_block(self, name: str, written: str) -> None:
        if self._shelf is not None:
            renamed = self._shelf.rename(name, written)
            self.refresh()
            if renamed in self._block_items:
                self.list.setCurrentItem(self._block_items[renamed])

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Down leads from the search into the list."""
        if (
            event.type() == QEvent.Type.KeyPress
            and isinstance(event, QKeyEvent)
            and event.key() == Qt.Key.Key_Down
        ):
            self.list.setFocus()
            if self.list.currentItem() is None and self._items:
                self.list.setCurrentItem(next(iter(self._items.values())))
            return True
        return super().eventFilter(watched, event)

    def _item(self, layer: type[Layer]) -> QTreeWidgetItem:
        item = QTreeWidgetItem([layer.label])
        item.setData(0, TYPE_ROLE, layer.type_name)
        item.setData(0, ABOUT_ROLE, sentence_of(layer))
        item.setIcon(0, group_chip(self._theme, layer.group))
        item.setFlags(
            Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsDragEnabled
        )
        return item

    def _best(self) -> QTreeWidgetItem | None:
        """What Enter adds: a block that is meant by its name, else the layer that fits best, else a block."""
        if not self.search.text().strip():
            return None
        ranked = matching_blocks(self._known_blocks(), self.search.text())
        layers = matching(self.search.text())
        if ranked and (ranked[0][0] == 0 or not layers):
            return self._block_items[ranked[0][1].name]
        return self._items[layers[0].type_name] if layers else None

    def _add_best(self) -> None:
        self.list.choose(self._best())


def group_chip(theme: Theme, group: str) -> QIcon:
    """A small square in the colour of a layer group, as its nodes have it."""
    picture = QPixmap(28, 28)
    picture.setDevicePixelRatio(2.0)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    tint = theme.tint(group)
    painter.setBrush(QColor(tint))
    painter.setPen(QPen(QColor(blend(tint, theme.text, 0.45)), 1.0))
    painter.drawRoundedRect(1, 1, 12, 12, 3, 3)
    painter.end()
    return QIcon(picture)
