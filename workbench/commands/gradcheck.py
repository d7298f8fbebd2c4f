"""`gabor gradcheck`: backpropagated gradients against central differences."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.progress import Progress

from engine.api import GRADIENT_TOLERANCE, Project, TensorCheck, check_gradients, infer, load_project, prepare
from workbench.commands.data import load_data
from workbench.commands.terminal import (
    count,
    escaped,
    give_results,
    message_console,
    plain_table,
    print_table,
    result_console,
)


def gradcheck(file: Path, device: str | None, samples: int, data: str | None, json: str | None) -> int:
    """Check every parameter tensor; 0 when all gradients are right, else 1. No samples means all values."""
    project = load_project(file).project
    dataset = load_data(project.data, data)
    checks = check_gradients(
        project,
        prepare(dataset, project.data),
        device=device or project.training.device,
        samples=samples or None,
    )
    shapes = infer(project.graph).shapes.values()
    results = []
    console = message_console()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("Checking gradients", total=sum(len(shape.parameters) for shape in shapes))
        for result in checks:
            results.append(result)
            progress.advance(task)
    worst = max((result.max_relative_error for result in results), default=0.0)
    give_results(
        json,
        lambda: _print(project, results, worst),
        lambda: {
            "max_relative_error": worst,
            "tolerance": GRADIENT_TOLERANCE,
            "layers": _layers(project, results),
        },
    )
    return 0 if worst <= GRADIENT_TOLERANCE else 1


def _layers(project: Project, results: list[TensorCheck]) -> list[dict[str, Any]]:
    """The results by layer, in the order of the network."""
    layers: dict[str, dict[str, Any]] = {}
    for result in results:
        node = project.graph.nodes[result.node]
        layer = layers.setdefault(
            node.id,
            {
                "id": node.id,
                "name": node.name,
                "type": node.layer.type_name,
                "max_relative_error": 0.0,
                "tensors": [],
            },
        )
        layer["tensors"].append(asdict(result))
        layer["max_relative_error"] = max(layer["max_relative_error"], result.max_relative_error)
    return list(layers.values())


def _print(project: Project, results: list[TensorCheck], worst: float) -> None:
    table = plain_table(("Layer", "Parameter"), ("Compared", "Skipped at kinks", "Largest relative error"))
    for result in results:
        table.add_row(
            escaped(project.graph.nodes[result.node].name), result.parameter,
            count(result.checked), count(result.skipped), f"{result.max_relative_error:.1e}",
        )  # fmt: skip
    print_table(table)
    verdict = "The gradients are right" if worst <= GRADIENT_TOLERANCE else "A gradient is wrong"
    result_console().print(f"\n{verdict}: the largest relative error is {worst:.1e}.")
