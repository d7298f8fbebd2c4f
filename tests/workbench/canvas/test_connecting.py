"""Wires: drawn, refused, replaced, taken off."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import QPointF, Qt

from engine.api import Graph, edits, make_layer
from workbench.canvas.connect_gesture import ConnectWire

from .conftest import Hand, chain


def with_layers(graph: Graph, *type_names: str) -> Graph:
    for name in type_names:
        graph, _ = edits.add_layer(graph, make_layer(name))
    return graph


@pytest.fixture
def loose(open_canvas: Callable[[Graph], Hand]) -> Hand:
    """An input, a convolution, two activations and a sum, not connected."""
    return open_canvas(with_layers(Graph(), "input", "convolution", "relu", "tanh", "add"))


def test_that_a_wire_from_output_to_input_connects_in_one_undo_step(loose: Hand) -> None:
    loose.drag(loose.port("input-1", "out"), loose.port("convolution-1", "in"))
    assert loose.edge_pairs() == {("input-1", "convolution-1")}
    assert loose.undo.count() == 1
    assert loose.undo.undoText() == "Connect Input 1 to Convolution 1"
    loose.check_agreement()


def test_that_a_wire_can_be_drawn_backwards_from_an_input(loose: Hand) -> None:
    loose.drag(loose.port("convolution-1", "in"), loose.port("input-1", "out"))
    assert loose.edge_pairs() == {("input-1", "convolution-1")}


@pytest.mark.parametrize("zoom", [0.25, 1.0, 2.5])
def test_that_a_wire_snaps_within_20_screen_pixels_at_any_zoom(loose: Hand, zoom: float) -> None:
    loose.view.center_on("convolution-1")
    loose.view.zoom_by(zoom / loose.view.zoom, QPointF(500, 350))
    target = loose.port("convolution-1", "in")
    for pixels, snaps in ((17.0, True), (26.0, False)):
        gesture = ConnectWire(loose.view, ("input-1", "out", 0))
        gesture.start(loose.port("input-1", "out"))
        gesture.move(target - QPointF(0, pixels / zoom))
        assert (gesture.target == ("convolution-1", "in", 0)) is snaps
        gesture.cancel()


def test_that_connecting_to_an_occupied_input_replaces_its_edge_in_one_step(loose: Hand) -> None:
    loose.drag(loose.port("input-1", "out"), loose.port("relu-1", "in"))
    before = loose.document.project
    loose.drag(loose.port("convolution-1", "out"), loose.port("relu-1", "in"))
    assert loose.edge_pairs() == {("convolution-1", "relu-1")}
    assert loose.undo.count() == 2
    loose.undo.undo()
    assert loose.document.project == before
    loose.check_agreement()


def test_that_a_cycle_is_refused_before_release_with_words_and_lights_up(loose: Hand) -> None:
    loose.drag(loose.port("convolution-1", "out"), loose.port("relu-1", "in"))
    loose.drag(loose.port("relu-1", "out"), loose.port("tanh-1", "in"))
    end = loose.port("convolution-1", "in")
    loose.start_drag(loose.port("tanh-1", "out"), end)
    canvas = loose.view.canvas
    assert canvas.wire.text == "That would close a cycle: Convolution 1 → ReLU 1 → Tanh 1 → Convolution 1."
    assert canvas.nodes["convolution-1"].fitting == frozenset()
    assert all(canvas.nodes[i].accused for i in ("convolution-1", "relu-1", "tanh-1"))
    assert not canvas.nodes["add-1"].accused
    loose.release(end)
    assert len(loose.graph.edges) == 2
    assert loose.said[-1].startswith("That would close a cycle")
    assert not any(item.accused for item in canvas.nodes.values())
    loose.check_agreement()


def test_that_ports_that_fit_are_marked_while_a_wire_is_drawn(loose: Hand) -> None:
    loose.start_drag(loose.port("convolution-1", "out"), loose.empty_place())
    fitting = {node_id: item.fitting for node_id, item in loose.view.canvas.nodes.items()}
    assert fitting["input-1"] == frozenset()
    assert fitting["relu-1"] == frozenset({0})
    assert fitting["add-1"] == frozenset({0, 1})
    loose.key(Qt.Key.Key_Escape)
    loose.check_agreement()


def test_that_hovering_a_fitting_port_shows_the_shape_it_would_give(loose: Hand) -> None:
    loose.start_drag(loose.port("input-1", "out"), loose.port("convolution-1", "in"))
    assert loose.view.canvas.wire.text == "Convolution 1 gives 32×24×24; 832 parameters in all"
    loose.key(Qt.Key.Key_Escape)


def test_that_everything_downstream_shows_its_shape_before_the_drop(
    open_canvas: Callable[[Graph], Hand],
) -> None:
    graph = with_layers(
        chain(("convolution", {}), ("max_pooling", {}), ("fully_connected", {})), "input", "tanh"
    )
    hand = open_canvas(graph)
    before = hand.document.project
    nodes = hand.view.canvas.nodes
    hand.start_drag(hand.port("input-1", "out"), hand.port("convolution-1", "in"))
    ghosts = {node_id: item.ghost for node_id, item in nodes.items() if item.ghost}
    assert ghosts == {
        "convolution-1": "32×24×24\n832 params, 7.0 MiB",
        "max_pooling-1": "32×12×12\n1.8 MiB",
        "fully_connected-1": "10×1×1\n46,090 params, 364 KiB",
    }  # fmt: skip
    hand.move(hand.empty_place())
    assert not any(item.ghost for item in nodes.values())
    hand.move(hand.port("max_pooling-1", "in"))
    assert nodes["max_pooling-1"].ghost == "1×14×14\n76.6 KiB"
    hand.key(Qt.Key.Key_Escape)
    assert not any(item.ghost for item in nodes.values())
    assert hand.document.project == before


def test_that_a_ghost_tells_what_would_not_fit(open_canvas: Callable[[Graph], Hand]) -> None:
    graph = with_layers(chain(("input", {}), ("fully_connected", {})), "max_pooling", "relu")
    hand = open_canvas(edits.connect(graph, "max_pooling-1", "relu-1"))
    hand.start_drag(hand.port("fully_connected-1", "out"), hand.port("max_pooling-1", "in"))
    assert hand.view.canvas.nodes["max_pooling-1"].ghost == "would not fit"
    assert hand.view.canvas.nodes["relu-1"].ghost == ""
    assert hand.view.canvas.wire.text.startswith("Max pooling 1: a region of 2×2 does not fit")
    hand.view.grab()
    hand.release(hand.port("max_pooling-1", "in"))
    assert (
        "fully_connected-1",
        "max_pooling-1",
    ) in hand.edge_pairs()  # allowed: the problem says what to mend


def test_that_an_input_takes_no_wire_and_says_so(loose: Hand) -> None:
    loose.drag(loose.port("convolution-1", "out"), loose.middle("input-1"))
    assert loose.graph.edges == frozenset()
    assert loose.said == ["Input 1 takes no input: images enter there."]


def test_that_dragging_off_a_connected_input_disconnects_and_escape_puts_it_back(short: Hand) -> None:
    before = short.document.project
    short.start_drag(short.port("relu-1", "in"), short.empty_place())
    edge = next(e for e in before.graph.edges if e.target == "relu-1")
    assert not short.view.canvas.edges[edge].isVisible()
    short.key(Qt.Key.Key_Escape)
    short.release(short.empty_place())
    assert short.document.project == before
    short.check_agreement()
    short.drag(short.port("relu-1", "in"), short.empty_place())
    assert edge not in short.graph.edges
    assert short.undo.count() == 1
    short.check_agreement()


def test_that_a_wire_taken_off_can_be_put_elsewhere_in_one_step(short: Hand) -> None:
    short.drag(short.port("relu-1", "in"), short.port("fully_connected-1", "in"))
    assert ("convolution-1", "fully_connected-1") in short.edge_pairs()
    assert not short.graph.incoming["relu-1"]
    assert short.undo.count() == 1
    short.check_agreement()


def test_that_a_click_on_a_connected_input_changes_nothing(short: Hand) -> None:
    before = short.document.project
    short.click(short.port("relu-1", "in"))
    assert short.document.project == before
    assert short.undo.count() == 0


def test_that_a_join_grows_a_free_input_and_closes_up(loose: Hand) -> None:
    loose.drag(loose.port("convolution-1", "out"), loose.port("add-1", "in", 0))
    loose.drag(loose.port("relu-1", "out"), loose.port("add-1", "in", 1))
    assert loose.view.canvas.nodes["add-1"].look.inputs == 3
    loose.drag(loose.port("add-1", "in", 0), loose.empty_place())
    assert [(e.source, e.port) for e in loose.graph.incoming["add-1"]] == [("relu-1", 0)]
    assert loose.view.canvas.nodes["add-1"].look.inputs == 2
    loose.check_agreement()


def test_that_a_wire_dropped_on_empty_canvas_offers_what_fits_and_connects_it(short: Hand) -> None:
    place = short.empty_place()
    short.drag(short.port("fully_connected-1", "out"), place)
    box = short.view.search_box
    assert box.isVisible()
    offered = [box.list.item(row).text() for row in range(box.list.count())]
    assert "ReLU" in offered
    assert "Input" not in offered
    assert "Max pooling" not in offered  # 2×2 does not fit into 10×1×1
    box.field.setText("relu")
    short.view.search_box.list.itemClicked.emit(box.list.item(0))
    assert ("fully_connected-1", "relu-2") in short.edge_pairs()
    assert short.undo.count() == 1
    short.check_agreement()


def test_that_a_drop_on_the_body_of_a_node_takes_its_free_port(open_canvas: Callable[[Graph], Hand]) -> None:
    hand = open_canvas(with_layers(chain(("input", {}), ("relu", {})), "add"))
    hand.drag(hand.port("relu-1", "out"), hand.middle("add-1"))
    hand.drag(hand.port("input-1", "out"), hand.middle("add-1"))
    assert [(e.source, e.port) for e in hand.graph.incoming["add-1"]] == [("relu-1", 0), ("input-1", 1)]
