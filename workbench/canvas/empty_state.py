"""What an empty canvas says: how to begin, and networks to begin with."""

from collections.abc import Iterator
from itertools import groupby

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from engine.api import TEMPLATES
from workbench.theme import Theme


class EmptyState(QWidget):
    """A few lines and buttons in the middle of the canvas; drags pass through to the canvas below."""

    template_requested = Signal(str)

    def __init__(self, parent: QWidget, theme: Theme) -> None:
        super().__init__(parent)
        self._parent = parent
        self.setObjectName("empty_state")
        self._title = QLabel("Design a network", self)
        self._title.setObjectName("title")
        lines = (
            "Drag a layer from the palette, or press Tab to search.\n"
            "Or start from a ready network: the first one trains at once, without a download."
        )
        self._lines = QLabel(lines, self)
        for label in (self._title, self._lines):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.buttons: list[QPushButton] = []
        box = QVBoxLayout(self)
        box.setSpacing(12)
        for part in (self._title, self._lines):
            box.addWidget(part)
        for row in self._rows():
            box.addLayout(row)
        self.apply_theme(theme)

    def _rows(self) -> Iterator[QHBoxLayout]:
        """The ready networks, a row for each family."""
        for _, templates in groupby(TEMPLATES.values(), key=lambda template: template.family):
            row = QHBoxLayout()
            row.setSpacing(8)
            row.addStretch()
            for template in templates:
                button = QPushButton(template.label, self)
                button.setToolTip(template.description)
                button.setAccessibleName(f"Start from {template.label}")
                button.setCursor(Qt.CursorShape.PointingHandCursor)
                button.clicked.connect(
                    lambda checked=False, name=template.name: self.template_requested.emit(name)
                )
                row.addWidget(button)
                button.setProperty("first", not self.buttons)
                self.buttons.append(button)
            row.addStretch()
            yield row

    def apply_theme(self, theme: Theme) -> None:
        """Look like the theme."""
        self._title.setFont(theme.font(theme.font_title, bold=True))
        self._lines.setFont(theme.font(theme.font_large))
        self.setStyleSheet(
            f"#empty_state QLabel {{ color: {theme.muted_text}; background: transparent; }}"
            f"#empty_state #title {{ color: {theme.text}; }}"
            f"#empty_state QPushButton {{ color: {theme.accent}; background: {theme.surface};"
            f" border: 1px solid {theme.border}; border-radius: {theme.radius}px; padding: 6px 14px; }}"
            f'#empty_state QPushButton[first="true"] {{ color: {theme.accent_text}; background: {theme.accent};'
            f" border-color: {theme.accent}; font-weight: 600; }}"
            f'#empty_state QPushButton[first="true"]:focus {{ border-color: {theme.text}; }}'
            f"#empty_state QPushButton:hover, #empty_state QPushButton:focus {{ border-color: {theme.accent}; }}"
        )
        self.centre()

    def showEvent(self, event: QShowEvent) -> None:
        """Its size is known for good only now."""
        super().showEvent(event)
        self.centre()

    def centre(self) -> None:
        """Stand in the middle of the canvas."""
        self.adjustSize()
        parent = self._parent
        self.move((parent.width() - self.width()) // 2, (parent.height() - self.height()) // 2)
