"""Edits of a design: they keep it sound, refuse with words, and can be taken back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.design import edits
from engine.design.graph import Edge, Graph
from engine.design.inference import infer
from engine.errors import DesignError
from engine.layers import make_layer

TYPES = (
    "input",
    "convolution",
    "relu",
    "max_pooling",
    "add",
    "concatenate",
    "fully_connected",
    "softmax_classifier",
)


def chain(*type_names: str) -> Graph:
    graph, before = Graph(), None
    for name in type_names:
        graph, node = edits.add_layer(graph, make_layer(name))
        if before is not None:
            graph = edits.connect(graph, before, node.id)
        before = node.id
    return graph


def pairs(graph: Graph) -> set[tuple[str, str, int]]:
    return {(edge.source, edge.target, edge.port) for edge in graph.edges}


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    graph = Graph()
    for name in draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=10)):
        graph, _ = edits.add_layer(graph, make_layer(name))
    ends = st.sampled_from(sorted(graph.nodes))
    for source, target in draw(st.lists(st.tuples(ends, ends), max_size=16)):
        if not edits.refusal(graph, source, target):
            graph = edits.connect(graph, source, target)
    return graph


def edited(graph: Graph, draw: st.DrawFn) -> Graph:
    """The graph after one random edit; DesignError where it is refused."""
    kind = draw(st.integers(0, 9))
    if kind == 0 or not graph.nodes:
        return edits.add_layer(graph, make_layer(draw(st.sampled_from(TYPES))))[0]
    one = draw(st.sampled_from(sorted(graph.nodes)))
    other = draw(st.sampled_from(sorted(graph.nodes)))
    edge = draw(st.sampled_from(sorted(graph.edges))) if graph.edges else None
    if kind == 1 or edge is None:
        return edits.connect(graph, one, other)
    return {
        2: lambda: edits.disconnect(graph, edge),
        3: lambda: edits.remove(graph, [one, other]),
        4: lambda: edits.remove_and_reconnect(graph, one),
        5: lambda: edits.insert_on_edge(*_with_new(graph, edge)),
        6: lambda: edits.reconnect(graph, edge, other),
        7: lambda: edits.paste(
            graph, [graph.nodes[one], graph.nodes[other]][: 1 + (one != other)], graph.edges
        )[0],
        8: lambda: edits.set_muted(graph, [one], not graph.nodes[one].muted),
        9: lambda: edits.rename(graph, one, draw(st.text(max_size=5))),
    }[kind]()


def _with_new(graph: Graph, edge: Edge) -> tuple[Graph, Edge, str]:
    graph, node = edits.add_layer(graph, make_layer("relu"))
    return graph, edge, node.id


@given(graphs(), st.data())
def test_that_random_edits_keep_the_design_sound_and_undo_and_redo_return_it(
    graph: Graph, data: st.DataObject
) -> None:
    history = [graph]
    for _ in range(8):
        before = history[-1]
        shown = (dict(before.nodes), before.edges)
        try:
            after = edited(before, data.draw)
        except DesignError as error:
            refusal, after = str(error), before
        else:
            refusal = "."
        assert refusal.endswith(".")
        assert (dict(before.nodes), before.edges) == shown  # the old design is what undo shows
        after.validated()
        infer(after)
        for node_id, node in after.nodes.items():
            ports = [edge.port for edge in after.incoming[node_id]]
            if node.layer.most_inputs is None:
                assert ports == list(range(len(ports)))
            else:
                assert all(port < node.layer.most_inputs for port in ports)
        history.append(after)
    assert history[0] == graph


@given(graphs())
def test_that_takers_and_givers_agree_with_refusals(graph: Graph) -> None:
    for one in graph.nodes:
        takers = {other for other in graph.nodes if not edits.refusal(graph, one, other)}
        givers = {other for other in graph.nodes if not edits.refusal(graph, other, one)}
        assert edits.takers(graph, one) == takers
        assert edits.givers(graph, one) == givers


def test_that_a_cycle_is_refused_with_the_names_on_it() -> None:
    graph = chain("input", "relu", "tanh")
    assert edits.refusal(graph, "tanh-1", "relu-1") == "That would close a cycle: ReLU 1 → Tanh 1 → ReLU 1."
    with pytest.raises(DesignError, match="cycle"):
        edits.connect(graph, "tanh-1", "relu-1")


def test_that_nothing_connects_behind_the_end_or_into_the_input() -> None:
    graph = chain("input", "relu", "softmax_classifier")
    assert edits.refusal(graph, "softmax_classifier-1", "relu-1").startswith(
        "Softmax classifier 1 ends the network"
    )
    assert edits.refusal(graph, "relu-1", "input-1") == "Input 1 takes no input: images enter there."
    assert edits.refusal(graph, "relu-1", "relu-1") == "ReLU 1 cannot feed itself."
    assert edits.refusal(graph, "input-1", "relu-1", port=1) == "ReLU 1 has only 1 input."


def test_that_connecting_to_an_occupied_input_replaces_its_edge() -> None:
    graph, node = edits.add_layer(chain("input", "relu"), make_layer("tanh"))
    graph = edits.connect(graph, node.id, "relu-1")
    assert pairs(graph) == {("tanh-1", "relu-1", 0)}


def test_that_a_join_takes_the_first_free_port_and_closes_up() -> None:
    graph = chain("input", "relu", "tanh")
    graph, join = edits.add_layer(graph, make_layer("add"))
    for source in ("input-1", "relu-1", "tanh-1"):
        graph = edits.connect(graph, source, join.id)
    graph = edits.disconnect(graph, Edge("relu-1", join.id, 1))
    assert [(edge.source, edge.port) for edge in graph.incoming[join.id]] == [("input-1", 0), ("tanh-1", 1)]


def test_that_reconnect_moves_the_end_of_an_edge_and_keeps_the_order_of_a_join() -> None:
    graph = chain("input", "relu", "tanh")
    graph, join = edits.add_layer(graph, make_layer("add"))
    graph = edits.connect(edits.connect(graph, "relu-1", join.id), "tanh-1", join.id)
    first = Edge("relu-1", join.id, 0)
    assert edits.reconnect(graph, first, join.id, 0) == graph
    swapped = edits.reconnect(graph, first, join.id, 2)
    assert [edge.source for edge in swapped.incoming[join.id]] == ["tanh-1", "relu-1"]
    with pytest.raises(DesignError, match="takes no input"):
        edits.reconnect(graph, Edge("relu-1", "tanh-1"), "input-1")


def test_that_remove_and_reconnect_bridges_the_gap() -> None:
    graph = edits.remove_and_reconnect(chain("input", "relu", "tanh"), "relu-1")
    assert pairs(graph) == {("input-1", "tanh-1", 0)}


def test_that_only_a_free_layer_with_input_and_output_goes_into_an_edge() -> None:
    graph, node = edits.add_layer(chain("input", "relu"), make_layer("tanh"))
    edge = Edge("input-1", "relu-1")
    assert pairs(edits.insert_on_edge(graph, edge, node.id)) == {
        ("input-1", "tanh-1", 0),
        ("tanh-1", "relu-1", 0),
    }
    for wrong in ("relu-1", edits.add_layer(graph, make_layer("softmax_classifier"))[1].id):
        with_end = edits.add_layer(graph, make_layer("softmax_classifier"))[0]
        with pytest.raises(DesignError, match="free input and output"):
            edits.insert_on_edge(with_end, edge, wrong)


@pytest.mark.parametrize(
    ("type_name", "passes"), [("relu", True), ("input", False), ("softmax_classifier", False), ("add", False)]
)
def test_that_a_layer_that_joins_or_ends_does_not_pass_through(type_name: str, passes: bool) -> None:
    assert edits.passes_through(make_layer(type_name)) is passes


def test_that_only_a_layer_that_passes_its_input_on_is_muted() -> None:
    graph, join = edits.add_layer(chain("input", "relu", "softmax_classifier"), make_layer("add"))
    assert edits.set_muted(graph, ["relu-1"], True).nodes["relu-1"].muted
    for node_id in ("input-1", "softmax_classifier-1", join.id):
        with pytest.raises(DesignError, match="cannot be muted"):
            edits.set_muted(graph, [node_id], True)


def test_that_names_and_ids_are_never_given_twice() -> None:
    graph = edits.remove(chain("relu", "relu", "relu"), ["relu-2"])
    graph, node = edits.add_layer(graph, make_layer("relu"))
    assert (node.id, node.name) == ("relu-2", "ReLU 2")
    with pytest.raises(DesignError, match="Another node is called ReLU 1"):
        edits.rename(graph, node.id, "ReLU 1")
    with pytest.raises(DesignError, match="needs a name"):
        edits.rename(graph, node.id, "  ")


def test_that_pasted_copies_keep_inner_edges_and_known_feeders() -> None:
    graph = chain("input", "relu", "tanh")
    nodes = [graph.nodes["relu-1"], graph.nodes["tanh-1"]]
    pasted, ids = edits.paste(graph, nodes, graph.edges)
    assert ids == {"relu-1": "relu-2", "tanh-1": "tanh-2"}
    assert pairs(pasted) - pairs(graph) == {("input-1", "relu-2", 0), ("relu-2", "tanh-2", 0)}


def test_that_a_setting_that_is_not_valid_is_refused_with_words() -> None:
    graph = chain("input", "fully_connected")
    with pytest.raises(DesignError, match="must be at least 1, not 0"):
        edits.set_settings(graph, "fully_connected-1", outputs=0)
    with pytest.raises(DesignError, match="has no setting 'width'"):
        edits.set_settings(graph, "fully_connected-1", width=3)
