"""Folded frames in every gesture: wires, drags, insertion, copies, walking, the picture, and what is kept."""

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from engine.api import (
    Edge,
    FrameState,
    Project,
    arrange,
    edits,
    framing,
    load_project,
    make_layer,
    save_project,
)
from workbench.canvas.picture import save_network_picture

from .conftest import MNIST, Hand, chain

CTRL = Qt.KeyboardModifier.ControlModifier
MEMBERS = ("convolution-2", "relu-2", "max_pooling-2")


def fold(hand: Hand, members: tuple[str, ...] = MEMBERS, title: str = "Features") -> None:
    graph, path = framing.wrap_in_frame(hand.graph, members, title)
    hand.document.apply_graph("Frame", graph)
    hand.view.frame_commands.set_folded({path}, True)
    hand.view.frame_all()


@pytest.fixture
def boxed(mnist: Hand) -> Hand:
    fold(mnist)
    return mnist


def box(hand: Hand, path: str = "Features") -> QPointF:
    return hand.view.canvas.frames[path].rect.center()


def pairs(hand: Hand) -> set[tuple[str, str]]:
    return hand.edge_pairs()


def test_that_connections_reach_the_box_at_its_ports(boxed: Hand) -> None:
    frame = boxed.view.canvas.frames["Features"]
    assert frame.ports() == [("convolution-2", "in", 0), ("max_pooling-2", "out", 0)]
    item = boxed.view.canvas.edges[Edge("max_pooling-1", "convolution-2")]
    assert item.path.pointAtPercent(1.0) == frame.port_place("in")
    assert not boxed.view.canvas.edges[Edge("convolution-2", "relu-2")].isVisible()
    boxed.check_agreement()


def test_that_a_wire_is_drawn_out_of_a_box_and_into_one(boxed: Hand) -> None:
    before = pairs(boxed)
    fed = next(iter(boxed.graph.outgoing["max_pooling-2"])).target
    boxed.drag(boxed.port(fed, "in"), boxed.empty_place())
    assert pairs(boxed) == before - {("max_pooling-2", fed)}
    boxed.drag(boxed.port("max_pooling-2", "out"), boxed.port(fed, "in"))
    assert pairs(boxed) == before
    boxed.drag(boxed.port("convolution-2", "in"), boxed.empty_place())
    assert pairs(boxed) == before - {("max_pooling-1", "convolution-2")}
    boxed.drag(boxed.port("max_pooling-1", "out"), box(boxed))
    assert pairs(boxed) == before
    boxed.check_agreement()


def test_that_a_wire_into_a_box_shows_what_it_would_give_before_the_drop(boxed: Hand) -> None:
    boxed.drag(boxed.port("convolution-2", "in"), boxed.empty_place())
    frame = boxed.view.canvas.frames["Features"]
    assert frame.fold.shapes == "no input → ?"
    boxed.start_drag(boxed.port("max_pooling-1", "out"), boxed.port("convolution-2", "in"))
    assert frame.fitting == {("convolution-2", "in", 0)}
    assert frame.ghost.shapes == "32×14×14 → 64×7×7"
    boxed.key(Qt.Key.Key_Escape)
    assert frame.ghost is None
    assert frame.fitting is None
    boxed.release(boxed.port("convolution-2", "in"))


def test_that_a_free_box_dropped_on_a_connection_is_inserted_there(boxed: Hand) -> None:
    hand = boxed
    hand.view.select(MEMBERS)
    hand.key(Qt.Key.Key_D, CTRL)
    copy = hand.view.canvas.frames["Features 2"]
    assert copy.fold is not None
    assert hand.document.project.folded == {"Features", "Features 2"}
    edge = next(e for e in hand.graph.edges if e.source == "input-1")
    before = set(hand.graph.edges)
    line = hand.view.canvas.edges[edge]
    hand.view.frame_all()
    hand.drag(copy.rect.center(), line.path.pointAtPercent(0.5))
    added = set(hand.graph.edges) - before
    assert {(e.source == "input-1", e.target == edge.target) for e in added} == {(True, False), (False, True)}
    assert edge not in hand.graph.edges
    hand.check_agreement()
    hand.undo.undo()
    hand.check_agreement()


def test_that_a_copy_of_a_box_is_a_box_of_its_own_in_this_window_and_another(boxed: Hand) -> None:
    boxed.click(box(boxed))
    assert boxed.view.canvas.selected_nodes == MEMBERS
    boxed.key(Qt.Key.Key_C, CTRL)
    assert '"Features"' in QGuiApplication.clipboard().text()
    boxed.key(Qt.Key.Key_V, CTRL)
    assert len(framing.frames(boxed.graph)["Features 2"]) == 3
    assert "Features 2" in boxed.document.project.folded
    boxed.check_agreement()
    boxed.view.document.load(Project())
    boxed.key(Qt.Key.Key_V, CTRL)
    assert boxed.document.project.frames == {"Features": FrameState(folded=True)}
    boxed.check_agreement()


