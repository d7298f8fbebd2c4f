import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from engine.api import TEMPLATES
from workbench.document.document import Document
from workbench.panels.field_editors import AxesEditor, NumberEditor
from workbench.panels.inspector import Inspector
from workbench.panels.number_box import REST_MS, NumberBox
from workbench.theme import load_theme


@pytest.fixture
def document(qapp: object) -> Document:
    return Document(TEMPLATES["mnist"].build())


@pytest.fixture
def inspector(qtbot, document: Document) -> Inspector:
    made = Inspector(document, load_theme("light"))
    qtbot.addWidget(made)
    made.resize(320, 800)
    made.show()
    made.activateWindow()
    made.set_selection(("convolution-2",))
    return made


def turn(qtbot, inspector: Inspector, name: str, steps: int) -> NumberBox:
    editor = inspector.form.editors[name]
    assert isinstance(editor, NumberEditor | AxesEditor)
    box = editor.box if isinstance(editor, NumberEditor) else editor.boxes[0]
    box.setFocus()
    for _ in range(abs(steps)):
        qtbot.keyClick(box, Qt.Key.Key_Up if steps > 0 else Qt.Key.Key_Down)
    return box


def filters(document: Document) -> int:
    return document.project.graph.nodes["convolution-2"].layer.filters


def test_that_turning_a_number_shows_what_would_follow_and_changes_nothing(qtbot, document, inspector):
    tried: list[tuple[object, tuple[str, ...]]] = []
    inspector.tried.connect(lambda inference, changed: tried.append((inference, changed)))
    turn(qtbot, inspector, "filters", 2)
    assert filters(document) == 64
    text = inspector.what_if.text()
    assert "What if filters were 66?" in text
    assert "Output: 66×14×14" in text
    assert "Parameters: 3,376,588 (+3 %)" in text
    assert "3 nodes behind would change." in text
    assert tried[-1][1] == ("convolution-2", "relu-2", "max_pooling-2", "fully_connected-1")


def test_that_a_turned_number_is_taken_when_it_rests_as_one_entry(qtbot, document, inspector):
    turn(qtbot, inspector, "filters", 3)
    qtbot.waitUntil(lambda: filters(document) == 67)
    assert inspector.what_if.isHidden()
    assert document.undo_stack.count() == 1


def test_that_enter_takes_it_at_once_and_escape_takes_it_back(qtbot, document, inspector):
    ended: list[bool] = []
    inspector.try_ended.connect(lambda: ended.append(True))
    box = turn(qtbot, inspector, "filters", 1)
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert (filters(document), len(ended)) == (65, 1)
    turn(qtbot, inspector, "filters", 5)
    qtbot.keyClick(box, Qt.Key.Key_Escape)
    assert (filters(document), box.value, len(ended)) == (65, 65, 2)
    assert inspector.what_if.isHidden()
    qtbot.wait(REST_MS + 50)
    assert filters(document) == 65


def test_that_leaving_the_field_or_the_node_takes_it(qtbot, document, inspector):
    turn(qtbot, inspector, "filters", 1)
    inspector.name.setFocus()
    assert filters(document) == 65
    turn(qtbot, inspector, "filters", 1)
    inspector.set_selection(("relu-1",))
    assert filters(document) == 66
    assert inspector.what_if.isHidden()


def test_that_what_would_not_fit_is_told_before_it_is_done(qtbot, document, inspector):
    inspector.set_selection(("max_pooling-2",))
    turn(qtbot, inspector, "size", 13)
    assert "Max pooling 2: a region of 15×15 does not fit into its input of 14×14" in inspector.what_if.text()
    assert "Output: none" in inspector.what_if.text()
    assert document.inference.is_valid


def test_that_an_undo_meanwhile_forgets_what_is_turned(qtbot, document, inspector):
    box = turn(qtbot, inspector, "filters", 1)
    qtbot.keyClick(box, Qt.Key.Key_Return)
    turn(qtbot, inspector, "filters", 4)
    document.undo_stack.undo()
    assert (filters(document), box.value) == (64, 64)
    qtbot.wait(REST_MS + 50)
    assert filters(document) == 64


def test_that_typing_is_taken_at_once_as_ever(qtbot, document, inspector):
    box = turn(qtbot, inspector, "filters", 1)
    box.lineEdit().selectAll()
    qtbot.keyClicks(box.lineEdit(), "48")
    assert filters(document) == 48
    assert inspector.what_if.isHidden()


def test_that_the_canvas_shows_the_shapes_that_would_be(qtbot, window):
    window.files.new_from("mnist")
    QApplication.processEvents()
    window.canvas.select(["convolution-2"])
    box = window.inspector.form.editors["filters"].box
    box.setFocus()
    box.stepBy(1)
    ghosts = {node_id: item.ghost for node_id, item in window.canvas.canvas.nodes.items() if item.ghost}
    assert set(ghosts) == {"convolution-2", "relu-2", "max_pooling-2", "fully_connected-1"}
    assert ghosts["relu-2"].startswith("65×14×14")
    edges = {edge.source: item for edge, item in window.canvas.canvas.wiring.items.items()}
    assert {source for source, item in edges.items() if item.shown != item.text} == {
        "convolution-2", "relu-2", "max_pooling-2"
    }  # fmt: skip
    assert (edges["convolution-2"].shown, edges["convolution-2"].text) == ("65×14×14", "64×14×14")
    box.take_back()
    assert not any(item.ghost for item in window.canvas.canvas.nodes.values())
    assert all(item.shown == item.text for item in edges.values())


def test_that_less_is_told_with_a_true_minus(qtbot, document, inspector):
    turn(qtbot, inspector, "filters", -8)
    assert "(−" in inspector.what_if.text()
    assert "(-" not in inspector.what_if.text()
