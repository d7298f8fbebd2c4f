"""Places among those that stand already."""

from engine.api import NODE_HEIGHT, NODE_WIDTH, Edge, arrange, edits, free_place, make_layer, make_room
from workbench.canvas.layout import gutter

from .conftest import MNIST, chain

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
    x = gutter(places, "max_pooling-1", "convolution-2")
    assert all(not left < x < left + NODE_WIDTH for left, _ in places.values())


def test_that_a_new_node_never_hides_another_and_else_stands_where_it_was_put() -> None:
    taken = {"a": (0.0, 0.0), "b": (28.0, 28.0)}
    x, y = free_place(taken, (5.0, 5.0))
    assert all(max(abs(x - ox), abs(y - oy)) >= 28 for ox, oy in taken.values())
    assert free_place(taken, (0.0, 500.0)) == (0.0, 500.0)
