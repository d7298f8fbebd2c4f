"""What may be changed while a network trains: fields that are taken with Enter, and when each takes effect."""

from collections.abc import Mapping
from dataclasses import replace

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from engine.api import STEERABLE, Change, DesignError, Project, Setting, SettingChanged, settings_of
from workbench.panels.field_editors import NumberEditor, SettingsForm
from workbench.panels.training_settings import LEARNING

HINT = "Enter takes a value. It holds from the next step on, a batch size from the next epoch on."


class SteeringForm(QWidget):
    """Fields of a running training, apart from the project's, which are those of the next one."""

    wished = Signal(object)
    """A `Change` that the user asks for."""

    def __init__(self, heading: QLabel, words: QLabel) -> None:
        super().__init__()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        heading.setText("While it trains")
        self.form = SettingsForm(())
        self.answer = words
        self._owners: dict[str, tuple[str, Setting]] = {}
        self._typed: dict[str, object] = {}
        for part in (heading, self.form, self.answer):
            self._column.addWidget(part)
        self.setAccessibleName("Settings of the running training")
        self.hide()

    def begin(self, project: Project) -> None:
        """Offer what may be changed of a training that begins with these settings."""
        self._owners = {setting.name: ("", setting) for setting in LEARNING if setting.name in STEERABLE} | {
            f"{node.id}/{setting.name}": (node.id, _of_node(setting, node.name))
            for node in project.graph.nodes.values()
            for setting in settings_of(type(node.layer))
            if setting.live and not node.muted
        }
        self._typed.clear()
        form = SettingsForm([replace(setting, name=key) for key, (_, setting) in self._owners.items()])
        form.set_previewing(True)
        self._column.replaceWidget(self.form, form)
        self.form.deleteLater()
        self.form = form
        form.edited.connect(self._edited)
        for key, editor in form.editors.items():
            assert isinstance(editor, NumberEditor)
            editor.box.editingFinished.connect(lambda key=key: self._take(key))
        self.answer.setText(HINT)
        self.form.set_values(_values(project, self._owners))

    def show_change(self, event: SettingChanged) -> None:
        """A value has taken effect."""
        key = f"{event.node}/{event.name}" if event.node else event.name
        if key in self._owners and key not in self._typed:
            self.form.set_values({key: _number(self._owners[key][1], event.new)})

    def show_answer(self, change: Change, words: str, refused: bool) -> None:
        """Say when a change takes effect, or why it does not."""
        key = f"{change.node}/{change.name}" if change.node else change.name
        if key not in self._owners:
            return
        setting = self._owners[key][1]
        self.form.set_error(key, words if refused else "")
        if not refused:
            self.form.set_values({key: _number(setting, change.value)})
            self.answer.setText(f"{setting.label} {change.value:g}: {words[0].lower()}{words[1:]}")

    def _edited(self, key: str, value: object) -> None:
        editor = self.form.editors[key]
        assert isinstance(editor, NumberEditor)
        self._typed[key] = value
        # While a number is typed it passes through others, such as 0 on the way to 0.001.
        if not editor.box.lineEdit().isModified():
            self._take(key)

    def _take(self, key: str) -> None:
        if key not in self._typed:
            return
        value = self._typed.pop(key)
        node, setting = self._owners[key]
        try:
            if value is None:
                raise DesignError(f"{setting.label} takes a number, such as {setting.default}.")
            number = float(setting.normalise(value, "training"))
        except DesignError as error:
            self.form.set_error(key, str(error).replace(" of training", ""))
            return
        self.form.set_error(key, "")
        with QSignalBlocker(self.form):
            self.form.set_values({key: _number(setting, number)})
        name = key.rpartition("/")[2]
        self.wished.emit(Change(name, number, node))


def _of_node(setting: Setting, node: str) -> Setting:
    return replace(setting, label=f"{node} {setting.name}", help=f"{setting.label}. {setting.help}")


def _values(project: Project, owners: Mapping[str, tuple[str, Setting]]) -> dict[str, object]:
    found = {}
    for key, (node, _) in owners.items():
        owner = project.graph.nodes[node].layer if node else project.training
        found[key] = getattr(owner, key.rpartition("/")[2])
    return found


def _number(setting: Setting, value: float) -> float:
    return round(value) if setting.kind == "integer" else value
