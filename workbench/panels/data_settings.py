"""The settings of the data recipe: split, preparation, how own images are read, augmentation."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QToolButton, QVBoxLayout, QWidget

from engine.api import DesignError, Setting
from workbench.document.document import Document
from workbench.panels.data_source import reads_pictures
from workbench.panels.field_editors import ChoiceEditor, SettingsForm
from workbench.panels.training_settings import AUGMENTATION, DATA, FILTERS, OWN_IMAGES, WORDS

_SOURCE = "dataset"


class DataSettings(QWidget):
    """Edits the document's recipe, all but which data it names; every edit can be undone."""

    def __init__(self, document: Document) -> None:
        super().__init__()
        self._document = document
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self.own_form = settings_form(OWN_IMAGES)
        self.form = settings_form([setting for setting in DATA if setting.name != _SOURCE])
        self.filters_form = settings_form(FILTERS)
        self.filters = fold("Colours and filters", self.filters_form)
        self.augmentation_form = settings_form(AUGMENTATION)
        self.augmentation = fold("Augmentation", self.augmentation_form)
        for form in self._forms():
            form.edited.connect(self._edit)
        column.addWidget(self.own_form)
        column.addWidget(self.form)
        for button, form in ((self.filters, self.filters_form), (self.augmentation, self.augmentation_form)):
            column.addWidget(button)
            column.addWidget(form)
        document.changed.connect(self.refresh)
        self.refresh()

    def _forms(self) -> tuple[SettingsForm, ...]:
        return self.own_form, self.form, self.filters_form, self.augmentation_form

    def refresh(self) -> None:
        """Show the recipe that the document holds."""
        recipe = self._document.project.data
        for form in self._forms():
            form.set_values(msgspec.structs.asdict(recipe))
        self.own_form.setVisible(reads_pictures(recipe))
        with_gabor = recipe.filtering == "gabor"
        for name, used in (
            ("filtered_only", recipe.filtering != "none"),
            ("gabor_orientations", with_gabor),
            ("gabor_wavelength", with_gabor),
        ):
            self.filters_form.editors[name].setEnabled(used)

    def _edit(self, name: str, value: object) -> None:
        form = next(form for form in self._forms() if name in form.editors)
        checked = checked_value(form, name, value)
        if checked is None:
            return
        project = self._document.project
        recipe = msgspec.structs.replace(project.data, **{name: checked})
        label = form.editors[name].setting.label
        key = f"data.{name} {form.visits[name]}"
        self._document.apply(f"Set {label.lower()}", replace(project, data=recipe), merge_key=key)


def checked_value(form: SettingsForm, name: str, value: object) -> object | None:
    """The value in its stored form, or None with the reason shown below its field."""
    setting = form.editors[name].setting
    try:
        if value is None:
            raise DesignError(f"{setting.label} takes a number, such as {setting.default}.")
        checked: object = setting.normalise(value, "training")
    except DesignError as error:
        form.set_error(name, str(error).replace(" of training", ""))
        return None
    form.set_error(name, "")
    return checked


def settings_form(settings: Sequence[Setting]) -> SettingsForm:
    """A form of declared settings, whose choices are called as in WORDS."""
    labels: Mapping[str, str] = WORDS
    editors = {
        setting.name: ChoiceEditor(setting, labels) for setting in settings if setting.kind == "choice"
    }
    return SettingsForm(settings, editors)


def fold(text: str, form: SettingsForm) -> QToolButton:
    """A button that shows and hides a form, which is hidden at first."""
    button = QToolButton()
    button.setText(text)
    button.setCheckable(True)
    button.setProperty("fold", True)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)

    def show(on: bool) -> None:
        form.setVisible(on)
        button.setArrowType(Qt.ArrowType.DownArrow if on else Qt.ArrowType.RightArrow)

    button.toggled.connect(show)
    show(False)
    return button
