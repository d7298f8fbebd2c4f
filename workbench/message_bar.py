"""A bar above the canvas that says something in plain words, and goes away by itself or by a click."""

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

_SECONDS = 12


class MessageBar(QFrame):
    """Shows one message at a time, with at most a few buttons; hidden when there is none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("message-bar")
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(14, 6, 8, 6)
        self._row.setSpacing(8)
        self._words = QLabel()
        self._words.setWordWrap(True)
        self._words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._row.addWidget(self._words, 1)
        self._close = QToolButton()
        self._close.setText("✕")
        self._close.setAccessibleName("Close the message")
        self._close.clicked.connect(self.hide)
        self._row.addWidget(self._close, 0, Qt.AlignmentFlag.AlignTop)
        self._buttons: list[QPushButton] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.hide)
        self.hide()

    @property
    def text(self) -> str:
        """The message on show; "" when there is none."""
        return "" if self.isHidden() else self._words.text()

    @property
    def buttons(self) -> tuple[QPushButton, ...]:
        """The choices that come with the message."""
        return tuple(self._buttons)

    def show_message(
        self, text: str, choices: dict[str, Callable[[], object]] | None = None, *, stays: bool = False
    ) -> None:
        """Show a message with buttons; with choices, or when it `stays`, it waits for a click."""
        for button in self._buttons:
            self._row.removeWidget(button)
            button.hide()
            button.deleteLater()
        self._buttons = []
        for place, (label, action) in enumerate((choices or {}).items(), start=1):
            button = QPushButton(label)
            button.clicked.connect(lambda _=False, action=action: self._choose(action))
            self._row.insertWidget(place, button)
            self._buttons.append(button)
        self._words.setText(text)
        self.setAccessibleName(text)
        self.show()
        if choices or stays:
            self._timer.stop()
        else:
            self._timer.start(1000 * _SECONDS)

    def _choose(self, action: Callable[[], object]) -> None:
        self.hide()
        action()
