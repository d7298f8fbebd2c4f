"""The box that finds a layer type by a few letters."""

from collections.abc import Iterable

from PySide6.QtCore import QEvent, QObject, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QKeyEvent, QPainter, QPixmap
from PySide6.QtWidgets import QFrame, QLabel, QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from engine.api import REGISTRY, Block, DesignError, Layer, settings_values
from workbench.canvas.search_words import BLOCK_GROUP, layer_of, matching_blocks, parted, ranked
from workbench.theme import Theme

_WIDTH = 340
_ROWS = 8
_NAME = Qt.ItemDataRole.UserRole
_BLOCK = Qt.ItemDataRole.UserRole + 1


class SearchBox(QFrame):
    """Typing filters, arrows choose, Enter takes, Esc closes; settings may follow the name: `conv 96 5 pad 2`.

    `chosen` carries the layer type's name and its settings.
    """

    chosen = Signal(str, object)
    block_chosen = Signal(str)
    """Name of a block."""
    closed = Signal()

    def __init__(self, parent: QWidget, theme: Theme) -> None:
        super().__init__(parent)
        self._parent = parent
        self.setObjectName("search_box")
        self.setAccessibleName("Add a layer")
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setAutoFillBackground(True)
        self.field = QLineEdit(self)
        self.field.setPlaceholderText("Search layers, such as conv 96 5 pad 2")
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
        self._blocks: list[Block] = []
        self._settings: tuple[str, ...] = ()
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

    def open(self, at: QPoint, types: Iterable[type[Layer]], blocks: Iterable[Block] = ()) -> None:
        """Show at a point of the parent, inside of it, with these types and blocks to choose from."""
        self._types, self._blocks = list(types), list(blocks)
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

    def _fill(self, text: str) -> None:
        self.list.clear()
        words, self._settings = parted(text)
        for cls in ranked(self._types, words):
            item = QListWidgetItem(self._dot(cls.group), self._label(cls))
            item.setData(_NAME, cls.type_name)
            item.setToolTip((cls.__doc__ or "").strip())
            self.list.addItem(item)
        for place, block in matching_blocks(self._blocks, text):
            item = QListWidgetItem(self._dot(BLOCK_GROUP), f"{block.name}  (block)")
            item.setData(_BLOCK, block.name)
            item.setToolTip(block.sentence)
            # One that is meant by its name stands before layers that are only like it.
            self.list.insertItem(0 if place == 0 and text.strip() else self.list.count(), item)
        if self.list.count():
            self.list.setCurrentRow(0)
        else:
            self.about.setText(f"No layer fits “{words.strip()}” here." if words else "No layer fits here.")
        if self.isVisible():
            self._fit()

    def _label(self, cls: type[Layer]) -> str:
        """The name, with the settings that were typed behind it."""
        if not self._settings:
            return cls.label
        try:
            return f"{cls.label}: {layer_of(cls, self._settings).summary() or 'nothing to set'}"
        except DesignError:
            return cls.label

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
            self.about.setText(self._refusal(item) or item.toolTip())

    def _layer(self, item: QListWidgetItem) -> Layer:
        """The layer of a row; DesignError when the typed settings are not valid for it."""
        return layer_of(REGISTRY[item.data(_NAME)], self._settings)

    def _refusal(self, item: QListWidgetItem) -> str:
        if item.data(_BLOCK):
            return ""
        try:
            self._layer(item)
        except DesignError as error:
            return str(error)
        return ""

    def _take(self, item: QListWidgetItem | None) -> None:
        # The box stays open where the settings are not valid: it already says why.
        if item is not None and item.data(_BLOCK):
            self.close_box()
            self.block_chosen.emit(item.data(_BLOCK))
        elif item is not None and not self._refusal(item):
            layer = self._layer(item)
            self.close_box()
            self.chosen.emit(layer.type_name, settings_values(layer) if self._settings else {})

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
