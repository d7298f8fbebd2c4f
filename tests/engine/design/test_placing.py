"""Places of single new nodes among those that stand already."""

from engine.design import edits
from engine.design.arrange import NODE_HEIGHT, NODE_WIDTH, ROW_GAP, Places, arrange
from engine.design.graph import Edge, Graph
from engine.design.placing import make_room, settled
from engine.layers import make_layer

_ROW = NODE_HEIGHT + ROW_GAP


def branched() -> Graph:
    """An input that fans out into two branches, which join again; a wide fan below the join."""
    graph = Graph()
    for name in ("input", "relu", "tanh", "add", "sigmoid", "relu", "tanh"):
        graph, _ = edits.add_layer(graph, make_layer(name))
    for source, target in (
        ("input-1", "relu-1"), ("input-1", "tanh-1"), ("relu-1", "add-1"), ("tanh-1", "add-1"),
        ("add-1", "sigmoid-1"), ("add-1", "relu-2"), ("add-1", "tanh-2"),
    ):  # fmt: skip
        graph = edits.connect(graph, source, target)
    return graph


def overlaps(places: Places) -> list[tuple[str, str]]:
    names = sorted(places)
    return [
        (a, b)
        for i, a in enumerate(names)
        for b in names[i + 1 :]
        if abs(places[a][0] - places[b][0]) < NODE_WIDTH and abs(places[a][1] - places[b][1]) < NODE_HEIGHT
    ]


def test_that_inserting_moves_what_follows_in_every_column_and_keeps_its_gaps() -> None:
    graph = branched()
    before = arrange(graph)
    graph, node = edits.add_layer(graph, make_layer("dropout"))
    moved = make_room(before, graph, Edge("relu-1", "add-1"), node.id)
    assert set(moved) == {node.id, "add-1", "sigmoid-1", "relu-2", "tanh-2"}
    ways = {(moved[i][0] - before[i][0], moved[i][1] - before[i][1]) for i in moved if i in before}
    assert ways == {(0.0, _ROW)}
    assert overlaps({**before, **moved}) == []


def test_that_a_bystander_that_would_be_covered_moves_too() -> None:
    graph = branched()
    before = arrange(graph)
    graph, other = edits.add_layer(graph, make_layer("sigmoid"))
    x, y = before["relu-2"]
    before[other.id] = (x, y + _ROW)
    graph, node = edits.add_layer(graph, make_layer("dropout"))
    moved = make_room(before, graph, Edge("relu-1", "add-1"), node.id)
    assert moved[other.id] == (x, y + 2 * _ROW)
    assert overlaps({**before, **moved}) == []


def test_that_new_nodes_settle_between_what_they_connect() -> None:
    graph = branched()
    before = arrange(graph)
    edge = Edge("relu-1", "add-1")
    graph = edits.insert_layers(graph, edge, make_layer("dropout"), make_layer("sigmoid"))
    places = settled(graph, before)
    assert set(places) == set(graph.nodes)
    assert overlaps(places) == []
    column = [places[i][1] for i in ("relu-1", "dropout-1", "sigmoid-2", "add-1")]
    assert column == sorted(column)


def test_that_settling_moves_nothing_when_nothing_is_new() -> None:
    graph = branched()
    assert settled(graph, arrange(graph)) == arrange(graph)
