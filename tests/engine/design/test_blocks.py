"""Blocks: what is exposed, placed copies, and copies that follow a block that was saved anew."""

from dataclasses import replace

import pytest

from engine.design import blocks, edits, framing
from engine.design.arrange import arrange
from engine.design.folding import BoxInput
from engine.design.inference import infer
from engine.errors import DesignError
from engine.layers import make_layer
from engine.templates import chain

BODY = ("convolution-1", "convolution-2", "add-1")


def same(filters: int):
    return make_layer("convolution", {"filters": filters, "size": 3, "padding": 1})


def residual():
    """input → relu → (convolution → convolution → add ← relu) → tanh."""
    graph = chain(
        make_layer("input"), make_layer("relu"), same(1), same(1), make_layer("add"), make_layer("tanh")
    )
    return edits.connect(graph, "relu-1", "add-1")


def residual_block() -> blocks.Block:
    graph = residual()
    labels = {("convolution-1", "filters"): "Width", ("convolution-2", "filters"): "Width"}
    graph = blocks.expose(graph, BODY, labels)
    return blocks.make_block("Residual", graph, BODY, arrange(graph))


def test_that_settings_of_one_label_are_set_together_and_only_in_their_block() -> None:
    block = residual_block()
    assert [(s.name, s.label, s.kind, s.minimum) for s in block.settings] == [
        ("Width", "Width", "integer", 1)
    ]
    graph, one, _, first = blocks.place_block(residual(), block, (0.0, 0.0))
    graph, two, _, second = blocks.place_block(graph, block, (0.0, 0.0))
    assert (first, second) == ("Residual", "Residual 2")
    graph = blocks.set_exposed(graph, one.values(), "Width", 7)
    filters = [graph.nodes[ids[i]].layer.filters for ids in (one, two) for i in BODY[:2]]
    assert filters == [7, 7, 1, 1]
    assert blocks.exposed_values([graph.nodes[i] for i in one.values()], "Width") == (7,)
    with pytest.raises(DesignError, match="must be at least 1"):
        blocks.set_exposed(graph, one.values(), "Width", 0)


def test_that_what_is_exposed_is_kept_sorted_and_offered_as_declared() -> None:
    labels = {("convolution-1", "filters"): "Width", ("convolution-1", "bias"): "Bias"}
    graph = blocks.expose(residual(), BODY, labels)
    assert graph.nodes["convolution-1"].exposed == (("bias", "Bias"), ("filters", "Width"))
    assert [s.label for s in blocks.exposed_settings(graph.nodes.values())] == ["Width", "Bias"]


def test_that_a_block_knows_its_inputs_and_outputs() -> None:
    block = residual_block()
    assert block.inputs == (BoxInput((("convolution-1", 0), ("add-1", 1))),)
    assert block.outputs == ("add-1",)
    assert block.takes_one
    assert block.layout["convolution-1"] == (0.0, 0.0)
    assert block.sentence == "A block of 3 layers (Convolution, Add); sets width."


def test_that_a_block_of_a_frame_keeps_the_frames_inside() -> None:
    graph, path = framing.wrap_in_frame(residual(), BODY, "Body")
    graph = graph.with_nodes(replace(graph.nodes["add-1"], frame="Body/end"))
    block = blocks.make_block("B", graph, BODY, arrange(graph), frame=path)
    assert {node.frame for node in block.graph.nodes.values()} == {"", "end"}
    placed, ids, _, title = blocks.place_block(graph, block, (0.0, 0.0))
    assert title == "B"
    assert placed.nodes[ids["add-1"]].frame == "B/end"


def test_that_settings_of_different_kinds_cannot_have_one_label() -> None:
    with pytest.raises(DesignError, match="cannot set both"):
        blocks.expose(residual(), BODY, {("convolution-1", "filters"): "A", ("convolution-2", "size"): "A"})
    with pytest.raises(DesignError, match="needs a label"):
        blocks.expose(residual(), BODY, {("convolution-1", "filters"): "  "})


@pytest.mark.parametrize("name", ["", " ", "a/b", "x" * 61, "a\nb"])
def test_that_a_block_needs_a_good_name(name: str) -> None:
    with pytest.raises(DesignError, match="needs a name"):
        blocks.make_block(name, residual(), BODY, {})


def test_that_an_empty_block_is_refused() -> None:
    with pytest.raises(DesignError, match="at least one node"):
        blocks.make_block("B", residual(), (), {})


def test_that_copies_that_follow_keep_settings_place_and_connections() -> None:
    block = residual_block()
    graph, path = framing.wrap_in_frame(residual(), BODY, "Mine")
    graph = blocks.expose(graph, BODY, {(i, "filters"): "Width" for i in BODY[:2]})
    graph = blocks.set_exposed(graph, BODY, "Width", 1)
    grown = block.graph
    grown, node = edits.add_layer(grown, make_layer("relu"))
    edge = next(e for e in grown.edges if e.source == "convolution-1")
    newer = replace(block, graph=edits.insert_on_edge(grown, edge, node.id))
    layout = dict(arrange(graph))
    after, places = blocks.with_copies_updated(graph, layout, newer, [path])
    members = framing.frames(after)["Mine"]
    assert sorted(after.nodes[i].layer.type_name for i in members) == [
        "add",
        "convolution",
        "convolution",
        "relu",
    ]
    first = next(i for i in after.order if i in members)
    assert places[first] == layout["convolution-1"]
    assert {e.target for e in after.outgoing["relu-1"]} <= set(members)
    assert len(after.outgoing["relu-1"]) == 2
    assert [after.nodes[e.source].layer.type_name for e in after.incoming["tanh-1"]] == ["add"]
    assert infer(after).shapes["tanh-1"].output == infer(graph).shapes["tanh-1"].output


def test_that_a_free_input_of_a_join_stays_free_until_the_block_is_connected() -> None:
    graph = chain(make_layer("input"), make_layer("relu"), make_layer("add"))
    graph, inner = edits.add_layer(graph, make_layer("input"))
    graph = edits.connect(graph, inner.id, "add-1")
    block = blocks.make_block("Join", graph, ("add-1", inner.id), arrange(graph))
    assert block.inputs == (BoxInput((("add-1", 0),)),)
    placed, ids, _, _ = blocks.place_block(graph, block, (0.0, 0.0))
    placed = edits.closed_up(edits.connect(placed, "relu-1", ids["add-1"], 0))
    arriving = placed.validated().incoming[ids["add-1"]]
    assert [(edge.source, edge.port) for edge in arriving] == [("relu-1", 0), (ids[inner.id], 1)]
