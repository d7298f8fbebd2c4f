"""Ways for connections among nodes that stand already. Knows no Qt."""

from collections.abc import Sequence

from engine.api import COLUMN_GAP, NODE_HEIGHT, NODE_WIDTH, ROW_GAP, Point

_CLEAR = 4.0
"""A connection may come so near to a node and still counts as passing it."""
_SAMPLES = 12


def gutter(corners: Sequence[Point], start: Point, end: Point) -> float:
    """At which x a connection goes up or down past nodes: the lane nearest to the middle of its ends.

    `corners` are the top-left corners of all nodes, `start` and `end` the ports.
    """
    upward = end[1] < start[1]
    low, high = (
        (end[1] - ROW_GAP / 2, start[1] + ROW_GAP / 2) if upward else (start[1] + _CLEAR, end[1] - _CLEAR)
    )
    walls = sorted((x, x + NODE_WIDTH) for x, y in corners if y < high and y + NODE_HEIGHT > low)
    middle = (start[0] + end[0]) / 2
    if not walls:
        return middle
    lanes: list[float] = [min(walls[0][0] - ROW_GAP / 2, max(middle, walls[0][0] - COLUMN_GAP))]
    reached = walls[0][1]
    for left, right in walls[1:]:
        if left - reached > ROW_GAP / 2:
            lanes.append(
                (reached + left) / 2 if left - reached < 2 * COLUMN_GAP else _clamped(middle, reached, left)
            )
        reached = max(reached, right)
    lanes.append(max(reached + ROW_GAP / 2, min(middle, reached + COLUMN_GAP)))
    return min(lanes, key=lambda x: (abs(x - middle), -x))


def is_blocked(corners: Sequence[Point], start: Point, end: Point) -> bool:
    """True when the plain curve down from start to end would cross a node."""
    drop = end[1] - start[1]
    if drop < NODE_HEIGHT + 2 * _CLEAR:
        return False
    left, right = min(start[0], end[0]), max(start[0], end[0])
    near = [
        (x, y)
        for x, y in corners
        if x < right + _CLEAR and x + NODE_WIDTH > left - _CLEAR and start[1] < y + NODE_HEIGHT / 2 < end[1]
    ]
    # The curve is a cubic with upright ends: y and x run as Bernstein polynomials of their control points.
    for number in range(1, _SAMPLES) if near else ():
        t = number / _SAMPLES
        blend = t * t * (3 - 2 * t)
        x = start[0] + (end[0] - start[0]) * blend
        y = start[1] + drop * (1.5 * t * (1 - t) ** 2 + 1.5 * t * t * (1 - t) + t**3)
        for nx, ny in near:
            if nx - _CLEAR < x < nx + NODE_WIDTH + _CLEAR and ny < y < ny + NODE_HEIGHT:
                return True
    return False


def _clamped(x: float, left: float, right: float) -> float:
    """x, or the nearest place that keeps its distance from both walls."""
    return min(max(x, left + ROW_GAP / 2), right - ROW_GAP / 2)
