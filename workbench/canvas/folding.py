"""Frames folded to one box: which nodes they hide, and what the box says. Knows no drawing."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from engine.api import Graph, Inference


@dataclass(frozen=True, slots=True)
class FoldLook:
    """What a folded frame shows: the shapes that go in and out, and what is inside."""

    shapes: str
    inside: str
    problem: str


def holders(graph: Graph, folded: Collection[str]) -> Mapping[str, str]:
    """The outermost folded frame of each node that is in one."""
    found: dict[str, str] = {}
    if not folded:
        return found
    for node in graph.nodes.values():
        parts = node.frame.split("/") if node.frame else []
        paths = ("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))
        path = next((path for path in paths if path in folded), "")
        if path:
            found[node.id] = path
    return found


def fold_look(graph: Graph, inference: Inference, members: Collection[str]) -> FoldLook:
    """The block as one node: its input and output shapes, layers and parameters, the first problem in it."""
    inner = set(members)
    enters = dict.fromkeys(
        edge.source
        for i in graph.order
        if i in inner
        for edge in graph.incoming[i]
        if edge.source not in inner
    )
    leaves = [
        i
        for i in graph.order
        if i in inner
        and (not graph.outgoing[i] or any(edge.target not in inner for edge in graph.outgoing[i]))
    ]
    count = sum(inference.shapes[i].parameter_count for i in inner if i in inference.shapes)
    layers = f"{len(inner)} layer{'s' * (len(inner) != 1)}"
    return FoldLook(
        shapes=f"{_shapes(inference, list(enters)) or 'no input'} → {_shapes(inference, leaves) or '?'}",
        inside=f"{layers}, {count:,} params" if count else layers,
        problem=next((inference.problem_of[i].message for i in members if i in inference.problem_of), ""),
    )


def _shapes(inference: Inference, node_ids: list[str]) -> str:
    known = [str(inference.shapes[i].output) if i in inference.shapes else "?" for i in node_ids]
    return " + ".join(known[:2]) + (f" + {len(known) - 2} more" if len(known) > 2 else "")
