"""The panel of unit activity: how much of the network is in use over the validation images."""

from typing import Any

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QStackedWidget, QVBoxLayout, QWidget
from superqt import QElidingLabel

from engine.api import Activity, TrainedNetwork, activities_of, dead_since, measure_activity
from workbench.inspection.session import InspectionSession
from workbench.inspection.thread import Stopped
from workbench.inspection.time_line import TimeLine
from workbench.panels.inspected_panel import InspectedPanel, empty_words, scrolled
from workbench.plots.activity_strips import CELL, ActivityStrips, Unit, shade
from workbench.plots.plot_controls import choice, control_row, fill_with_surface, stack_rows
from workbench.theme import Theme

NO_RUN = "Train a network: how often each of its units fires on the validation images appears here."
BUSY = "Looking through the validation images …"
NO_ACTIVATIONS = (
    "This network has no activation layer, so there is nothing that fires: add a ReLU, then train."
)
NOT_KEPT = "The snapshots of this run do not hold how its units fired: train it with this version of Gabor."
HINT = "Point at a cell to read a unit"


def _measure(network: TrainedNetwork, stopped: Stopped) -> Activity | None:
    return measure_activity(network, network.data.validation_images, stopped)


class ActivityPanel(InspectedPanel):
    """How often each unit fires, which are dead or saturated, and the share of the network in use."""

    def __init__(
        self,
        session: InspectionSession,
        theme: Theme,
        parent: QWidget | None = None,
        *,
        line: TimeLine | None = None,
    ) -> None:
        super().__init__(session, parent, line=line)
        self.activity: Activity | None = None
        self._measured: list[tuple[int, Activity]] = []
        self._run_id = ""
        self._step = 0
        self._is_asking = False
        row = control_row()
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        self.summary.setMinimumWidth(1)
        row.addWidget(self.summary, 1)
        self.ordering = choice(
            row,
            "Order",
            (
                ("By number", "Units in the order of the layer"),
                ("By activity", "The most active units first"),
            ),
        )
        self.strips = ActivityStrips(theme)
        self.ordering.idClicked.connect(lambda number: self.strips.set_sorted(number == 1))
        self.strips.chosen_changed.connect(self._read)
        self.words = empty_words()
        self.strips_area = scrolled(self.strips, "Activity of the units of each layer")
        self.reading = QElidingLabel(HINT)
        self.reading.setProperty("muted", True)
        self.legend = _Legend(theme)
        foot = control_row()
        foot.addWidget(self.reading, 1)
        foot.addWidget(self.legend)
        shown = QWidget()
        column = QVBoxLayout(shown)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.strips_area, 1)
        column.addLayout(foot)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.words)
        self.pages.addWidget(shown)
        stack_rows(self, theme, row, self.pages)
        self.setAccessibleName("Unit activity")
        self.setFocusProxy(self.strips)
        self.apply_theme(theme)
        self._say(NO_RUN)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        fill_with_surface(self, theme)
        fill_with_surface(self.strips_area.viewport(), theme)
        for label in (self.summary, self.reading):
            label.setFont(theme.font(theme.font_small))
        self.strips.apply_theme(theme)
        self.legend.apply_theme(theme)

    def look(self) -> None:
        """Measure the activity of the run's network anew, or tell what it was at an earlier moment."""
        if self.moment is not None:
            self._look_back()
            return
        run = self.session.run
        if run is None:
            self.session.cancel("activity")
            self._say(NO_RUN)
            return
        if run.id != self._run_id:
            self._run_id, self._measured = run.id, []
            self.activity = None
        if self.activity is None:
            self._say(BUSY)
        step = run.result.step if run.result else 0
        self._is_asking = True
        self.session.ask("activity", _measure, lambda result: self._show(step, result), self._say)

    def _look_back(self) -> None:
        """Tell the latest activity that is known of the moment that is looked at."""
        self.session.cancel("activity")
        self._is_asking = False
        assert self.line is not None
        if self.line.run_id != self._run_id:
            self._run_id, self._measured = self.line.run_id, []
        shot, project = self.line.known("fires"), self.line.project
        past = None if project is None or shot is None else activities_of(project, [shot])[0]
        if shot is None or past is None:
            self._say(NOT_KEPT)
        else:
            self._draw(shot.step, past, f"Measured on {past.images:,} of the validation images.")

    def rest(self) -> None:
        """Stop measuring; what was not finished begins anew when the panel is seen again."""
        if self._is_asking:
            self.session.cancel("activity")
            self._is_outdated = True

    def _show(self, step: int, activity: Activity) -> None:
        self._measured = [(known, old) for known, old in self._measured if known != step]
        self._measured.append((step, activity))
        self._is_asking = False
        self._draw(step, activity, f"Measured on the {activity.images:,} validation images.")

    def _draw(self, step: int, activity: Activity, measured_on: str) -> None:
        self.activity, self._step = activity, step
        if not activity.nodes:
            self._say(NO_ACTIVATIONS)
            return
        self.pages.setCurrentIndex(1)
        self.strips.set_activity(activity)
        in_use = round(activity.share_in_use * activity.units)
        text = (
            f"{in_use:,} of {activity.units:,} units in use ({100 * activity.share_in_use:.1f} %)"
            f" · {activity.dead:,} dead · {activity.saturated:,} saturated · step {step:,}"
        )
        self.summary.setText(text)
        self.summary.setToolTip(f"{text}\n{measured_on}")
        self.strips.setAccessibleDescription(text)
        self._read()

    def _history(self) -> list[tuple[int, Activity]]:
        """All that is known of the run up to the moment on show, ending with what is shown."""
        assert self.activity is not None
        known = dict(self._measured)
        line = self.line
        if line is not None and line.project is not None and line.run_id == self._run_id:
            shots = [shot for shot in line.snapshots if shot.step < self._step]
            found = zip(shots, activities_of(line.project, shots), strict=True)
            known = {shot.step: activity for shot, activity in found if activity is not None} | known
        before = [pair for pair in sorted(known.items(), key=lambda pair: pair[0]) if pair[0] < self._step]
        return [*before, (self._step, self.activity)]

    def _say(self, sentence: str) -> None:
        self.activity = None
        self.words.setText(sentence)
        self.pages.setCurrentIndex(0)
        self.summary.setText("")
        self._is_asking = False
        self.strips.set_activity(None)

    def _read(self) -> None:
        if self.activity is None:
            return
        text = HINT if self.strips.chosen is None else self.describe(self.strips.chosen)
        self.reading.setText(text)
        self.reading.setToolTip(text)
        self.strips.setToolTip("" if self.strips.chosen is None else text)

    def describe(self, unit: Unit) -> str:
        """A unit's activity in words."""
        assert self.activity is not None
        node, number = self.activity.nodes[unit[0]], unit[1]
        name = f"{node.name}, {'channel' if node.is_map else 'unit'} {number + 1}"
        if node.dead[number]:
            history = self._history()
            since, first = int(dead_since(history)[node.node][number]), history[0][0]
            known = (
                f"at every look since step {since:,}" if since > first else f"since step {since:,} or before"
            )
            return f"{name}: dead, {known}"
        if node.saturated[number]:
            return f"{name}: saturated, at an end of its range for nearly all images"
        if node.is_map:
            images = _percent(node.fires_in[number])
            return f"{name}: fires at {_percent(node.fires[number])} of places, in {images} of images"
        return f"{name}: fires for {_percent(node.fires[number])} of images"


