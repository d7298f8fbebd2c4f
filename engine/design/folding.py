"""Folded frames: what a network looks like while a box stands for each of them. Nothing here changes a design."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from engine.design.arrange import NODE_HEIGHT, NODE_WIDTH, ROW_GAP, Places
from engine.design.framing import around
from engine.design.graph import Edge, Graph
from engine.design.placing import pushed

End = tuple[str, int]
"""An input: node id and port."""


def holders(graph: Graph, folded: Collection[str]) -> Mapping[str, str]:
    """The outermost folded frame of each node that is in one, by node id."""
    found: dict[str, str] = {}
    if not folded:
        return found
    for node in graph.nodes.values():
        path = next((path for path in around(node) if path in folded), "")
        if path:
            found[node.id] = path
    return found


@dataclass(frozen=True, slots=True)
class BoxInput:
    """One input of a folded frame: the inputs inside that it feeds, and what feeds it outside ("": nothing)."""

    ends: tuple[End, ...]
    source: str = ""


def box_inputs(graph: Graph, members: Collection[str], *, takes_one: bool = False) -> tuple[BoxInput, ...]:
    """The inputs of a group of nodes, from left to right: what comes from one node outside is one input.

    Inputs that wait for an edge follow, each for itself; where the group `takes_one` input, they belong to it.
    """
    inner = set(members)
    fed: dict[str, list[End]] = {}
    waiting: list[End] = []
    for node_id in sorted(inner, key=graph.rank.__getitem__):
        layer = graph.nodes[node_id].layer
        arriving = graph.incoming[node_id]
        for edge in arriving:
            if edge.source not in inner:
                fed.setdefault(edge.source, []).append((node_id, edge.port))
        filled = {edge.port for edge in arriving}
        waiting.extend((node_id, port) for port in range(layer.least_inputs) if port not in filled)
    if takes_one and len(fed) <= 1:
        source = next(iter(fed), "")
        ends = (*fed.get(source, ()), *waiting)
        return (BoxInput(ends, source),) if ends else ()
    known = (BoxInput(tuple(ends), source) for source, ends in fed.items())
    return (*known, *(BoxInput((end,)) for end in waiting))


def box_outputs(graph: Graph, members: Collection[str]) -> tuple[str, ...]:
    """The nodes of a group that feed others outside, or nobody yet, in the order of the graph."""
    inner = set(members)
    return tuple(
        node_id
        for node_id in sorted(inner, key=graph.rank.__getitem__)
        if not graph.nodes[node_id].layer.terminal
        and (not graph.outgoing[node_id] or any(edge.target not in inner for edge in graph.outgoing[node_id]))
    )


def inserted(graph: Graph, edge: Edge, ends: Iterable[End], output: str) -> Graph:
    """The graph with a group that nothing is connected to put into an edge: its source feeds all the inputs."""
    kept = (other for other in graph.edges if other != edge)
    entering = (Edge(edge.source, node_id, port) for node_id, port in ends)
    return graph.with_edges((*kept, *entering, Edge(output, edge.target, edge.port)))


@dataclass(frozen=True)
class SeenDesign:
    """A design with a single node in the place of each folded frame."""

    graph: Graph
    layout: Mapping[str, tuple[float, float]]
    stand_in: Mapping[str, str]
    """By each node in a folded frame: the member that stands for its box."""
    places: Mapping[str, tuple[float, float]]
    """Of all nodes, the hidden ones too."""

    def edge(self, edge: Edge) -> Edge:
        """An edge between what is seen of its ends."""
        source, target = (
            self.stand_in.get(edge.source, edge.source),
            self.stand_in.get(edge.target, edge.target),
        )
        return Edge(source, target, edge.port)

    def with_members(self, moved: Mapping[str, tuple[float, float]]) -> Places:
        """Places of all nodes after those that are seen were moved: the members go with their box."""
        places = dict(moved)
        for node_id, seen in self.stand_in.items():
            if seen in moved and node_id != seen:
                (x, y), before = moved[seen], self.places.get(seen, moved[seen])
                here = self.places.get(node_id, before)
                places[node_id] = (here[0] + x - before[0], here[1] + y - before[1])
        return places


def seen_design(
    graph: Graph, layout: Mapping[str, tuple[float, float]], folded: Collection[str]
) -> SeenDesign:
    """The design as it is seen; an edge that would lead back from behind a box to it is left out."""
    holder = holders(graph, folded)
    if not holder:
        return SeenDesign(graph, layout, {}, layout)
    first: dict[str, str] = {}
    for node_id in graph.order:
        if node_id in holder:
            first.setdefault(holder[node_id], node_id)
    stand_in = {node_id: first[path] for node_id, path in holder.items()}
    edges = set()
    for edge in graph.edges:
        source, target = stand_in.get(edge.source, edge.source), stand_in.get(edge.target, edge.target)
        if graph.rank[source] < graph.rank[target]:
            edges.add(Edge(source, target, edge.port))
    nodes = {i: node for i, node in graph.nodes.items() if stand_in.get(i, i) == i}
    places = {i: place for i, place in layout.items() if stand_in.get(i, i) == i}
    return SeenDesign(Graph(nodes, frozenset(edges)), places, stand_in, layout)


def places_after_folding(
    graph: Graph, layout: Mapping[str, tuple[float, float]], folded: Collection[str], path: str
) -> Places:
    """Places after the frame at `path` was folded: what stood below moves up by what the box is lower."""
    seen = seen_design(graph, layout, {*folded, path})
    members = [node_id for node_id, held in holders(graph, {*folded, path}).items() if held == path]
    if not members:
        return {}
    box = seen.stand_in[members[0]]
    (_, top), bottom = layout[box], max(layout[node_id][1] for node_id in members)
    below = [e.target for e in seen.graph.outgoing[box] if seen.layout[e.target][1] >= bottom + NODE_HEIGHT]
    moving = pushed(seen.layout, seen.graph, below, 0.0) - {box}
    way = min([bottom - top, *(_room_above(seen, node_id, moving) for node_id in moving)])
    return (
        seen.with_members({i: (seen.layout[i][0], seen.layout[i][1] - way) for i in moving})
        if way > 0
        else {}
    )


def _room_above(seen: SeenDesign, node_id: str, moving: Collection[str]) -> float:
    """How far a node can move up before it comes too near to one that stays."""
    x, y = seen.layout[node_id]
    above = [
        oy
        for other, (ox, oy) in seen.layout.items()
        if other not in moving and abs(ox - x) < NODE_WIDTH and oy <= y
    ]
    return max(0.0, y - max(above) - NODE_HEIGHT - ROW_GAP) if above else float("inf")


def places_after_unfolding(
    graph: Graph, layout: Mapping[str, tuple[float, float]], folded: Collection[str], path: str
) -> Places:
    """Places after the folded frame at `path` was opened: what its nodes would cover moves down."""
    before, after = seen_design(graph, layout, folded), seen_design(graph, layout, {*folded} - {path})
    members = {i for i, held in holders(graph, folded).items() if held == path}
    shown = [layout[i] for i in {after.stand_in.get(i, i) for i in members}]
    if not members:
        return {}
    left, right = min(x for x, _ in shown), max(x for x, _ in shown) + NODE_WIDTH
    top, bottom = min(y for _, y in shown), max(y for _, y in shown) + NODE_HEIGHT
    box = before.stand_in[next(iter(members))]
    others = {i: place for i, place in after.layout.items() if i not in members}
    covered = [
        i
        for i, (x, y) in others.items()
        if x + NODE_WIDTH > left and x < right and top - NODE_HEIGHT < y < bottom + ROW_GAP / 2
    ]
    covered = [i for i in covered if others[i][1] >= layout[box][1] - NODE_HEIGHT / 2]
    if not covered:
        return {}
    # Keeping the gap that was below the box.
    gap = min(max(min(others[i][1] for i in covered) - layout[box][1] - NODE_HEIGHT, ROW_GAP / 2), ROW_GAP)
    way = bottom + gap - min(others[i][1] for i in covered)
    moving = pushed(others, after.graph, covered, way)
    return after.with_members({i: (others[i][0], others[i][1] + way) for i in moving})
