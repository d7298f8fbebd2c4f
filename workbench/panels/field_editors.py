"""One editor for each kind of setting, and the form that a list of declared settings turns into."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import qtawesome
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from engine.api import Setting
from workbench.panels.number_box import NumberBox

_NARROW = 48
"""Pixels for a number of three digits and its arrows."""
VARIOUS = object()
"""Stands for the value of a setting in which the edited nodes differ."""


class FieldEditor(QWidget):
    """Edits one value. `edited` carries what the user gave; the receiver judges it and may answer with `set_error`."""

    edited = Signal(object)
    previewed = Signal(object)
    """A value that is being turned and not taken yet."""
    preview_ended = Signal()
    left = Signal()
    """The user went on to another field."""

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.setting = setting
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(0, 0, 0, 0)
        self.row.setSpacing(4)

    def set_value(self, value: Any) -> None:
        """Show a value in its stored form, or VARIOUS."""
        raise NotImplementedError

    def set_invalid(self, invalid: bool) -> None:
        """Mark the field as not accepted; the words stand below it."""
        for child in self.findChildren(NumberBox):
            if child.property("invalid") != invalid:
                child.setProperty("invalid", invalid)
                child.style().unpolish(child)
                child.style().polish(child)


class NumberEditor(FieldEditor):
    """A whole or real number."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.box = _number_box(setting, setting.label)
        self.box.edited.connect(self.edited)
        self.box.spun.connect(self.previewed)
        self.box.unspun.connect(self.preview_ended)
        self.box.left.connect(self.left)
        self.row.addWidget(self.box, 1)
        self.setFocusProxy(self.box)

    def set_value(self, value: Any) -> None:
        """Show the number."""
        self.box.set_value(None if value is VARIOUS else value)


