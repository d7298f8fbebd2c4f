"""The automatic layout: below what feeds it, nothing on top of another, about 16:10."""

from hypothesis import given
from hypothesis import strategies as st

from engine.design import edits
from engine.design.arrange import NODE_HEIGHT, NODE_WIDTH, arrange
from engine.design.graph import Graph
from engine.layers import make_layer
from engine.templates import TEMPLATES, chain

Places = dict[str, tuple[float, float]]
MNIST = TEMPLATES["mnist"].build().graph


def overlaps(places: Places) -> list[tuple[str, str]]:
    names = sorted(places)
    return [
        (a, b)
        for i, a in enumerate(names)
        for b in names[i + 1 :]
        if abs(places[a][0] - places[b][0]) < NODE_WIDTH and abs(places[a][1] - places[b][1]) < NODE_HEIGHT
    ]


def aspect(places: Places) -> float:
    xs, ys = [x for x, _ in places.values()], [y for _, y in places.values()]
    return (max(xs) - min(xs) + NODE_WIDTH) / (max(ys) - min(ys) + NODE_HEIGHT)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Any valid network of up to 24 nodes, in several parts perhaps."""
    types = draw(
        st.lists(st.sampled_from(["input", "relu", "add", "convolution", "max_pooling"]), max_size=24)
    )
    graph = Graph()
    for name in types:
        graph, _ = edits.add_layer(graph, make_layer(name))
    ids = list(graph.nodes)
    if ids:
        pairs = draw(st.lists(st.tuples(st.sampled_from(ids), st.sampled_from(ids)), max_size=40))
        for source, target in pairs:
            if not edits.refusal(graph, source, target):
                graph = edits.connect(graph, source, target)
    return graph


@given(graphs())
def test_that_every_node_gets_a_place_and_none_covers_another(graph: Graph) -> None:
    places = arrange(graph)
    assert set(places) == set(graph.nodes)
    assert overlaps(places) == []


@given(graphs())
def test_that_a_network_in_one_column_leads_down(graph: Graph) -> None:
    places = arrange(graph)
    for edge in graph.edges:
        (x1, y1), (x2, y2) = places[edge.source], places[edge.target]
        # A wrapped network goes on at the top of a column further right.
        assert y2 > y1 or x2 > x1


def test_that_the_mnist_network_breaks_after_its_poolings_and_is_about_16_to_10() -> None:
    places = arrange(MNIST)
    columns: dict[float, list[str]] = {}
    for node_id, (x, _) in places.items():
        columns.setdefault(x, []).append(node_id)
    assert [ids[-1] for _, ids in sorted(columns.items())] == [
        "max_pooling-1",
        "max_pooling-2",
        "softmax_classifier-1",
    ]
    assert 1.3 < aspect(places) < 2.0


def test_that_a_chain_of_300_layers_is_wrapped() -> None:
    places = arrange(chain(make_layer("input"), *[make_layer("relu")] * 299))
    assert 1.2 < aspect(places) < 2.1
    assert overlaps(places) == []


def test_that_the_layout_does_not_depend_on_the_order_of_edges() -> None:
    assert arrange(MNIST) == arrange(MNIST.with_edges(sorted(MNIST.edges, reverse=True)))
