import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton

from engine.api import Graph, Node, Project, edits, make_layer
from workbench.document.document import Document
from workbench.panels.problems import ProblemsPanel


@pytest.fixture
def document(qapp: object) -> Document:
    graph = Graph.of(
        [
            Node("input-1", "Input 1", make_layer("input")),
            Node("max_pooling-1", "Max pooling 1", make_layer("max_pooling", {"size": (40, 40)})),
            Node("dropout-1", "Dropout 1", make_layer("dropout")),
        ]
    )
    graph = edits.connect(edits.connect(graph, "input-1", "max_pooling-1"), "max_pooling-1", "dropout-1")
    return Document(Project(graph=graph, layout=dict.fromkeys(graph.nodes, (0.0, 0.0))))


@pytest.fixture
def panel(qtbot, document: Document) -> ProblemsPanel:
    made = ProblemsPanel(document)
    qtbot.addWidget(made)
    made.resize(320, 500)
    made.show()
    return made


def test_that_problems_stand_before_remarks(document, panel):
    inference = document.inference
    assert [row.problem for row in panel.rows] == [*inference.problems, *inference.hints]
    assert panel.rows[0].accessibleName().startswith("Problem: Max pooling 1")
    assert panel.rows[-1].accessibleName().startswith("Hint: ")


def test_that_a_click_and_enter_lead_to_the_node(qtbot, panel):
    led: list[str] = []
    panel.node_activated.connect(led.append)
    qtbot.mouseClick(panel.rows[0], Qt.MouseButton.LeftButton)
    qtbot.keyClick(panel.rows[0], Qt.Key.Key_Return)
    assert led == ["max_pooling-1", "max_pooling-1"]


def test_that_a_repair_is_one_click_and_one_undo_entry(qtbot, document, panel):
    counts: list[tuple[int, int]] = []
    panel.count_changed.connect(lambda problems, hints: counts.append((problems, hints)))
    before = len(document.inference.problems)
    button = panel.rows[0].findChildren(QPushButton)[0]
    assert button.text() == "Set size to 28×28"
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert document.project.graph.nodes["max_pooling-1"].layer.size == (28, 28)
    assert document.undo_stack.undoText() == "Set size to 28×28"
    assert counts[-1][0] == before - 1
    document.undo_stack.undo()
    assert panel.rows[0].problem.node == "max_pooling-1"


def test_that_edits_elsewhere_leave_the_rows_alone(document, panel):
    row = panel.rows[0]
    document.apply_graph("Set", edits.set_settings(document.project.graph, "dropout-1", keep=0.9))
    assert panel.rows[0] is row
