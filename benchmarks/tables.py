"""docs/performance.md, written from the committed results alone:

python -m benchmarks.tables
"""

from collections.abc import Callable
from pathlib import Path

from benchmarks.markdown import table
from benchmarks.result_files import Result, read
from benchmarks.window_tables import curves_section, latency_section, soak_section

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
NETWORKS = ("mnist", "A", "B", "C")
PRECISIONS = {"tf32": "TF32", "bfloat16": "mixed (bfloat16)", "float32": "float32"}
MOST_KERNELS = 12
MEBIBYTE = 1 << 20
EPOCH_TIMES = (("seconds", 1), ("start_seconds", 1), ("epoch_seconds", 2))

HEAD = """# Performance

Written by `python -m benchmarks.tables` from `benchmarks/results/`; each table says which command measured it.

A training step is the same on both sides: gather the batch from uint8 images, prepare it, forward, backward, update
(decoupled Adam), loss recorded. The networks are the four of the thesis, MNIST, A and B with batches of 100, C of 50.
"""
GPU_HEAD = """## A training step on a GPU

`python -m benchmarks.gpu_training_step` on the GPU of each row, PyTorch {torch} with cuDNN {cudnn}.
Milliseconds a step; medians of {rounds}. PyTorch runs channels-last with its fused AdamW and timed cuDNN plans; its
modes are eager, the whole step as a CUDA graph, and that with the forward and backward pass compiled by `torch.compile`
("max-autotune"). The ratio is to the best of the modes that were measured.
"""
START_HEAD = """## Until a network is ready on a GPU

`python -m benchmarks.gpu_start` on {device}, driver {driver}, {libraries}, {date}. Seconds from opening the GPU to the
end of the first training step, each in a process of its own: the first finds neither kernels nor convolution plans on
disk, the second finds both. A process is everything from its start, Python and imports included, without the data.
"""
MEMORY_HEAD = """## Memory on a GPU

`python -m benchmarks.gpu_start` on {device}, {date}; PyTorch's by `python -m benchmarks.gpu_training_step`. MiB of
training without the data set, which lies on the device too and is told apart. Planned is what `gabor check` and the
window tell before training, measured what our allocations took at most while convolution plans were tried, in
training, validation and tests. No convolution plan is taken that needs more than 64 MiB of workspace (256 MiB in true
float32). PyTorch's is the peak of its allocator.
"""
WHOLE_HEAD = """## Whole trainings on a GPU

`python -m benchmarks.whole_training` on {device}, {libraries}, {date}. Everything from data in memory to the end:
start, every epoch with its paired validation batch at each step, tests after each epoch, pictures for the plots.
PyTorch's epoch is its training step as a CUDA graph and the paired validation batch as another, without tests or
pictures.
"""
INFERENCE_HEAD = """## Classifying on a {kind}

`python -m benchmarks.inference --device {kind_option}` on {device}, PyTorch {torch}, {date}. Milliseconds until the
answer to a batch is there, and images a second; the ratios are to PyTorch's better mode.
"""
WINDOW_HEAD = """## What an open window costs

`python -m benchmarks.window_cost`: steps a second headless and in a window that draws, tests and pictures included.
"""
EDITOR_HEAD = """## The editor

`python -m benchmarks.editor` on {cpu}, {cores} cores, Qt platform {platform}, {date}. Milliseconds until everything is
painted again, median of {repeats}: chains of convolutions, normalisations and activations, all of them in view.
"""
EDITOR_ROWS = {
    "edit": "An edit, half of the shapes behind it",
    "edit_of_all": "An edit that changes every shape",
    "edit_with_analysis": "An edit, with the analysis open",
    "drag_frame": "A frame of dragging a node",
    "zoom_frame": "A frame of zooming",
    "undo_delete_100": "Undo of deleting 100 nodes",
    "open": "Opening the file",
}
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
CPU_START_HEAD = """## Until a network is ready on a CPU

`python -m benchmarks.cpu_start` on {processor}, {threads} threads, {date}. Seconds from the design to the end of the
first training step, each in a process of its own: the first finds no compiled loops on disk, the second finds them.
Medians of {rounds} rounds, and the slowest second time; the last column is what other programs kept busy meanwhile, in
cores. The system's work is what it takes, in processor seconds of a second start, to hand out memory: a tenth of a
second where memory lies ready, a second and more on a virtual machine that had given it back to its host, hence the
slowest times.
"""


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
        name = f"{network}, {PRECISIONS[precision]}"
        where = f"{entry['device'].removeprefix('NVIDIA ')}, {entry['date']}"
        rows.append([name, f"{entry['gabor_ms']:.3f}", *peers, f"**{entry['ratio']:.2f}**", where])
    head = ["Network", "Gabor", *(f"PyTorch {m}" for m in modes), "Ratio", "GPU"]
    return GPU_HEAD.format(**entries[0][2], rounds="7 rounds of 200 steps") + "\n" + table(head, rows)


