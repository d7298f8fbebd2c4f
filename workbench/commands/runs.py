"""`gabor runs`: what the runs of a project came to, beside each other."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import asdict

from engine.api import (
    Graph,
    Run,
    best_epoch,
    compare_groups,
    design_changes,
    differing_settings,
    load_project,
    seed_groups,
    setting_text,
)
from workbench.commands.summary import mean_speed, run_summary
from workbench.commands.terminal import count, escaped, give_results, plain_table, print_table, result_console

_PLACES = frozenset({"device", "threads"})
"""Where a run was computed, which is no difference in what was trained."""


def runs(file: Path, json: str | None) -> int:
    """Tell every run of the project in `file`, in what they differ, and the means over seeds; 0."""
    found = load_project(file).runs
    give_results(json, lambda: _print(found), lambda: {"runs": _values(found)})
    return 0


def _values(found: Sequence[Run]) -> list[dict[str, Any]]:
    first = found[0].project.graph if found else Graph()
    return [
        {
            "number": number,
            "id": run.id,
            "name": called(run, number),
            "notes": run.notes,
            "created": run.created,
            "parent": run.parent or None,
            "fork_step": run.fork_step if run.parent else None,
            "settings": asdict(run.project.training),
            "data_settings": asdict(run.project.data),
            "design": list(design_changes(first, run.project.graph)),
            **run_summary(run, mean_speed(run)),
        }
        for number, run in enumerate(found, start=1)
    ]


def called(run: Run, number: int) -> str:
    """The name of a run as the window tells it."""
    return run.name or f"Run {number}"


def _print(found: Sequence[Run]) -> None:
    console = result_console()
    if not found:
        console.print("The file holds no run: train it with --save.")
        return
    table = plain_table(("No.", "Run", "Differs by"), ("Steps", "Test", "Best validation", "Time"))
    differing = sorted(differing_settings(found) - _PLACES)
    for number, run in enumerate(found, start=1):
        table.add_row(
            str(number), escaped(called(run, number)), escaped(_differences(run, found, differing)), count(run.step),
            _percent(run.test_accuracy()), _best(run), f"{run.seconds:.1f} s",
        )  # fmt: skip
    print_table(table)
    groups = [group for group in seed_groups(found) if len(group.runs) > 1]
    if groups:
        console.print()
        print_table(_groups_table(found, groups))


def _groups_table(found: Sequence[Run], groups: Sequence[Any]) -> Any:
    table = plain_table(("Runs that differ by their seed alone",), ("Count", "Mean", "Deviation"))
    for group in groups:
        verdict = compare_groups(group, group)
        numbers = ", ".join(str(place + 1) for place in group.places)
        if verdict is not None:
            table.add_row(
                numbers, count(len(group.runs)), _percent(verdict.means[0]), _percent(verdict.deviations[0])
            )
    return table


def _differences(run: Run, found: Sequence[Run], differing: Sequence[str]) -> str:
    """Values of the settings in which the runs are not alike, and the design where it is not that of the first."""
    words = [f"{name.removeprefix('data.').replace('_', ' ')} {_value(run, name)}" for name in differing]
    words += design_changes(found[0].project.graph, run.project.graph)
    if run.parent:
        parents = [number for number, other in enumerate(found, start=1) if other.id == run.parent]
        words.append(f"fork{f' of {parents[0]}' if parents else ''} at step {count(run.fork_step)}")
    return ", ".join(words)


def _value(run: Run, name: str) -> str:
    owner = run.project.data if name.startswith("data.") else run.project.training
    value = getattr(owner, name.removeprefix("data."))
    return f"{value:g}" if isinstance(value, float) else setting_text(value)


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f} %"


def _best(run: Run) -> str:
    best = best_epoch(run)
    return "" if best is None else f"{100 * best.accuracy:.2f} % (epoch {count(best.epoch)})"
