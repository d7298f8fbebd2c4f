"""`gabor sweep`: seeds × settings of one or more projects, worked off on the devices that there are."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import asdict

from engine.api import (
    DataError,
    DataRecipe,
    DesignError,
    Event,
    PreparedData,
    Project,
    Run,
    Trainer,
    TrainingError,
    Variant,
    compare_groups,
    devices,
    infer,
    is_of_node,
    load_project,
    parted,
    prepare,
    project_from_bytes,
    project_to_bytes,
    recipe_dataset,
    seed_groups,
    setting_values,
    slots,
    variants,
    whole_numbers,
)
from workbench.commands.device_workers import EpochEnded, OrderDone, OrderFailed, work_off
from workbench.commands.interrupts import ended_by_signals
from workbench.commands.json_lines import JsonLines
from workbench.commands.saving import UnsavedRuns, check_target, save_or_keep
from workbench.commands.summary import mean_speed, run_summary
from workbench.commands.terminal import (
    STDOUT_MARK,
    count,
    counted,
    escaped,
    fall_silent,
    message_console,
    plain_table,
    print_table,
)


@dataclass(frozen=True, kw_only=True)
class SweepOptions:
    """What the user asked for."""

    files: tuple[Path, ...]
    seeds: str = ""
    settings: tuple[str, ...] = ()
    epochs: int | None = None
    steps: int | None = None
    device: str | None = None
    at_once: int = 1
    data: str | None = None
    save: str | None = None
    json: str | None = None


@dataclass(frozen=True)
class SweepOrder:
    """One training of a sweep. Picklable."""

    label: str
    project: bytes
    """The bytes of its project file: projects themselves stay in their process."""
    device: str = "auto"
    threads: int = 0
    data: str | None = None
    steps: int | None = None
    varied: tuple[tuple[str, Any], ...] = ()
    """Name and value of each setting that varies."""

    def told(self) -> str:
        """What it is called in messages."""
        return f"“{self.label}”"


def sweep(options: SweepOptions) -> int:
    """Train everything; 0, or 1 when a training failed or was interrupted. GaborError for what cannot be begun."""
    if options.data is not None and not Path(options.data).is_dir():
        raise DataError(f"The folder “{options.data}” that --data names does not exist; check its spelling.")
    names = design_names(options.files)
    opened = [load_project(file) for file in names.values()]
    check_target(options.save)
    found = chosen_variants([(name, one.project) for name, one in zip(names, opened, strict=True)], options)
    places = slots(devices(), options.device or found[0].project.training.device, options.at_once)
    common: dict[str, Any] = {"threads": places[0].threads, "data": options.data, "steps": options.steps}
    orders = [
        SweepOrder(one.label, project_to_bytes(one.project), varied=tuple(one.varied.items()), **common)
        for one in found
    ]
    runs: list[Run] = []
    unsaved = UnsavedRuns(options.files[0])
    failed = 0

    def keep(run: Run) -> None:
        runs.append(run)
        if options.save:
            unsaved.add(run)

    try:
        with ended_by_signals():
            failed = _work_off(orders, [place.device for place in places], options.json, keep)
    except KeyboardInterrupt:
        kept = "The trainings that were done are kept." if options.save and runs else "No training was kept."
        with suppress(OSError):  # the terminal may be closed
            message_console().print(f"Stopped. {kept}")
        failed = len(orders) - len(runs)
    except BrokenPipeError:
        # Whoever read along went away: nothing can be told any more, but what was done is kept.
        fall_silent()
        failed = len(orders) - len(runs)
    # In the order of the grid, not in that in which they happened to end.
    place = {one.label: number for number, one in enumerate(found)}
    runs.sort(key=lambda run: place[run.name])
    is_saved = not runs or save_or_keep(
        options.save, opened[0].project, (*opened[0].runs, *runs), unsaved.leave
    )
    if is_saved:
        unsaved.discard()
    if options.json != STDOUT_MARK and runs:
        _print(runs)
    return 0 if is_saved and not failed else 1


def design_names(files: Sequence[Path]) -> dict[str, Path]:
    """Each file once, by what its design is called: the file's name, or its path where several have that name."""
    distinct = {file.resolve(): file for file in reversed(files)}
    kept = [file for file in dict.fromkeys(files) if file in distinct.values()]
    stems = Counter(file.stem for file in kept)
    return {file.stem if stems[file.stem] == 1 else str(file.with_suffix("")): file for file in kept}


