"""How long a frame takes while curves of ten million points are panned and zoomed, and whether a spike is ever lost.

Two curves (smoothed: each with its raw values behind it) are shown at 1280×720. Every frame moves the view, thins and
paints. One value is planted far above all others. Prints JSON: milliseconds a frame by kind of movement, in wall time
and in the processor time of the thread that draws, the first frame (which looks at every point once), and the number of
views that held the spike and did not show it (must be 0). Needs a display, or QT_QPA_PLATFORM=offscreen:

    python -m benchmarks.curve_navigation [--points 10000000] [--output FILE]
"""

import argparse
import json
import platform
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.cpu_training_step import processor_name
from engine.tensor.numpy_ops import core_count
from workbench.application import make_application
from workbench.plots.curves import CurvePlot
from workbench.plots.legend import CurveStyle
from workbench.theme import load_theme

SPIKE = 40.0
NAMES = ("Training", "Validation")


def filled_plot(points: int, spike: int, smoothing: float) -> CurvePlot:
    """Two falling, noisy curves; the training curve has the spike at that step."""
    plot = CurvePlot(load_theme("light"), name="Loss", max_rate=1000)
    random = np.random.default_rng(1)
    steps = np.arange(1.0, points + 1)
    for name, style in zip(
        NAMES, (CurveStyle("training"), CurveStyle("validation", marker="circle")), strict=True
    ):
        values = 2 * np.exp(-3 * steps / points) + 0.2 * random.standard_normal(points)
        if name == "Training":
            values[spike - 1] = SPIKE
        plot.set_series(name, steps, values, style)
    plot.set_smoothing(smoothing)
    return plot


def views(points: int, spike: int) -> Iterator[tuple[str, float, float]]:
    """(kind, low, high): zooms onto the spike and out again, and pans at several widths."""
    for width in np.geomspace(points, 50, 120):
        yield "zoom", spike - 0.37 * width, spike + 0.63 * width
    for width in (points / 3, points / 100, 1e4, 1e3):
        for place in np.linspace(-1.2, 0.2, 60):
            yield "pan", spike + place * width, spike + (place + 1) * width


def measure(points: int, smoothing: float) -> dict[str, object]:
    """All frames of one plot."""
    spike = int(points * 0.731)
    plot = filled_plot(points, spike, smoothing)
    plot.resize(1280, 720)
    plot.show()
    begun = time.perf_counter()
    plot.refresh()
    plot.grab()
    first = time.perf_counter() - begun
    times: dict[str, list[float]] = {
        f"{kind}{clock}": [] for kind in ("zoom", "pan") for clock in ("", "_processor")
    }
    lost = 0
    box = plot._canvas.getPlotItem().getViewBox()
    plot._stop_following()
    for kind, low, high in views(points, spike):
        begun, own = time.perf_counter(), time.thread_time()
        box.setXRange(low, high, padding=0)
        plot.refresh()
        plot.grab()
        times[kind].append(1e3 * (time.perf_counter() - begun))
        times[f"{kind}_processor"].append(1e3 * (time.thread_time() - own))
        inside = low <= spike <= high
        drawn = plot.displayed("Training", raw=smoothing > 0)[1]
        lost += int(inside and not (drawn == SPIKE).any())
    plot.close()
    return {
        "smoothing": smoothing, "first_frame_ms": round(1e3 * first, 1), "views_without_the_spike": lost,
        **{f"{kind}_ms": percentiles(found) for kind, found in times.items()},
    }  # fmt: skip


def percentiles(found: list[float]) -> dict[str, float]:
    """Some of their order statistics."""
    return {name: round(float(np.percentile(found, share)), 2) for name, share in
            (("median", 50), ("p95", 95), ("max", 100))}  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--output", type=Path, help="file to write the result to as well")
    options = parser.parse_args()
    application = make_application()
    result = {
        "points": options.points, "curves": len(NAMES), "size": "1280×720",
        "plain": measure(options.points, 0.0), "smoothed": measure(options.points, 0.9),
        "processor": processor_name(), "cores": core_count(), "system": platform.platform(),
        "python": platform.python_version(), "date": datetime.now(UTC).date().isoformat(),
    }  # fmt: skip
    text = json.dumps(result, indent=2, ensure_ascii=False)
    print(text)
    if options.output:
        options.output.write_text(text + "\n", encoding="utf-8")
    application.quit()


if __name__ == "__main__":
    main()
