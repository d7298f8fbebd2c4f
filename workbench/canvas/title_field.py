"""The field in which the title of a frame is edited, in its place."""

from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget


class TitleField(QLineEdit):
    """Enter or a click elsewhere takes the title, Esc leaves it.

    `entered` carries the frame's path and its new title.
    """

    entered = Signal(str, str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._path = ""
        self._parent = parent
        self.setAccessibleName("Title of the frame")
        self.setMaxLength(80)
        self.editingFinished.connect(self._take)
        self.hide()

    def open(self, path: str, title: str, where: QRect) -> None:
        """Edit the title of the frame `path`."""
        self._path = path
        self.setText(title)
        self.setGeometry(where)
        self.selectAll()
        self.show()
        self.setFocus()

    def _take(self) -> None:
        path, self._path = self._path, ""
        self.hide()
        if path:
            self.entered.emit(path, self.text())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc leaves the title as it was; after both Esc and Enter the canvas has the keyboard again."""
        if event.key() == Qt.Key.Key_Escape:
            self._path = ""
            self.hide()
        else:
            super().keyPressEvent(event)
        if not self.isVisible():
            self._parent.setFocus()
