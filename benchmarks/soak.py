"""Whether a long training with all default panels open grows in memory or ever holds the window up.

The starter project trains on the CPU in a window for --minutes. A timer that should fire every 5 ms notes how late it
is; every few seconds the process's memory is read. Prints JSON: memory after two minutes (or a tenth of a shorter run)
and at the end, its growth in percent (to stay below 5), percentiles of the loop's delay, the worst delays with when
they were (none above 100 ms), and the memory over time. Needs a display, or QT_QPA_PLATFORM=offscreen:

    python -m benchmarks.soak [--minutes 30] [--example mnist-sample] [--output FILE]
"""

import argparse
import json
import os
import platform
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt, QTimer

from benchmarks.cpu_training_step import processor_name
from benchmarks.examples import example
from benchmarks.training_window import opened, wait
from benchmarks.window_latency import INTERVAL, percentiles
from engine.tensor.numpy_ops import core_count
from workbench.file_actions import EXAMPLES

MEMORY_EVERY = 5.0
SETTLED_AFTER = 120.0
LONG_DELAY_MS = 50.0


def resident_mib() -> float:
    """Memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Soak:
    """Notes delays and memory while a window trains."""

    def __init__(self, seconds: float) -> None:
        # Taken whole at the start: 200 numbers a second in a list would be a third of the growth that is looked for.
        self._delays = np.full(round(2 * seconds / INTERVAL), np.nan)
        self._count = 0
        self.begun = time.perf_counter()
        self.late: list[tuple[float, float]] = []
        self.memory: list[tuple[float, float]] = []
        self._last = self.begun

    def tick(self) -> None:
        """The timer has fired."""
        now = time.perf_counter()
        delay = 1e3 * max(0.0, now - self._last - INTERVAL)
        self._last = now
        self._delays[self._count] = delay
        self._count += 1
        if delay > LONG_DELAY_MS:
            self.late.append((round(delay, 1), round(now - self.begun, 2)))
        if not self.memory or now - self.begun - self.memory[-1][0] >= MEMORY_EVERY:
            self.memory.append((round(now - self.begun, 1), round(resident_mib(), 1)))

    def report(self, seconds: float) -> dict[str, object]:
        """What is printed."""
        settled = min(SETTLED_AFTER, seconds / 10)
        # The mean of a minute, or less: the collector makes single values jump.
        window = min(60.0, seconds / 10)
        first = np.mean([mib for at, mib in self.memory if settled <= at <= settled + window])
        last = np.mean([mib for at, mib in self.memory if at >= self.memory[-1][0] - window])
        return {
            "seconds": round(seconds), "settled_after_seconds": settled,
            "memory_mib": {"settled": round(float(first), 1), "end": round(float(last), 1)},
            "growth_percent": round(float(100 * (last / first - 1)), 2),
            "delay_ms": percentiles(self._delays[: self._count]),
            "delays_over_50_ms": sorted(self.late, reverse=True)[:20],
            "memory_over_time": self.memory[:: max(1, len(self.memory) // 60)],
        }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--example", default="mnist-sample", choices=[name for name, _ in EXAMPLES])
    parser.add_argument("--data", help="folder of the official files")
    parser.add_argument("--output", type=Path, help="file to write the result to as well")
    options = parser.parse_args()
    project = example(options.example, options.data, device="cpu", epochs=100_000)
    with opened(project) as window:
        window.control.actions.train.trigger()
        wait(lambda: window.training.progress.step > 0)
        soak = Soak(60 * options.minutes)
        timer = QTimer()
        timer.setTimerType(Qt.TimerType.PreciseTimer)
        timer.timeout.connect(soak.tick)
        timer.start(round(1000 * INTERVAL))
        until = soak.begun + 60 * options.minutes
        wait(lambda: time.perf_counter() >= until)
        timer.stop()
        result = soak.report(time.perf_counter() - soak.begun) | {
            "steps": window.training.progress.step, "example": options.example, "processor": processor_name(),
            "cores": core_count(), "system": platform.platform(), "python": platform.python_version(),
            "date": datetime.now(UTC).date().isoformat(),
        }  # fmt: skip
        window.control.actions.stop.trigger()
        wait(lambda: not window.control.session.is_active)
        text = json.dumps(result, indent=2, ensure_ascii=False)
        print(text)
        if options.output:
            options.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
