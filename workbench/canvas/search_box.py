"""The box that finds a layer type by a few letters."""

from collections.abc import Iterable

from PySide6.QtCore import QEvent, QObject, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QKeyEvent, QPainter, QPixmap
from PySide6.QtWidgets import QFrame, QLabel, QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from engine.api import GROUPS, Layer
from workbench.theme import Theme

_WIDTH = 280
_ROWS = 8
_NAME = Qt.ItemDataRole.UserRole


def ranked(types: Iterable[type[Layer]], words: str) -> list[type[Layer]]:
    """The types that the words describe, the best match first; all of them, by group, when there are no words."""
    found = [(rank, cls) for cls in types if (rank := _rank(cls, words.strip().lower())) is not None]
    return [cls for _, cls in sorted(found, key=lambda pair: (pair[0], _group_order(pair[1]), pair[1].label))]


def _group_order(cls: type[Layer]) -> int:
    return GROUPS.index(cls.group) if cls.group in GROUPS else len(GROUPS)


def _rank(cls: type[Layer], words: str) -> int | None:
    label, parts = cls.label.lower(), cls.label.lower().split()
    initials = "".join(part[0] for part in parts)
    if not words:
        return 0
    if label.startswith(words):
        return 0
    if any(part.startswith(words) for part in parts) or (len(words) > 1 and initials.startswith(words)):
        return 1
    if words in label or words in cls.type_name:
        return 2
    if words in cls.group.lower():
        return 3
    if len(words) < 4:
        return None
    return 4 if all(word in (cls.__doc__ or "").lower() for word in words.split()) else None


class SearchBox(QFrame):
    """Typing filters, arrows choose, Enter takes, Esc closes. `chosen` carries the layer type's name."""

    chosen = Signal(str)
    closed = Signal()

    def __init__(self, parent: QWidget, theme: Theme) -> None:
        super().__init__(parent)
        self._parent = parent
        self.setObjectName("search_box")
        self.setAccessibleName("Add a layer")
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setAutoFillBackground(True)
        self.field = QLineEdit(self)
        self.field.setPlaceholderText("Search layers")
        self.field.setAccessibleName("Search layers")
        self.field.setClearButtonEnabled(True)
        self.list = QListWidget(self)
        self.list.setAccessibleName("Layers found")
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setIconSize(QSize(12, 12))
        self.list.setUniformItemSizes(True)
        self.about = QLabel(self)
        self.about.setWordWrap(True)
        self.about.setMinimumHeight(48)
        self.about.setAlignment(Qt.AlignmentFlag.AlignTop)
        box = QVBoxLayout(self)
        box.setContentsMargins(8, 8, 8, 8)
        box.setSpacing(6)
        for widget in (self.field, self.list, self.about):
            box.addWidget(widget)
        self._types: list[type[Layer]] = []
        self.field.textChanged.connect(self._fill)
        self.field.installEventFilter(self)
        self.list.currentItemChanged.connect(self._explain)
        self.list.itemClicked.connect(self._take)
        self.apply_theme(theme)
        self.hide()

    def apply_theme(self, theme: Theme) -> None:
        """Look like the theme."""
        self._theme = theme
        self.setStyleSheet(
            f"#search_box {{ background: {theme.surface}; border: 1px solid {theme.border}; border-radius: 8px; }}"
            f"#search_box QListWidget {{ border: none; background: {theme.surface}; color: {theme.text}; }}"
            f"#search_box QLabel {{ color: {theme.muted_text}; padding: 2px 4px; }}"
        )

    def open(self, at: QPoint, types: Iterable[type[Layer]]) -> None:
        """Show at a point of the parent, inside of it, with these types to choose from."""
        self._types = list(types)
        self.field.clear()
        self._fill("")
        self.setFixedWidth(_WIDTH)
        self._fit()
        parent = self._parent
        self.move(
            max(4, min(at.x(), parent.width() - self.width() - 4)),
            max(4, min(at.y(), parent.height() - self.height() - 4)),
        )
        self.show()
        self.raise_()
        self.field.setFocus(Qt.FocusReason.PopupFocusReason)

    def _fit(self) -> None:
        """As high as the list needs, up to some rows."""
        row = max(self.list.sizeHintForRow(0), 20)
        self.list.setFixedHeight(row * min(_ROWS, max(self.list.count(), 1)) + 4)
        self.adjustSize()

    def close_box(self) -> None:
        """Hide and give the keyboard back."""
        if self.isVisible():
            self.hide()
            self._parent.setFocus()
            self.closed.emit()

    def _fill(self, words: str) -> None:
        self.list.clear()
        for cls in ranked(self._types, words):
            item = QListWidgetItem(self._dot(cls.group), cls.label)
            item.setData(_NAME, cls.type_name)
            item.setToolTip((cls.__doc__ or "").strip())
            self.list.addItem(item)
        if self.list.count():
            self.list.setCurrentRow(0)
        else:
            self.about.setText(f"No layer fits “{words.strip()}” here." if words else "No layer fits here.")
        if self.isVisible():
            self._fit()

    def _dot(self, group: str) -> QIcon:
        picture = QPixmap(24, 24)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(self._theme.border))
        painter.setBrush(QColor(self._theme.tint(group)))
        painter.drawRoundedRect(2, 2, 19, 19, 5, 5)
        painter.end()
        return QIcon(picture)

    def _explain(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.about.setText(item.toolTip())

    def _take(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            name = str(item.data(_NAME))
            self.close_box()
            self.chosen.emit(name)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keys of the field that move in the list, take from it or close the box."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            return self._on_key(event)
        if event.type() == QEvent.Type.FocusOut and watched is self.field and self.isVisible():
            # The keyboard went where the user wanted it to be: it is not taken back.
            self.hide()
            self.closed.emit()
        return super().eventFilter(watched, event)

    def _on_key(self, event: QKeyEvent) -> bool:
        key = event.key()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._take(self.list.currentItem())
        elif key == Qt.Key.Key_Escape:
            self.close_box()
        elif key in (Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
            step = 1 if key in (Qt.Key.Key_Down, Qt.Key.Key_Tab) else -1
            if self.list.count():
                self.list.setCurrentRow((self.list.currentRow() + step) % self.list.count())
        else:
            return False
        return True
