"""Places among those that stand already."""

from collections.abc import Callable

from engine.api import NODE_HEIGHT, NODE_WIDTH, Edge, Graph, arrange, edits, free_place, make_layer, make_room
from workbench.canvas.layout import gutter

from .conftest import MNIST, Hand, chain

Places = dict[str, tuple[float, float]]


def overlaps(places: Places) -> list[tuple[str, str]]:
    names = sorted(places)
    return [
        (a, b)
        for i, a in enumerate(names)
        for b in names[i + 1 :]
        if abs(places[a][0] - places[b][0]) < NODE_WIDTH and abs(places[a][1] - places[b][1]) < NODE_HEIGHT
    ]


def test_that_inserting_moves_only_what_follows_in_the_column() -> None:
    graph = chain(*MNIST)
    places = arrange(graph)
    graph, node = edits.add_layer(graph, make_layer("tanh"))
    edge = Edge("convolution-1", "relu-1")
    moved = make_room({**places, node.id: (900.0, 900.0)}, graph, edge, node.id)
    assert set(moved) == {node.id, "relu-1", "max_pooling-1"}
    assert overlaps({**places, **moved}) == []


def test_that_a_connection_to_a_node_above_meets_no_node() -> None:
    places = arrange(chain(*MNIST))
    ends = [places[i] for i in ("max_pooling-1", "convolution-2")]
    start, end = (
        (ends[0][0] + NODE_WIDTH / 2, ends[0][1] + NODE_HEIGHT),
        (ends[1][0] + NODE_WIDTH / 2, ends[1][1]),
    )
    x = gutter([*places.values()], start, end)
    assert all(not left < x < left + NODE_WIDTH for left, _ in places.values())


def test_that_a_long_connection_goes_round_the_nodes_it_skips(open_canvas: Callable[[Graph], Hand]) -> None:
    hand = open_canvas(chain(("input", {}), ("relu", {}), ("tanh", {}), ("sigmoid", {}), ("add", {})))
    column = {i: (0.0, 104.0 * row) for row, i in enumerate(hand.graph.nodes)}
    graph = edits.connect(hand.graph, "input-1", "add-1", 1)
    hand.document.apply_graph("Skip", graph, column)
    path = hand.view.canvas.edges[Edge("input-1", "add-1", 1)].path
    points = [path.pointAtPercent(step / 200) for step in range(1, 200)]
    for x, y in list(column.values())[1:4]:
        assert not any(x < p.x() < x + NODE_WIDTH and y < p.y() < y + NODE_HEIGHT for p in points)
    hand.check_agreement()
    straight = hand.view.canvas.edges[Edge("relu-1", "tanh-1", 0)].path
    assert straight.elementCount() == 4  # a curve, no way round


def test_that_a_new_node_never_hides_another_and_else_stands_where_it_was_put() -> None:
    taken = {"a": (0.0, 0.0), "b": (28.0, 28.0)}
    x, y = free_place(taken, (5.0, 5.0))
    assert all(max(abs(x - ox), abs(y - oy)) >= 28 for ox, oy in taken.values())
    assert free_place(taken, (0.0, 500.0)) == (0.0, 500.0)
