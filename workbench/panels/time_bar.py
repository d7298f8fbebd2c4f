"""The slim bar below the canvas with which one goes back through a training, and plays it as a film."""

import qtawesome
from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QAction, QIcon, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QToolButton, QWidget

from engine.api import MEGABYTE
from workbench.inspection.time_line import TimeLine
from workbench.panels.number_box import CountBox
from workbench.plots.axes import step_text
from workbench.plots.plot_controls import fill_with_surface
from workbench.theme import Theme

_WIDE = 800
"""From this width on, in pixels, the bar tells how much room the snapshots take."""


class TimeBar(QWidget):
    """A slider over the snapshots of the run on show, with buttons for what `TimeControl` does."""

    limit_changed = Signal(int)
    """The megabytes that snapshots may take, as set by the user."""

    def __init__(self, line: TimeLine, actions: tuple[QAction, ...], theme: Theme) -> None:
        """`actions`: play, newest and export, as buttons."""
        super().__init__()
        self._line = line
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Moment of the training that is shown")
        self.slider.setToolTip(
            "Filters, confusion matrix, activity and answers as they were: drag, or use the arrow keys"
        )
        self.slider.valueChanged.connect(line.go)
        self.moment = QLabel()
        self.moment.setProperty("small", True)
        self.taken = QLabel()
        for label in (self.taken, self.moment):
            label.setProperty("small", True)
            label.setProperty("muted", True)
        self.limit = CountBox(1, 100_000)
        self.limit.setSuffix(" MB")
        self.limit.setKeyboardTracking(False)
        self.limit.setFixedWidth(104)
        self.limit.setAccessibleName("Room for snapshots in the project, in megabytes")
        tip = (
            "Snapshots are kept in the project within this room; when it is reached, they are thinned evenly"
        )
        for part in (self.taken, self.limit):
            part.setToolTip(tip)
        self.taken.setBuddy(self.limit)
        self.limit.valueChanged.connect(self.limit_changed)
        self._row(actions)
        self.setAccessibleName("Time slider")
        line.grew.connect(self._refresh)
        line.moved.connect(self._refresh)
        self.apply_theme(theme)
        self._refresh()

    def _row(self, actions: tuple[QAction, ...]) -> None:
        play, newest, export = (QToolButton() for _ in actions)
        for button, action in zip((play, newest, export), actions, strict=True):
            button.setDefaultAction(action)
            button.setIconSize(QSize(16, 16))
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        for button in (newest, export):
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
            button.setProperty("segment", True)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 2, 10, 2)
        row.setSpacing(8)
        row.addWidget(play)
        row.addWidget(self.slider, 1)
        row.addWidget(self.moment)
        row.addWidget(newest)
        row.addWidget(export)
        row.addSpacing(6)
        row.addWidget(self.taken)
        row.addWidget(self.limit)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        fill_with_surface(self, theme)
        for label in (self.moment, self.taken):
            label.setFont(theme.font(theme.font_small))
        self.limit.setFont(theme.font(theme.font_small))

    def show_room(self, taken: int, megabytes: int) -> None:
        """Tell how many bytes the snapshots of the project take, and how many megabytes they may."""
        self.taken.setText(f"Snapshots {taken / MEGABYTE:.1f} of")
        with QSignalBlocker(self.limit):
            self.limit.setValue(megabytes)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In a narrow window the slider is more useful than the room."""
        super().resizeEvent(event)
        for part in (self.taken, self.limit):
            part.setVisible(self.width() >= _WIDE)

    def _refresh(self) -> None:
        line = self._line
        with QSignalBlocker(self.slider):
            self.slider.setRange(0, max(len(line.snapshots) - 1, 0))
            self.slider.setValue(line.position)
        text = self.describe()
        self.moment.setText(text)
        # Numbers that change must not move the slider.
        self.moment.setMinimumWidth(max(self.moment.minimumWidth(), self.moment.sizeHint().width()))
        self.slider.setAccessibleDescription(text)

    def describe(self) -> str:
        """The moment on show in words: `Step 1,350 · epoch 3.0 · 12 of 37`."""
        line = self._line
        if not line.snapshots:
            return ""
        step = line.snapshots[line.position].step
        epoch = line.epoch_of(step)
        epochs = "" if epoch is None else f" · epoch {epoch:.1f}"
        return f"Step {step_text(step)}{epochs} · {line.position + 1} of {len(line.snapshots)}"


def play_icon(theme: Theme, plays: bool) -> QIcon:
    """The icon of the button that plays or pauses the film."""
    return QIcon(qtawesome.icon("mdi6.pause" if plays else "mdi6.filmstrip", color=theme.text))
