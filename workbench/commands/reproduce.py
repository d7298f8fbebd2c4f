"""`gabor reproduce`: the thesis's trainings with several seeds, its figures, and a page that compares."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.api import (
    EXPERIMENT_GROUPS,
    EXPERIMENTS,
    DataError,
    ResultFolder,
    SeedOrder,
    cost_of,
    devices,
    done_already,
    train_seed,
)
from workbench.commands.device_workers import EpochEnded, OrderDone, OrderFailed, work_off
from workbench.commands.terminal import (
    count,
    escaped,
    give_results,
    message_console,
    plain_table,
    print_table,
)
from workbench.commands.thesis_page import RESULTS_PAGE, overview, thesis_page


@dataclass(frozen=True, kw_only=True)
class ReproductionOrder:
    """What the user asked for."""

    names: tuple[str, ...]
    seeds: int
    out: str
    data: str | None = None
    device: str | None = None
    precision: str | None = None
    epochs: int | None = None
    steps: int | None = None
    figures_only: bool = False
    json: str | None = None


def reproduce(order: ReproductionOrder) -> int:
    """Train what is missing, draw the figures where Qt is there, write the page; 1 when a seed failed."""
    out = Path(order.out)
    out.mkdir(parents=True, exist_ok=True)
    names = experiment_names(order.names)
    failed = 0
    if not order.figures_only:
        try:
            failed = _train(order, names)
        except KeyboardInterrupt:
            message_console().print("Stopped. What is trained is kept: the same command goes on from there.")
            return 1
    folder = ResultFolder(out)
    if importlib.util.find_spec("PySide6") is None:
        message_console().print(
            "Figures need PySide6, which is not installed here: draw them elsewhere from the same folder by "
            "“gabor reproduce --figures-only”."
        )
    else:
        _draw(folder, names)
    results = {name: folder.results(name) for name in EXPERIMENTS}
    (out / RESULTS_PAGE).write_text(thesis_page(results, "figures"), encoding="utf-8")
    _tell(order, folder, names)
    return 1 if failed else 0


def experiment_names(asked: Sequence[str]) -> tuple[str, ...]:
    """The experiments that names and names of groups stand for, each once."""
    found = [name for word in asked for name in EXPERIMENT_GROUPS.get(word, (word,))]
    return tuple(dict.fromkeys(found))


def chosen_devices(device: str | None) -> tuple[str, ...]:
    """What to train on: every GPU unless one device is named; the CPU where there is none."""
    if device not in (None, "auto"):
        return (str(device),)
    gpus = tuple(found.name for found in devices() if found.name.startswith("cuda"))
    return gpus or ("cpu",)


def _train(order: ReproductionOrder, names: Sequence[str]) -> int:
    """Train the seeds that are not done yet; returns how many failed."""
    if order.data is not None and not Path(order.data).is_dir():
        raise DataError(f"The folder “{order.data}” that --data names does not exist; check its spelling.")
    wanted = [
        SeedOrder(
            experiment=name,
            seed=seed,
            out=Path(order.out),
            data=Path(order.data) if order.data else None,
            precision=order.precision,
            epochs=order.epochs,
            steps=order.steps,
        )
        for name in sorted(names, key=_work, reverse=True)
        for seed in range(1, order.seeds + 1)
    ]
    missing = [seed for seed in wanted if not done_already(seed)]
    console, places = message_console(), chosen_devices(order.device)
    if len(missing) < len(wanted):
        console.print(
            f"{count(len(wanted) - len(missing))} of {count(len(wanted))} trainings are done already."
        )
    done = failed = 0
    for report in work_off(missing, places, train_seed):
        who = f"{report.order.experiment}, seed {report.order.seed}"
        match report:
            case EpochEnded(epoch=epoch):
                console.print(
                    f"  {who}: epoch {epoch.epoch}, loss {epoch.train_loss:.4f}, validation batches "
                    f"{100 * epoch.validation_accuracy:.2f} %"
                )
            case OrderDone(result=result):
                done += 1
                console.print(
                    f"{who} on {report.order.device}: test accuracy {100 * result.test_accuracy:.2f} %, "
                    f"{result.seconds:.1f} s ({done + failed} of {len(missing)})"
                )
            case OrderFailed(message=message):
                failed += 1
                told = f"{message} The same command goes on with what is missing."
                console.print(f"[bold red]gabor:[/] {escaped(told)}")
    return failed


def _work(name: str) -> float:
    """Multiply-adds of a training: the longest go first, so that no device ends much later than another."""
    project = EXPERIMENTS[name].build()
    cost = cost_of(project)
    return float((cost.forward + cost.backward) * project.training.epochs)


def _draw(folder: ResultFolder, names: Sequence[str]) -> None:
    from workbench.commands.thesis_figures import draw_figures, tell_filters

    for name in names:
        if folder.results(name):
            tell_filters(folder, name)
            draw_figures(folder, name)


def _tell(order: ReproductionOrder, folder: ResultFolder, names: Sequence[str]) -> None:
    rows = [overview(EXPERIMENTS[name], folder.results(name)) for name in names]
    table = plain_table(["Training"], ("Thesis", "Gabor", "Spread", "Seeds", "Seconds"))
    for row in rows:
        table.add_row(*row.texts())
    give_results(order.json, lambda: print_table(table), lambda: {row.name: row.values() for row in rows})
