"""The field in which the title of a frame or the name of a node is edited, in its place."""

from collections.abc import Callable

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget


class TitleField(QLineEdit):
    """Enter or a click elsewhere takes what is written, Esc leaves it as it was."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._take: Callable[[str], object] | None = None
        self._parent = parent
        self.setAccessibleName("Title or name")
        self.setMaxLength(80)
        self.editingFinished.connect(self._finish)
        self.hide()

    def open(self, text: str, where: QRect, what: str, take: Callable[[str], object]) -> None:
        """Edit a text at a place; `what` names it to screen readers, `take` gets what is written in the end."""
        self._take = take
        self.setAccessibleName(what)
        self.setText(text)
        self.setGeometry(where)
        self.selectAll()
        self.show()
        self.setFocus()

    def _finish(self) -> None:
        take, self._take = self._take, None
        self.hide()
        if take is not None:
            take(self.text())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc leaves the text as it was; after both Esc and Enter the canvas has the keyboard again."""
        if event.key() == Qt.Key.Key_Escape:
            self._take = None
            self.hide()
        else:
            super().keyPressEvent(event)
        if not self.isVisible():
            self._parent.setFocus()
