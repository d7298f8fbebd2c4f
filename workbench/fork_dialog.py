"""Asks where and how a run is forked: at which of its checkpoints, with what settings and design, for how long."""

from dataclasses import replace

import msgspec
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QFormLayout, QLabel, QVBoxLayout, QWidget

from engine.api import Fork, GaborError, Project, Run, best_epoch, epochs_without_better, fork
from workbench.panels.number_box import NumberBox

OWN, NOW = "The run's own", "As they are in the window now"


class ForkDialog(QDialog):
    """`chosen` is the fork that the answers mean, or None while they mean none; `words` say why, or what is kept."""

    def __init__(self, run: Run, name: str, now: Project, parent: QWidget | None = None) -> None:
        """`now` is the project as the window has it."""
        super().__init__(parent)
        self.setWindowTitle(f"Fork {name}")
        self.setMinimumWidth(590)
        self._run, self._now = run, now
        self.chosen: Fork | None = None
        self.place = QComboBox()
        self.place.setAccessibleName("Checkpoint")
        self.place.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        for step, text in _places(run):
            self.place.addItem(text, step)
            # The first from which there is something left to do.
            if run.timeline.epochs_done(self.place.currentData()) >= run.project.training.epochs:
                self.place.setCurrentIndex(self.place.count() - 1)
        self.settings = QComboBox()
        self.settings.setAccessibleName("Settings and design")
        self.settings.addItems([OWN, NOW])
        self.epochs = NumberBox(whole=True, minimum=1, maximum=1_000_000)
        self.epochs.setAccessibleName("Epochs")
        self.epochs.setToolTip("Epochs of the whole training, counted from the beginning of the first run")
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setMinimumHeight(3 * self.fontMetrics().lineSpacing())
        self.words.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.words.setAccessibleName("What comes of it")
        buttons = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(buttons.Ok | buttons.Cancel)
        self.buttons.button(buttons.Ok).setText("Fork and train")
        self.buttons.button(buttons.Ok).setProperty("primary", True)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self._lay_out()
        self.place.currentIndexChanged.connect(self._choose)
        self.settings.currentIndexChanged.connect(self._offer_epochs)
        self.epochs.edited.connect(self._choose)
        self._offer_epochs()

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setSpacing(10)
        form.addRow("&Checkpoint", self.place)
        form.addRow("&Settings and design", self.settings)
        form.addRow("&Epochs", self.epochs)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 16)
        column.setSpacing(14)
        column.addLayout(form)
        column.addWidget(self.words)
        column.addWidget(self.buttons)

    def _offer_epochs(self) -> None:
        own = self.settings.currentText() == OWN
        self.epochs.set_value((self._run.project if own else self._now).training.epochs)
        self._choose()

    def _choose(self) -> None:
        self.chosen = None
        try:
            self.chosen, words = self._meant()
        except GaborError as error:
            words = str(error)
        self.words.setText(words)
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(self.chosen is not None)

    def _meant(self) -> tuple[Fork | None, str]:
        step, epochs = self.place.currentData(), self.epochs.value
        if epochs is None or epochs < 1:
            return None, "Epochs takes a whole number from 1."
        own = fork(self._run, step)
        then = own.run.project
        wanted = then if self.settings.currentText() == OWN else self._now
        wanted = replace(wanted, training=msgspec.structs.replace(wanted.training, epochs=int(epochs)))
        done = self._run.timeline.epochs_done(step)
        if epochs <= done:
            return (
                None,
                f"{done:,} epochs are done there: raise Epochs above {done:,}, or choose an earlier checkpoint.",
            )
        found = own if wanted == then else fork(self._run, step, wanted)
        settings = found.run.project.training
        if 0 < settings.patience <= epochs_without_better(found.run.epochs, settings.best_by):
            words = "no epoch was better for as long as Patience bears it: go on from the best epoch, or raise Patience"
            return None, f"There, {words} and choose the window's settings."
        same = " Nothing else is changed, so it will take the same steps." if wanted == then else ""
        return found, found.told() + same


def _places(run: Run) -> list[tuple[int, str]]:
    """Steps of the checkpoints and what they are, the last first, the best next."""
    best = best_epoch(run)
    kept = {one.step for one in run.checkpoints}
    found = []
    if run.checkpoint is not None:
        kept.add(run.checkpoint.step)
        found.append((run.checkpoint.step, f"The last: {_when(run, run.checkpoint.step)}"))
    if best is not None and best.step in kept:
        told = f"The best epoch: {_when(run, best.step)} ({100 * best.accuracy:.2f} %)"
        found.append((best.step, told))
    others = sorted(kept - {step for step, _ in found}, reverse=True)
    return found + [(step, _when(run, step).capitalize()) for step in others]


def _when(run: Run, step: int) -> str:
    timeline = run.timeline
    done = timeline.epochs_done(step)
    return f"after epoch {done:,}, step {step:,}" if timeline.ends_epoch(step) else f"step {step:,}"
