"""The training dock: what to learn from, how, on what; start, pause, stop; how far it is and how it ended."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from PySide6.QtCore import QElapsedTimer, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
)

from engine.api import DeviceInfo, Project
from workbench.document.document import Document
from workbench.panels.data_settings import checked_value, fold, settings_form
from workbench.panels.data_source import data_name
from workbench.panels.field_editors import ChoiceEditor, SettingsForm, surface
from workbench.panels.run_progress import RunProgress
from workbench.panels.steering_form import SteeringForm
from workbench.panels.training_settings import (
    ADAM_ONLY,
    DEVICE,
    KEEPING,
    LEARNING,
    MORE,
    SGD_ONLY,
    USED_BY_SCHEDULE,
    WORDS,
    is_used,
)

_TEXT_MS = 240
"""Numbers that change faster cannot be read."""


@dataclass(frozen=True)
class TrainingActions:
    """What the panel's buttons do; menu and tool bar share them."""

    train: QAction
    resume_run: QAction
    pause: QAction
    stop: QAction


class ActionButton(QPushButton):
    """A push button that shows and triggers an action."""

    def __init__(self, action: QAction, *, primary: bool = False, behind: QAction | None = None) -> None:
        """`behind`: an action that is the primary one while it can be had."""
        super().__init__()
        self._action, self._primary, self._behind = action, primary, behind
        if behind is not None:
            behind.changed.connect(self._follow)
        self.clicked.connect(action.trigger)
        action.changed.connect(self._follow)
        self._follow()

    def _follow(self) -> None:
        self.setText(self._action.text().replace("&", ""))
        self.setEnabled(self._action.isEnabled())
        self.setVisible(self._action.isVisible())
        self.setToolTip(self._action.toolTip())
        behind = self._behind is not None and self._behind.isVisible() and self._behind.isEnabled()
        primary = self._primary and not behind
        if self.property("primary") != primary:
            self.setProperty("primary", primary)
            self.style().unpolish(self)
            self.style().polish(self)


