"""Ctrl+Shift+P: every command of the window by its name, and the list of keyboard shortcuts."""

from collections.abc import Iterable

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import (
    QDialog,
    QHeaderView,
    QLineEdit,
    QMenu,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

_MOVES = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


def action_name(action: QAction) -> str:
    """The words of an action without its mnemonic."""
    return action.text().replace("&", "").rstrip("…").strip()


def menu_actions(menus: Iterable[QMenu]) -> list[tuple[str, QAction]]:
    """Every action in these menus and their submenus, with the path that leads to it."""
    found: list[tuple[str, QAction]] = []
    for menu in menus:
        title = menu.title().replace("&", "")
        for action in menu.actions():
            inner = action.menu()
            if isinstance(inner, QMenu):
                found += [(f"{title} › {path}", entry) for path, entry in menu_actions([inner])]
            elif not action.isSeparator() and action.text():
                found.append((title, action))
    return found


class CommandPalette(QDialog):
    """Typing filters the commands; Enter runs the chosen one."""

    def __init__(self, commands: Iterable[tuple[str, QAction]], parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAccessibleName("Commands")
        self._commands = [(path, action) for path, action in commands if action.isVisible()]
        self.search = QLineEdit()
        self.search.setPlaceholderText("Type a command")
        self.search.setAccessibleName("Type a command")
        self.list = QTreeWidget()
        self.list.setAccessibleName("Commands")
        self.list.setColumnCount(3)
        self.list.setHeaderHidden(True)
        self.list.setRootIsDecorated(False)
        self.list.setIndentation(0)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.addWidget(self.search)
        column.addWidget(self.list)
        self.search.textChanged.connect(self._filter)
        self.search.installEventFilter(self)
        self.search.returnPressed.connect(self._run_current)
        self.list.itemActivated.connect(self._run_current)
        self.list.itemClicked.connect(self._run_current)
        header = self.list.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column_number in (1, 2):
            header.setSectionResizeMode(column_number, QHeaderView.ResizeMode.ResizeToContents)
        self.resize(min(560, parent.width() - 80), 380)
        self.move(
            parent.mapToGlobal(parent.rect().center()).x() - self.width() // 2,
            parent.mapToGlobal(parent.rect().topLeft()).y() + 90,
        )
        self._filter("")
        self.search.setFocus()

    def paintEvent(self, event: QPaintEvent) -> None:
        """A line around it: it lies on ground of its own colour."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setPen(self.palette().color(QPalette.ColorRole.Mid))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _filter(self, text: str) -> None:
        words = text.lower().split()
        self.list.clear()
        matches = []
        for path, action in self._commands:
            name = action_name(action)
            where = f"{name} {path}".lower()
            if all(word in where for word in words):
                matches.append((not all(word in name.lower() for word in words), path, name, action))
        for _, path, name, action in sorted(matches, key=lambda match: match[0]):
            key = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            item = QTreeWidgetItem([name, path, key])
            item.setData(0, Qt.ItemDataRole.UserRole, action)
            item.setForeground(1, self.palette().placeholderText())
            item.setDisabled(not action.isEnabled())
            self.list.addTopLevelItem(item)
        if (first := self.list.topLevelItem(0)) is not None:
            self.list.setCurrentItem(first)

    def _run_current(self) -> None:
        item = self.list.currentItem()
        if item is None or item.isDisabled():
            return
        action: QAction = item.data(0, Qt.ItemDataRole.UserRole)
        self.close()
        action.trigger()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Arrow keys move in the list while the search has the focus."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() in _MOVES:
            self.list.event(event)
            return True
        return super().eventFilter(watched, event)


class ShortcutList(QDialog):
    """All keyboard shortcuts in a table."""

    def __init__(self, commands: Iterable[tuple[str, QAction]], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        table = QTreeWidget()
        table.setHeaderLabels(["Command", "Keys", "Where"])
        table.setRootIsDecorated(False)
        table.setAccessibleName("Keyboard shortcuts")
        for path, action in commands:
            keys = ", ".join(
                key.toString(QKeySequence.SequenceFormat.NativeText) for key in action.shortcuts()
            )
            if keys:
                table.addTopLevelItem(QTreeWidgetItem([action_name(action), keys, path]))
        table.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.addWidget(table)
        self.resize(620, 560)
