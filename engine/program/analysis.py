"""A design in numbers, node by node: sizes, work, memory and what each node sees; and what stands out among them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from engine.design.findings import Inference, NodeShape
from engine.design.graph import Graph, Node
from engine.design.receptive_field import ReceptiveField, receptive_fields
from engine.program.trace import slots_of
from engine.project import Project
from engine.settings import TrainingSettings

_MOST = 0.5
"""From this share of a total on, the node that has it is named."""


@dataclass(frozen=True, slots=True)
class NodeAnalysis:
    """One node in numbers. Without a shape (a problem, or waiting for one) all numbers are 0."""

    node: Node
    shape: NodeShape | None
    field: ReceptiveField | None
    parameters: int
    multiply_adds: int
    """Forward, for one example."""
    memory: int
    """Bytes of the output at the batch size, and of the parameters with gradients and optimiser state."""


@dataclass(frozen=True)
class Analysis:
    """Every node in the order of the data, and the totals."""

    nodes: tuple[NodeAnalysis, ...]
    batch_size: int

    @cached_property
    def parameters(self) -> int:
        """Of all nodes."""
        return sum(row.parameters for row in self.nodes)

    @cached_property
    def multiply_adds(self) -> int:
        """Of all nodes, forward, for one example."""
        return sum(row.multiply_adds for row in self.nodes)

    @cached_property
    def memory(self) -> int:
        """Of all nodes; a training shares memory between outputs, so that it may take less."""
        return sum(row.memory for row in self.nodes)

    def judgement(self) -> str:
        """Which node holds most of the parameters and of the work, in a sentence; "" where none stands out."""
        parameters = _share(self.nodes, [row.parameters for row in self.nodes], "parameters")
        work = _share(self.nodes, [row.multiply_adds for row in self.nodes], "multiply-adds")
        parts = [part for part in (parameters, work) if part is not None]
        if len(parts) == 2 and parts[0][1] == parts[1][1]:
            return f"{parts[0][0]} and {parts[1][0]} sit in {parts[0][1]}."
        return "".join(f"{text} sit in {name}, " for text, name in parts).removesuffix(", ") + "." * bool(
            parts
        )


def analyse(project: Project, inference: Inference) -> Analysis:
    """A project's design in numbers, at its batch size and with the state of its optimiser."""
    graph, settings = project.graph, project.training
    fields = receptive_fields(graph, inference)
    rows = tuple(
        _row(graph.nodes[node_id], inference.shapes.get(node_id), fields, settings)
        for node_id in _ordered(graph)
    )
    return Analysis(rows, settings.batch_size)


def _ordered(graph: Graph) -> tuple[str, ...]:
    known = set(graph.order)
    return (*graph.order, *(node_id for node_id in graph.nodes if node_id not in known))


def _row(
    node: Node, shape: NodeShape | None, fields: Mapping[str, ReceptiveField], settings: TrainingSettings
) -> NodeAnalysis:
    if shape is None:
        return NodeAnalysis(node, None, None, 0, 0, 0)
    width = 8 if settings.precision == "float64" else 4
    # Values, gradients, and what the optimiser keeps of each parameter.
    copies = 2 + slots_of(settings.optimizer, settings.momentum) + (settings.averaging > 0)
    count = shape.parameter_count
    memory = width * (settings.batch_size * int(shape.output.features) + copies * count)
    return NodeAnalysis(node, shape, fields.get(node.id), count, shape.cost.forward, memory)


def _share(nodes: Sequence[NodeAnalysis], amounts: Sequence[int], what: str) -> tuple[str, str] | None:
    """("97 % of the parameters", name of the node that has them)."""
    total = sum(amounts)
    if not total or sum(amount > 0 for amount in amounts) < 2:
        return None
    share = max(amounts) / total
    if share < _MOST:
        return None
    # Never round up to all of them.
    return f"{min(99, round(100 * share))} % of the {what}", nodes[amounts.index(max(amounts))].node.name
