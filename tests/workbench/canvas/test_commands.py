"""Commands by keyboard: each one undo step."""

import json
from collections.abc import Callable

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QGuiApplication

from engine.api import Graph, edits
from workbench.canvas.actions import context_menu

from .conftest import SHORT, Hand, chain

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


def test_that_delete_removes_nodes_with_their_edges_and_undo_brings_all_back(short: Hand) -> None:
    before = short.document.project
    short.click(short.middle("relu-1"))
    short.key(Qt.Key.Key_Delete)
    assert "relu-1" not in short.graph.nodes
    assert len(short.graph.edges) == 2
    short.check_agreement()
    short.undo.undo()
    assert short.document.project == before
    short.check_agreement()


def test_that_delete_removes_a_selected_edge(short: Hand) -> None:
    edge = next(e for e in short.graph.edges if e.source == "relu-1")
    path = short.view.canvas.edges[edge].path
    short.click(path.pointAtPercent(0.5))
    assert short.view.canvas.selected_edges == (edge,)
    short.key(Qt.Key.Key_Delete)
    assert edge not in short.graph.edges
    assert len(short.graph.nodes) == 5


def test_that_ctrl_delete_reconnects_the_neighbours(short: Hand) -> None:
    short.view.select(["relu-1"])
    short.key(Qt.Key.Key_Delete, CTRL)
    assert ("convolution-1", "fully_connected-1") in short.edge_pairs()
    assert short.undo.count() == 1
    assert short.said == []


def test_that_ctrl_delete_leaves_apart_what_does_not_fit_and_says_so(
    open_canvas: Callable[[Graph], Hand],
) -> None:
    hand = open_canvas(chain(("input", {}), ("fully_connected", {}), ("softmax_classifier", {})))
    hand.view.select(["fully_connected-1"])
    hand.key(Qt.Key.Key_Delete, CTRL)
    assert hand.graph.edges == frozenset()
    assert hand.said == ["The neighbours of Fully connected 1 do not fit each other, so they stay apart."]


def test_that_copies_are_pasted_at_the_pointer_with_the_edges_among_them(short: Hand) -> None:
    short.view.select(["convolution-1", "relu-1"])
    short.key(Qt.Key.Key_C, CTRL)
    place = short.empty_place()
    short.move(place)
    short.key(Qt.Key.Key_V, CTRL)
    assert ("convolution-2", "relu-2") in short.edge_pairs()
    assert not short.graph.incoming["convolution-2"]
    assert short.view.canvas.selected_nodes == ("convolution-2", "relu-2")
    assert (short.middle("convolution-2") - place).manhattanLength() < 3
    assert short.undo.count() == 1
    short.check_agreement()


def test_that_ctrl_shift_v_keeps_incoming_edges(short: Hand) -> None:
    short.view.select(["relu-1"])
    short.key(Qt.Key.Key_C, CTRL)
    short.key(Qt.Key.Key_V, CTRL | SHIFT)
    assert ("convolution-1", "relu-2") in short.edge_pairs()


def test_that_nodes_travel_to_another_window_as_json_text(
    short: Hand, open_canvas: Callable[[Graph], Hand]
) -> None:
    short.key(Qt.Key.Key_A, CTRL)
    short.key(Qt.Key.Key_C, CTRL)
    assert json.loads(QGuiApplication.clipboard().text())["kind"] == "gabor nodes"
    other = open_canvas(Graph())
    other.key(Qt.Key.Key_V, CTRL)
    assert other.graph == chain(*SHORT)
    other.check_agreement()


def test_that_cut_removes_what_paste_brings_back(short: Hand) -> None:
    short.view.select(["relu-1"])
    short.key(Qt.Key.Key_X, CTRL)
    assert "relu-1" not in short.graph.nodes
    short.key(Qt.Key.Key_V, CTRL)
    assert "relu-1" in short.graph.nodes


