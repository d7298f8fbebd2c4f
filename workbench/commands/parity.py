"""`gabor parity`: the same network computed in two ways, node by node."""

from dataclasses import asdict
from pathlib import Path

from engine.api import (
    NodeParity,
    Project,
    Way,
    compare_ways,
    devices,
    load_project,
    parity_tolerance,
    prepare,
)
from workbench.commands.data import load_data
from workbench.commands.terminal import (
    escaped,
    give_results,
    plain_table,
    print_table,
    result_console,
)


def parity(
    file: Path, device: str | None, against: str | None, batch_size: int, data: str | None, json: str | None
) -> int:
    """Compare and tell; 0 when all nodes agree within rounding, else 1."""
    project = load_project(file).project
    first, second = chosen_ways(device, against)
    dataset = load_data(project.data, data)
    found = list(compare_ways(project, prepare(dataset, project.data), first, second, batch_size=batch_size))
    limit = parity_tolerance(first, second)
    give_results(
        json,
        lambda: _print(project, found, first, second, limit),
        lambda: {
            "first": str(first),
            "second": str(second),
            "tolerance": limit,
            "largest": max((node.largest for node in found), default=0.0),
            "nodes": [{"name": project.graph.nodes[node.node].name, **asdict(node)} for node in found],
        },
    )
    return 0 if all(node.largest <= limit for node in found) else 1


def chosen_ways(device: str | None, against: str | None) -> tuple[Way, Way]:
    """A GPU against the CPU where there is one, else float32 against float64. DeviceError for unknown words."""
    gpu = next((found.name for found in devices() if found.name.startswith("cuda")), None)
    first = Way.of(device) if device else Way(gpu or "cpu")
    if against:
        return first, Way.of(against)
    return first, Way("cpu", "float64") if first.device == "cpu" else Way("cpu")


def _print(project: Project, found: list[NodeParity], first: Way, second: Way, limit: float) -> None:
    table = plain_table(
        ("Layer", "Verdict"), ("Output differs by", "Gradient differs by", str(first), str(second))
    )
    for node in found:
        table.add_row(
            escaped(project.graph.nodes[node.node].name),
            "agrees" if node.largest <= limit else "[bold red]differs[/]",
            f"{node.output:.1e}",
            "" if node.gradient is None else f"{node.gradient:.1e}",
            *(f"{1000 * seconds:.3g} ms" for seconds in node.seconds),
        )
    print_table(table)
    largest = max((node.largest for node in found), default=0.0)
    verdict = "agree" if largest <= limit else "differ"
    result_console().print(
        f"\n{first} and {second} {verdict}: by at most {largest:.1e} of the largest value."
    )