class TrainingPanel(QScrollArea):
    """Edits the document's recipe and training settings, and shows how a training goes."""

    message = Signal(str)
    data_requested = Signal()
    """The data shall be chosen or looked at."""

    def __init__(self, document: Document, actions: TrainingActions) -> None:
        super().__init__()
        self._document = document
        self.progress = RunProgress()
        self._clock = QElapsedTimer()
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Training")
        body = surface()
        column = QVBoxLayout(body)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(8)
        self._build_controls(column, actions)
        self._build_learning(column)
        self._build_data(column)
        column.addStretch(1)
        self.setWidget(body)
        document.changed.connect(self._follow_document)
        self.refresh()

    # What is shown

    def _build_controls(self, column: QVBoxLayout, actions: TrainingActions) -> None:
        row = QHBoxLayout()
        row.setSpacing(6)
        self.buttons = {
            "resume_run": ActionButton(actions.resume_run, primary=True),
            "train": ActionButton(actions.train, primary=True, behind=actions.resume_run),
            "pause": ActionButton(actions.pause, primary=True),
            "stop": ActionButton(actions.stop),
        }
        for button in self.buttons.values():
            row.addWidget(button, 1)
        column.addLayout(row)
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Training progress")
        self.bar.hide()
        self.place = _words()
        self.pace = _words()
        self.sentence = QLabel()
        self.sentence.setWordWrap(True)
        self.sentence.setAccessibleName("Result of the training")
        self.further = _words()
        self.earlier = _words()
        for label in (self.further, self.earlier):
            label.hide()
        for widget in (self.bar, self.place, self.pace, self.sentence, self.further, self.earlier):
            column.addWidget(widget)
        self.offered = QHBoxLayout()
        column.addLayout(self.offered)
        self.steering = SteeringForm(_heading(""), _words())
        column.addWidget(self.steering)

    def _build_data(self, column: QVBoxLayout) -> None:
        column.addWidget(_heading("Data"))
        row = QHBoxLayout()
        self.data = QLabel()
        self.data.setWordWrap(True)
        self.data_button = QPushButton("Data…")
        self.data_button.setToolTip("Choose the images to learn from, see and prepare them")
        self.data_button.clicked.connect(self.data_requested)
        row.addWidget(self.data, 1)
        row.addWidget(self.data_button)
        column.addLayout(row)

    def _build_learning(self, column: QVBoxLayout) -> None:
        self.learning = _heading("Learning")
        column.addWidget(self.learning)
        self.learning_form = settings_form((*LEARNING, DEVICE))
        self.learning_form.edited.connect(self._edit_training)
        column.addWidget(self.learning_form)
        self.more_form = settings_form(MORE)
        self.more_form.edited.connect(self._edit_training)
        self.keeping_form = settings_form(KEEPING)
        self.keeping_form.edited.connect(self._edit_training)
        self.keeping = fold("Checkpoints and early stopping", self.keeping_form)
        self.more = fold("More settings", self.more_form)
        for part, form in ((self.keeping, self.keeping_form), (self.more, self.more_form)):
            column.addWidget(part)
            column.addWidget(form)

    def offer(self, action: QAction) -> None:
        """Show a button for an action below what is said about the run, while it can be had."""
        self.offered.addWidget(ActionButton(action))

    def set_devices(self, found: Sequence[DeviceInfo]) -> None:
        """Offer the devices of this machine."""
        labels = {"auto": WORDS["auto"]} | {device.name: device.description for device in found}
        editor = self.learning_form.editors["device"]
        assert isinstance(editor, ChoiceEditor)
        editor.set_choices(labels)
        editor.set_value(self._document.project.training.device)

    def _follow_document(self, before: Project) -> None:
        now = self._document.project
        if before.data is not now.data or before.training is not now.training:
            self.refresh()

    def refresh(self) -> None:
        """Show the recipe and the settings that the document holds."""
        project = self._document.project
        self.data.setText(data_name(project.data))
        values = msgspec.structs.asdict(project.training)
        self.learning_form.set_values(values)
        self.keeping_form.set_values(values)
        self.more_form.set_values(values)
        for name in (*ADAM_ONLY, *SGD_ONLY):
            self.more_form.editors[name].setEnabled(is_used(name, project.training))
        for name in USED_BY_SCHEDULE:
            self.learning_form.set_shown(name, is_used(name, project.training))

    def show_progress(self, progress: RunProgress, *, at_once: bool = False) -> None:
        """Show how far the training is."""
        self.progress = progress
        if not at_once and self._clock.isValid() and self._clock.elapsed() < _TEXT_MS:
            return
        self._clock.start()
        self.bar.setValue(round(1000 * progress.share))
        self.bar.setVisible(progress.total_steps > 0)
        self.place.setText(progress.place())
        self.pace.setText("" if progress.ended else progress.pace())
        self.place.setVisible(bool(self.place.text()))
        self.pace.setVisible(bool(self.pace.text()))

    def show_sentence(self, text: str, *, failed: bool = False) -> None:
        """Say what is going on, how the run ended, or why it failed."""
        self.sentence.setText(text)
        self.sentence.setVisible(bool(text))
        if self.sentence.property("problem") != failed:
            self.sentence.setProperty("problem", failed)
            self.sentence.style().unpolish(self.sentence)
            self.sentence.style().polish(self.sentence)

    def show_further(self, text: str) -> None:
        """Say how a run that has done all its epochs is trained further; "" for nothing."""
        self.further.setText(text)
        self.further.setVisible(bool(text))

    def show_difference(self, text: str) -> None:
        """Say how the document differs from what was trained; "" for nothing."""
        self.earlier.setText(text)
        self.earlier.setVisible(bool(text))

    # What is edited

    def _edit_training(self, name: str, value: object) -> None:
        forms = (self.learning_form, self.keeping_form, self.more_form)
        form = next(form for form in forms if name in form.editors)
        checked = checked_value(form, name, value)
        if checked is not None:
            self._apply(
                name, form, training=replace_struct(self._document.project.training, **{name: checked})
            )

    def _apply(self, name: str, form: SettingsForm, **changes: Any) -> None:
        label = form.editors[name].setting.label
        text = f"Set {label if label[0] in 'βε' else label.lower()}"
        key = f"{name} {form.visits[name]}"
        self._document.apply(text, replace(self._document.project, **changes), merge_key=key)


def replace_struct(struct: Any, **changes: object) -> Any:
    """A copy of a settings struct with some fields changed."""
    return msgspec.structs.replace(struct, **changes)


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("heading", True)
    label.setContentsMargins(0, 8, 0, 0)
    return label


def _words() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setProperty("muted", True)
    return label
