"""Places for the nodes of a network: layers of nodes from top to bottom, in columns that fill a window."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from engine.design.graph import Edge, Graph

NODE_WIDTH, NODE_HEIGHT = 208.0, 66.0
"""Size of a node on a canvas; the layouts in files are made for it."""
COLUMN_GAP, ROW_GAP = 78.0, 38.0
"""Between columns, where a connection leads up again, and between rows, where connections carry their shapes."""
SIBLING_GAP = 32.0
_ASPECT = 1.6
_SWEEPS = 4
_SHORT = 5
"""Networks of so few rows are not wrapped."""
_BRANCH_BREAK = 60.0
_GOOD_BREAK = frozenset({"Convolution", "Linear"})

Row = list[str]
Places = dict[str, tuple[float, float]]


def arrange(graph: Graph) -> Places:
    """The top-left corner of every node: each node below those that feed it, long networks wrapped to about 16:10.

    Parts that are not connected stand beside each other; unconnected nodes form a column of their own.
    """
    places: Places = {}
    left = 0.0
    parts = _parts(graph)
    alone = [part[0] for part in parts if len(part) == 1]
    for part in (part for part in parts if len(part) > 1):
        rows = _ordered(_rows(graph, part), _neighbours(graph, part))
        placed, width = _place(_columns(graph, rows))
        places |= {node_id: (x + left, y) for node_id, (x, y) in placed.items()}
        left += width + COLUMN_GAP
    for number, node_id in enumerate(alone):
        column, row = divmod(number, 6)
        places[node_id] = (left + column * (NODE_WIDTH + SIBLING_GAP), row * (NODE_HEIGHT + ROW_GAP))
    return places


def _parts(graph: Graph) -> list[list[str]]:
    """The weakly connected parts, each in the order of the graph."""
    ordered = set(graph.order)
    order = [*graph.order, *(node_id for node_id in graph.nodes if node_id not in ordered)]
    part_of: dict[str, int] = {}
    for start in order:
        if start in part_of:
            continue
        pending, number = [start], len(set(part_of.values()))
        while pending:
            node_id = pending.pop()
            if node_id not in part_of:
                part_of[node_id] = number
                pending.extend(edge.source for edge in graph.incoming[node_id])
                pending.extend(edge.target for edge in graph.outgoing[node_id])
    parts: dict[int, list[str]] = {}
    for node_id in order:
        parts.setdefault(part_of[node_id], []).append(node_id)
    return list(parts.values())


def _ranks(graph: Graph, part: Iterable[str]) -> dict[str, int]:
    """Longest path from a beginning; a beginning itself stands right before what it feeds."""
    ranks: dict[str, int] = {}
    for node_id in part:
        ranks[node_id] = max((ranks.get(edge.source, -1) + 1 for edge in graph.incoming[node_id]), default=0)
    for node_id, rank in list(ranks.items()):
        if rank == 0 and graph.outgoing[node_id]:
            ranks[node_id] = min(ranks[edge.target] for edge in graph.outgoing[node_id]) - 1
    return ranks


def _bends(edge: Edge, ranks: Mapping[str, int]) -> list[str]:
    """Names that keep room for an edge in the rows that it passes."""
    passed = range(ranks[edge.source] + 1, ranks[edge.target])
    return [f"\0{edge.source}\0{edge.target}\0{edge.port}\0{rank}" for rank in passed]


def _rows(graph: Graph, part: Sequence[str]) -> list[Row]:
    ranks = _ranks(graph, part)
    rows: list[Row] = [[] for _ in range(max(ranks.values()) + 1)]
    for node_id in part:
        rows[ranks[node_id]].append(node_id)
        for edge in graph.outgoing[node_id]:
            for rank, bend in enumerate(_bends(edge, ranks), ranks[edge.source] + 1):
                rows[rank].append(bend)
    return rows


def _neighbours(graph: Graph, part: Sequence[str]) -> dict[str, tuple[list[str], list[str]]]:
    """What stands above and below each name when every edge goes row by row."""
    ranks = _ranks(graph, part)
    table: dict[str, tuple[list[str], list[str]]] = {node_id: ([], []) for node_id in part}
    for node_id in part:
        for edge in graph.outgoing[node_id]:
            chain = [edge.source, *_bends(edge, ranks), edge.target]
            for upper, lower in pairwise(chain):
                table.setdefault(upper, ([], []))[1].append(lower)
                table.setdefault(lower, ([], []))[0].append(upper)
    return table


def _ordered(rows: list[Row], neighbours: Mapping[str, tuple[list[str], list[str]]]) -> list[Row]:
    """The rows, each sorted by the mean place of its neighbours (barycentre), down and up in turns."""
    for sweep in range(_SWEEPS):
        side = sweep % 2
        place = {name: (i - (len(row) - 1) / 2) for row in rows for i, name in enumerate(row)}
        for row in rows if side == 0 else reversed(rows):

            def mean(name: str, side: int = side, place: dict[str, float] = place) -> float:
                others = neighbours[name][side]
                return sum(place[other] for other in others) / len(others) if others else place[name]

            row.sort(key=mean)
            place.update((name, i - (len(row) - 1) / 2) for i, name in enumerate(row))
    return rows


def _columns(graph: Graph, rows: list[Row]) -> list[list[Row]]:
    """The rows broken into as many columns as come nearest to the wanted aspect."""
    count = len(rows)
    if count <= _SHORT:
        return [rows]
    guess = max(
        1, round(math.sqrt(count * _ASPECT * (NODE_HEIGHT + ROW_GAP) / (_mean_width(rows) + COLUMN_GAP)))
    )
    candidates = [
        _broken(graph, rows, number) for number in range(max(1, guess - 1), min(count, guess + 1) + 1)
    ]

    def misfit(columns: list[list[Row]]) -> float:
        width, height = _extent(columns)
        ends = [sum(len(column) for column in columns[: i + 1]) for i in range(len(columns) - 1)]
        torn = sum(_break_cost(graph, rows, end) == _BRANCH_BREAK for end in ends)
        return abs(math.log(width / height / _ASPECT)) + 0.4 * torn

    return min(candidates, key=misfit)


def _broken(graph: Graph, rows: list[Row], number: int) -> list[list[Row]]:
    """The rows in `number` columns of similar length, broken where a new block of layers begins if possible."""
    count, target = len(rows), len(rows) / number
    least, most = max(1, math.floor(target / 2)), math.ceil(target * 1.6)
    best: list[dict[int, tuple[float, int]]] = [{0: (0.0, 0)}]
    for _ in range(number):
        reached: dict[int, tuple[float, int]] = {}
        for start, (cost, _before) in best[-1].items():
            for end in range(start + least, min(count, start + most) + 1):
                there = (
                    cost
                    + (end - start - target) ** 2
                    + (_break_cost(graph, rows, end) if end < count else 0.0)
                )
                if end not in reached or there < reached[end][0]:
                    reached[end] = (there, start)
        best.append(reached)
    columns: list[list[Row]] = []
    end = count
    for reached in reversed(best[1:]):
        start = reached[end][1]
        columns.insert(0, rows[start:end])
        end = start
    return columns


def _break_cost(graph: Graph, rows: list[Row], at: int) -> float:
    """How much it hurts to begin a new column with this row: nothing before a weighted layer, much inside branches."""
    above, below = rows[at - 1], rows[at]
    if len(above) > 1 or len(below) > 1:
        return _BRANCH_BREAK
    node, before = graph.nodes.get(below[0]), graph.nodes.get(above[0])
    if node is None or before is None or node.layer.group not in _GOOD_BREAK:
        return 4.0
    return 0.0 if before.layer.group == "Pooling" else 1.0


def _row_width(row: Row) -> float:
    return len(row) * (NODE_WIDTH + SIBLING_GAP) - SIBLING_GAP


def _mean_width(rows: list[Row]) -> float:
    return sum(_row_width(row) for row in rows) / len(rows)


def _extent(columns: list[list[Row]]) -> tuple[float, float]:
    width = sum(max(_row_width(row) for row in column) for column in columns) + COLUMN_GAP * (
        len(columns) - 1
    )
    return width, max(len(column) for column in columns) * (NODE_HEIGHT + ROW_GAP) - ROW_GAP


def _place(columns: list[list[Row]]) -> tuple[Places, float]:
    """Places of the nodes, every row centred in its column, and the whole width."""
    places: Places = {}
    left = 0.0
    for column in columns:
        width = max(_row_width(row) for row in column)
        for number, row in enumerate(column):
            x = left + (width - _row_width(row)) / 2
            for name in row:
                if not name.startswith("\0"):
                    places[name] = (x, number * (NODE_HEIGHT + ROW_GAP))
                x += NODE_WIDTH + SIBLING_GAP
        left += width + COLUMN_GAP
    return places, left - COLUMN_GAP
