"""A shape or a reason for every node, without any array."""

import re
from dataclasses import replace

from engine.design.findings import DataShape, Inference, NodeShape, Problem
from engine.design.graph import Graph, Node
from engine.design.memory import too_large
from engine.design.repairs import offered, weighted_before
from engine.errors import DesignError, Repair, ShapeError
from engine.layers.input import Input
from engine.layers.softmax_classifier import SoftmaxClassifier
from engine.tensor.spec import TensorSpec


def infer(
    graph: Graph, data: DataShape | None = None, *, memory: int = 0, before: Inference | None = None
) -> Inference:
    """Shapes and problems of a design; with `data`, also whether it fits the images and classes.

    With `memory` (bytes), a network whose tensors alone are larger has a problem. What `before`, the inference
    of an earlier design, says of the same layers with the same inputs is taken from there: that is only faster.
    """
    found = _walked(graph, data, memory, before)
    if not found.problems:
        return found

    def problems_after(mended: Graph) -> tuple[tuple[str, str], ...]:
        after = _walked(mended, data, memory, found)
        return tuple((problem.node, problem.message) for problem in after.problems)

    outputs = {node_id: shape.output for node_id, shape in found.shapes.items()}
    problems = tuple(
        # The first few problems are enough: mending them often mends the rest.
        replace(problem, repairs=offered(graph, outputs, problem.node, problem.repairs, data, problems_after))
        if number < _REPAIRED else problem
        for number, problem in enumerate(found.problems)
    )  # fmt: skip
    return replace(found, problems=problems)


_REPAIRED = 6


def _walked(graph: Graph, data: DataShape | None, memory: int, before: Inference | None) -> Inference:
    """Shapes and problems, the latter with those repairs only that the layers themselves know."""
    shapes: dict[str, NodeShape] = {}
    problems: list[Problem] = []
    waiting: dict[str, str] = {}
    hints: list[Problem] = []
    failed: dict[str, str] = {}
    for node_id in graph.order:
        node = graph.nodes[node_id]
        sources = [edge.source for edge in graph.incoming[node_id]]
        blocker = next((failed[source] for source in sources if source in failed), None)
        if blocker is not None:
            waiting[node_id] = failed[node_id] = blocker
            continue
        specs = tuple(shapes[source].output for source in sources)
        try:
            shapes[node_id] = _known(node, specs, before) or node_shape(node, specs)
            _check_data(graph, node, shapes[node_id], data)
            hints.extend(Problem(node_id, f"{node.name}: {remark}") for remark in shapes[node_id].remarks)
        except DesignError as error:
            repairs = error.repairs if isinstance(error, ShapeError) else ()
            names = [graph.nodes[source].name for source in sources]
            island = "" if sources else _island(graph, node)
            problems.append(Problem(node_id, island or _naming(str(error), node, names), repairs))
            failed[node_id] = node_id
            shapes.pop(node_id, None)
    problems.extend(_whole(graph))
    if memory and (large := too_large(graph, shapes, memory)):
        problems.append(large)
    hints.extend(_loose_ends(graph))
    return Inference(shapes, tuple(problems), waiting, tuple(hints), graph)


def _known(node: Node, specs: tuple[TensorSpec, ...], before: Inference | None) -> NodeShape | None:
    """What an earlier inference found out about the very same node with the very same inputs."""
    shape = before.shapes.get(node.id) if before is not None else None
    if before is None or shape is None or before.graph.nodes[node.id] is not node:
        return None
    # Equal sizes are not enough: they may have come about in another way, which is part of a shape.
    if len(shape.inputs) != len(specs):
        return None
    for known, spec in zip(shape.inputs, specs, strict=True):
        if known is not spec:
            return None
    return shape


def _naming(message: str, node: Node, sources: list[str]) -> str:
    """The message of a join with the names of the nodes that give its inputs: `input 2 (ReLU 3)`."""
    if node.layer.most_inputs is not None:
        return message
    return re.sub(
        r"\binput (\d+)\b",
        lambda match: (
            f"{match[0]} ({sources[int(match[1]) - 1]})" if int(match[1]) <= len(sources) else match[0]
        ),
        message,
    )


