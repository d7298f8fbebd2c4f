"""`gabor check`: what a network would be, without training it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
from rich.table import Table

from engine.api import (
    DataError,
    DataShape,
    Graph,
    Inference,
    MemoryForecast,
    Node,
    NodeShape,
    Problem,
    Project,
    advise,
    advise_on_data,
    bytes_text,
    forecast,
    infer,
    load_project,
    recipe_summary,
    with_texts,
)
from workbench.commands.terminal import (
    count,
    escaped,
    give_results,
    message_console,
    plain_table,
    print_table,
    result_console,
)

MEMORY_KINDS = {"optimizer": "optimizer_state"}
"""What the JSON calls the engine's kinds of memory, where it is another name."""
_WIDTH_WITH_TYPES = 104


@dataclass(frozen=True)
class _Findings:
    """A project at a batch size, and what inference and the memory plan say of it."""

    project: Project
    inference: Inference
    multiply_adds: int
    multiply_adds_backward: int | None
    forecast: MemoryForecast | None = None
    """None when the network has a problem."""

    @property
    def batch(self) -> int:
        return self.project.training.batch_size

    @property
    def graph(self) -> Graph:
        return self.project.graph

    @property
    def memory(self) -> dict[str, int]:
        """Bytes by kind; empty when the network has a problem."""
        return {} if self.forecast is None else self.forecast.cost.memory

    def node_memory(self, shape: NodeShape) -> int:
        """Bytes of a node's output, and of its parameters with gradients and optimiser state."""
        width = 8 if self.project.training.precision == "float64" else 4
        gradients = self.memory.get("gradients", 0)
        copies = 2 + (self.memory["optimizer"] // gradients if gradients else 0)
        return width * (self.batch * int(shape.output.features) + copies * shape.parameter_count)


def check(file: Path, wanted: Mapping[str, Any], assignments: Sequence[str], json: str | None) -> int:
    """Tell shapes, costs and problems of the project in `file`; 0 when it can be trained, else 1.

    `wanted` are training settings that stand in for the project's, `assignments` any settings as `NAME=VALUE`.
    """
    project = with_texts(load_project(file).project, assignments)
    findings = _findings(project, wanted)
    give_results(json, lambda: _print(findings), lambda: _values(findings))
    return 0 if findings.inference.is_valid else 1


def _findings(project: Project, wanted: Mapping[str, Any]) -> _Findings:
    project = replace(project, training=msgspec.structs.replace(project.training, **wanted))
    try:
        summary = recipe_summary(project.data)
    except DataError as error:
        return _without_data(project, error)
    inference = infer(project.graph, DataShape(summary.image_shape, summary.classes))
    learned_from = round(summary.train_count * (1 - project.data.validation_fraction))
    advice = advise(project.graph, inference, examples=learned_from)
    advice = (*advice, *advise_on_data(project.graph, project.data, summary))
    inference = replace(inference, hints=(*inference.hints, *advice))
    if not inference.is_valid:
        forward = sum(shape.cost.forward for shape in inference.shapes.values())
        return _Findings(project, inference, forward, None)
    told = forecast(project)
    return _Findings(project, inference, told.cost.forward, told.cost.backward, told)


def _without_data(project: Project, error: DataError) -> _Findings:
    """What a network is where its data is not; that is a problem, too."""
    inference = infer(project.graph)
    forward = sum(shape.cost.forward for shape in inference.shapes.values())
    inference = replace(inference, problems=(*inference.problems, Problem("", str(error))))
    return _Findings(project, inference, forward, None)


def _print(findings: _Findings) -> None:
    console = result_console()
    # Nodes are mostly called by their type, so that a narrow terminal can do without it.
    has_types = not console.is_terminal or console.width >= _WIDTH_WITH_TYPES
    table = plain_table(
        ("Node", *(["Type"] if has_types else []), "Output [N, C, H, W]"),
        ("Parameters", "Multiply-adds", "Memory"),
    )
    for node in _nodes(findings.graph):
        name, kind, *rest = _row(findings, node)
        table.add_row(name, *([kind] if has_types else []), *rest)
    print_table(table)
    console.print()
    console.print(f"Parameters    {count(findings.inference.parameter_count)}")
    backward = findings.multiply_adds_backward
    behind = f", backward {count(backward)}" if backward is not None else ""
    console.print(f"Multiply-adds {count(findings.multiply_adds)} forward{behind}, for one example")
    if findings.forecast is not None:
        print_table(_memory_table(findings.forecast))
    for hint in findings.inference.hints:
        console.print(f"Hint: {escaped(hint.message)}")
    for problem in findings.inference.problems:
        message_console().print(f"[bold red]Problem:[/] {escaped(problem.message)}")


def _memory_table(told: MemoryForecast) -> Table:
    """What the memory goes to, and which batch would fill the device."""
    heading = f"Memory of training on {told.device} at batches of {told.batch_size:,}"
    table = plain_table([heading], ["Size"])
    for kind, amount in told.table():
        table.add_row(kind, amount)
    table.add_row("in all", bytes_text(told.cost.total))
    if told.free:
        table.add_row(f"left on {told.device} now", bytes_text(told.free))
        table.add_row("largest batch that fits", f"{told.largest_batch:,}" if told.largest_batch else "none")
    return table


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
    memory = bytes_text(findings.node_memory(shape)) if findings.memory else ""
    return name, node.layer.label, output, parameters, work, memory


def _values(findings: _Findings) -> dict[str, Any]:
    told = findings.forecast
    return {
        "project": findings.project.name,
        "batch_size": findings.batch,
        "parameters": findings.inference.parameter_count,
        "multiply_adds": findings.multiply_adds,
        "multiply_adds_backward": findings.multiply_adds_backward,
        "memory_bytes": {MEMORY_KINDS.get(kind, kind): amount for kind, amount in findings.memory.items()},
        "memory_is_exact": None if told is None else told.cost.is_exact,
        "device": findings.project.training.device if told is None else told.device,
        "free_memory_bytes": (told.free or None) if told else None,
        "largest_batch": told.largest_batch if told and told.free else None,
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