def start_section(results: Result) -> str:
    """Cold and warm."""
    entries = gpu_entries(results)
    rows = []
    for network, precision, entry in entries:
        times = [f"{entry[kind][what]:.1f}" for what in ("compile_s", "ready_s") for kind in ("cold", "warm")]
        rows.append([f"{network}, {PRECISIONS[precision]}", *times])
    head = ["Network", "First time, s", "Second time, s", "First process, s", "Second process, s"]
    return START_HEAD.format(**entries[0][2]["warm"], date=entries[0][2]["date"]) + "\n" + table(head, rows)


def memory_section(starts: Result, steps: Result) -> str:
    """Planned, measured, and PyTorch's."""
    entries = gpu_entries(starts)
    rows = []
    for network, precision, entry in entries:
        planned = entry["warm"]["planned_bytes"]
        data = planned["data"]
        own = sum(planned.values()) - data
        measured = max(entry[kind]["peak_bytes"] for kind in ("cold", "warm")) - data
        error = f"{100 * (own / measured - 1):+.1f} %"
        step = steps.get(f"{network}, {precision}", {})
        peers = step.get("pytorch_bytes", {})
        rows.append(
            [f"{network}, {PRECISIONS[precision]}", mebibytes(own), mebibytes(measured), error,
             mebibytes(planned["workspaces"]), mebibytes(data),
             *(mebibytes(peers.get(mode)) for mode in ("eager", "graph"))]
        )  # fmt: skip
    head = [
        "Network",
        "Planned",
        "Measured",
        "Error",
        "Workspaces",
        "Data",
        "PyTorch eager",
        "PyTorch graph",
    ]
    return (
        MEMORY_HEAD.format(device=entries[0][2]["warm"]["device"], date=entries[0][2]["date"])
        + "\n"
        + table(head, rows)
    )


def mebibytes(size: int | None) -> str:
    """`819`."""
    return "not measured" if size is None else f"{size / MEBIBYTE:,.0f}"


def whole_section(results: Result) -> str:
    """Seconds of trainings and of epochs."""
    rows = []
    for key, entry in sorted((key, entry) for key, entry in results.items() if entry["is_whole"]):
        network, precision, epochs = key.split(", ")
        peer = entry.get("pytorch_epoch_seconds")
        accuracy = f"{100 * entry['test_accuracy']:.2f} %" if entry["data"] == "official" else "noise"
        times = [f"{entry[what]:.{places}f}" for what, places in EPOCH_TIMES]
        rows.append(
            [f"{network}, {PRECISIONS[precision]}", epochs.split()[0], *times,
             "not measured" if peer is None else f"{peer:.2f}", accuracy]
        )  # fmt: skip
    head = ["Network", "Epochs", "Whole, s", "Start, s", "An epoch, s", "PyTorch's epoch, s", "Test accuracy"]
    return WHOLE_HEAD.format(**next(iter(results.values()))) + "\n" + table(head, rows)


def inference_section(results: Result, kind: str, option: str) -> str:
    """Latency and throughput."""
    rows = []
    for precision in PRECISIONS:
        for network in NETWORKS:
            for batch in (1, 100):
                entry = results.get(f"{network}, {precision}, batch {batch}")
                if entry is None:
                    continue
                own = entry["gabor"]
                rows.append(
                    [f"{network}, {PRECISIONS[precision]}", str(batch), f"{own['latency_ms']:.3f}",
                     f"**{entry['latency_ratio']:.2f}**", f"{own['images_per_second']:,.0f}",
                     f"**{entry['throughput_ratio']:.2f}**"]
                )  # fmt: skip
    head = ["Network", "Batch", "Answer, ms", "Ratio", "Images a second", "Ratio"]
    first = next(iter(results.values()))
    return INFERENCE_HEAD.format(**first, kind=kind, kind_option=option) + "\n" + table(head, rows)


