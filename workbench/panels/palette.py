"""The layer types, grouped and searchable, to drag onto the canvas."""

from collections.abc import Iterable, Sequence

from PySide6.QtCore import QEvent, QMimeData, QObject, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QIcon, QKeyEvent, QMouseEvent, QPainter, QPen, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLabel,
    QLineEdit,
    QToolTip,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engine.api import GROUPS, REGISTRY, Layer, make_layer
from workbench.panels.layer_help import help_html, sentence_of
from workbench.theme import Theme, blend

LAYER_MIME = "application/x-gabor-layer"
"""Carries the name of a layer type, UTF-8."""
_TYPE = Qt.ItemDataRole.UserRole


def grouped(types: Iterable[type[Layer]]) -> dict[str, list[type[Layer]]]:
    """Layer types by group in the order of GROUPS, then alphabetically; inside a group by label."""
    table: dict[str, list[type[Layer]]] = {}
    for layer in sorted(types, key=lambda layer: layer.label):
        table.setdefault(layer.group, []).append(layer)
    order = [group for group in GROUPS if group in table]
    return {group: table[group] for group in (*order, *sorted(set(table) - set(order)))}


def matching(text: str) -> list[type[Layer]]:
    """Layer types with every word of `text` in their name, group or documentation; names come first."""
    words = text.lower().split()
    found = []
    for layer in REGISTRY.values():
        name = f"{layer.label} {layer.type_name}".lower()
        everything = f"{name} {layer.group} {sentence_of(layer)}".lower()
        if all(word in everything for word in words):
            found.append((not all(word in name for word in words), layer.label, layer))
    return [layer for _, _, layer in sorted(found, key=lambda entry: entry[:2])]


class PaletteList(QTreeWidget):
    """Drags carry the layer's type name; `chosen` tells it after a double click or Enter."""

    chosen = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme

    def help_html(self, position: QPoint | None = None) -> str:
        """What the layer under a position of the viewport (or the current one) does; "" when there is none."""
        item = self.currentItem() if position is None else self.itemAt(position)
        name = item.data(0, _TYPE) if item is not None else None
        return help_html(make_layer(name), self.theme) if name else ""

    def viewportEvent(self, event: QEvent) -> bool:
        """Hovering a layer tells about it, with its picture."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self.help_html(event.pos()), self.viewport())
            return True
        return super().viewportEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Choose the layer under the pointer."""
        # Qt's own activation depends on the desktop's style, and on the press before being on the same row.
        if event.button() == Qt.MouseButton.LeftButton:
            self._choose(self.itemAt(event.position().toPoint()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter chooses the current layer."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._choose(self.currentItem())
        else:
            super().keyPressEvent(event)

    def _choose(self, item: QTreeWidgetItem | None) -> None:
        if item is not None and item.data(0, _TYPE):
            self.setCurrentItem(item)
            self.chosen.emit(str(item.data(0, _TYPE)))

    def mimeTypes(self) -> list[str]:
        """Layers only."""
        return [LAYER_MIME]

    def mimeData(self, items: Sequence[QTreeWidgetItem]) -> QMimeData:
        """The dragged layer."""
        data = QMimeData()
        if items and items[0].data(0, _TYPE):
            data.setData(LAYER_MIME, str(items[0].data(0, _TYPE)).encode())
        return data


class Palette(QWidget):
    """Drag a layer onto the canvas; a double click or Enter adds it too."""

    add_requested = Signal(str)
    """Name of the layer type."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._items: dict[str, QTreeWidgetItem] = {}
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
        self.empty = QLabel("No layer fits these words.")
        self.empty.setProperty("muted", True)
        self.empty.setWordWrap(True)
        column.addWidget(self.search)
        column.addWidget(self.empty)
        column.addWidget(self.list, 1)
        self.refresh()

    def apply_theme(self, theme: Theme) -> None:
        """Draw the groups' colours anew."""
        self._theme = self.list.theme = theme
        self.refresh()

    def refresh(self) -> None:
        """Show the layer types that match the search."""
        found = matching(self.search.text())
        self.list.clear()
        self._items = {}
        self.empty.setVisible(not found)
        for group, layers in grouped(found).items():
            heading = QTreeWidgetItem([group])
            heading.setFlags(Qt.ItemFlag.ItemIsEnabled)
            heading.setFont(0, self._theme.font(self._theme.font_small, bold=True))
            heading.setForeground(0, QColor(self._theme.muted_text))
            self.list.addTopLevelItem(heading)
            heading.setExpanded(True)
            for layer in layers:
                self._items[layer.type_name] = self._item(layer)
                heading.addChild(self._items[layer.type_name])
        if found and self.search.text():
            self.list.setCurrentItem(self._items[found[0].type_name])

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
        item.setData(0, _TYPE, layer.type_name)
        item.setData(0, Qt.ItemDataRole.AccessibleDescriptionRole, sentence_of(layer))
        item.setIcon(0, group_chip(self._theme, layer.group))
        item.setFlags(
            Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsDragEnabled
        )
        return item

    def _add_best(self) -> None:
        found = matching(self.search.text())
        if self.search.text() and found:
            self.add_requested.emit(found[0].type_name)


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
