"""The slim row of choices above a plot, shared by the panels."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QSlider, QToolButton, QVBoxLayout, QWidget

from workbench.theme import Theme


def toggle(text: str, tip: str, name: str = "") -> QToolButton:
    """A flat button that stays down; `name` is its text spelled out for those who do not see the plot."""
    button = QToolButton()
    button.setText(text)
    button.setCheckable(True)
    button.setToolTip(tip)
    button.setProperty("segment", True)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    button.setAccessibleName(name or text)
    button.setAccessibleDescription(tip)
    return button


def choice(row: QHBoxLayout, name: str, options: Sequence[tuple[str, str]]) -> QButtonGroup:
    """Flat buttons (text, tip) of which one is down, added to a row; the group's ids count from 0."""
    group = QButtonGroup(row)
    for number, (text, tip) in enumerate(options):
        button = toggle(text, tip)
        button.setAccessibleName(f"{name}: {text}")
        button.setChecked(number == 0)
        group.addButton(button, number)
        row.addWidget(button)
    return group


def smoothing_slider(row: QHBoxLayout) -> tuple[QLabel, QSlider]:
    """A labelled slider in hundredths of the smoothing weight, added to a row."""
    label = QLabel("Smoothing")
    label.setProperty("small", True)
    label.setProperty("muted", True)
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(0, 99)
    slider.setMinimumWidth(32)
    slider.setMaximumWidth(90)
    slider.setAccessibleName("Smoothing of the curves")
    tip = "Smoothing of the curves: an exponential moving average; the measured values stay visible behind it"
    for part in (label, slider):
        part.setToolTip(tip)
    slider.setAccessibleDescription(tip)
    label.setBuddy(slider)
    row.addWidget(label)
    row.addSpacing(4)
    row.addWidget(slider, 2)
    return label, slider


def control_row() -> QHBoxLayout:
    """An empty row of the right spacing."""
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(2)
    return row


def stack_rows(owner: QWidget, theme: Theme, *rows: QHBoxLayout | QWidget) -> None:
    """Lay rows out in `owner` one below the other; the last takes the space that is left."""
    column = QVBoxLayout(owner)
    margin = theme.spacing
    column.setContentsMargins(margin + 4, margin, margin + 4, margin)
    column.setSpacing(margin)
    for place, row in enumerate(rows):
        stretch = 1 if place == len(rows) - 1 else 0
        if isinstance(row, QWidget):
            column.addWidget(row, stretch)
        else:
            column.addLayout(row, stretch)


def fill_with_surface(widget: QWidget, theme: Theme) -> None:
    """Paint a widget's background in the theme's surface colour."""
    colors = widget.palette()
    colors.setColor(QPalette.ColorRole.Window, QColor(theme.surface))
    widget.setPalette(colors)
    widget.setAutoFillBackground(True)
