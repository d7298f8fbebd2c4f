"""One training step on the CPU: Gabor against PyTorch, in one process, taking turns.

A step is the same on both sides: gather the batch from uint8 images, prepare it, forward, backward, update
(decoupled Adam), loss recorded. PyTorch runs in both memory layouts with its fused AdamW; the faster layout counts.
Rounds of a few steps alternate between the contestants, so that a busy machine slows all of them alike. Run it as

    python -m benchmarks.cpu_training_step [--networks mnist,A,B,C] [--threads N] [--rounds N] [--again]

Each network's result is written to benchmarks/results/cpu-training-step.json when it is done; a network that is
there already is left out unless --again is given. All four take about three minutes on two cores.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import threadpoolctl

from benchmarks.networks import NETWORKS, image_shape, random_data, torch_model
from engine.data.preparation import prepare
from engine.design.findings import DataShape
from engine.program.compiled import CompiledNetwork
from engine.program.network import Network
from engine.templates import TEMPLATES
from engine.tensor.numpy_ops import CpuDevice, core_count

RESULTS = Path(__file__).parent / "results" / "cpu-training-step.json"
STEPS = {"mnist": 8, "A": 8, "B": 2, "C": 2}
"""Steps a turn: some tenths of a second."""

Step = Callable[[], None]


def gabor_step(name: str, threads: int) -> tuple[Step, CompiledNetwork, float]:
    """Our step, the compiled network, and the seconds that compiling took."""
    project = TEMPLATES[NETWORKS[name]].build()
    shape = image_shape(name)
    data = prepare(random_data(shape), project.data)
    started = time.perf_counter()
    network = Network.of(project.graph, DataShape(shape, 10))
    compiled = CompiledNetwork(network, CpuDevice(threads), project.training, data)
    compiled.initialise(1)
    compiled.set_rates(project.training)
    order, starts = (
        np.arange(len(data.train_labels), dtype=np.int32),
        np.zeros(compiled.steps_per_epoch, np.int32),
    )
    done = 0

    def step() -> None:
        nonlocal done
        if done % compiled.steps_per_epoch == 0:
            compiled.begin_epoch(order, starts, step=done, position=0)
        compiled.step()
        done += 1

    step()
    return step, compiled, time.perf_counter() - started


def torch_step(name: str, threads: int, layout: str) -> Step:
    """PyTorch's step in a memory layout."""
    import torch

    torch.set_num_threads(threads)
    settings = TEMPLATES[NETWORKS[name]].build().training
    memory = getattr(torch, layout)
    model = torch_model(name, image_shape(name)).to(memory_format=memory)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    data, batch, done = random_data(image_shape(name)), settings.batch_size, 0
    images = torch.from_numpy(np.array(data.train_images))
    labels = torch.from_numpy(data.train_labels.astype(np.int64))
    order, history = torch.arange(len(labels)), torch.zeros(1 << 16)

    def step() -> None:
        nonlocal done
        index = order[done * batch % len(labels) :][:batch]
        x = (images[index].float() * (2 / 255) - 1).permute(0, 3, 1, 2).contiguous(memory_format=memory)
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(model(x), labels[index])
        loss.backward()
        optimizer.step()
        history[done] = loss.detach()
        done += 1

    return step


def seconds(step: Step, count: int) -> float:
    """Seconds a step over some steps."""
    started = time.perf_counter()
    for _ in range(count):
        step()
    return (time.perf_counter() - started) / count


def measure(name: str, threads: int, rounds: int) -> dict[str, object]:
    """All contestants on one network."""
    ours, compiled, start_up = gabor_step(name, threads)
    contestants = {
        "gabor": ours,
        **{f: torch_step(name, threads, f) for f in ("channels_last", "contiguous_format")},
    }
    for step in contestants.values():
        seconds(step, 3)
    times: dict[str, list[float]] = {contestant: [] for contestant in contestants}
    before = (time.perf_counter(), *processor_seconds())
    for _ in range(rounds):
        for contestant, step in contestants.items():
            times[contestant].append(seconds(step, STEPS[name]) * 1e3)
    after = (time.perf_counter(), *processor_seconds())
    wall, everyone, own = (b - a for a, b in zip(before, after, strict=True))
    medians = {contestant: statistics.median(found) for contestant, found in times.items()}
    peer = min(("channels_last", "contiguous_format"), key=lambda layout: medians[layout])
    ratios = [theirs / our for theirs, our in zip(times[peer], times["gabor"], strict=True)]
    return {
        "batch": compiled.batch, "gabor_ms": medians.pop("gabor"), "pytorch_ms": medians, "best_layout": peer,
        "ratio": statistics.median(ratios), "ratio_quartiles": statistics.quantiles(ratios, n=4),
        "fastest_ms": {contestant: min(found) for contestant, found in times.items()},
        "rounds": rounds, "steps_a_round": STEPS[name], "start_up_seconds": start_up,
        "cores_busy_with_other_work": (everyone - own) / wall, "memory": compiled.memory(),
        "implementations": compiled.implementations(), "machine": machine(threads),
    }  # fmt: skip


def processor_seconds() -> tuple[float, float]:
    """Processor seconds used so far by everything on the machine (where it tells), and by this process."""
    own = time.process_time()
    try:
        fields = [int(field) for field in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    except OSError:
        return own, own
    idle = fields[3] + fields[4]
    return (sum(fields) - idle) / os.sysconf("SC_CLK_TCK"), own


def machine(threads: int) -> dict[str, object]:
    """What the figures hold for."""
    import torch

    blas = [library for library in threadpoolctl.threadpool_info() if library.get("user_api") == "blas"]
    return {
        "processor": processor_name(), "cores": core_count(), "threads": threads,
        "system": platform.platform(), "python": platform.python_version(), "numpy": np.__version__,
        "blas": [f"{b['internal_api']} {b['version']} ({b.get('architecture', '?')})" for b in blas],
        "torch": torch.__version__, "date": datetime.now(UTC).date().isoformat(),
    }  # fmt: skip


def processor_name() -> str:
    """As the system tells it, with the family and model that tell virtual ones apart."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    found = dict(line.split(":", 1) for line in lines if ":" in line)
    named = {key.strip(): value.strip() for key, value in found.items()}
    return (
        f"{named.get('model name', platform.machine())} "
        f"(family {named.get('cpu family', '?')}, model {named.get('model', '?')})"
    )


def main() -> None:
    """Measure what is missing and add it to the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", default="mnist,A,B,C")
    parser.add_argument("--threads", type=int, default=core_count())
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--again", action="store_true", help="measure networks that have a result already")
    parser.add_argument("--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    results = json.loads(arguments.output.read_text()) if arguments.output.exists() else {}
    for name in arguments.networks.split(","):
        if name not in results or arguments.again:
            results[name] = measure(name, arguments.threads, arguments.rounds)
            arguments.output.parent.mkdir(parents=True, exist_ok=True)
            arguments.output.write_text(
                json.dumps(results, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
            )
        entry = results[name]
        peers = ", ".join(f"{layout} {ms:.1f}" for layout, ms in entry["pytorch_ms"].items())
        print(f"{name:6} Gabor {entry['gabor_ms']:.1f} ms; PyTorch {peers} ms; ratio {entry['ratio']:.2f} "
              f"(other work: {entry['cores_busy_with_other_work']:.1f} cores)", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
