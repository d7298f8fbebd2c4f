"""What is wrong with a node, in full, and the ways to mend it: beside the node, one click each."""

from collections.abc import Iterable

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QVBoxLayout, QWidget

from engine.api import Problem, Repair
from workbench.theme import Theme

_WIDTH = 320


class RepairCard(QFrame):
    """A card with a problem's message and a button for each repair; Esc, a press elsewhere or an edit closes it."""

    chosen = Signal(str, object)
    """Id of the node and the Repair."""

    def __init__(self, parent: QWidget, theme: Theme) -> None:
        super().__init__(parent)
        self._parent = parent
        self.setObjectName("repair_card")
        self.setAccessibleName("Repairs")
        self.message = QLabel(self)
        self.message.setWordWrap(True)
        self.buttons: list[QPushButton] = []
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(12, 10, 12, 12)
        self._box.setSpacing(8)
        self._box.addWidget(self.message)
        self.apply_theme(theme)
        self.hide()

    def apply_theme(self, theme: Theme) -> None:
        """Look like the theme."""
        self.message.setFont(theme.font())
        self.setStyleSheet(
            f"#repair_card {{ background: {theme.surface}; border: 1px solid {theme.problem}; border-radius: 8px; }}"
            f"#repair_card QLabel {{ color: {theme.text}; background: transparent; }}"
            f"#repair_card QPushButton {{ color: {theme.accent}; background: {theme.raised}; text-align: left;"
            f" border: 1px solid {theme.border}; border-radius: {theme.radius}px; padding: 5px 10px; }}"
            f"#repair_card QPushButton:hover, #repair_card QPushButton:focus {{ border-color: {theme.accent}; }}"
        )

    def open(self, below: QPoint, above: QPoint, problem: Problem) -> None:
        """Show under a point of the parent, or over another one where there is no room."""
        for button in self.buttons:
            button.hide()
            button.deleteLater()
        self.message.setText(problem.message)
        self.buttons = [self._button(problem.node, repair) for repair in problem.repairs]
        self.setFixedWidth(_WIDTH)
        self.message.setFixedHeight(self.message.heightForWidth(_WIDTH - 26))
        self.adjustSize()
        room = self._parent
        y = below.y() if below.y() + self.height() < room.height() else above.y() - self.height()
        self.move(max(4, min(below.x(), room.width() - self.width() - 4)), max(4, y))
        self.show()
        self.raise_()
        if self.buttons:
            self.buttons[0].setFocus(Qt.FocusReason.PopupFocusReason)

    def _button(self, node_id: str, repair: Repair) -> QPushButton:
        button = QPushButton(repair.label, self)
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        button.setToolTip("Repair the problem in one step; undo takes it back")
        button.clicked.connect(lambda: self.chosen.emit(node_id, repair))
        self._box.addWidget(button)
        return button

    def close_card(self) -> None:
        """Hide, and give the keyboard back when it was here."""
        had_keyboard = any(button.hasFocus() for button in self.buttons)
        self.hide()
        if had_keyboard:
            self._parent.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows choose, Enter takes, Esc closes."""
        key = event.key()
        focused = next((i for i, button in enumerate(self.buttons) if button.hasFocus()), 0)
        if key == Qt.Key.Key_Escape:
            self.close_card()
        elif key in (Qt.Key.Key_Down, Qt.Key.Key_Up) and self.buttons:
            step = 1 if key == Qt.Key.Key_Down else -1
            self.buttons[(focused + step) % len(self.buttons)].setFocus()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.buttons:
            self.buttons[focused].click()
        else:
            super().keyPressEvent(event)


def first_with(problems: Iterable[Problem], node_ids: Iterable[str]) -> Problem | None:
    """The problem of one of these nodes, or the first one of all when none of them has any."""
    chosen = set(node_ids)
    found = list(problems)
    return next((problem for problem in found if problem.node in chosen), found[0] if found else None)
