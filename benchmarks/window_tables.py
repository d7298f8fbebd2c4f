"""The parts of docs/performance.md that tell of the window."""

from benchmarks.markdown import table
from benchmarks.result_files import Result, read

LATENCY_HEAD = """## How long the window waits

`python -m benchmarks.window_latency`: a timer that should fire every 5 ms notes how late it is, in milliseconds, while
a network trains in the window; preparing the network and the tests count too. Every press of Train, Pause, Resume and
Stop was acknowledged within the time of the last column. On the GPU full MNIST trained, its convolution plans on disk.
"""
SOAK_HEAD = """## A long training

`python -m benchmarks.soak` on {processor}, {cores} cores, {date}: `{example}` for {minutes:.0f} minutes on the CPU with
all default panels open. Memory is the process's, as a mean of a minute: the first one begins after two minutes.
"""
CURVES_HEAD = """## Ten million points

`python -m benchmarks.curve_navigation` on {processor}, {cores} cores, {date}: {curves} curves of {points:,} points at
{size} pixels. Milliseconds a frame; a single spike is among the points.
"""


def latency_section() -> str:
    """Percentiles on each device that was measured; "" without any."""
    rows = []
    for kind in ("cpu", "cuda"):
        entry = read(f"window-latency-{kind}")
        if entry:
            delays = [f"{entry['delay_ms'][name]:.1f}" for name in ("p50", "p95", "p99", "max")]
            slowest = max(v for k, v in entry["acknowledged_ms"].items() if "," not in k)
            rows.append([entry["device"], *delays, f"{slowest:.0f}", entry["date"]])
    head = ["Device", "Median", "95th percentile", "99th", "Longest", "Acknowledged", "Date"]
    return LATENCY_HEAD + "\n" + table(head, rows) if rows else ""


def soak_section(results: Result) -> str:
    """Memory and delays of one long training."""
    memory = results["memory_mib"]
    delays = [f"{results['delay_ms'][name]:.1f}" for name in ("p95", "p99", "max")]
    row = [f"{results['steps']:,}", f"{memory['settled']:,.0f}", f"{memory['end']:,.0f}",
           f"{results['growth_percent']:.1f} %", *delays]  # fmt: skip
    head = ["Steps", "MiB at first", "MiB at last", "Growth", "Wait, 95th percentile, ms", "99th", "Longest"]
    return SOAK_HEAD.format(**results, minutes=results["seconds"] / 60) + "\n" + table(head, [row])


def curves_section(results: Result) -> str:
    """Frames of zooming and panning, with and without smoothing."""
    rows = []
    for kind, words in (("plain", "Plain"), ("smoothed", "Smoothed")):
        for gesture in ("zoom", "pan"):
            times = [f"{results[kind][f'{gesture}_ms'][name]:.1f}" for name in ("median", "p95", "max")]
            rows.append([f"{words}, {gesture}", *times, str(results[kind]["views_without_the_spike"])])
    head = ["", "Median", "95th percentile", "Longest", "Views without the spike"]
    return CURVES_HEAD.format(**results) + "\n" + table(head, rows)