def _percent(share: Any) -> str:
    return f"{100 * float(share):.1f} %"


class _Legend(QWidget):
    """What the cells mean."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setAccessibleName("Darker cells fire more often; a cross is a dead unit, a dot a saturated one")
        self.setToolTip(
            "Darker: fires more often. ×: dead, its output never changes. ●: saturated, nearly always at an end of "
            "its range (sigmoid and tanh)."
        )

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        self._theme = theme
        self.setFont(theme.font(theme.font_small))
        self.setFixedSize(self.sizeHint())
        self.update()

    def sizeHint(self) -> QSize:
        """One line."""
        metrics = self.fontMetrics()
        return QSize(
            metrics.horizontalAdvance("never  always") + 5 * int(CELL + 1) + 12, metrics.height() + 2
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        """Never, five shades, always."""
        painter = QPainter(self)
        painter.setPen(QColor(self._theme.muted_text))
        line = QRectF(self.rect())
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, "never")
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, "always")
        left = self.fontMetrics().horizontalAdvance("never ") + 3.0
        top = (self.height() - CELL) / 2
        for number in range(5):
            cell = QRectF(left + number * (CELL + 1), top, CELL, CELL)
            painter.fillRect(cell, QColor(shade(self._theme, number / 4)))
        painter.end()
