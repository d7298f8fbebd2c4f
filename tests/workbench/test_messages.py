"""Twelve typical mistakes, made in the real window: what it says, and that one click mends them.

The texts stand in docs/messages.md; these tests hold the page to what the program says.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QPushButton

from engine.api import TEMPLATES, Checkpoint, Edge, Project, Run, arrange, edits, make_layer
from tests.workbench.canvas.conftest import Hand
from workbench.canvas.actions import context_menu
from workbench.main_window import MainWindow

PAGE = Path(__file__).parents[2] / "docs" / "messages.md"
REFUSED = "refused at once"


def rows() -> dict[str, tuple[str, str]]:
    """Message and label of the first repair for each mistake on the page."""
    lines = [
        line.strip("|").split("|")
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line[:2] == "| "
    ]
    cells = [[cell.strip() for cell in line] for line in lines]
    return {line[1]: (line[2], line[3]) for line in cells if line[0].isdigit()}


class Maker:
    """Makes mistakes in a window, as a user would."""

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        self.document = window.document
        self.document.load(TEMPLATES["mnist-sample"].build())
        window.canvas.frame_all()
        self.hand = Hand(window.canvas)

    def search(self, after: str, *texts: str) -> None:
        """Add layers by the search box behind a node ("": nowhere)."""
        self.window.canvas.select([after] if after else [])
        for text in texts:
            self.window.canvas.open_search()
            field = self.window.canvas.search_box.field
            QTest.keyClicks(field, text)
            QTest.keyClick(field, Qt.Key.Key_Return)

    def type_setting(self, node_id: str, name: str, text: str) -> str:
        """Type a value into the inspector; gives the error that stands under the field then."""
        self.window.canvas.select([node_id])
        self.window.docks.show("inspector")
        editor = self.window.inspector.form.editors[name]
        field = editor.findChildren(QLineEdit)[0]
        field.selectAll()
        QTest.keyClicks(field, text)
        return self.window.inspector.form.error(name)

    def wire(self, source: str, target: str, port: int = 0) -> None:
        """Draw a wire with the mouse."""
        self.hand.drag(self.hand.port(source, "out"), self.hand.port(target, "in", port))


def small_map(maker: Maker) -> str:
    maker.search("max_pooling-2", "max pool", "max pool", "max pool")
    return ""


def branches(maker: Maker) -> str:
    graph = maker.document.project.graph
    graph, side = edits.add_layer(graph, make_layer("convolution", {"filters": 48, "padding": 2}))
    graph, add = edits.add_layer(graph, make_layer("add"))
    graph = edits.disconnect(graph, Edge("relu-1", "max_pooling-1"))
    for source, target in (("input-1", side.id), ("relu-1", add.id), (add.id, "max_pooling-1")):
        graph = edits.connect(graph, source, target)
    maker.document.load(replace(maker.document.project, graph=graph, layout=arrange(graph)))
    maker.window.canvas.frame_all()
    maker.wire(side.id, add.id, 1)
    return ""


def missing_input(maker: Maker) -> str:
    start = maker.hand.port("convolution-2", "in")
    maker.hand.drag(start, maker.hand.empty_place())
    return ""


def cycle(maker: Maker) -> str:
    maker.wire("max_pooling-1", "convolution-1")
    return maker.hand.said[-1]


def two_outputs(maker: Maker) -> str:
    maker.search("fully_connected-2", "soft")
    return ""


def classes(maker: Maker) -> str:
    return maker.type_setting("fully_connected-2", "outputs", "7")


def large_filter(maker: Maker) -> str:
    return maker.type_setting("convolution-2", "size", "40")


def zero_stride(maker: Maker) -> str:
    return maker.type_setting("convolution-1", "stride", "0")


def island(maker: Maker) -> str:
    maker.search("", "conv 16 3", "relu")
    return ""


def no_dropout(maker: Maker) -> str:
    return maker.type_setting("dropout-1", "keep", "0")


def absurd_size(maker: Maker) -> str:
    maker.document.memory = 16 * 2**30
    return maker.type_setting("fully_connected-1", "outputs", "1000000")


def trained_weights(maker: Maker) -> str:
    project = maker.document.project
    checkpoint = Checkpoint(step=1, tensors={"parameter/fully_connected-2/bias": np.zeros(10)})
    maker.document.load(project, (Run("a", project, "2026-01-01T00:00:00Z", checkpoint=checkpoint),))
    return maker.type_setting("convolution-1", "stride", "2")


MISTAKES: dict[str, Callable[[Maker], str]] = {
    "Pooling on a small map": small_map,
    "Branches that don't match in an Add": branches,
    "A missing input": missing_input,
    "A cycle": cycle,
    "Two outputs": two_outputs,
    "A class count other than the data's": classes,
    "A filter larger than its input": large_filter,
    "A stride of zero": zero_stride,
    "An island": island,
    "A dropout of zero": no_dropout,
    "Sizes beyond the memory": absurd_size,
    "Another input size under trained weights": trained_weights,
}


def test_that_the_page_tells_all_twelve() -> None:
    assert list(rows()) == list(MISTAKES)
    assert len(MISTAKES) == 12


@pytest.mark.parametrize("mistake", MISTAKES)
def test_that_a_mistake_is_told_in_words_and_mended_by_one_click(window: MainWindow, mistake: str) -> None:
    message, repair = rows().get(mistake, ("", ""))
    maker = Maker(window)
    document = window.document
    before = document.project
    refused = MISTAKES[mistake](maker)
    inference = document.inference
    if repair == REFUSED:
        assert (refused, inference.problems, document.project) == (message, (), before)
        return
    remark = mistake == "Another input size under trained weights"
    problem = inference.hints[0] if remark else inference.problems[0]
    found = (problem.message, problem.repairs[0].label if problem.repairs else "")
    assert found == (message, repair)
    assert refused == ""
    assert remark or len(inference.problems) == 1
    if problem.node:
        assert document.project.graph.nodes[problem.node].name in problem.message
    broken, steps = document.project, document.undo_stack.index()
    window.docks.show("problems")
    row = next(row for row in window.problems.rows if row.problem.message == message)
    button = next(button for button in row.findChildren(QPushButton) if button.text() == repair)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert document.inference.is_valid
    assert message not in [hint.message for hint in document.inference.hints]
    assert document.undo_stack.index() == steps + 1
    assert set(document.project.layout) == set(document.project.graph.nodes)
    document.undo_stack.undo()
    assert document.project == broken


def test_that_every_place_offers_the_same_repairs(window: MainWindow) -> None:
    maker = Maker(window)
    large_filter(maker)
    (problem,) = window.document.inference.problems
    labels = [repair.label for repair in problem.repairs]
    assert len(labels) >= 2
    canvas = window.canvas
    canvas.select([problem.node])
    in_inspector = [
        button.text() for button in window.inspector.findChildren(QPushButton) if button.text() in labels
    ]
    in_menu = [action.text() for action in context_menu(canvas, problem.node).actions()][: len(labels)]
    maker.hand.click(maker.hand.middle(problem.node) + QPointF(0, 12))
    assert canvas.repair_card.isVisible()
    assert canvas.repair_card.message.text() == problem.message
    on_canvas = [button.text() for button in canvas.repair_card.buttons]
    assert in_inspector == in_menu == on_canvas == labels
    QTest.mouseClick(canvas.repair_card.buttons[1], Qt.MouseButton.LeftButton)
    assert window.document.inference.is_valid
    assert not canvas.repair_card.isVisible()
    assert window.document.undo_stack.undoText() == labels[1]


def test_that_r_and_enter_repair_by_keyboard(window: MainWindow, qtbot) -> None:
    maker = Maker(window)
    classes(maker)
    window.activateWindow()
    window.canvas.setFocus()
    qtbot.waitUntil(window.canvas.hasFocus)
    QTest.keyClick(window.canvas, Qt.Key.Key_R)
    card = window.canvas.repair_card
    assert card.isVisible()
    QTest.keyClick(card.buttons[0], Qt.Key.Key_Return)
    assert window.document.inference.is_valid
    QTest.keyClick(window.canvas, Qt.Key.Key_R)
    assert not card.isVisible()
    assert window.messages.text == "There is nothing to repair: the network is ready to train."


def test_that_an_empty_project_can_be_repaired_step_by_step(window: MainWindow) -> None:
    graph, _ = edits.add_layer(Project().graph, make_layer("convolution"))
    window.document.load(Project(graph=graph, layout=arrange(graph)))
    for _ in range(6):
        if window.document.inference.is_valid:
            break
        problem = next(problem for problem in window.document.inference.problems if problem.repairs)
        window.canvas.commands.repair(problem.node, problem.repairs[0])
    assert window.document.inference.is_valid, window.document.inference.problems
