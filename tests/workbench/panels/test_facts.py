import pytest
from PySide6.QtCore import QPoint, Qt

from engine.api import TEMPLATES, edits
from workbench.document.document import Document
from workbench.panels.facts import Facts, ShapeLabel


@pytest.fixture
def document(qapp: object) -> Document:
    return Document(TEMPLATES["mnist"].build())


@pytest.fixture
def facts(qtbot, document: Document) -> Facts:
    made = Facts()
    qtbot.addWidget(made)
    made.resize(300, 300)
    made.show_node(document, document.project.graph.nodes["convolution-2"])
    with qtbot.waitExposed(made):
        made.show()
    return made


def shape_label(facts: Facts, row: int) -> ShapeLabel:
    return facts.findChildren(ShapeLabel)[row]


def test_that_a_click_on_a_number_shows_its_chain_of_formulas_in_place(qtbot, facts):
    label = shape_label(facts, 1)
    place = QPoint(label.fontMetrics().horizontalAdvance("64×1"), label.height() // 2)
    qtbot.mouseMove(label, place)
    qtbot.mouseClick(label, Qt.MouseButton.LeftButton, pos=place)
    lines = facts.explanation_text().splitlines()
    assert lines == [
        "Height of Convolution 2: 14", "14 = ⌊(14 − 5 + 2·2)/1⌋ + 1", "14 = ⌊(28 − 2 + 2·0)/2⌋ + 1",
        "28 = ⌊(28 − 5 + 2·2)/1⌋ + 1", "28 = height of the input",
    ]  # fmt: skip


def test_that_another_click_hides_the_formulas(facts):
    facts.explain("Output", 0)
    assert facts.explanation_text() == "Channels of Convolution 2: 64\n64 is set by the layer"
    facts.explain("Output", 0)
    assert facts.explanation_text() == ""


def test_that_an_input_tells_whose_output_it_is(facts):
    facts.explain("Input", 1)
    assert facts.explanation_text().startswith("Height of Max pooling 1: 14\n14 = ⌊(28 − 2 + 2·0)/2⌋ + 1")


def test_that_open_formulas_follow_an_edit(document, facts):
    facts.explain("Output", 1)
    document.apply_graph(
        "Set", edits.set_settings(document.project.graph, "convolution-2", size=3, padding=0)
    )
    facts.show_node(document, document.project.graph.nodes["convolution-2"])
    assert "12 = ⌊(14 − 3 + 2·0)/1⌋ + 1" in facts.explanation_text()


def test_that_formulas_close_where_there_is_no_shape_any_more(document, facts):
    facts.explain("Output", 1)
    document.apply_graph(
        "Set", edits.set_settings(document.project.graph, "convolution-2", size=30, padding=0)
    )
    facts.show_node(document, document.project.graph.nodes["convolution-2"])
    assert facts.opened is None
    assert not any(label.isVisible() for label in facts.findChildren(ShapeLabel))


def test_that_keys_reach_the_numbers_too(qtbot, facts):
    label = shape_label(facts, 1)
    label.setFocus()
    qtbot.keyClick(label, Qt.Key.Key_Tab)
    qtbot.keyClick(label, Qt.Key.Key_Return)
    assert facts.opened is not None
    assert facts.opened[0] == "Output"
