"""Joins the time slider with the document and its pictures: going back, playing as a film, exporting."""

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QAction, QKeySequence

from engine.api import MEGABYTE, snapshot_bytes
from workbench.document.document import Document
from workbench.film_dialog import FilmDialog
from workbench.inspection.time_line import TimeLine
from workbench.panels.results import Results
from workbench.panels.time_bar import TimeBar, play_icon
from workbench.panels.training_panel import replace_struct
from workbench.theme import Theme

_FRAME_MS = 125
_LONGEST_MS = 20_000
"""A film of many moments leaves some out, so that nobody waits longer."""


class TimeControl(QObject):
    """The bar, its actions, and what follows the moment that is chosen."""

    told = Signal(str)
    """A sentence about something that was done."""

    def __init__(
        self,
        line: TimeLine,
        document: Document,
        results: Results,
        theme: Theme,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.line = line
        self._document = document
        self._theme = theme
        self._timer = QTimer(self)
        self._timer.setInterval(_FRAME_MS)
        self._timer.timeout.connect(self._next_frame)
        self.play = self._action("Play the training as a film", "F7", self.play_or_pause)
        self.newest = self._action("Newest", "Shift+F7", self.go_to_newest)
        self.newest.setToolTip("Show the newest moment again, and follow the training (Shift+F7)")
        self.back = self._action("One moment back", "Alt+Left", lambda: self._step(-1))
        self.on = self._action("One moment on", "Alt+Right", lambda: self._step(1))
        self.export = self._action("Export film…", "", self.export_film)
        self.export.setToolTip("Save the training as an animated GIF or as numbered PNG frames")
        self.bar = TimeBar(line, (self.play, self.newest, self.export), theme)
        self.bar.limit_changed.connect(self._set_limit)
        line.moved.connect(lambda: results.show_moment(line.moment, line.known("confusion")))
        line.moved.connect(self._enable)
        line.grew.connect(self._refresh)
        document.changed.connect(lambda before: self._refresh())
        document.runs_changed.connect(self._refresh)
        self._refresh()
        self.apply_theme(theme)

    def _action(self, text: str, key: str, do: Callable[[], object]) -> QAction:
        action = QAction(text, self)
        if key:
            action.setShortcut(QKeySequence(key))
            action.setToolTip(f"{text} ({key})")
        action.triggered.connect(lambda: do())
        return action

    @property
    def actions(self) -> tuple[QAction, ...]:
        """Everything that can be done, for a menu."""
        return self.play, self.back, self.on, self.newest, self.export

    def apply_theme(self, theme: Theme) -> None:
        """Draw the bar with another theme."""
        self._theme = theme
        self.bar.apply_theme(theme)
        self._show_playing()

    @property
    def plays(self) -> bool:
        """True while the film runs."""
        return self._timer.isActive()

    def play_or_pause(self) -> None:
        """Begin the film where it stands, from the start at its end; or let it stand still."""
        if self.plays:
            self._timer.stop()
        elif len(self.line.snapshots) > 1:
            if self.line.moment is None:
                self.line.go(0)
            self._timer.start()
        self._show_playing()

    def go_to_newest(self) -> None:
        """Show the newest moment again."""
        self._timer.stop()
        self._show_playing()
        self.line.go(len(self.line.snapshots) - 1)

    def export_film(self) -> FilmDialog:
        """Ask what to export and where."""
        self._timer.stop()
        self._show_playing()
        project = self.line.project or self._document.project
        dialog = FilmDialog(self.line, project, self.line.class_names, self._theme, self.bar.window())
        dialog.written.connect(self.told)
        dialog.show()
        return dialog

    def _step(self, by: int) -> None:
        self.line.go(self.line.position + by)

    def _next_frame(self) -> None:
        count = len(self.line.snapshots)
        by = max(1, round(count * _FRAME_MS / _LONGEST_MS))
        self.line.go(self.line.position + by)
        if self.line.moment is None:
            self._timer.stop()
        self._show_playing()

    def _show_playing(self) -> None:
        self.play.setIcon(play_icon(self._theme, self.plays))
        self.play.setText("Pause the film" if self.plays else "Play the training as a film")
        self.play.setToolTip(f"{self.play.text()} (F7)")

    def _enable(self) -> None:
        has_past = len(self.line.snapshots) > 1
        self.bar.setVisible(has_past)
        for action in self.actions:
            action.setEnabled(has_past)
        self.newest.setEnabled(self.line.moment is not None)
        self.back.setEnabled(has_past and self.line.position > 0)
        self.on.setEnabled(self.line.moment is not None)

    def _refresh(self) -> None:
        runs = [run for run in self._document.runs if run.id != self.line.run_id]
        taken = self.line.size + sum(snapshot_bytes(shot) for run in runs for shot in run.snapshots)
        limit = self._document.project.training.snapshot_megabytes
        self.bar.show_room(min(taken, limit * MEGABYTE), limit)
        self._enable()

    def _set_limit(self, megabytes: int) -> None:
        project = self._document.project
        training = replace_struct(project.training, snapshot_megabytes=megabytes)
        self._document.apply(
            "Set room for snapshots", replace(project, training=training), merge_key="snapshots"
        )
