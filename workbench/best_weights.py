"""Offers the weights of a run's best epoch, or of its last step again, as its result."""

from dataclasses import replace

import msgspec
from PySide6.QtCore import QObject
from PySide6.QtGui import QAction

from engine.api import Run, best_epoch, epochs_without_better
from workbench.document.document import Document
from workbench.training_control import TrainingControl


class BestWeights(QObject):
    """`action` tests the newest run with the other weights; its result, and all that looks into it, are then those."""

    def __init__(self, document: Document, training: TrainingControl, parent: QObject) -> None:
        super().__init__(parent)
        self._document, self._training = document, training
        self.action = QAction("Use the &best weights", self)
        self.action.triggered.connect(lambda: self.use_others())
        for signal in (document.runs_changed, training.state_changed):
            signal.connect(self._follow)
        self._follow()

    def use_others(self) -> None:
        """Go on with the run to its end, which is reached: what is left is the test with the other weights."""
        run = self._offered()
        if run is not None:
            best = run.result_step < 0
            settings = msgspec.structs.replace(run.project.training, restore_best=best)
            self._training.go_on_with(replace(run, project=replace(run.project, training=settings)))

    def _offered(self) -> Run | None:
        """The newest run, when it has come to its end and its best epoch is not its last."""
        run = self._training.run
        if run is None or run.checkpoint is None or self._training.session.is_active or not _is_done(run):
            return None
        best = best_epoch(run)
        return run if best is not None and best.step < run.step and run.at(best.step) is not None else None

    def _follow(self) -> None:
        run = self._offered()
        self.action.setVisible(run is not None)
        if run is None:
            return
        best = best_epoch(run)
        assert best is not None
        if run.result_step < 0:
            self.action.setText(f"Use the &best weights (epoch {best.epoch:,})")
            accuracy = f"{100 * best.accuracy:.2f} % on the validation set"
            self.action.setToolTip(
                f"Test the weights of epoch {best.epoch:,} ({accuracy}) and look into them"
            )
        else:
            self.action.setText("Use the &last weights")
            self.action.setToolTip("Test the weights of the last step and look into them; the best ones stay")


def _is_done(run: Run) -> bool:
    """Whether a run that goes on with its own settings has no step left."""
    settings = run.project.training
    waited = epochs_without_better(run.epochs, settings.best_by)
    return run.step >= run.timeline.steps_until(settings.epochs) or 0 < settings.patience <= waited
