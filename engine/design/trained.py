"""Whether trained weights still fit a design that was edited since."""

from engine.design.findings import Inference, NodeShape, Problem
from engine.design.graph import Graph
from engine.errors import Repair


def outgrown(now: Inference, trained: Inference, edit: str = "") -> Problem | None:
    """The first node whose saved weights have another shape than the design asks for; None when all of them fit.

    `trained` is the inference of the design that was trained, `edit` the name of the edit that changed it. It is
    a remark, no obstacle: training again makes new weights.
    """
    for node_id in now.graph.order:
        saved, wanted = trained.shapes.get(node_id), now.shapes.get(node_id)
        if saved is None or wanted is None or _shapes(saved) == _shapes(wanted):
            continue
        name = now.graph.nodes[node_id].name
        way_back = f"undo '{edit}'" if edit else "go back to the trained design"
        message = f"{name} {_difference(saved, wanted)}: train again, or {way_back}."
        return Problem(node_id, message, (_restored(trained.graph),))
    return None


def fits(now: Inference, trained: Inference) -> bool:
    """Whether a design takes the weights that another one was trained to: all of them, and it needs no others."""
    return _parameters(now) == _parameters(trained)


def _parameters(design: Inference) -> dict[str, dict[str, tuple[int, ...]]]:
    found = {node_id: _shapes(shape) for node_id, shape in design.shapes.items()}
    return {node_id: shapes for node_id, shapes in found.items() if shapes}


def _restored(graph: Graph) -> Repair:
    return Repair("Go back to the trained design", edit=lambda _: graph)


def _shapes(shape: NodeShape) -> dict[str, tuple[int, ...]]:
    return {name: spec.shape for name, spec in shape.parameters.items()}


def _difference(saved: NodeShape, wanted: NodeShape) -> str:
    if (
        saved.output.channels == wanted.output.channels
        and saved.parameters.keys() == wanted.parameters.keys()
    ):
        unit = "inputs" if not wanted.output.is_map else "input channels"
        sizes = [x.features if unit == "inputs" else x.channels for x in (saved.inputs[0], wanted.inputs[0])]
        if sizes[0] != sizes[1]:
            return (
                f"expects {int(sizes[0])} {unit} in the saved weights, the design now gives {int(sizes[1])}"
            )
    ours, theirs = _tensors(wanted), _tensors(saved)
    return f"has {theirs} in the saved weights, the design now asks for {ours}"


def _tensors(shape: NodeShape) -> str:
    named = [f"{name} {'×'.join(map(str, spec.shape))}" for name, spec in shape.parameters.items()]
    return " and ".join(named) or "no parameters"
