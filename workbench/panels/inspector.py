"""Shows and edits the selected nodes: made from what their layers declare."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QScrollArea,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from engine.api import DesignError, Graph, Node, Setting, edits, setting_text
from workbench.document.document import Document
from workbench.panels.facts import Facts
from workbench.panels.field_editors import SettingsForm, replace_body, surface
from workbench.panels.inspected_selection import InspectedSelection
from workbench.panels.layer_help import help_html, sentence_of
from workbench.panels.palette import group_chip
from workbench.panels.problems import RepairButtons
from workbench.panels.what_if import WhatIfCard, what_if
from workbench.theme import Theme


class Inspector(QScrollArea):
    """Settings, shapes and counts of the selection; every change is an edit of the document.

    A number that is turned (wheel, arrows) is only tried until it rests: what would follow is shown before.
    """

    tried = Signal(object, object)
    """Inference of a design that is only tried, and the ids of the nodes that it would change."""
    try_ended = Signal()

    def __init__(self, document: Document, theme: Theme) -> None:
        super().__init__()
        self._document = document
        self._theme = theme
        self._ids: tuple[str, ...] = ()
        self._built: tuple[object, ...] = ()
        self._shown = InspectedSelection(())
        self.form = SettingsForm(())
        self.name = QLineEdit()
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Inspector")
        self.what_if = WhatIfCard()
        document.changed.connect(self._follow)
        self.refresh()

    @property
    def node_ids(self) -> tuple[str, ...]:
        """The nodes that are shown."""
        return self._ids

    def set_selection(self, node_ids: Sequence[str]) -> None:
        """Show these nodes."""
        self.form.keep()
        self._ids = tuple(node_ids)
        self.refresh()

    def _follow(self) -> None:
        self.form.take_back()
        self._end_try()
        self.refresh()

    def apply_theme(self, theme: Theme) -> None:
        """Draw with another theme."""
        self._theme = theme
        self._built = ()
        self.refresh()

    def edit_name(self) -> None:
        """Put the cursor into the first field, as Enter on a node does."""
        editors = list(self.form.editors.values())
        (editors[0] if editors else self.name).setFocus()

    def refresh(self) -> None:
        """Show what the document holds now; fields keep their cursor while the same nodes are shown."""
        self._shown = InspectedSelection.of(self._document.project, self._ids)
        built = self._shown.form or self._empty_words()
        if built != self._built:
            self._built = built
            self._build(self._shown)
        self._show_values(self._shown)

    def _build(self, shown: InspectedSelection) -> None:
        nodes = shown.nodes
        body = surface()
        column = QVBoxLayout(body)
        column.setContentsMargins(14, 10, 14, 12)
        column.setSpacing(10)
        self.form = SettingsForm(shown.settings)
        for part in self.form.findChildren(QWidget):
            part.installEventFilter(self)
        self.form.edited.connect(self._edit)
        self.form.set_previewing(True)
        self.form.previewed.connect(self._try)
        self.form.preview_ended.connect(self._end_try)
        self.what_if = WhatIfCard()
        self._problems = QVBoxLayout()
        self.facts = Facts()
        self._shown_problem: object = None
        if shown.is_single:
            self._build_header(column, nodes[0])
        elif nodes:
            _add_words(column, shown.heading, shown.words)
        else:
            _add_words(column, *self._empty_words())
        column.addLayout(self._problems)
        column.addWidget(self.form)
        if not self.form.editors and nodes:
            column.addWidget(
                _muted("Nothing to set here." if len(nodes) == 1 else "These nodes share no setting.")
            )
        column.addWidget(self.what_if)
        column.addWidget(self.facts)
        column.addStretch(1)
        replace_body(self, body)

    def _build_header(self, column: QVBoxLayout, node: Node) -> None:
        kind = QHBoxLayout()
        kind.setSpacing(6)
        chip = QLabel()
        chip.setPixmap(group_chip(self._theme, node.layer.group).pixmap(14, 14))
        kind.addWidget(chip)
        kind.addWidget(_muted(f"{node.layer.label} · {node.layer.group}"), 1)
        column.addLayout(kind)
        self.name = QLineEdit(node.name)
        self.name.setAccessibleName("Name of the node")
        self.name.setFont(self._theme.font(self._theme.font_large, bold=True))
        self.name.editingFinished.connect(self._rename)
        self._name_error = QLabel()
        self._name_error.setProperty("problem", True)
        self._name_error.setWordWrap(True)
        self._name_error.hide()
        column.addWidget(self.name)
        column.addWidget(self._name_error)
        column.addWidget(_muted(sentence_of(type(node.layer))))

    def help_html(self, part: QWidget | None = None) -> str:
        """What the setting that a part of the form belongs to does; without one, what the node does."""
        nodes = self._shown.nodes
        if not nodes:
            return ""
        settings = {setting.name: setting for setting in self._shown.settings}
        name = None if part is None else self.form.setting_of(part)
        shape = self._document.inference.shapes.get(nodes[0].id) if len(nodes) == 1 else None
        x = shape.inputs[0] if shape is not None and shape.inputs else None
        return help_html(nodes[0].layer, self._theme, settings.get(name) if name else None, x)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Hovering a setting tells what it does, with the picture of its window."""
        if (
            event.type() == QEvent.Type.ToolTip
            and isinstance(event, QHelpEvent)
            and isinstance(watched, QWidget)
        ):
            text = self.help_html(watched)
            if text:
                QToolTip.showText(event.globalPos(), text, watched)
                return True
        return super().eventFilter(watched, event)

    def _empty_words(self) -> tuple[str, str]:
        if not self._document.project.graph.nodes:
            return (
                "An empty network",
                "Drag a layer from the palette onto the canvas, or begin with a ready network.",
            )
        return "The network", "Select a node to see and change its settings."

    def _show_values(self, shown: InspectedSelection) -> None:
        self.form.set_values({name: shown.value(name) for name in self.form.editors})
        if shown.is_single:
            if not self.name.hasFocus():
                self.name.setText(shown.nodes[0].name)
            self._show_problem(shown.nodes[0])
            self.facts.show_node(self._document, shown.nodes[0])
        elif shown.nodes:
            self.facts.show_sum(self._document, shown.nodes)
        else:
            self.facts.show_sum(self._document, list(self._document.project.graph.nodes.values()))

    def _show_problem(self, node: Node) -> None:
        problem = self._document.inference.problem_of.get(node.id)
        waits_for = self._document.inference.waiting.get(node.id)
        shown = (problem.message if problem else "", waits_for)
        if shown == self._shown_problem:
            return
        self._shown_problem = shown
        while (item := self._problems.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        if problem is not None:
            words = QLabel(problem.message)
            words.setProperty("problem", True)
            words.setWordWrap(True)
            self._problems.addWidget(words)
            self._problems.addWidget(RepairButtons(self._document, problem))
        elif waits_for is not None:
            name = self._document.project.graph.nodes[waits_for].name
            self._problems.addWidget(_muted(f"Waiting for {name}."))

    def _changed_graph(self, setting: Setting, value: object) -> Graph | None:
        """The design with a setting of all shown nodes changed; None, with the reason at the field, if it cannot be."""
        graph = self._document.project.graph
        try:
            if value is None:
                raise DesignError(_not_a_number(setting))
            graph = self._shown.changed(graph, setting, value)
        except DesignError as error:
            self.form.set_error(setting.name, str(error))
            return None
        self.form.set_error(setting.name, "")
        return graph

    def _setting(self, name: str) -> Setting:
        return next(setting for setting in self._shown.settings if setting.name == name)

    def _try(self, name: str, value: object) -> None:
        setting = self._setting(name)
        graph = self._changed_graph(setting, value)
        if graph is None:
            self._end_try()
            return
        found = what_if(self._document, graph, [node.id for node in self._shown.nodes])
        self.what_if.show_comparison(f"What if {setting.label.lower()} were {setting_text(value)}?", found)
        self.tried.emit(found.inference, found.changed)

    def _end_try(self) -> None:
        if not self.what_if.isHidden():
            self.what_if.hide()
            self.try_ended.emit()

    def _edit(self, name: str, value: object) -> None:
        nodes, setting = self._shown.nodes, self._setting(name)
        graph = self._changed_graph(setting, value)
        self._end_try()
        if graph is None:
            return
        key = f"{name} of {' '.join(node.id for node in nodes)} {self.form.visits[name]}"
        self._document.apply_graph(f"Set {setting.label.lower()}", graph, merge_key=key)

    def _rename(self) -> None:
        nodes = self._shown.nodes
        if not self._shown.is_single or self.name.text() == nodes[0].name:
            return
        try:
            graph = edits.rename(self._document.project.graph, nodes[0].id, self.name.text())
        except DesignError as error:
            self._name_error.setText(str(error))
            self._name_error.show()
            return
        self._name_error.hide()
        self._document.apply_graph("Rename", graph)


def _not_a_number(setting: Setting) -> str:
    kind = "a number" if setting.kind == "real" else "whole numbers"
    return f"{setting.label} takes {kind}, such as {_example(setting.default)}."


def _example(default: Any) -> str:
    return str(default[0]) if isinstance(default, tuple) else f"{default:g}"


def _muted(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("muted", True)
    label.setWordWrap(True)
    return label


def _add_words(column: QVBoxLayout, heading: str, words: str) -> None:
    label = QLabel(heading)
    label.setProperty("heading", True)
    column.addWidget(label)
    column.addWidget(_muted(words))
