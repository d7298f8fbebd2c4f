"""How long the window's event loop is kept waiting while a network trains in it.

A timer that should fire every 5 ms notes how late it is. Prints JSON: the percentiles of the delay in milliseconds,
how long Train, Pause, Resume and Stop take to be acknowledged, and how often each picture changed. Needs a display,
or QT_QPA_PLATFORM=offscreen. An example: `python benchmarks/window_latency.py --epochs 10 --device cpu`.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt, QTimer

from benchmarks.examples import example
from benchmarks.training_window import opened, wait
from workbench.file_actions import EXAMPLES
from workbench.main_window import MainWindow

INTERVAL = 0.005


class Measurement:
    """Trains in a window and notes delays, acknowledgements and changes."""

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        self.ticks: list[float] = []
        self.preparing: list[bool] = []
        """Whether the network was still being compiled at each tick."""
        self.acknowledged: dict[str, float] = {}
        self.changes = dict.fromkeys(("loss", "accuracy", "filters", "confusion"), 0)
        self._shown: dict[str, bytes] = {}
        window.control.events.connect(self._look)

    def run(self) -> dict[str, object]:
        """The whole measurement; returns what is printed."""
        window, actions, session = self.window, self.window.control.actions, self.window.control.session
        timer = QTimer()
        timer.setTimerType(Qt.TimerType.PreciseTimer)
        timer.timeout.connect(self._tick)
        timer.start(round(1000 * INTERVAL))
        begun = time.perf_counter()
        self._acknowledge("train", actions.train.trigger)
        wait(lambda: window.training.progress.step > 20 or not session.is_active)
        self._acknowledge("pause", actions.pause.trigger)
        wait(lambda: session.state == "paused" or not session.is_active)
        self._acknowledge("resume", actions.pause.trigger)
        wait(lambda: not session.is_active)
        timer.stop()
        delays = 1000 * (np.diff(self.ticks) - INTERVAL).clip(min=0)
        preparing = np.array(self.preparing[1:])
        run = window.document.runs[-1]
        seconds = round(time.perf_counter() - begun, 2)
        step = window.training.progress.step
        actions.train.trigger()
        wait(lambda: window.training.progress.step not in (0, step) or not session.is_active)
        self._acknowledge("stop", actions.stop.trigger)
        stopped = time.perf_counter()
        wait(lambda: not session.is_active)
        self.acknowledged["stop, until it has ended"] = round(1000 * (time.perf_counter() - stopped), 2)
        return {
            "device": run.device,
            "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores",
            "python": platform.python_version(),
            "date": datetime.now(UTC).date().isoformat(),
            "message": run.message,
            "seconds": seconds,
            "samples": len(delays),
            "delay_ms": percentiles(delays),
            "delay_ms_while_preparing": percentiles(delays[preparing]),
            "delay_ms_while_training": percentiles(delays[~preparing]),
            "worst": [
                {"ms": round(float(delays[place]), 1), "at_second": round(self.ticks[place] - begun, 2)}
                for place in np.argsort(delays)[:-6:-1]
            ],
            "acknowledged_ms": self.acknowledged,
            "changes": self.changes,
        }

    def _tick(self) -> None:
        self.ticks.append(time.perf_counter())
        self.preparing.append(self.window.control.session.state == "preparing")

    def _acknowledge(self, name: str, do: Callable[[], None]) -> None:
        begun = time.perf_counter()
        do()
        self.window.repaint()
        self.acknowledged[name] = round(1000 * (time.perf_counter() - begun), 2)

    def _look(self, _: object) -> None:
        results = self.window.results
        shown = {
            "loss": results.loss.plot.series("Training total")[1],
            "accuracy": results.accuracy.plot.series("Training")[1],
            "filters": results.filters.displayed(),
            "confusion": results.confusion.displayed(),
        }
        for name, values in shown.items():
            picture = values[-1:].tobytes() if values.ndim == 1 else values.tobytes()
            if self._shown.get(name) != picture:
                self._shown[name] = picture
                self.changes[name] += 1


def percentiles(delays: np.ndarray) -> dict[str, float]:
    """The delays in milliseconds in four numbers."""
    shares = (("p50", 50), ("p95", 95), ("p99", 99), ("max", 100))
    return (
        {name: round(float(np.percentile(delays, share)), 2) for name, share in shares} if len(delays) else {}
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--example", default="mnist-sample", choices=[name for name, _ in EXAMPLES])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--data", help="folder of the official files")
    parser.add_argument("--output", type=Path, help="file to write the result to as well")
    options = parser.parse_args()
    project = example(options.example, options.data, device=options.device, epochs=options.epochs)
    with opened(project) as window:
        result = json.dumps(Measurement(window).run(), indent=2)
        print(result)
        if options.output:
            options.output.write_text(result + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
