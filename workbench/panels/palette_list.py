"""The list of the palette: what can be done with one of its layers and blocks."""

import html
from collections.abc import Sequence

from PySide6.QtCore import (
    QEvent,
    QMimeData,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QHelpEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QMenu,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from engine.api import make_layer
from workbench.canvas.drag_types import BLOCK_MIME, LAYER_MIME
from workbench.panels.layer_help import help_html
from workbench.theme import Theme

TYPE_ROLE = Qt.ItemDataRole.UserRole
"""Name of an item's layer type."""
BLOCK_ROLE = Qt.ItemDataRole.UserRole + 1
"""Name of an item's block."""
ABOUT_ROLE = Qt.ItemDataRole.AccessibleDescriptionRole
"""A sentence on an item's layer type or block."""
_FIELD_PADDING = 7
"""Pixels between the frame of a text field and its text."""


class _NameDelegate(QStyledItemDelegate):
    """Makes the field in which a block is renamed."""

    def createEditor(
        self, parent: QWidget, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QWidget:
        """A field that screen readers can name."""
        editor = super().createEditor(parent, option, index)
        editor.setAccessibleName("Name of the block")
        return editor

    def updateEditorGeometry(
        self, editor: QWidget, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """In the middle of its row, its text where that of the item stood: Qt forgets the style sheet's padding."""
        super().updateEditorGeometry(editor, option, index)
        row: QRect = option.rect
        place = editor.geometry().adjusted(-_FIELD_PADDING, 0, 0, 0)
        place.setHeight(max(place.height(), editor.minimumSizeHint().height()))
        place.moveTop(row.center().y() - place.height() // 2)
        editor.setGeometry(place)


class PaletteList(QTreeWidget):
    """Drags carry the name of a layer type or a block; two signals tell it after a double click or Enter."""

    chosen = Signal(str)
    block_chosen = Signal(str)
    block_unwanted = Signal(str)
    """Name of a block that shall be deleted."""
    block_renamed = Signal(str, str)
    """Name of a block, and what the user wrote in its place."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._offer)
        self.setItemDelegate(_NameDelegate(self))
        # Of blocks alone: their items are the only ones that can be edited.
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.itemChanged.connect(self._tell_name)

    def help_html(self, position: QPoint | None = None) -> str:
        """What the layer under a position of the viewport (or the current one) does; "" when there is none."""
        item = self.currentItem() if position is None else self.itemAt(position)
        if item is not None and item.data(0, BLOCK_ROLE):
            return f"<b>{html.escape(item.text(0))}</b><br>{html.escape(item.data(0, ABOUT_ROLE))}"
        name = item.data(0, TYPE_ROLE) if item is not None else None
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
            self.choose(self.itemAt(event.position().toPoint()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter chooses the current layer, Delete gives up the current block."""
        if self.state() == QAbstractItemView.State.EditingState:
            # The field of a name hands on the Enter that ends it.
            super().keyPressEvent(event)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.choose(self.currentItem())
        elif event.key() == Qt.Key.Key_Delete and self._block_of(self.currentItem()):
            self.block_unwanted.emit(self._block_of(self.currentItem()))
        else:
            super().keyPressEvent(event)

    @staticmethod
    def _block_of(item: QTreeWidgetItem | None) -> str:
        return str(item.data(0, BLOCK_ROLE) or "") if item is not None else ""

    def _offer(self, position: QPoint) -> None:
        """What can be done with the block under the pointer."""
        item = self.itemAt(position)
        name = self._block_of(item)
        if item is not None and name:
            menu = QMenu(self)
            menu.addAction("Place").triggered.connect(lambda: self.block_chosen.emit(name))
            menu.addAction("Rename").triggered.connect(lambda: self.editItem(item))
            menu.addAction("Delete block").triggered.connect(lambda: self.block_unwanted.emit(name))
            menu.exec(self.viewport().mapToGlobal(position))
            menu.deleteLater()

    def _tell_name(self, item: QTreeWidgetItem) -> None:
        name, written = self._block_of(item), item.text(0)
        if name and written != name:
            # Later: the list is filled anew, and the item that is being edited must outlive the telling.
            QTimer.singleShot(0, self, lambda: self.block_renamed.emit(name, written))

    def choose(self, item: QTreeWidgetItem | None) -> None:
        """Tell that a layer or a block was chosen."""
        if item is not None and item.data(0, TYPE_ROLE):
            self.setCurrentItem(item)
            self.chosen.emit(str(item.data(0, TYPE_ROLE)))
        elif self._block_of(item):
            self.block_chosen.emit(self._block_of(item))

    def mimeTypes(self) -> list[str]:
        """Layers and blocks only."""
        return [LAYER_MIME, BLOCK_MIME]

    def mimeData(self, items: Sequence[QTreeWidgetItem]) -> QMimeData:
        """The dragged layer or block."""
        data = QMimeData()
        if items and self._block_of(items[0]):
            data.setData(BLOCK_MIME, self._block_of(items[0]).encode())
        if items and items[0].data(0, TYPE_ROLE):
            data.setData(LAYER_MIME, str(items[0].data(0, TYPE_ROLE)).encode())
        return data