def chosen_variants(designs: Sequence[tuple[str, Project]], options: SweepOptions) -> tuple[Variant, ...]:
    """The trainings that the options mean; TrainingError or DesignError in words, before anything is trained."""
    values: dict[str, tuple[Any, ...]] = {}
    for text in options.settings:
        name, listed = parted(text)
        if name in values:
            raise TrainingError(f"--set gives {name} twice: give all of its values at once.")
        values[name] = setting_values(name, listed, [project.graph for _, project in designs])
    if options.epochs is not None:
        designs = [(name, _with_epochs(project, options.epochs)) for name, project in designs]
    if not any(is_of_node(name) for name in values):
        # Values of nodes may mend a design; without them it is told by its own name.
        for name, project in designs:
            _check_design(name, project)
    found = variants(designs, whole_numbers(options.seeds), values)
    for variant in found:
        _check_design(variant.label, variant.project)
    return found


def _check_design(name: str, project: Project) -> None:
    problems = infer(project.graph).problems
    if problems:
        raise DesignError(f"{name}: {problems[0].message}")


def _with_epochs(project: Project, epochs: int) -> Project:
    return replace(project, training=msgspec.structs.replace(project.training, epochs=epochs))


def _work_off(
    orders: Sequence[SweepOrder], places: Sequence[str], target: str | None, keep: Callable[[Run], None]
) -> int:
    """Train the orders; `keep` gets what comes of them. How many failed, one more when a line was not written."""
    console, lines, failed = message_console(), JsonLines(target), 0
    console.print(
        f"{counted(len(orders), 'training')} on {', '.join(dict.fromkeys(places))}, {len(places)} at once."
    )
    with lines:
        for report in work_off(orders, places, train_order):
            match report:
                case EpochEnded(order, epoch):
                    console.print(
                        f"  {escaped(order.label)}: epoch {epoch.epoch}, loss {epoch.train_loss:.4f}, validation "
                        f"batches {100 * epoch.validation_accuracy:.2f} %"
                    )
                case OrderDone(order, trained):
                    run = project_from_bytes(trained).runs[0]
                    keep(run)
                    console.print(f"{escaped(order.label)} on {order.device}: {escaped(_told(run))}")
                    failed += run.status == "failed"
                    lines.write(_line(order, run))
                case OrderFailed(order, message):
                    failed += 1
                    console.print(f"[bold red]gabor:[/] {escaped(order.label)}: {escaped(message)}")
                    lines.write({**_asked(order), "status": "failed", "message": message})
    return failed + lines.failed


def _told(run: Run) -> str:
    accuracy = run.test_accuracy()
    return run.message if accuracy is None else f"test accuracy {100 * accuracy:.2f} %, {run.seconds:.1f} s"


def _line(order: SweepOrder, run: Run) -> dict[str, Any]:
    project = run.project
    settings = {"settings": asdict(project.training), "data_settings": asdict(project.data)}
    return {**_asked(order), **settings, **run_summary(run, mean_speed(run))}


def _asked(order: SweepOrder) -> dict[str, Any]:
    return {"label": order.label, "varied": dict(order.varied)}


def train_order(order: SweepOrder, report: Callable[[Event], None]) -> bytes:
    """Train one order in this process: a project file with its run. GaborError in words when it cannot be done."""
    asked = project_from_bytes(order.project).project
    training = msgspec.structs.replace(asked.training, device=order.device)
    if order.threads and order.device == "cpu":
        training = msgspec.structs.replace(training, threads=order.threads)
    project = replace(asked, training=training)
    trainer = Trainer(project, _prepared(project.data, order.data), steps=order.steps)
    for event in trainer.events():
        report(event)
    return project_to_bytes(project, (replace(trainer.run(), name=order.label),))


@lru_cache(maxsize=1)
def _prepared(recipe: DataRecipe, folder: str | None) -> PreparedData:
    # A process trains several orders on the same data; of other data it keeps none, which may fill the memory.
    return prepare(recipe_dataset(recipe, Path(folder) if folder else None), recipe)


def _print(runs: Sequence[Run]) -> None:
    table = plain_table(("Settings", "Runs"), ("Mean", "Deviation", "Best"))
    for group in seed_groups(runs):
        found = compare_groups(group, group)
        if found is None:
            continue
        best = max(accuracy for run in group.runs if (accuracy := run.test_accuracy()) is not None)
        name = group.runs[0].name.rpartition(", seed ")[0] or group.runs[0].name
        deviation = "" if len(group.runs) < 2 else f"{100 * found.deviations[0]:.2f} %"
        table.add_row(
            escaped(name),
            count(len(group.runs)),
            f"{100 * found.means[0]:.2f} %",
            deviation,
            f"{100 * best:.2f} %",
        )
    print_table(table)
