import re

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget

from engine.api import REGISTRY, Graph, Node, Project, edits, make_layer, settings_of
from workbench.document.document import Document
from workbench.panels.field_editors import AxesEditor, ChoiceEditor, FlagEditor, NumberEditor
from workbench.panels.inspector import Inspector
from workbench.theme import load_theme


def project(**settings: object) -> Project:
    graph = Graph.of(
        [
            Node("input-1", "Input 1", make_layer("input")),
            Node("convolution-1", "Convolution 1", make_layer("convolution", settings)),
            Node("convolution-2", "Convolution 2", make_layer("convolution", {"filters": 8})),
            Node("dropout-1", "Dropout 1", make_layer("dropout")),
        ]
    )
    graph = edits.connect(graph, "input-1", "convolution-1")
    return Project(graph=graph, layout=dict.fromkeys(graph.nodes, (0.0, 0.0)))


@pytest.fixture
def document(qapp: object) -> Document:
    return Document(project())


@pytest.fixture
def inspector(qtbot, document: Document) -> Inspector:
    made = Inspector(document, load_theme("light"))
    qtbot.addWidget(made)
    made.resize(320, 700)
    made.show()
    made.set_selection(("convolution-1",))
    return made


def retype(qtbot, editor: NumberEditor | AxesEditor, text: str, place: int = 0) -> None:
    box = editor.box if isinstance(editor, NumberEditor) else editor.boxes[place]
    box.setFocus()
    box.lineEdit().selectAll()
    qtbot.keyClicks(box.lineEdit(), text)


def words(widget: QWidget) -> str:
    QApplication.processEvents()
    texts = (label.text() for label in widget.findChildren(QLabel) if label.isVisibleTo(widget))
    return "\n".join(re.sub("<[^>]*>", "", text) for text in texts)


@pytest.mark.parametrize("type_name", sorted(REGISTRY))
def test_that_every_layer_type_has_an_editor_for_each_of_its_settings(qtbot, type_name: str):
    layer = make_layer(type_name)
    document = Document(Project(graph=Graph.of([Node("a", "A", layer)]), layout={"a": (0.0, 0.0)}))
    inspector = Inspector(document, load_theme("dark"))
    qtbot.addWidget(inspector)
    inspector.set_selection(("a",))
    assert list(inspector.form.editors) == [setting.name for setting in settings_of(type(layer))]
    for name, editor in inspector.form.editors.items():
        # Giving back what is shown must be no edit.
        if isinstance(editor, AxesEditor):
            editor.boxes[0].edited.emit(editor.boxes[0].value)
        elif isinstance(editor, NumberEditor):
            editor.box.edited.emit(editor.box.value)
        assert inspector.form.error(name) == ""
    assert document.undo_stack.count() == 0


def test_that_typing_a_number_edits_the_document_as_one_undo_entry(qtbot, document, inspector):
    retype(qtbot, inspector.form.editors["filters"], "128")
    assert document.project.graph.nodes["convolution-1"].layer.filters == 128
    assert document.undo_stack.count() == 1
    assert document.undo_stack.undoText() == "Set filters"
    document.undo_stack.undo()
    assert document.project.graph.nodes["convolution-1"].layer.filters == 32
    assert inspector.form.editors["filters"].box.value == 32


def test_that_a_second_visit_of_a_field_is_another_undo_entry(qtbot, document, inspector):
    editor = inspector.form.editors["filters"]
    retype(qtbot, editor, "64")
    inspector.name.setFocus()
    retype(qtbot, editor, "16")
    document.undo_stack.undo()
    assert document.project.graph.nodes["convolution-1"].layer.filters == 64


def test_that_the_arrow_keys_step_a_number(qtbot, document, inspector):
    box = inspector.form.editors["filters"].box
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Up)
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert document.project.graph.nodes["convolution-1"].layer.filters == 33


def test_that_one_number_sets_both_axes_until_they_are_unlinked(qtbot, document, inspector):
    editor = inspector.form.editors["size"]
    retype(qtbot, editor, "3")
    assert document.project.graph.nodes["convolution-1"].layer.size == (3, 3)
    qtbot.mouseClick(editor.link, Qt.MouseButton.LeftButton)
    retype(qtbot, editor, "7", place=1)
    assert document.project.graph.nodes["convolution-1"].layer.size == (3, 7)
    qtbot.mouseClick(editor.link, Qt.MouseButton.LeftButton)
    assert document.project.graph.nodes["convolution-1"].layer.size == (3, 3)