def test_that_part_of_a_frame_is_copied_into_the_same_frame(boxed: Hand) -> None:
    boxed.view.select(["relu-2"])
    boxed.key(Qt.Key.Key_D, CTRL)
    assert list(framing.frames(boxed.graph)) == ["Features"]
    assert len(framing.frames(boxed.graph)["Features"]) == 4


def test_that_arrows_walk_through_a_box_and_a_new_layer_goes_behind_it(boxed: Hand) -> None:
    boxed.view.select(["max_pooling-1"])
    boxed.key(Qt.Key.Key_Down)
    assert boxed.view.canvas.selected_nodes == MEMBERS
    boxed.key(Qt.Key.Key_Down)
    assert boxed.view.canvas.selected_nodes == ("fully_connected-1",)
    boxed.key(Qt.Key.Key_Up)
    assert boxed.view.canvas.selected_nodes == MEMBERS
    added = boxed.view.commands.add_after_selection("tanh", QPointF(0, 0))
    assert {("max_pooling-2", added), (added, "fully_connected-1")} <= pairs(boxed)
    boxed.check_agreement()


def test_that_a_rubber_band_takes_the_box_with_all_that_is_in_it(boxed: Hand) -> None:
    rect = boxed.view.canvas.frames["Features"].rect
    boxed.drag(rect.topRight() + QPointF(14, 10), rect.center())
    assert boxed.view.canvas.selected_nodes == MEMBERS


def test_that_l_lays_a_box_out_as_one_node_with_its_inside_unchanged(boxed: Hand) -> None:
    layout = boxed.document.project.layout
    offsets = [(layout[i][0] - layout[MEMBERS[0]][0], layout[i][1] - layout[MEMBERS[0]][1]) for i in MEMBERS]
    boxed.view.select([])
    boxed.key(Qt.Key.Key_L)
    layout = boxed.document.project.layout
    assert offsets == [
        (layout[i][0] - layout[MEMBERS[0]][0], layout[i][1] - layout[MEMBERS[0]][1]) for i in MEMBERS
    ]
    boxed.check_agreement()


def test_that_opening_makes_room_and_folding_again_gives_it_back(boxed: Hand) -> None:
    folded = dict(boxed.document.project.layout)
    boxed.click(boxed.view.canvas.frames["Features"].fold_sign().center())
    bodies = [boxed.view.canvas.body_of(node_id) for node_id in boxed.graph.nodes]
    assert not any(a.intersects(b) for i, a in enumerate(bodies) for b in bodies[:i])
    boxed.check_agreement()
    boxed.view.frame_all()
    boxed.click(boxed.view.canvas.frames["Features"].fold_sign().center())
    assert dict(boxed.document.project.layout) == folded
    assert boxed.undo.undoText() == "Fold Features"


def test_that_a_click_on_what_a_box_complains_about_offers_its_repairs(boxed: Hand) -> None:
    graph = edits.set_settings(boxed.graph, "convolution-2", size=40)
    boxed.document.apply_graph("Set", graph)
    boxed.view.zoom_to_full_size()
    boxed.view.show_node("convolution-2")
    boxed.click(box(boxed) + QPointF(0, 20))
    assert boxed.view.repair_card.isVisible()


def test_that_a_renamed_box_stays_a_box(boxed: Hand) -> None:
    boxed.view.frame_commands.rename("Features", "Eyes")
    assert boxed.document.project.frames == {"Eyes": FrameState(folded=True)}
    boxed.undo.undo()
    assert boxed.document.project.frames == {"Features": FrameState(folded=True)}
    boxed.check_agreement()


def test_that_a_box_goes_into_a_frame_around_it_and_stays_folded(boxed: Hand) -> None:
    boxed.view.select(["max_pooling-1", *MEMBERS])
    boxed.key(Qt.Key.Key_G, CTRL)
    QTest.keyClick(boxed.view.title_field, Qt.Key.Key_Escape)
    assert boxed.document.project.folded == {"Frame 1/Features"}
    boxed.check_agreement()
    boxed.view.select(["max_pooling-1"])
    boxed.key(Qt.Key.Key_H)
    assert boxed.view.canvas.framing.holder["relu-2"] == "Frame 1"
    boxed.check_agreement()
    boxed.view.center_on("relu-2")
    assert boxed.view.canvas.is_shown("relu-2")
    boxed.check_agreement()


