"""Places of single nodes and connections among those that stand already. Knows no Qt."""

from collections.abc import Mapping

from engine.api import COLUMN_GAP, NODE_HEIGHT, NODE_WIDTH, ROW_GAP, Edge, Graph, Point

_CASCADE = 28.0


def make_room(layout: Mapping[str, Point], graph: Graph, edge: Edge, node_id: str) -> dict[str, Point]:
    """Places after `node_id` was put into what was `edge`: it stands below the source, what follows moves down.

    Only nodes of the target's own column move, and only as far as the gap between rows asks for. Where the
    edge leads up to another column the node keeps its place.
    """
    source, target = layout[edge.source], layout[edge.target]
    if abs(target[0] - source[0]) > NODE_WIDTH or target[1] < source[1] + NODE_HEIGHT:
        return {}
    place = ((source[0] + target[0]) / 2, source[1] + NODE_HEIGHT + ROW_GAP)
    missing = place[1] + NODE_HEIGHT + ROW_GAP - target[1]
    if missing <= 0:
        return {node_id: (place[0], (source[1] + target[1]) / 2)}
    below = graph.descendants(edge.target) | {edge.target}
    moved = {
        other: (x, y + missing)
        for other, (x, y) in layout.items()
        if other in below and y >= target[1] and abs(x - target[0]) < NODE_WIDTH
    }
    return {**moved, node_id: place}


def gutter(layout: Mapping[str, Point], source: str, target: str) -> float:
    """Where a connection to a node above goes up: the lane between nodes that is nearest to the middle of both."""
    (x1, y1), (x2, y2) = layout[source], layout[target]
    low, high = y2 - ROW_GAP / 2, y1 + NODE_HEIGHT + ROW_GAP / 2
    walls = sorted((x, x + NODE_WIDTH) for x, y in layout.values() if y < high and y + NODE_HEIGHT > low)
    middle = (x1 + x2 + NODE_WIDTH) / 2
    lanes: list[float] = [walls[0][0] - ROW_GAP / 2]
    reached = walls[0][1]
    for left, right in walls[1:]:
        if left - reached > ROW_GAP / 2:
            lanes.append((reached + left) / 2 if left - reached < 2 * COLUMN_GAP else _clamped(middle, reached, left))
        reached = max(reached, right)
    lanes.append(reached + ROW_GAP / 2)
    return min(lanes, key=lambda x: (abs(x - middle), -x))


def _clamped(x: float, left: float, right: float) -> float:
    """x, or the nearest place that keeps its distance from both walls."""
    return min(max(x, left + ROW_GAP / 2), right - ROW_GAP / 2)


def free_place(layout: Mapping[str, Point], wanted: Point) -> Point:
    """The wanted place, a little lower where it would hide another node's title."""
    x, y = wanted
    while any(abs(x - ox) < _CASCADE and abs(y - oy) < _CASCADE for ox, oy in layout.values()):
        x, y = x + _CASCADE, y + _CASCADE
    return x, y