def node_shape(node: Node, specs: tuple[TensorSpec, ...]) -> NodeShape:
    """The shape of one node given its inputs; ShapeError in words when they do not fit."""
    layer = node.layer
    if len(specs) < layer.least_inputs:
        raise ShapeError(_missing_input(node, len(specs)), node=node.id)
    if layer.most_inputs is not None and len(specs) > layer.most_inputs:
        raise ShapeError(
            f"{node.name} takes {layer.most_inputs} input{'s' * (layer.most_inputs != 1)}, but {len(specs)} are "
            "connected: take the others off.",
            node=node.id,
        )
    if node.muted:
        if node.layer.terminal:
            raise ShapeError(
                f"{node.name} is muted, but a network ends in it and cannot learn without: unmute it.",
                node=node.id,
            )
        if len(specs) != 1:
            raise ShapeError(f"{node.name} is muted, which needs exactly one input: unmute it.", node=node.id)
        return NodeShape(specs, specs[0])
    try:
        output = layer.output(*specs)
    except ShapeError as error:
        raise ShapeError(f"{node.name}: {error}", node=node.id, repairs=error.repairs) from error
    return NodeShape(
        specs, output, layer.parameters(*specs), layer.states(*specs), layer.cost(*specs), layer.hints(*specs)
    )


def _island(graph: Graph, node: Node) -> str:
    """What is wrong with a node without input that hangs together with some nodes only; "" when with most."""
    part = graph.part(node.id)
    if (
        len(part) < 2
        or len(part) * 2 > len(graph.nodes)
        or any(graph.nodes[i].layer.most_inputs == 0 for i in part)
    ):
        return ""
    others = [graph.nodes[i].name for i in part if i != node.id]
    named = others[0] if len(others) == 1 else f"{len(others)} more nodes"
    return (
        f"{node.name} has no input and forms an island with {named}, apart from the other "
        f"{len(graph.nodes) - len(part)} nodes: connect an output to it, or delete the island."
    )


def _missing_input(node: Node, connected: int) -> str:
    if node.layer.most_inputs == 1:
        return f"{node.name} has no input: connect the output of another node to it."
    least = node.layer.least_inputs
    return (
        f"{node.name} joins at least {least} inputs, but has {connected}: connect {least - connected} more."
    )


def _check_data(graph: Graph, node: Node, shape: NodeShape, data: DataShape | None) -> None:
    if data is None or node.muted:
        return
    if isinstance(node.layer, Input):
        found = tuple(int(size) for size in shape.output.shape)
        if found != tuple(data.image):
            channels, height, width = data.image
            raise ShapeError(
                f"{node.name} takes images of {shape.output}, but the data has {channels}×{height}×{width}: set its "
                "shape to that of the data, or choose other data.",
                repairs=(Repair(f"Set shape to {channels}×{height}×{width}", shape=data.image),),
            )
    if isinstance(node.layer, SoftmaxClassifier) and int(shape.output.features) != data.classes:
        weighted = weighted_before(graph, node.id)
        advice = "put a Fully connected before it"
        if weighted is not None:
            advice = f"set {weighted[2]} of {weighted[0].name} to {data.classes}"
        raise ShapeError(
            f"{node.name} gets {int(shape.output.features)} scores, but the data has {data.classes} classes: {advice}."
        )


def _whole(graph: Graph) -> list[Problem]:
    """Problems of the network as a whole."""
    problems = []
    if not graph.nodes:
        return [
            Problem("", "The network is empty: add an Input to begin, or choose one of the ready networks.")
        ]
    inputs = [node for node in graph.nodes.values() if isinstance(node.layer, Input)]
    outputs = [node for node in graph.nodes.values() if node.layer.terminal]
    if not inputs:
        problems.append(Problem("", "The network has no Input: add one and connect it to the first layer."))
    for kind, found in (("input", inputs), ("classifier", outputs)):
        if len(found) > 1:
            names = ", ".join(node.name for node in found)
            problems.append(
                Problem(
                    found[-1].id,
                    f"The network has {len(found)} {kind}s ({names}), but trains with one: delete one.",
                )
            )
    if not outputs:
        message = (
            "The network has no Softmax classifier: add one behind the last layer, so that it can learn."
        )
        problems.append(Problem("", message))
    return problems


def _loose_ends(graph: Graph) -> list[Problem]:
    """Hints about nodes whose output goes nowhere: they are not part of what is trained."""
    return [
        Problem(node.id, f"{node.name} leads nowhere: connect its output, or delete it.")
        for node in graph.nodes.values()
        if not node.layer.terminal and not graph.outgoing[node.id]
    ]
