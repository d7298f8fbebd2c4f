"""Places for single new nodes among those that stand already."""

from collections.abc import Iterable, Mapping

from engine.design.arrange import NODE_HEIGHT, NODE_WIDTH, ROW_GAP, SIBLING_GAP, Places
from engine.design.graph import Edge, Graph

_ROW = NODE_HEIGHT + ROW_GAP


def make_room(layout: Mapping[str, tuple[float, float]], graph: Graph, edge: Edge, node_id: str) -> Places:
    """Places after `node_id` was put into what was `edge`: it stands below the source, what follows moves aside.

    Everything that the target leads down to keeps its gaps: it moves as far as the gap between rows asks for,
    and so does what would be covered. Where the edge leads up to another column nothing has to move.
    """
    source, target = layout[edge.source], layout[edge.target]
    if target[1] < source[1] + NODE_HEIGHT:
        return {}
    place = ((source[0] + target[0]) / 2, source[1] + _ROW)
    missing = place[1] + _ROW - target[1]
    if missing <= 0:
        return {node_id: (place[0], (source[1] + target[1]) / 2)}
    standing = {other: at for other, at in layout.items() if other != node_id}
    moving = pushed(standing, graph, [edge.target], missing)
    return {**{other: (standing[other][0], standing[other][1] + missing) for other in moving}, node_id: place}


def pushed(
    layout: Mapping[str, tuple[float, float]], graph: Graph, first: Iterable[str], way: float
) -> set[str]:
    """The nodes that move down with these: those below them on their edges, and those that would be covered."""
    moving: set[str] = set()
    pending = list(first)
    while pending:
        node_id = pending.pop()
        if node_id in moving:
            continue
        moving.add(node_id)
        x, y = layout[node_id]
        pending.extend(
            edge.target
            for edge in graph.outgoing.get(node_id, ())
            if edge.target in layout and layout[edge.target][1] >= y + NODE_HEIGHT
        )
        pending.extend(
            other
            for other, (ox, oy) in layout.items()
            if other not in moving
            and abs(ox - x) < NODE_WIDTH
            and abs(oy - y - way) < NODE_HEIGHT
            and oy >= y + NODE_HEIGHT
        )
    return moving


def free_place(
    layout: Mapping[str, tuple[float, float]],
    wanted: tuple[float, float],
    size: tuple[float, float] = (NODE_WIDTH, NODE_HEIGHT),
) -> tuple[float, float]:
    """The wanted corner of a rectangle (by default one node), or the nearest one straight beside it.

    Where the rectangle would cover a node it slides right, down, left or up, past every node in its way and
    its usual gap, whichever way is the shortest.
    """
    (x, y), (width, height) = wanted, size
    covered = any(
        x - NODE_WIDTH < ox < x + width and y - NODE_HEIGHT < oy < y + height for ox, oy in layout.values()
    )
    if not covered:
        return wanted
    across = [ox for ox, oy in layout.values() if y - NODE_HEIGHT < oy < y + height]
    down = [oy for ox, oy in layout.values() if x - NODE_WIDTH < ox < x + width]
    right, left = _slid(across, x, width, NODE_WIDTH, SIBLING_GAP)
    below, above = _slid(down, y, height, NODE_HEIGHT, ROW_GAP)
    ways = [(right, y), (x, below), (left, y), (x, above)]
    return min(ways, key=lambda place: abs(place[0] - x) + abs(place[1] - y))


def _slid(others: list[float], start: float, length: float, node: float, gap: float) -> tuple[float, float]:
    """(up, down) along one axis: the first positions from `start` that keep the gap to all nodes on it."""
    up = down = start
    for other in sorted(others):
        if other - length - gap < up < other + node + gap:
            up = other + node + gap
    for other in sorted(others, reverse=True):
        if other - length - gap < down < other + node + gap:
            down = other - length - gap
    return up, down


def settled(graph: Graph, layout: Mapping[str, tuple[float, float]]) -> Places:
    """Places for every node of a graph: new ones stand between what they connect, others move only to make room."""
    places = {node_id: layout[node_id] for node_id in graph.nodes if node_id in layout}
    for node_id in (*graph.order, *graph.nodes):
        if node_id not in places:
            places |= _settle(graph, places, node_id)
    return places


def _settle(graph: Graph, places: Places, node_id: str) -> Places:
    source = next((edge.source for edge in graph.incoming[node_id] if edge.source in places), None)
    target = _next_placed(graph, places, node_id)
    if source is not None and target is not None:
        room = make_room(places, graph, Edge(source, target), node_id)
        if room:
            return room
    if source is not None:
        x, y = places[source]
        return {node_id: free_place(places, (x, y + _ROW))}
    if target is not None:
        x, y = places[target]
        return {node_id: free_place(places, (x, y - _ROW))}
    bottom = max((y for _, y in places.values()), default=-_ROW)
    return {node_id: (min((x for x, _ in places.values()), default=0.0), bottom + _ROW)}


def _next_placed(graph: Graph, places: Places, node_id: str) -> str | None:
    """The nearest node behind this one that stands already."""
    pending = [node_id]
    for here in pending:
        for edge in graph.outgoing[here]:
            if edge.target in places:
                return edge.target
            pending.append(edge.target)
    return None
