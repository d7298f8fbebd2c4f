"""Places among those that stand already."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from engine.api import NODE_HEIGHT, NODE_WIDTH, Edge, Graph, arrange, edits, free_place, make_layer, make_room
from workbench.canvas.layout import gutter

from .conftest import MNIST, Hand, chain

CTRL = Qt.KeyboardModifier.ControlModifier
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
    assert overlaps({**taken, "new": free_place(taken, (5.0, 5.0))}) == [("a", "b")]
    assert free_place(taken, (0.0, 500.0)) == (0.0, 500.0)


def test_that_a_group_slides_past_all_that_it_would_cover() -> None:
    column = {str(row): (0.0, 104.0 * row) for row in range(5)}
    size = (NODE_WIDTH, 4 * 104.0 + NODE_HEIGHT)
    x, y = free_place(column, (10.0, 3.0), size)
    assert y == 3.0
    assert abs(x) > NODE_WIDTH
    assert free_place({}, (1.0, 2.0), size) == (1.0, 2.0)


@pytest.mark.parametrize("copies", [(Qt.Key.Key_C, Qt.Key.Key_V), (Qt.Key.Key_D,)])
def test_that_copies_of_everything_cover_nothing_and_are_seen(
    mnist: Hand, copies: tuple[Qt.Key, ...]
) -> None:
    before = mnist.document.project.layout
    mnist.key(Qt.Key.Key_A, CTRL)
    mnist.move(mnist.middle("relu-1"))
    for key in copies:
        mnist.key(key, CTRL)
    places = mnist.document.project.layout
    copied = mnist.view.canvas.selected_nodes
    assert len(places) == 2 * len(before)
    assert overlaps(dict(places)) == []
    assert {i: places[i] for i in before} == before
    ways = {
        (places[a][0] - before[b][0], places[a][1] - before[b][1])
        for a, b in zip(copied, before, strict=True)
    }
    assert len({(round(x, 3), round(y, 3)) for x, y in ways}) == 1
    assert mnist.view.visible_rect().contains(mnist.view.canvas.network_rect(copied))
    assert mnist.undo.count() == 1


def test_that_a_layer_from_the_search_stands_free_of_all_others(mnist: Hand) -> None:
    mnist.move(mnist.middle("relu-1"))
    mnist.key(Qt.Key.Key_Tab)
    QTest.keyClicks(mnist.view.search_box.field, "sigm")
    QTest.keyClick(mnist.view.search_box.field, Qt.Key.Key_Return)
    assert not mnist.graph.incoming["sigmoid-1"]
    assert overlaps(dict(mnist.document.project.layout)) == []


@pytest.mark.parametrize("at_pointer", [True, False])
def test_that_a_network_built_by_tab_stays_in_view(empty: Hand, at_pointer: bool) -> None:
    if at_pointer:
        empty.move(empty.empty_place())
    else:
        empty.view.pointer_position = None
    moves = 0
    for words in ("input", *("conv 8 3 pad 1", "relu") * 5, "fc 10", "softmax"):
        seen = empty.view.visible_rect()
        empty.key(Qt.Key.Key_Tab)
        QTest.keyClicks(empty.view.search_box.field, words)
        QTest.keyClick(empty.view.search_box.field, Qt.Key.Key_Return)
        (added,) = empty.view.canvas.selected_nodes
        body = empty.view.canvas.network_rect([added])
        now = empty.view.visible_rect()
        assert (now == seen) == seen.contains(body)
        assert now.contains(body if now == seen else body.adjusted(-30, -30, 30, 30))
        moves += now != seen
    assert 0 < moves < 12
    assert overlaps(dict(empty.document.project.layout)) == []
    assert len(empty.graph.edges) == 12