def test_that_mute_shows_on_the_box_and_delete_takes_it_away(boxed: Hand) -> None:
    boxed.click(box(boxed))
    boxed.key(Qt.Key.Key_M)
    assert boxed.view.canvas.frames["Features"].fold.muted
    boxed.key(Qt.Key.Key_Delete)
    assert boxed.document.project.frames == {}
    assert boxed.view.canvas.frames == {}
    boxed.check_agreement()
    boxed.undo.undo()
    assert boxed.document.project.folded == {"Features"}
    boxed.check_agreement()


def test_that_what_is_folded_is_saved_and_drawn_into_pictures(boxed: Hand, tmp_path: Path) -> None:
    save_project(tmp_path / "a.netproj", boxed.document.project)
    project = load_project(tmp_path / "a.netproj").project
    assert project == boxed.document.project
    save_network_picture(project, tmp_path / "a.svg")
    words = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert ">Features<" in words
    assert ">Convolution 2<" not in words
    open_project = replace(project, frames={})
    save_network_picture(open_project, tmp_path / "b.svg")
    assert ">Convolution 2<" in (tmp_path / "b.svg").read_text(encoding="utf-8")


def test_that_the_overview_and_the_frame_of_everything_leave_hidden_nodes_out(boxed: Hand) -> None:
    graph, path = chain(*MNIST), "All"
    graph, path = framing.wrap_in_frame(graph, graph.nodes, path)
    boxed.document.load(Project(graph=graph, layout=arrange(graph), frames={path: FrameState(folded=True)}))
    canvas = boxed.view.canvas
    assert canvas.network_rect() == canvas.frames["All"].rect
    assert boxed.view.content_rect() == canvas.frames["All"].rect
    assert canvas.frames["All"].fold.shapes == "no input → 10×1×1"


def test_that_one_connection_feeds_all_that_came_from_it(empty: Hand) -> None:
    graph = chain(
        ("input", {}), ("relu", {}), ("convolution", {"filters": 1, "size": 3, "padding": 1}), ("add", {})
    )
    graph = edits.connect(graph, "relu-1", "add-1")
    graph, other = edits.add_layer(graph, make_layer("tanh"))
    graph = edits.connect(graph, "input-1", other.id)
    graph, path = framing.wrap_in_frame(graph, ("convolution-1", "add-1"), "Residual")
    empty.document.load(Project(graph=graph, layout=arrange(graph), frames={path: FrameState(folded=True)}))
    empty.view.frame_all()
    frame = empty.view.canvas.frames["Residual"]
    assert frame.ports() == [("convolution-1", "in", 0), ("add-1", "out", 0)]
    empty.drag(empty.port(other.id, "out"), empty.port("convolution-1", "in"))
    assert {(other.id, "convolution-1"), (other.id, "add-1")} <= pairs(empty)
    assert not {("relu-1", "convolution-1"), ("relu-1", "add-1")} & pairs(empty)
    empty.check_agreement()
    empty.drag(empty.port("convolution-1", "in"), empty.empty_place())
    assert not empty.graph.incoming["convolution-1"]
    assert [e.source for e in empty.graph.incoming["add-1"]] == ["convolution-1"]
    empty.check_agreement()


def test_that_a_box_refuses_a_wire_that_only_some_of_its_inputs_could_take(empty: Hand) -> None:
    graph = chain(("input", {}), ("relu", {}))
    graph, inner = edits.add_layer(graph, make_layer("tanh"))
    graph = edits.connect(graph, "input-1", inner.id)
    graph, outer = edits.add_layer(graph, make_layer("sigmoid"))
    graph = edits.connect(graph, inner.id, outer.id)
    graph, path = framing.wrap_in_frame(graph, ("relu-1", inner.id), "Two")
    empty.document.load(Project(graph=graph, layout=arrange(graph), frames={path: FrameState(folded=True)}))
    empty.view.frame_all()
    before = empty.graph
    empty.start_drag(empty.port(outer.id, "out"), empty.port("relu-1", "in"))
    assert "close a cycle: Tanh 1 → Sigmoid 1 → Tanh 1" in empty.view.canvas.wire.text
    empty.release(empty.port("relu-1", "in"))
    assert empty.graph == before
    empty.check_agreement()


def test_that_a_wire_put_back_stays_hidden_in_a_frame_that_was_folded_meanwhile(mnist: Hand) -> None:
    graph, path = framing.wrap_in_frame(mnist.graph, MEMBERS, "Features")
    mnist.document.apply_graph("Frame", graph)
    mnist.view.frame_all()
    mnist.start_drag(mnist.port("relu-2", "in"), mnist.empty_place())
    mnist.view.frame_commands.set_folded({path}, True)
    mnist.key(Qt.Key.Key_Escape)
    assert not mnist.view.canvas.edges[Edge("convolution-2", "relu-2")].isVisible()
    mnist.check_agreement()
