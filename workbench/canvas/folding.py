"""What the box of a folded frame shows. Knows no drawing."""

from collections.abc import Collection
from dataclasses import dataclass

from engine.api import BoxInput, Graph, Inference, folding


@dataclass(frozen=True, slots=True)
class FoldLook:
    """A folded frame as one node: its ports, the shapes that go in and out, and what is inside."""

    shapes: str
    inside: str
    problem: str
    waiting: str
    inputs: tuple[BoxInput, ...]
    outputs: tuple[str, ...]
    muted: bool = False
    is_block: bool = False


def fold_look(
    graph: Graph,
    inference: Inference,
    members: Collection[str],
    *,
    takes_one: bool = False,
    is_block: bool = False,
) -> FoldLook:
    """A group of nodes as one: its input and output shapes, layers and parameters, the first problem in it."""
    inner = set(members)
    inputs = folding.box_inputs(graph, inner, takes_one=takes_one)
    outputs = folding.box_outputs(graph, inner)
    leaves = outputs or tuple(i for i in members if graph.nodes[i].layer.terminal)
    count = sum(inference.shapes[i].parameter_count for i in inner if i in inference.shapes)
    layers = f"{len(inner)} layer{'s' * (len(inner) != 1)}"
    entering = [entry.source for entry in inputs if entry.source]
    blocker = next((inference.waiting[i] for i in members if i in inference.waiting), "")
    return FoldLook(
        shapes=f"{_shapes(inference, entering) or 'no input'} → {_shapes(inference, leaves) or '?'}",
        inside=f"{layers}, {count:,} params" if count else layers,
        problem=next((inference.problem_of[i].message for i in members if i in inference.problem_of), ""),
        waiting=f"waiting for {graph.nodes[blocker].name}" if blocker and blocker not in inner else "",
        inputs=inputs,
        outputs=outputs,
        muted=all(graph.nodes[i].muted for i in inner),
        is_block=is_block,
    )


def _shapes(inference: Inference, node_ids: Collection[str]) -> str:
    known = [str(inference.shapes[i].output) if i in inference.shapes else "?" for i in node_ids]
    return " + ".join(known[:2]) + (f" + {len(known) - 2} more" if len(known) > 2 else "")
