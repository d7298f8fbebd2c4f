"""What panels have in common that look into a trained network: they compute only while someone sees them."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QWidget

from engine.api import Snapshot
from workbench.inspection.session import InspectionSession
from workbench.inspection.time_line import TimeLine
from workbench.theme import Theme


class InspectedPanel(QWidget):
    """Calls `look` when it is seen and what it shows belongs to an earlier run or an earlier state of the run."""

    def __init__(
        self, session: InspectionSession, parent: QWidget | None = None, *, line: TimeLine | None = None
    ) -> None:
        """With a `line` it is also outdated when another moment of the run is looked at."""
        super().__init__(parent)
        self.session = session
        self.line = line
        self._is_outdated = True
        session.run_changed.connect(self.outdate)
        if line is not None:
            line.moved.connect(self.outdate)

    @property
    def moment(self) -> Snapshot | None:
        """The moment in the past that is looked at; None for the newest."""
        return self.line.moment if self.line is not None else None

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        raise NotImplementedError

    def look(self) -> None:
        """Ask anew for what is shown; `session.run` may be None."""
        raise NotImplementedError

    def needs_parameters(self) -> bool:
        """Whether a training is to hand out its parameters for this panel, now and after each snapshot."""
        return self.isVisible()

    def rest(self) -> None:
        """Give up what is being computed: nobody sees the panel any more."""

    def outdate(self) -> None:
        """What is shown is no longer right: renew it now, or when it is seen next."""
        self._is_outdated = True
        if self.isVisible():
            self._renew()

    def _renew(self) -> None:
        self._is_outdated = False
        self.look()

    def showEvent(self, event: QShowEvent) -> None:
        """Renew what is outdated."""
        super().showEvent(event)
        if self._is_outdated:
            self._renew()
        if self.needs_parameters():
            self.session.seen.emit()

    def hideEvent(self, event: QHideEvent) -> None:
        """Compute nothing while hidden."""
        super().hideEvent(event)
        self.rest()


def empty_words() -> QLabel:
    """The place for the sentence that a panel shows while it has nothing else."""
    words = QLabel()
    words.setProperty("muted", True)
    words.setWordWrap(True)
    words.setAlignment(Qt.AlignmentFlag.AlignCenter)
    words.setContentsMargins(24, 0, 24, 0)
    return words


def scrolled(content: QWidget, name: str) -> QScrollArea:
    """A frameless area of an accessible name around what may be higher than its panel, and is as wide as it."""
    area = QScrollArea()
    area.setAccessibleName(name)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(content)
    return area
