"""`gabor check`: what a network would be, without training it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from engine.api import (
    DataShape,
    Graph,
    Inference,
    Node,
    NodeShape,
    Project,
    advise,
    advise_on_data,
    cost_of,
    infer,
    load_project,
    recipe_summary,
)
from workbench.commands.terminal import (
    STDOUT_MARK,
    count,
    escaped,
    message_console,
    plain_table,
    print_table,
    result_console,
    size,
    write_json,
)

MEMORY_KINDS = {
    "parameters": "parameters",
    "gradients": "gradients",
    "optimizer": "optimizer_state",
    "activations": "activations",
    "data": "data",
}
"""The engine's kinds of memory, and what the JSON calls them."""
_MEMORY_LABELS = {
    "parameters": "parameters",
    "gradients": "gradients",
    "optimizer_state": "optimiser state",
    "activations": "activations",
    "data": "data set",
}

_WIDTH_WITH_TYPES = 104


@dataclass(frozen=True)
class _Findings:
    """A project at a batch size, and what inference and the memory plan say of it."""

    project: Project
    batch: int
    inference: Inference
    multiply_adds: int
    multiply_adds_backward: int | None
    memory: dict[str, int]
    """Bytes by kind; empty when the network has a problem."""

    @property
    def graph(self) -> Graph:
        return self.project.graph

    def node_memory(self, shape: NodeShape) -> int:
        """Bytes of a node's output, and of its parameters with gradients and optimiser state."""
        width = 8 if self.project.training.precision == "float64" else 4
        parameters = self.memory.get("parameters", 0)
        copies = 2 + (self.memory["optimizer_state"] // parameters if parameters else 0)
        return width * (self.batch * int(shape.output.features) + copies * shape.parameter_count)


def check(file: Path, batch_size: int | None, json: str | None) -> int:
    """Tell shapes, costs and problems of the project in `file`; 0 when it can be trained, else 1."""
    findings = _findings(load_project(file).project, batch_size)
    if json != STDOUT_MARK:
        _print(findings)
    if json:
        write_json(json, _values(findings))
    return 0 if findings.inference.is_valid else 1


def _findings(project: Project, batch_size: int | None) -> _Findings:
    batch = batch_size or project.training.batch_size
    project = replace(project, training=msgspec.structs.replace(project.training, batch_size=batch))
    summary = recipe_summary(project.data)
    inference = infer(project.graph, DataShape(summary.image_shape, summary.classes))
    learned_from = round(summary.train_count * (1 - project.data.validation_fraction))
    advice = advise(project.graph, inference, examples=learned_from)
    advice = (*advice, *advise_on_data(project.graph, project.data, summary))
    inference = replace(inference, hints=(*inference.hints, *advice))
    if not inference.is_valid:
        forward = sum(shape.cost.forward for shape in inference.shapes.values())
        return _Findings(project, batch, inference, forward, None, {})
    cost = cost_of(project)
    memory = {MEMORY_KINDS[kind]: amount for kind, amount in cost.memory.items()}
    return _Findings(project, batch, inference, cost.forward, cost.backward, memory)


def _print(findings: _Findings) -> None:
    console = result_console()
    table = plain_table()
    # Nodes are mostly called by their type, so that a narrow terminal can do without it.
    has_types = not console.is_terminal or console.width >= _WIDTH_WITH_TYPES
    for header in ("Node", *(["Type"] if has_types else []), "Output [N, C, H, W]"):
        table.add_column(header)
    for header in ("Parameters", "Multiply-adds", "Memory"):
        table.add_column(header, justify="right")
    for node in _nodes(findings.graph):
        name, kind, *rest = _row(findings, node)
        table.add_row(name, *([kind] if has_types else []), *rest)
    print_table(table)
    console.print()
    console.print(f"Parameters    {count(findings.inference.parameter_count)}")
    backward = findings.multiply_adds_backward
    behind = f", backward {count(backward)}" if backward is not None else ""
    console.print(f"Multiply-adds {count(findings.multiply_adds)} forward{behind}, for one example")
    if findings.memory:
        parts = ", ".join(
            f"{_MEMORY_LABELS[kind]} {size(amount)}" for kind, amount in findings.memory.items()
        )
        total = size(sum(findings.memory.values()))
        console.print(f"Memory        {total} at batches of {findings.batch}: {parts}")
    for hint in findings.inference.hints:
        console.print(f"Hint: {escaped(hint.message)}")
    for problem in findings.inference.problems:
        message_console().print(f"[bold red]Problem:[/] {escaped(problem.message)}")


def _row(findings: _Findings, node: Node) -> tuple[str, ...]:
    name = escaped(node.name) + (" (muted)" if node.muted else "")
    shape = findings.inference.shapes.get(node.id)
    if shape is None:
        waits_for = findings.inference.waiting.get(node.id)
        reason = f"waits for {findings.graph.nodes[waits_for].name}" if waits_for else "problem, see below"
        return name, node.layer.label, escaped(reason), "", "", ""
    parameters = count(shape.parameter_count) if shape.parameter_count else ""
    work = count(shape.cost.forward) if shape.cost.forward else ""
    output = escaped(str(_output_shape(findings, shape)))
    memory = size(findings.node_memory(shape)) if findings.memory else ""
    return name, node.layer.label, output, parameters, work, memory


def _values(findings: _Findings) -> dict[str, Any]:
    return {
        "project": findings.project.name,
        "batch_size": findings.batch,
        "parameters": findings.inference.parameter_count,
        "multiply_adds": findings.multiply_adds,
        "multiply_adds_backward": findings.multiply_adds_backward,
        "memory_bytes": findings.memory,
        "nodes": [_node_values(findings, node) for node in _nodes(findings.graph)],
        "problems": [{"node": p.node or None, "message": p.message} for p in findings.inference.problems],
        "hints": [{"node": h.node or None, "message": h.message} for h in findings.inference.hints],
    }


def _node_values(findings: _Findings, node: Node) -> dict[str, Any]:
    shape = findings.inference.shapes.get(node.id)
    return {
        "id": node.id,
        "name": node.name,
        "type": getattr(node.layer, "unknown_type", None) or node.layer.type_name,
        "output_shape": None if shape is None else _output_shape(findings, shape),
        "parameters": 0 if shape is None else shape.parameter_count,
        "multiply_adds": 0 if shape is None else shape.cost.forward,
        "memory_bytes": findings.node_memory(shape) if shape is not None and findings.memory else None,
        "waits_for": findings.inference.waiting.get(node.id),
    }


def _output_shape(findings: _Findings, shape: NodeShape) -> list[int]:
    return [findings.batch, *(int(length) for length in shape.output.shape)]


def _nodes(graph: Graph) -> list[Node]:
    """The nodes from input to output."""
    return [graph.nodes[node_id] for node_id in graph.order]