class FlagEditor(FieldEditor):
    """On or off."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.check = QCheckBox()
        self.check.setAccessibleName(setting.label)
        self.check.setToolTip(setting.help)
        self.check.clicked.connect(lambda: self.edited.emit(self.check.isChecked()))
        self.row.addWidget(self.check)
        self.row.addStretch(1)
        self.setFocusProxy(self.check)

    def set_value(self, value: Any) -> None:
        """Show the state; half checked when the nodes differ."""
        state = Qt.CheckState.Checked if value else Qt.CheckState.Unchecked
        self.check.setCheckState(Qt.CheckState.PartiallyChecked if value is VARIOUS else state)


class ChoiceEditor(FieldEditor):
    """One of the declared choices; `labels` are their spellings for users."""

    def __init__(self, setting: Setting, labels: Mapping[str, str] | None = None) -> None:
        super().__init__(setting)
        self.combo = QComboBox()
        self.combo.setAccessibleName(setting.label)
        self.combo.setToolTip(setting.help)
        self.combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.combo.setMinimumContentsLength(6)
        self.set_choices({name: (labels or {}).get(name, name.replace("_", " ")) for name in setting.choices})
        self.combo.activated.connect(lambda index: self.edited.emit(self.combo.itemData(index)))
        self.combo.installEventFilter(_quiet_wheel)
        self.combo.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.row.addWidget(self.combo, 1)
        self.setFocusProxy(self.combo)

    def set_choices(self, labels: Mapping[str, str]) -> None:
        """Offer these values under these words."""
        current = self.combo.currentData()
        self.combo.clear()
        for value, words in labels.items():
            self.combo.addItem(words, value)
        self.combo.setCurrentIndex(self.combo.findData(current))

    def set_value(self, value: Any) -> None:
        """Show the choice; nothing when the nodes differ."""
        if value is not VARIOUS and self.combo.findData(value) < 0:
            self.combo.addItem(str(value), value)
        self.combo.setCurrentIndex(-1 if value is VARIOUS else self.combo.findData(value))


class AxesEditor(FieldEditor):
    """Several whole numbers; a link makes one number set all of them."""

    AXES: Mapping[str, tuple[str, ...]] = {
        "size": ("vertical", "horizontal"),
        "padding": ("top", "bottom", "left", "right"),
        "shape": ("channels", "height", "width"),
    }
    MARKS: Mapping[str, str] = {
        "vertical": "↕", "horizontal": "↔", "top": "↑", "bottom": "↓", "left": "←", "right": "→",
        "channels": "C", "height": "H", "width": "W",
    }  # fmt: skip

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self._axes = self.AXES[setting.kind]
        self._value: tuple[int, ...] | None = None
        self.boxes = [_number_box(setting, f"{setting.label}, {axis}") for axis in self._axes]
        self._marks = [QLabel(self.MARKS[axis]) for axis in self._axes]
        for mark in self._marks:
            mark.setProperty("muted", True)
        self._together = QWidget()
        self._grid = QGridLayout(self._together)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(4)
        if len(self.boxes) == 3:
            # Three beside each other would be wider than the panel is at first.
            self._grid.setHorizontalSpacing(2)
            for box in self.boxes:
                box.setMinimumWidth(_NARROW)
                box.setProperty("narrow", True)
        for place, box in enumerate(self.boxes):
            box.edited.connect(self._changed)
            box.spun.connect(lambda _: self.previewed.emit(self._given()))
            box.unspun.connect(self.preview_ended)
            box.left.connect(self.left)
            box.setToolTip(f"{self._axes[place].capitalize()}. {setting.help}")
            row, column = divmod(place, 2 if len(self.boxes) == 4 else 3)
            self._grid.addWidget(self._marks[place], row, 2 * column)
            self._grid.addWidget(box, row, 2 * column + 1)
        self.row.addWidget(self._together, 1)
        self.link = QToolButton()
        self.link.setCheckable(True)
        self.link.setIcon(
            qtawesome.icon("mdi6.link-variant", color=self.palette().color(QPalette.ColorRole.Text))
        )
        self.link.setAccessibleName(f"Link the axes of {setting.label}")
        self.link.setToolTip("Linked: one number sets every axis")
        self.link.toggled.connect(self._set_linked)
        self.link.clicked.connect(self._link_clicked)
        self.row.addWidget(self.link, 0, Qt.AlignmentFlag.AlignTop)
        self._set_linked(False)
        self.link.setVisible(setting.kind != "shape")
        self.link.setChecked(setting.kind != "shape")
        self.setFocusProxy(self.boxes[0])

    def set_value(self, value: Any) -> None:
        """Show the numbers; unlinks when they differ."""
        self._value = None if value is VARIOUS else tuple(value)
        if self._value is not None and len(set(self._value)) > 1:
            self.link.setChecked(False)
        for place, box in enumerate(self.boxes):
            box.set_value(None if self._value is None else self._value[place])

    def _changed(self) -> None:
        self.edited.emit(self._given())

    def _given(self) -> object:
        if self.link.isChecked():
            return self.boxes[0].value
        values = tuple(box.value for box in self.boxes)
        return None if None in values else values

    def _set_linked(self, linked: bool) -> None:
        for widget in (*self.boxes[1:], *self._marks):
            widget.setVisible(not linked)
        for column in range(1, self._grid.columnCount(), 2):
            self._grid.setColumnStretch(column, int(column == 1 or not linked))

    def _link_clicked(self, linked: bool) -> None:
        if linked and self._value is not None and len(set(self._value)) > 1:
            self.edited.emit(self._value[0])


EDITORS: Mapping[str, Callable[[Setting], FieldEditor]] = {
    "integer": NumberEditor,
    "real": NumberEditor,
    "flag": FlagEditor,
    "choice": ChoiceEditor,
    "size": AxesEditor,
    "padding": AxesEditor,
    "shape": AxesEditor,
}


class SettingsForm(QWidget):
    """A label, an editor and room for an error for each declared setting."""

    edited = Signal(str, object)
    """Name of the setting, and the value that the user gave (None: what was typed is no number)."""
    previewed = Signal(str, object)
    """Name of a setting that is being turned, and its value so far; `edited` or `preview_ended` follows."""
    preview_ended = Signal()

    def __init__(self, settings: Sequence[Setting], editors: Mapping[str, FieldEditor] | None = None) -> None:
        super().__init__()
        self.editors: dict[str, FieldEditor] = {}
        self.visits: dict[str, int] = {}
        self._errors: dict[str, QLabel] = {}
        self._labels: dict[str, QLabel] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(6)
        grid.setColumnMinimumWidth(0, 104)
        grid.setColumnStretch(1, 1)
        for number, setting in enumerate(settings):
            editor = (editors or {}).get(setting.name) or EDITORS[setting.kind](setting)
            label = QLabel(setting.label)
            label.setProperty("muted", True)
            label.setToolTip(setting.help)
            label.setBuddy(editor)
            label.setMinimumHeight(28)
            self._labels[setting.name] = label
            error = QLabel()
            error.setWordWrap(True)
            error.setProperty("problem", True)
            error.setProperty("small", True)
            error.hide()
            grid.addWidget(label, 2 * number, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(editor, 2 * number, 1)
            grid.addWidget(error, 2 * number + 1, 0, 1, 2)
            name = setting.name
            editor.edited.connect(lambda value, name=name: self.edited.emit(name, value))
            editor.previewed.connect(lambda value, name=name: self.previewed.emit(name, value))
            editor.preview_ended.connect(self.preview_ended)
            editor.left.connect(lambda name=name: self._leave(name))
            self.editors[name], self._errors[name], self.visits[name] = editor, error, 0
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show the values that hold; a field with an error keeps what was typed."""
        for name, editor in self.editors.items():
            if name in values and self._errors[name].isHidden():
                editor.set_value(values[name])

    def set_shown(self, name: str, on: bool) -> None:
        """Show or hide a field; what is hidden has no error."""
        if not on:
            self.set_error(name, "")
        for part in (self._labels[name], self.editors[name]):
            part.setVisible(on)

    def setting_of(self, part: QWidget) -> str | None:
        """Name of the setting that a label, an editor or a part of one belongs to."""
        for name, editor in self.editors.items():
            if part is editor or editor.isAncestorOf(part) or self._labels[name] is part:
                return name
        return None

    def set_previewing(self, on: bool) -> None:
        """Whether turning a number is only tried first, and taken when it rests."""
        for box in self.findChildren(NumberBox):
            box.previewing = on

    def keep(self) -> None:
        """Take at once what is being turned."""
        for box in self.findChildren(NumberBox):
            box.keep()

    def take_back(self) -> None:
        """Forget what is being turned."""
        for box in self.findChildren(NumberBox):
            box.take_back()

    def set_error(self, name: str, message: str) -> None:
        """Say below a field why its value is not taken; "" takes the words away."""
        self._errors[name].setText(message)
        self._errors[name].setVisible(bool(message))
        self.editors[name].setAccessibleDescription(message)
        self.editors[name].set_invalid(bool(message))

    def error(self, name: str) -> str:
        """The words below a field."""
        return self._errors[name].text()

    def _leave(self, name: str) -> None:
        # A later visit of the field is another undo entry.
        self.visits[name] += 1
        self.set_error(name, "")


def _number_box(setting: Setting, name: str) -> NumberBox:
    box = NumberBox(whole=setting.kind != "real", minimum=setting.minimum, maximum=setting.maximum)
    box.setAccessibleName(name)
    box.setToolTip(setting.help)
    return box


def surface() -> QWidget:
    """An empty widget with the background of panels."""
    widget = QWidget()
    widget.setProperty("surface", True)
    widget.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    return widget


def replace_body(area: QScrollArea, body: QWidget) -> None:
    """Put another widget into a scroll area; the old one may be just handling an event, so it goes a moment later."""
    old = area.takeWidget()
    if old is not None:
        old.hide()
        old.deleteLater()
    area.setWidget(body)


class _QuietWheel(QObject):
    """Keeps the wheel for scrolling: a closed list must not change under the pointer."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Wheel:
            event.ignore()
            return True
        return False


_quiet_wheel = _QuietWheel()
