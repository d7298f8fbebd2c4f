"""What an open window that draws costs of the training's speed.

The same training runs headless and in a window, by turns, each in a process of its own; steps a second are counted by
the clock on the wall, from the first steps that were told of to the last, tests and pictures included. Needs a display,
or QT_QPA_PLATFORM=offscreen. Run it as

    python -m benchmarks.window_cost [--device cpu|cuda] [--example NAME] [--data DIR] [--epochs N] [--rounds N]

The result, the medians and their ratio, goes to benchmarks/results/window-cost.json, one entry a device and example.
Five minutes at most with the defaults.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.examples import example
from benchmarks.result_files import FOLDER, Result, write
from engine.api import Event, Project, StepsDone, Trainer, prepare, recipe_dataset

RESULTS = "window-cost"
Told = list[tuple[float, int]]
"""(time, step) of each block of steps that was told of."""


def listen(told: Told) -> None:
    """Have every trainer note when it tells of steps, in the thread that trains: alike headless and in a window."""
    events = Trainer.events

    def noting(trainer: Trainer) -> Iterator[Event]:
        for event in events(trainer):
            if isinstance(event, StepsDone):
                told.append((time.perf_counter(), event.step))
            yield event

    Trainer.events = noting  # type: ignore[method-assign]


def headless(project: Project) -> None:
    """Train as `gabor train` does."""
    for _ in Trainer(project, prepare(recipe_dataset(project.data), project.data)).events():
        pass


def in_window(project: Project) -> None:
    """Train in a window whose plots are seen."""
    # Trained headless nothing of Qt is loaded.
    from PySide6.QtCore import QEventLoop

    from benchmarks.training_window import opened

    with opened(project) as window:
        # Nothing but the window wakes the thread that draws.
        loop = QEventLoop()
        window.control.session.ended.connect(loop.quit)
        window.control.actions.train.trigger()
        if window.control.session.is_active:
            loop.exec()


def steps_a_second(told: Told) -> float:
    """Between the first and the last block."""
    (begun, first), (ended, last) = told[0], told[-1]
    return (last - first) / (ended - begun)


def main() -> None:
    """Measure by turns and keep the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--example", default="mnist-sample")
    parser.add_argument("--precision", default="tf32")
    parser.add_argument("--data", help="folder of the official files, for examples that need them")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the results are kept")
    parser.add_argument("--child", choices=("headless", "window"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        told: Told = []
        listen(told)
        project = example(
            arguments.example, arguments.data, device=arguments.device, epochs=arguments.epochs,
            precision=arguments.precision,
        )  # fmt: skip
        (headless if arguments.child == "headless" else in_window)(project)
        print(json.dumps(steps_a_second(told)))
        return
    found: dict[str, list[float]] = {"headless": [], "window": []}
    for _ in range(arguments.rounds):
        for kind, speeds in found.items():
            command = [sys.executable, "-m", "benchmarks.window_cost", *sys.argv[1:], "--child", kind]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=600, check=True)
            speeds.append(float(done.stdout.splitlines()[-1]))
            print(f"{kind}: {speeds[-1]:.2f} steps/s", flush=True)
    write(RESULTS, f"{arguments.device}, {arguments.example}", summary(found, arguments), arguments.folder)


def summary(found: dict[str, list[float]], arguments: argparse.Namespace) -> Result:
    """Medians, and the share of the speed that the window takes."""
    medians = {kind: statistics.median(speeds) for kind, speeds in found.items()}
    cost = 1 - medians["window"] / medians["headless"]
    print(f"the window costs {100 * cost:.1f} % of the speed", flush=True)
    if arguments.device == "cuda":
        from benchmarks.result_files import gpu_versions

        machine = gpu_versions()
    else:
        machine = {"cores": len(os.sched_getaffinity(0))}
    return {
        "example": arguments.example, "precision": arguments.precision, "steps_per_second": medians,
        "all": found, "cost": cost, **machine,
    }  # fmt: skip


if __name__ == "__main__":
    main()
