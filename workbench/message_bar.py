"""A bar above the canvas that says something in plain words, and goes away by itself or by a click.

What it asks stands until it is answered: whatever is told meanwhile takes its place for a moment only.
"""

from collections.abc import Callable, Mapping

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

_SECONDS = 12

Choices = Mapping[str, Callable[[], object]]
"""Words on buttons, and what they do."""


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
        self._close.clicked.connect(self._end)
        self._row.addWidget(self._close, 0, Qt.AlignmentFlag.AlignTop)
        self._buttons: list[QPushButton] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.dismiss)
        self._questions: dict[str, tuple[str, Choices]] = {}
        """By what they are about, in the order in which they were asked."""
        self._asking: str | None = None
        """What the question on show is about."""
        self.hide()

    @property
    def text(self) -> str:
        """The message on show; "" when there is none."""
        return "" if self.isHidden() else self._words.text()

    @property
    def buttons(self) -> tuple[QPushButton, ...]:
        """The choices that come with the message."""
        return tuple(self._buttons)

    def show_message(self, text: str, choices: Choices | None = None) -> None:
        """Show a message with buttons; with choices it waits for a click. A question comes back after it."""
        self._asking = None
        self._put(text, choices or {})

    def ask(self, about: str, text: str, choices: Choices) -> None:
        """Ask something that stands until it is answered or closed; it replaces what was asked about the same."""
        self._questions[about] = (text, choices)
        if self.isHidden() or self._asking == about:
            self._go_on()

    def withdraw(self, about: str) -> None:
        """Ask no longer about something."""
        self._questions.pop(about, None)
        if self._asking == about:
            self._go_on()

    def dismiss(self) -> None:
        """End the message on show; a question stays."""
        if self._asking is None:
            self._go_on()

    def _put(self, text: str, choices: Choices) -> None:
        for button in self._buttons:
            self._row.removeWidget(button)
            button.hide()
            button.deleteLater()
        self._buttons = []
        for place, (label, action) in enumerate(choices.items(), start=1):
            button = QPushButton(label)
            button.clicked.connect(lambda _=False, action=action: self._choose(action))
            self._row.insertWidget(place, button)
            self._buttons.append(button)
        self._words.setText(text)
        self.setAccessibleName(text)
        self.show()
        if choices:
            self._timer.stop()
        else:
            self._timer.start(1000 * _SECONDS)

    def _go_on(self) -> None:
        """To the question that was asked first, if any."""
        self._timer.stop()
        self._asking = next(iter(self._questions), None)
        if self._asking is None:
            self.hide()
        else:
            self._put(*self._questions[self._asking])

    def _end(self) -> None:
        if self._asking is not None:
            del self._questions[self._asking]
        self._go_on()

    def _choose(self, action: Callable[[], object]) -> None:
        self._end()
        action()
