"""Forks of runs in the window: asks where and how, then trains them."""

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from engine.api import Run
from workbench.document.document import Document
from workbench.fork_dialog import ForkDialog
from workbench.panels.runs_model import run_name
from workbench.panels.runs_panel import RunsPanel
from workbench.training_control import TrainingControl


class ForkControl(QObject):
    """`action` forks the run that is selected among the runs, or the newest one."""

    def __init__(
        self, document: Document, training: TrainingControl, runs: RunsPanel, window: QWidget
    ) -> None:
        super().__init__(window)
        self._document, self._training, self._runs, self._window = document, training, runs, window
        self.dialog: ForkDialog | None = None
        self.action = QAction("&Fork run…", self)
        self.action.setShortcut(QKeySequence("Ctrl+Shift+F5"))
        self.action.triggered.connect(lambda: self.ask())
        runs.fork_requested.connect(self.ask)
        for signal in (document.runs_changed, training.state_changed):
            signal.connect(self._follow)
        self._follow()

    def _follow(self) -> None:
        can = not self._training.session.is_active
        has = any(run.checkpoint is not None for run in self._document.runs)
        self.action.setEnabled(can and has)
        tip = "Go on from a checkpoint of a run, as a run of its own (Ctrl+Shift+F5)"
        self.action.setToolTip(tip if can else "A run is forked when no training is going on: stop it first")
        self._runs.set_forkable(can)

    def ask(self, run_id: str = "") -> None:
        """Ask how the run of that id is forked; without one, the selected or the newest run."""
        run = self._document.find_run(run_id) if run_id else self._chosen()
        if run is None or run.checkpoint is None or self._training.session.is_active:
            return
        number = self._document.runs.index(run) + 1
        self.dialog = ForkDialog(run, run_name(run, number), self._document.project, self._window)
        self.dialog.accepted.connect(self._begin)
        self.dialog.open()

    def _chosen(self) -> Run | None:
        selected = self._runs.selected
        if len(selected) == 1:
            return self._document.find_run(selected[0])
        return next((run for run in reversed(self._document.runs) if run.checkpoint is not None), None)

    def _begin(self) -> None:
        if self.dialog is not None and self.dialog.chosen is not None:
            self._training.go_on_with(self.dialog.chosen.run)