def window_section(results: Result) -> str:
    """Steps a second with and without it."""
    rows = []
    for key, entry in sorted(results.items()):
        kind, device = key.partition(",")[0], entry.get("device", f"{entry.get('cores')} cores")
        speeds = [f"{entry['steps_per_second'][what]:.2f}" for what in ("headless", "window")]
        rows.append(
            [f"{kind}: {device}", entry["example"], *speeds, f"{100 * entry['cost']:.1f} %", entry["date"]]
        )
    return WINDOW_HEAD + "\n" + table(["Device", "Training", "Headless", "In a window", "Cost", "Date"], rows)


def editor_section(results: Result) -> str:
    """Times of edits for each size of network, and of the start."""
    targets = results["targets_ms_for_300_nodes"]
    sizes = sorted((key for key in results if key.endswith("_nodes") and key[0].isdigit()), key=_size_of)
    rows = []
    measured = [name for name in EDITOR_ROWS if all(name in results[size] for size in sizes)]
    for name, words in ((name, EDITOR_ROWS[name]) for name in measured):
        times = [f"{results[size][name]['median_ms']:.1f}" for size in sizes]
        rows.append([words, *times, str(targets.get(name, ""))])
    start = results["start"]["median_ms"]
    rows.append(
        [
            "From the command to the first paint",
            f"{start:,.0f}",
            *[""] * (len(sizes) - 1),
            f"{targets['start']:,}",
        ]
    )
    head = ["", *(f"{_size_of(size):,} nodes" for size in sizes), "Target for 300"]
    facts = {**results["machine"], "date": results["date"][:10], "repeats": results.get("repeats", 21)}
    return EDITOR_HEAD.format(**facts) + "\n" + table(head, rows)


def _size_of(key: str) -> int:
    return int(key.split("_")[0])


def roofline_section(results: Result) -> str:
    """Operations, bytes and kernels of each step."""
    rows = []
    for network, precision, entry in gpu_entries(results):
        line = entry["notes"]["roofline"]
        floor = max(line["operations_us"], line["bytes_us"])
        rows.append(
            [f"{network}, {PRECISIONS[precision]}", entry["device"].split()[1], f"{line['gigaflop']:.1f}",
             f"{line['megabytes']:.0f}",
             f"{line['operations_us']:.0f}", f"{line['bytes_us']:.0f}", f"{entry['gabor_ms'] * 1e3:.0f}",
             f"{entry['gabor_ms'] * 1e3 / floor:.1f}"]
        )  # fmt: skip
    head = ["Network", "GPU", "GFLOP", "MB", "Operations, µs", "Bytes, µs", "Step, µs", "Step / floor"]
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


def cpu_start_section(results: Result) -> str:
    """Cold and warm, and what the warm start is made of."""
    rows = []
    for network in (n for n in NETWORKS if n in results):
        cold, warm = results[network]["cold"], results[network]["warm"]
        slowest = max(each["ready_s"] for each in warm["rounds"])
        times = [cold["ready_s"], warm["ready_s"], slowest, warm["draw_s"], warm["first_step_s"], warm["second_step_s"],
                 warm["system_processor_s"], cold["process_s"], warm["process_s"]]  # fmt: skip
        busy = max(kind["cores_busy_with_other_work"] for kind in (cold, warm))
        rows.append([network, *(f"{seconds:.2f}" for seconds in times), f"{busy:.1f}"])
    head = ["Network", "First time, s", "Second time, s", "slowest", "of it drawing", "of it first step",
            "A later step", "System's work", "First process, s", "Second process, s", "Other work"]  # fmt: skip
    first = next(entry for entry in results.values())
    facts = {**first["machine"], "date": first["date"], "rounds": len(first["cold"]["rounds"])}
    return CPU_START_HEAD.format(**facts) + "\n" + table(head, rows)


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    steps, starts = read("gpu-training-step"), read("gpu-start")
    if steps:
        parts.append(gpu_section(steps))
    if starts:
        parts += [start_section(starts), memory_section(starts, steps)]
    for file, section in SECTIONS:
        results = read(file)
        if results:
            parts.append(section(results))
    if steps:
        parts.append(roofline_section(steps))
    return "\n".join(parts)


SECTIONS: tuple[tuple[str, Callable[[Result], str]], ...] = (
    ("whole-training", whole_section),
    ("cpu-training-step", cpu_section),
    ("cpu-start", cpu_start_section),
    ("inference-gpu", lambda results: inference_section(results, "GPU", "cuda")),
    ("inference-cpu", lambda results: inference_section(results, "CPU", "cpu")),
    ("window-cost", window_section),
    ("editor", editor_section),
    ("window-latency-cpu", lambda results: latency_section()),
    ("soak-cpu", soak_section),
    ("curve-navigation", curves_section),
)
"""File of results -> what tells of it, in the order of the page."""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
