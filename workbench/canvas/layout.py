"""Ways for connections among nodes that stand already. Knows no Qt."""

from collections.abc import Mapping

from engine.api import COLUMN_GAP, NODE_HEIGHT, NODE_WIDTH, ROW_GAP, Point


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
