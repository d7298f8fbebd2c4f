"""The slim row of choices above a plot, shared by the panels."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QActionGroup, QColor, QFontMetrics, QPalette, QResizeEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

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


class DropDown(QToolButton):
    """A flat button that shows which of several things is chosen, and opens a menu with all of them."""

    chosen = Signal(int)
    """The number of what the user chose."""

    def __init__(self, name: str, options: Sequence[tuple[str, str]] = ()) -> None:
        """`options`: text and tip of each."""
        super().__init__()
        self._name = name
        self._group = QActionGroup(self)
        self.setProperty("segment", True)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMenu(QMenu(self))
        self.menu().setToolTipsVisible(True)
        self.set_options(options)

    def set_options(self, options: Sequence[tuple[str, str]]) -> None:
        """Offer other things; the first one is chosen."""
        self.menu().clear()
        for number, (text, tip) in enumerate(options):
            action = self.menu().addAction(text)
            action.setToolTip(tip)
            action.setCheckable(True)
            action.setData(number)
            self._group.addAction(action)
            action.triggered.connect(lambda checked=False, number=number: self._choose(number))
        self.set_current(0)

    @property
    def current(self) -> int:
        """The number of what is chosen."""
        checked = self._group.checkedAction()
        return int(checked.data()) if checked is not None else 0

    def set_current(self, number: int) -> None:
        """Choose something without telling of it."""
        actions = self.menu().actions()
        if not actions:
            self.setText("")
            self.setAccessibleName(self._name)
            return
        actions[number].setChecked(True)
        text = actions[number].text()
        self.setText(f"{text} ▾")
        self.setAccessibleName(f"{self._name}: {text}")
        self.setToolTip(f"{self._name}: {text}")
        self.setAccessibleDescription(self.toolTip())

    def _choose(self, number: int) -> None:
        self.set_current(number)
        self.chosen.emit(number)


def longest_fitting(wordings: Sequence[str], metrics: QFontMetrics, width: int) -> str:
    """The first of the wordings, longest first, that fits into a width; the last one where none does."""
    return next((text for text in wordings if metrics.horizontalAdvance(text) < width), wordings[-1])


class FittingLabel(QElidingLabel):
    """A line in the longest of several wordings that fits; its tool tip has the first, longest one."""

    def __init__(self) -> None:
        super().__init__()
        self._wordings: tuple[str, ...] = ("",)
        self.setProperty("muted", True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def set_wordings(self, *wordings: str) -> None:
        """Show one of these, longest first."""
        self._wordings = wordings
        self.setToolTip(wordings[0])
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Choose anew."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        self.setText(longest_fitting(self._wordings, self.fontMetrics(), self.contentsRect().width()))


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
    column.setContentsMargins(margin + 4, margin // 2, margin + 4, margin)
    column.setSpacing(margin // 2)
    for place, row in enumerate(rows):
        stretch = 1 if place == len(rows) - 1 else 0
        if isinstance(row, QWidget):
            column.addWidget(row, stretch)
            continue
        column.addLayout(row, stretch)
        items = (row.itemAt(number) for number in range(row.count()))
        for button in (item.widget() for item in items if item is not None):
            if isinstance(button, QPushButton):
                # A dock's panel shares its width with others.
                button.setProperty("slim", True)


def fill_with_surface(widget: QWidget, theme: Theme) -> None:
    """Paint a widget's background in the theme's surface colour."""
    colors = widget.palette()
    colors.setColor(QPalette.ColorRole.Window, QColor(theme.surface))
    widget.setPalette(colors)
    widget.setAutoFillBackground(True)
