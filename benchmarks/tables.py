"""docs/performance.md, written from the committed results alone:

python -m benchmarks.tables
"""

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
NETWORKS = ("mnist", "A", "B", "C")
PRECISIONS = {"tf32": "TF32", "bfloat16": "mixed (bfloat16)", "float32": "float32"}
MOST_KERNELS = 12
Result = dict[str, Any]

HEAD = """# Performance

Written by `python -m benchmarks.tables` from `benchmarks/results/`; each table says which command measured it.

A training step is the same on both sides: gather the batch from uint8 images, prepare it, forward, backward, update
(decoupled Adam), loss recorded. The networks are the four of the thesis, MNIST, A and B with batches of 100, C of 50.
"""
GPU_HEAD = """## A training step on a GPU

`python -m benchmarks.gpu_training_step` on {device}, PyTorch {torch} with cuDNN {cudnn}, {date}.
Milliseconds a step; medians of {rounds}. PyTorch runs channels-last with its fused AdamW and timed cuDNN plans; its
modes are eager, the whole step as a CUDA graph, and that with the forward and backward pass compiled by `torch.compile`
("max-autotune"). The ratio is to the best of the modes that were measured. A start is everything until the first step
is done; the first one finds no kept convolution plans, the later one, in the same process, does.
"""
ROOFLINE = """## What a GPU's step is made of

The roofline counts operations over the datasheet's rate of the matrix units, and bytes over the bandwidth that a copy
reaches, with each operand of each fused operation read once and each result written once. No step can be faster than
the larger of both, or than their sum where nothing overlaps.
"""
CPU_HEAD = """## A training step on a CPU

`python -m benchmarks.cpu_training_step` on {processor}, {threads} threads, PyTorch {torch}, {date}.
Milliseconds a step; contestants take turns, and the ratio is the median over the turns, to PyTorch's faster memory
layout.
"""


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; all columns but the first hold numbers."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def gpu_entries(results: Result) -> list[tuple[str, str, Result]]:
    """(network, precision, entry) in the order of the page."""
    keys = ((network, precision) for precision in PRECISIONS for network in NETWORKS)
    return [(n, p, results[f"{n}, {p}"]) for n, p in keys if f"{n}, {p}" in results]


def gpu_section(results: Result) -> str:
    """Ratios, then where the time goes."""
    entries = gpu_entries(results)
    modes = [m for m in ("eager", "graph", "compile") if any(m in e["pytorch_ms"] for _, _, e in entries)]
    rows = []
    for network, precision, entry in entries:
        peers = [
            f"{entry['pytorch_ms'][m]:.3f}" if m in entry["pytorch_ms"] else "not measured" for m in modes
        ]
        starts = [f"{entry['notes'][name]:.1f}" for name in ("start_up_seconds", "second_start_up_seconds")]
        rows.append(
            [f"{network}, {PRECISIONS[precision]}", f"{entry['gabor_ms']:.3f}", *peers, f"**{entry['ratio']:.2f}**",
             *starts]
        )  # fmt: skip
    head = ["Network", "Gabor", *(f"PyTorch {m}" for m in modes), "Ratio", "First start, s", "Later start, s"]
    return GPU_HEAD.format(**entries[0][2], rounds="7 rounds of 200 steps") + "\n" + table(head, rows)


def roofline_section(results: Result) -> str:
    """Operations, bytes and kernels of each step."""
    rows = []
    for network, precision, entry in gpu_entries(results):
        line = entry["notes"]["roofline"]
        floor = max(line["operations_us"], line["bytes_us"])
        rows.append(
            [f"{network}, {PRECISIONS[precision]}", f"{line['gigaflop']:.1f}", f"{line['megabytes']:.0f}",
             f"{line['operations_us']:.0f}", f"{line['bytes_us']:.0f}", f"{entry['gabor_ms'] * 1e3:.0f}",
             f"{entry['gabor_ms'] * 1e3 / floor:.1f}"]
        )  # fmt: skip
    head = ["Network", "GFLOP", "MB", "Operations, µs", "Bytes, µs", "Step, µs", "Step / floor"]
    parts = [ROOFLINE, table(head, rows)]
    for network, precision, entry in gpu_entries(results):
        kernels = sorted(entry["notes"]["kernels_us"].items(), key=lambda item: -item[1])
        rest = sum(time for _, time in kernels[MOST_KERNELS:])
        lines = [[f"`{name}`", f"{time:.1f}"] for name, time in kernels[:MOST_KERNELS]]
        lines += [["all others", f"{rest:.1f}"]] if rest else []
        parts.append(f"### {network}, {PRECISIONS[precision]}\n\n" + table(["Kernel", "µs a step"], lines))
    return "\n".join(parts)


def cpu_section(results: Result) -> str:
    """Ratios."""
    rows = []
    for network in (n for n in NETWORKS if n in results):
        entry = results[network]
        layouts = [f"{entry['pytorch_ms'][layout]:.1f}" for layout in ("channels_last", "contiguous_format")]
        figures = [f"{entry['gabor_ms']:.1f}", *layouts, f"**{entry['ratio']:.2f}**"]
        rows.append([network, *figures, f"{entry['start_up_seconds']:.1f}"])
    head = ["Network", "Gabor", "PyTorch channels-last", "PyTorch contiguous", "Ratio", "Start, s"]
    machine = next(iter(results.values()))["machine"]
    return CPU_HEAD.format(**machine) + "\n" + table(head, rows)


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    gpu, cpu = RESULTS / "gpu-training-step.json", RESULTS / "cpu-training-step.json"
    if gpu.exists():
        results = json.loads(gpu.read_text("utf-8"))
        parts += [gpu_section(results), roofline_section(results)]
    if cpu.exists():
        parts.append(cpu_section(json.loads(cpu.read_text("utf-8"))))
    return "\n".join(parts)


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
