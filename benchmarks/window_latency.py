"""How live the window stays while it trains: delays of the event loop, answers to Pause, Resume and Stop, plots.

    python -m benchmarks.window_latency [--device cpu] [--epochs 10] [--project mnist-sample]

Opens the real window on an example, samples the event loop every 5 ms, trains, and writes
benchmarks/results/window-latency-DEVICE.json. A sample's delay is how much later than asked the timer came.
"""

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
from PySide6.QtCore import QEventLoop, QSettings, QTimer

from engine.api import example_path, load_project
from workbench.application import make_application
from workbench.main_window import MainWindow

RESULTS = Path(__file__).parent / "results"
PERIOD = 0.005


class LoopSampler:
    """Asks for a timer every PERIOD seconds and notes how much later it came."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self._due = 0.0
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        """Begin to sample."""
        self._due = time.perf_counter() + PERIOD
        self._timer.start(int(PERIOD * 1000))

    def stop(self) -> None:
        """End sampling."""
        self._timer.stop()

    def _tick(self) -> None:
        self.delays.append(max(0.0, time.perf_counter() - self._due))
        self.start()


def wait_for(condition: Callable[[], bool], seconds: float) -> float:
    """Run the event loop until the condition holds; the seconds that it took."""
    started = time.perf_counter()
    while not condition():
        if time.perf_counter() - started > seconds:
            sys.exit(f"Waited {seconds:g} s in vain.")
        loop = QEventLoop()
        QTimer.singleShot(2, loop.quit)
        loop.exec()
    return time.perf_counter() - started


def answers(window: MainWindow) -> dict[str, float]:
    """Milliseconds until each command is acknowledged in the window, and until it takes effect."""
    control, found = window.control, {}
    control.train()
    found["train acknowledged"] = wait_for(lambda: control.session.state != "idle", 5)
    wait_for(lambda: control.session.state == "training" and control.session.is_active, 120)
    wait_for(lambda: len(window.results.loss.plot.series("Training total")[0]) > 3, 120)
    for name, do, shown, effective in (
        ("pause", control.actions.pause.trigger, ("pausing", "paused"), ("paused",)),
        ("resume", control.actions.pause.trigger, ("training",), ("training",)),
        ("stop", control.actions.stop.trigger, ("stopping", "ended"), ("ended",)),
    ):
        started = time.perf_counter()
        do()
        wait_for(lambda wanted=shown: control.session.state in wanted, 5)
        found[f"{name} acknowledged"] = time.perf_counter() - started
        wait_for(lambda wanted=effective: control.session.state in wanted, 30)
        found[f"{name} in effect"] = time.perf_counter() - started
        wait_for(lambda until=time.perf_counter() + 0.3: time.perf_counter() > until, 5)
    return {name: round(seconds * 1000, 1) for name, seconds in found.items()}


def full_training(window: MainWindow) -> tuple[np.ndarray, dict[str, int]]:
    """Delays in seconds while training to the end, and how often each plot changed."""
    results = window.results
    changes = {"loss": 0, "accuracy": 0, "filters": 0, "confusion": 0}
    last: dict[str, bytes] = {}

    def look() -> None:
        shown = {
            "loss": results.loss.plot.displayed("Training total")[1],
            "accuracy": results.accuracy.plot.displayed("Training")[1],
            "filters": results.filters.displayed(),
            "confusion": results.confusion.displayed(),
        }
        for name, array in shown.items():
            now = b"" if array is None else np.ascontiguousarray(array).tobytes()
            changes[name] += int(name in last and now != last[name])
            last[name] = now

    watcher = QTimer()
    watcher.timeout.connect(look)
    watcher.start(200)
    sampler = LoopSampler()
    window.control.train()
    sampler.start()
    wait_for(lambda: window.control.session.state == "ended", 1800)
    sampler.stop()
    watcher.stop()
    return np.array(sampler.delays), changes


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--project", default="mnist-sample")
    parser.add_argument("--data", default=None)
    arguments = parser.parse_args()
    make_application()
    project = load_project(example_path(arguments.project)).project
    training = msgspec.structs.replace(project.training, device=arguments.device, epochs=arguments.epochs)
    data = msgspec.structs.replace(project.data, folder=arguments.data)
    settings = QSettings(str(Path(tempfile.mkdtemp()) / "settings.ini"), QSettings.Format.IniFormat)
    window = MainWindow(replace(project, training=training, data=data), settings=settings)
    window.show()
    wait_for(lambda until=time.perf_counter() + 1: time.perf_counter() > until, 5)
    answered = answers(window)
    delays, changes = full_training(window)
    run = window.control.run
    result = {
        "project": arguments.project, "epochs": arguments.epochs, "device": run.device if run else "",
        "machine": f"{platform.machine()}, {platform.platform()}, Python {platform.python_version()}",
        "date": datetime.now(UTC).date().isoformat(), "milliseconds": answered, "samples": len(delays),
        "delay_ms": {
            "median": round(float(np.median(delays)) * 1e3, 2),
            "p95": round(float(np.percentile(delays, 95)) * 1e3, 2),
            "p99": round(float(np.percentile(delays, 99)) * 1e3, 2),
            "max": round(float(delays.max()) * 1e3, 2),
        },
        "plot_changes": changes, "seconds": run.seconds if run else 0.0,
        "test_accuracy": run.test_accuracy() if run else None,
    }  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    name = f"window-latency-{arguments.device.partition(':')[0]}.json"
    (RESULTS / name).write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    window.document.set_saved(Path("unsaved"))
    window.close()


if __name__ == "__main__":
    main()
