"""What a network looks like while boxes stand for folded frames: ports, places, and the room they leave."""

from dataclasses import replace

import pytest

from engine.design import edits, folding
from engine.design.arrange import NODE_HEIGHT, ROW_GAP, arrange
from engine.design.folding import BoxInput
from engine.design.graph import Edge, Graph
from engine.layers import make_layer
from engine.templates import TEMPLATES, chain

ROW = NODE_HEIGHT + ROW_GAP


def column(*names: str, framed: tuple[str, ...] = ()) -> tuple[Graph, dict[str, tuple[float, float]]]:
    graph = chain(*(make_layer(name) for name in names))
    graph = graph.with_nodes(*(replace(graph.nodes[i], frame="F") for i in framed))
    return graph, {node_id: (0.0, number * ROW) for number, node_id in enumerate(graph.order)}


def residual() -> Graph:
    """input → relu → (convolution → add ← relu) → relu, with convolution and add in a frame."""
    graph = chain(
        make_layer("input"),
        make_layer("relu"),
        make_layer("convolution"),
        make_layer("add"),
        make_layer("tanh"),
    )
    graph = edits.connect(graph, "relu-1", "add-1")
    return graph.with_nodes(*(replace(graph.nodes[i], frame="F") for i in ("convolution-1", "add-1")))


def test_that_what_comes_from_one_node_is_one_input_of_a_box() -> None:
    graph, members = residual(), ("convolution-1", "add-1")
    assert folding.box_inputs(graph, members) == (
        BoxInput((("convolution-1", 0), ("add-1", 1)), "relu-1"),
    )  # fmt: skip
    assert folding.box_outputs(graph, members) == ("add-1",)


def test_that_open_inputs_are_one_each_unless_the_group_takes_one() -> None:
    graph, members = residual(), ("convolution-1", "add-1")
    free = graph.with_edges(e for e in graph.edges if e.source != "relu-1")
    assert folding.box_inputs(free, members) == (BoxInput((("convolution-1", 0),)), BoxInput((("add-1", 1),)))
    assert folding.box_inputs(free, members, takes_one=True) == (
        BoxInput((("convolution-1", 0), ("add-1", 1))),
    )


def test_that_a_free_group_is_put_into_an_edge_at_all_its_inputs() -> None:
    graph = residual()
    edge = Edge("input-1", "tanh-1", 0)
    free = graph.with_edges({*(e for e in graph.edges if e.source not in ("relu-1", "add-1")), edge})
    after = folding.inserted(free, edge, [("convolution-1", 0), ("add-1", 1)], "add-1")
    assert {("input-1", "convolution-1", 0), ("input-1", "add-1", 1), ("add-1", "tanh-1", 0)} <= {
        (e.source, e.target, e.port) for e in after.edges
    }
    assert edge not in after.edges


def test_that_the_outermost_folded_frame_stands_for_a_node() -> None:
    graph, layout = column("input", "relu", "tanh", "sigmoid", framed=("relu-1", "tanh-1"))
    graph = graph.with_nodes(replace(graph.nodes["tanh-1"], frame="F/G"))
    assert folding.holders(graph, {"F", "F/G"}) == {"relu-1": "F", "tanh-1": "F"}
    assert folding.holders(graph, {"F/G"}) == {"tanh-1": "F/G"}
    seen = folding.seen_design(graph, layout, {"F"})
    assert set(seen.graph.nodes) == {"input-1", "relu-1", "sigmoid-1"}
    assert seen.graph.edges == {Edge("input-1", "relu-1"), Edge("relu-1", "sigmoid-1")}
    assert seen.edge(Edge("tanh-1", "sigmoid-1")) == Edge("relu-1", "sigmoid-1")
    assert seen.with_members({"relu-1": (50.0, ROW)})["tanh-1"] == (50.0, 2 * ROW)


def test_that_a_node_between_the_nodes_of_a_box_makes_no_cycle_of_what_is_seen() -> None:
    graph, layout = column("input", "relu", "tanh", "sigmoid", framed=("relu-1", "sigmoid-1"))
    seen = folding.seen_design(graph, layout, {"F"})
    assert len(seen.graph.order) == len(seen.graph.nodes) == 3
    assert set(arrange(seen.graph)) == {"input-1", "relu-1", "tanh-1"}


def test_that_folding_closes_the_gap_and_opening_makes_it_again() -> None:
    graph, layout = column(
        "input", "relu", "tanh", "sigmoid", "relu", framed=("relu-1", "tanh-1", "sigmoid-1")
    )
    after = {**layout, **folding.places_after_folding(graph, layout, set(), "F")}
    assert after["relu-2"] == (0.0, 2 * ROW)
    assert after["tanh-1"] == layout["tanh-1"]
    opened = {**after, **folding.places_after_unfolding(graph, after, {"F"}, "F")}
    assert opened == layout


def test_that_opening_moves_what_would_be_covered_and_nothing_else() -> None:
    graph, layout = column("input", "relu", "tanh", "sigmoid", framed=("relu-1", "tanh-1"))
    layout |= {"sigmoid-1": (0.0, 2 * ROW), "input-1": (0.0, 0.0)}
    graph, other = edits.add_layer(graph, make_layer("dropout"))
    layout[other.id] = (600.0, 2 * ROW)
    moved = folding.places_after_unfolding(graph, layout, {"F"}, "F")
    assert moved == {"sigmoid-1": (0.0, 3 * ROW)}
    assert folding.places_after_unfolding(graph, {**layout, **moved}, {"F"}, "F") == {}


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_that_every_template_is_laid_out_with_a_box_in_it(name: str) -> None:
    graph = TEMPLATES[name].build().graph
    members = graph.order[1:4]
    graph = graph.with_nodes(*(replace(graph.nodes[i], frame="F") for i in members))
    seen = folding.seen_design(graph, arrange(graph), {"F"})
    places = seen.with_members(arrange(seen.graph))
    assert places.keys() == graph.nodes.keys()
    shown = [places[i] for i in seen.graph.nodes]
    assert len(set(shown)) == len(shown)