def test_that_different_axes_are_shown_unlinked(qtbot, document, inspector):
    document.apply_graph(
        "x", edits.set_settings(document.project.graph, "convolution-1", padding=(1, 2, 3, 4))
    )
    editor = inspector.form.editors["padding"]
    assert not editor.link.isChecked()
    assert [box.value for box in editor.boxes] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("text", "said"),
    [("0", "at least 1"), ("", "whole numbers"), ("abc", "whole numbers"), ("2.5", "whole numbers")],
)
def test_that_a_wrong_number_is_told_below_its_field_and_edits_nothing(
    qtbot, document, inspector, text, said
):
    editor = inspector.form.editors["filters"]
    retype(qtbot, editor, "x")
    editor.box.lineEdit().clear()
    retype(qtbot, editor, text) if text else editor.box.lineEdit().textEdited.emit("")
    assert said in inspector.form.error("filters")
    assert document.project.graph.nodes["convolution-1"].layer.filters in (32, 2)
    inspector.name.setFocus()
    assert inspector.form.error("filters") == ""
    assert editor.box.value == document.project.graph.nodes["convolution-1"].layer.filters


def test_that_real_numbers_take_scientific_notation(qtbot, document, inspector):
    inspector.set_selection(("dropout-1",))
    retype(qtbot, inspector.form.editors["keep"], "7.5e-1")
    assert document.project.graph.nodes["dropout-1"].layer.keep == 0.75


def test_that_a_flag_is_a_check_box(qtbot, document, inspector):
    editor = inspector.form.editors["bias"]
    assert isinstance(editor, FlagEditor)
    editor.check.click()
    assert document.project.graph.nodes["convolution-1"].layer.bias is False


def test_that_several_nodes_show_their_common_settings_and_change_together(qtbot, document, inspector):
    inspector.set_selection(("convolution-1", "convolution-2"))
    editor = inspector.form.editors["filters"]
    assert editor.box.value is None
    assert editor.box.lineEdit().placeholderText() == "various"
    retype(qtbot, editor, "24")
    nodes = document.project.graph.nodes
    assert nodes["convolution-1"].layer.filters == nodes["convolution-2"].layer.filters == 24
    document.undo_stack.undo()
    assert (document.project.graph.nodes["convolution-1"].layer.filters) == 32
    inspector.set_selection(("convolution-1", "dropout-1"))
    assert not inspector.form.editors


def test_that_a_node_is_renamed_and_a_taken_name_is_refused_in_place(qtbot, document, inspector):
    inspector.name.setFocus()
    inspector.name.selectAll()
    qtbot.keyClicks(inspector.name, "Edges")
    qtbot.keyClick(inspector.name, Qt.Key.Key_Return)
    assert document.project.graph.nodes["convolution-1"].name == "Edges"
    inspector.name.selectAll()
    qtbot.keyClicks(inspector.name, "Dropout 1")
    qtbot.keyClick(inspector.name, Qt.Key.Key_Return)
    assert "Another node is called Dropout 1" in words(inspector)
    assert document.project.graph.nodes["convolution-1"].name == "Edges"


def test_that_shapes_parameters_and_work_are_shown(inspector):
    shown = words(inspector)
    assert "32×24×24" in shown
    assert "832" in shown
    assert "460,800" in shown


def test_that_a_problem_is_shown_with_its_repairs_and_one_click_mends_it(qtbot, document, inspector):
    retype(qtbot, inspector.form.editors["size"], "40")
    assert "does not fit into its input of 28×28" in words(inspector)
    repair = next(
        button for button in inspector.findChildren(QPushButton) if button.text() == "Set size to 28×28"
    )
    entries = document.undo_stack.count()
    qtbot.mouseClick(repair, Qt.MouseButton.LeftButton)
    assert document.project.graph.nodes["convolution-1"].layer.size == (28, 28)
    assert document.undo_stack.count() == entries + 1
    assert "does not fit" not in words(inspector)


def test_that_the_inspector_survives_the_removal_of_its_node(document, inspector):
    inspector.form.editors["filters"].box.setFocus()
    document.apply_graph("Delete", edits.remove(document.project.graph, ["convolution-1"]))
    assert "The network" in words(inspector)
    document.undo_stack.undo()
    assert inspector.form.editors


def test_that_choices_are_offered_in_a_list(qtbot):
    from engine.api import Setting

    editor = ChoiceEditor(Setting("mode", "Mode", "choice", "a", choices=("a", "b")))
    qtbot.addWidget(editor)
    given: list[object] = []
    editor.edited.connect(given.append)
    editor.set_value("a")
    editor.combo.setFocus()
    qtbot.keyClick(editor.combo, Qt.Key.Key_Down)
    editor.combo.activated.emit(1)
    assert given[-1] == "b"


def test_that_every_field_has_an_accessible_name(inspector):
    from PySide6.QtWidgets import QAbstractSpinBox, QCheckBox, QLineEdit

    for kind in (QAbstractSpinBox, QCheckBox):
        for field in inspector.findChildren(kind):
            assert field.accessibleName()
    assert inspector.findChildren(QLineEdit)
