"""A first layout: the nodes in the order of the data, in columns that fill a window."""

import math

from engine.design.graph import Graph

_ASPECT = 760 / 560
"""Width by height of the canvas in a window of 1280×800, panels open."""


def arrange(graph: Graph, node_size: tuple[float, float] = (200.0, 80.0)) -> dict[str, tuple[float, float]]:
    """Top-left corner of each node: down the first column, then the next, so that all fit the canvas at once.

    Nodes are `node_size` (width, height) and stand 40 apart in each direction.
    """
    pitch_x, pitch_y = node_size[0] + 40.0, node_size[1] + 40.0
    count = len(graph.order)
    rows = max(1, round(math.sqrt(count * pitch_x / pitch_y / _ASPECT)))
    return {
        node_id: (place // rows * pitch_x, place % rows * pitch_y)
        for place, node_id in enumerate(graph.order)
    }