@pytest.mark.parametrize(
    "text",
    ["", "hello", "[]", "{}", "[" * 5000, '{"kind": "gabor nodes", "nodes": 3, "edges": []}',
     '{"kind": "gabor nodes", "nodes": [{"id": "a"}], "edges": []}',
     '{"kind": "gabor nodes", "nodes": [], "edges": []}',
     '{"kind": "gabor nodes", "nodes": [{"id": "a", "name": "A", "type": "relu", "settings": {}, "place": [1]}],'
     ' "edges": []}',
     '{"kind": "gabor nodes", "nodes": [{"id": "a", "name": "A", "type": "relu", "settings": {}, "place": [0, 0]}],'
     ' "edges": [["b", "c", 0]]}'],
)  # fmt: skip
def test_that_pasting_something_else_says_so_and_changes_nothing(short: Hand, text: str) -> None:
    QGuiApplication.clipboard().setText(text)
    short.key(Qt.Key.Key_V, CTRL)
    assert short.undo.count() == 0
    assert short.said == ["The clipboard holds no layers: select some and copy them first."]


def test_that_pasting_an_unknown_layer_names_it(short: Hand) -> None:
    QGuiApplication.clipboard().setText(
        '{"kind": "gabor nodes", "nodes": [{"id": "a", "name": "A", "type": "warp", "settings": {}, "place": [0, 0]}],'
        ' "edges": []}'
    )
    short.key(Qt.Key.Key_V, CTRL)
    assert short.said == ["There is no layer type 'warp'."]


def test_that_duplicate_copies_inner_edges_and_selects_the_copies(short: Hand) -> None:
    short.view.select(["convolution-1", "relu-1"])
    short.key(Qt.Key.Key_D, CTRL)
    assert ("convolution-2", "relu-2") in short.edge_pairs()
    assert len(short.graph.edges) == 5
    assert short.view.canvas.selected_nodes == ("convolution-2", "relu-2")
    assert short.undo.count() == 1


def test_that_a_problem_offers_its_repairs_each_one_undo_step(short: Hand) -> None:
    short.document.apply_graph("Set", edits.set_settings(short.graph, "convolution-1", size=31, padding=0))
    labels = [action.text() for action in context_menu(short.view, "convolution-1").actions()]
    assert labels[:2] == ["Set size to 28×28", "Set padding to 2"]
    context_menu(short.view, "convolution-1").actions()[1].trigger()
    assert short.document.inference.is_valid
    assert short.undo.count() == 2
    assert "Set padding to 2" not in [
        action.text() for action in context_menu(short.view, "relu-1").actions()
    ]


def test_that_m_mutes_and_unmutes(short: Hand) -> None:
    short.view.select(["relu-1"])
    short.key(Qt.Key.Key_M)
    assert short.graph.nodes["relu-1"].muted
    assert short.view.canvas.nodes["relu-1"].look.muted
    short.key(Qt.Key.Key_M)
    assert not short.graph.nodes["relu-1"].muted


def test_that_an_input_cannot_be_muted_and_says_why(short: Hand) -> None:
    short.view.select(["input-1"])
    short.key(Qt.Key.Key_M)
    assert short.said == ["Input 1 cannot be muted: only a layer between others passes its input on."]


def test_that_l_lays_out_undoably(short: Hand) -> None:
    arranged = short.document.project
    short.drag(short.middle("relu-1"), short.middle("relu-1") + QPointF(200, 120))
    short.view.select([])
    short.key(Qt.Key.Key_L)
    assert short.document.project == arranged
    short.undo.undo()
    assert short.document.project != arranged
    short.check_agreement()


def test_that_arrows_walk_along_edges(short: Hand) -> None:
    walked = []
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Up):
        short.key(key)
        walked += short.view.canvas.selected_nodes
    assert walked == ["input-1", "convolution-1", "relu-1", "convolution-1"]


def test_that_enter_and_double_click_ask_for_the_settings(short: Hand, qtbot: object) -> None:
    asked: list[str] = []
    short.view.node_activated.connect(asked.append)
    short.view.select(["relu-1"])
    short.key(Qt.Key.Key_Return)
    assert asked == ["relu-1"]


def test_that_every_command_is_an_action_with_name_text_and_icon(short: Hand) -> None:
    names = [action.objectName() for action in short.view.actions()]
    assert len(names) == len(set(names)) >= 20
    keys = [key.toString() for action in short.view.actions() for key in action.shortcuts()]
    assert len(keys) == len(set(keys))
    for action in short.view.actions():
        assert action.text()
        assert not action.icon().isNull()


def test_that_a_refused_edit_leaves_no_undo_entry(short: Hand) -> None:
    short.view.select(["input-1"])
    short.run("canvas.mute")
    assert short.undo.count() == 0
    assert edits.refusal(short.graph, "relu-1", "input-1")
