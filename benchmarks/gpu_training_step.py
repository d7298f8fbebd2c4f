"""One training step on an NVIDIA GPU: Gabor against PyTorch's best, in one process.

A step is the same on both sides: gather the batch from uint8 images on the device, prepare it, forward, backward,
update (decoupled Adam), loss recorded. PyTorch runs eagerly, as a CUDA graph, and compiled with "max-autotune"
inside a CUDA graph; its best counts. Run it as

    python -m benchmarks.gpu_training_step [--networks mnist,A,B,C] [--precisions tf32,bfloat16]
                                           [--modes eager,graph,compile]

Results are merged into benchmarks/results/gpu-training-step.json, one entry a network and precision, after each mode:
what was stopped goes on with `--modes` of what is missing. Our step is measured anew each time. Mode "compile" takes
minutes a network.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np

from engine.data.dataset import Dataset
from engine.data.preparation import prepare
from engine.design.inference import DataShape
from engine.program.compiled import CompiledNetwork
from engine.program.network import Network
from engine.templates import TEMPLATES
from engine.tensor.devices import open_device

RESULTS = Path(__file__).parent / "results" / "gpu-training-step.json"
NETWORKS = {"mnist": "mnist", "A": "cifar10-model-a", "B": "cifar10-model-b", "C": "cifar10-model-c"}
ROUNDS, STEPS = 7, 200
PEAKS = {"float32": 67e12, "tf32": 494e12, "bfloat16": 989e12}
"""Operations a second of an H100 or H200 by its datasheet, dense."""
DEVICE_WORK = ("kernel", "gpu_memcpy", "gpu_memset")
BANDWIDTH = 4.3e12
"""Bytes a second, read and written, of a copy on an H200 as measured there."""


def random_data(shape: tuple[int, int, int]) -> Dataset:
    """Noise of the data's shape: speed does not depend on what the pixels show."""
    channels, height, width = shape
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (51_000, height, width, channels), dtype=np.uint8)
    labels = (np.arange(51_000) % 10).astype(np.int32)
    names = tuple(str(number) for number in range(10))
    return Dataset("noise", images[:50_000], labels[:50_000], images[50_000:], labels[50_000:], names)


def median_milliseconds(step: Callable[[], None], wait: Callable[[], None]) -> float:
    """Median over rounds of the mean time of a step, work queued back to back."""
    for _ in range(20):
        step()
    wait()
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(STEPS):
            step()
        wait()
        times.append((time.perf_counter() - started) / STEPS * 1e3)
    return statistics.median(times)


def compiled_network(name: str, precision: str) -> tuple[CompiledNetwork, Callable[[], None], float]:
    """The network, its step, and the seconds until the first step was done."""
    project = TEMPLATES[NETWORKS[name]].build()
    settings = msgspec.structs.replace(project.training, precision=precision)
    shape = (1, 28, 28) if name == "mnist" else (3, 32, 32)
    data = prepare(random_data(shape), project.data)
    started = time.perf_counter()
    device = open_device("cuda", precision=precision)
    compiled = CompiledNetwork(Network.of(project.graph, DataShape(shape, 10)), device, settings, data)
    compiled.initialise(1)
    compiled.set_rates(settings)
    count = len(data.train_labels)

    def rewind() -> None:
        order = np.arange(count, dtype=np.int32)
        compiled.begin_epoch(order, np.zeros(compiled.steps_per_epoch, np.int32), step=0, position=0)

    done = 0

    def step() -> None:
        nonlocal done
        if done % compiled.steps_per_epoch == 0:
            rewind()
        compiled.step()
        done += 1

    step()
    device.synchronize()
    return compiled, step, time.perf_counter() - started


def gabor_step(name: str, precision: str) -> tuple[float, dict[str, object]]:
    """Milliseconds of a step, and notes: start-up seconds, memory, implementations, kernels, roofline."""
    _, _, first_start = compiled_network(name, precision)
    compiled, step, second_start = compiled_network(name, precision)
    milliseconds = median_milliseconds(step, compiled.device.synchronize)
    notes = {
        "start_up_seconds": first_start, "second_start_up_seconds": second_start, "memory": compiled.memory(),
        "implementations": compiled.implementations(), "roofline": roofline(compiled, precision),
        "kernels_us": kernel_times(step, compiled.device.synchronize),
    }  # fmt: skip
    return milliseconds, notes


def roofline(compiled: CompiledNetwork, precision: str) -> dict[str, float]:
    """Operations and bytes of a step, and the microseconds that a device at its measured limits needs for each.

    Every operation of the fused step reads each operand once and writes each result once; of the data set it reads a
    batch. What a cache keeps between two operations is counted all the same.
    """
    program = compiled.training_program
    multiply_adds = sum(operation.multiply_adds for operation in program.operations)
    moved = 0
    for operation in program.operations:
        for buffer in (*operation.inputs, *operation.outputs):
            if buffer is not None and not buffer.name.endswith(
                ("_images", "_labels", "order", "starts", "history")
            ):
                # What an update changes is not among its outputs: it is read and written.
                changed = "update" in operation.name and buffer.name.startswith(("parameters", "moment"))
                moved += buffer.nbytes * (2 if changed else 1)
    peak = PEAKS[precision]
    return {
        "gigaflop": 2 * multiply_adds / 1e9, "megabytes": moved / 1e6, "operations_us": 2 * multiply_adds / peak * 1e6,
        "bytes_us": moved / BANDWIDTH * 1e6, "peak_teraflops": peak / 1e12, "bandwidth_terabytes": BANDWIDTH / 1e12,
    }  # fmt: skip


def kernel_times(step: Callable[[], None], wait: Callable[[], None], steps: int = 10) -> dict[str, float]:
    """Microseconds a step of each kernel, by CUPTI inside the graph's launches, and what lies between kernels."""
    from torch.profiler import ProfilerActivity, profile

    wait()
    with profile(activities=[ProfilerActivity.CUDA]) as recorded:
        for _ in range(steps):
            step()
        wait()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trace.json"
        recorded.export_chrome_trace(str(file))
        events = [e for e in json.loads(file.read_text())["traceEvents"] if e.get("cat") in DEVICE_WORK]
    if not events:
        return {}
    found: dict[str, float] = {}
    for event in events:
        name = event["name"].removeprefix("void ").split("<")[0].split("(")[0][:80]
        found[name] = found.get(name, 0.0) + event["dur"] / steps
    span = max(e["ts"] + e["dur"] for e in events) - min(e["ts"] for e in events)
    found["(between kernels)"] = max(0.0, span / steps - sum(found.values()))
    return {name: round(time, 2) for name, time in sorted(found.items(), key=lambda item: -item[1])}


def torch_step(name: str, precision: str, mode: str) -> float:
    """Milliseconds of PyTorch's step in one mode."""
    import torch

    project = TEMPLATES[NETWORKS[name]].build()
    batch = project.training.batch_size
    shape = (1, 28, 28) if name == "mnist" else (3, 32, 32)
    torch.backends.cudnn.benchmark = True
    allow = precision != "float32"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allow
    model = torch_model(name, shape).cuda().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=5e-4, weight_decay=1e-3, fused=True, capturable=mode != "eager"
    )
    data = random_data(shape)
    images = torch.from_numpy(np.array(data.train_images)).cuda()
    labels = torch.from_numpy(data.train_labels.astype(np.int64)).cuda()
    history = torch.zeros(1024, device="cuda")
    counter = torch.zeros((), dtype=torch.int64, device="cuda")
    places = torch.arange(batch, device="cuda")

    def loss_of(x: "torch.Tensor", y: "torch.Tensor") -> "torch.Tensor":
        if precision in ("bfloat16", "float16"):
            with torch.autocast("cuda", dtype=getattr(torch, precision)):
                return torch.nn.functional.cross_entropy(model(x).float(), y)
        return torch.nn.functional.cross_entropy(model(x), y)

    def forward(index: "torch.Tensor") -> "torch.Tensor":
        x = (images[index].float() * (2 / 255) - 1).permute(0, 3, 1, 2)
        return loss_of(x, labels[index])

    compute = torch.compile(forward, mode="max-autotune-no-cudagraphs") if mode == "compile" else forward

    def step() -> None:
        index = (places + counter * batch) % len(labels)
        optimizer.zero_grad(set_to_none=True)
        loss = compute(index)
        loss.backward()
        optimizer.step()
        history.index_copy_(0, (counter % 1024).view(1), loss.detach().view(1))
        counter.add_(1)

    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(5):
            step()
    torch.cuda.synchronize()
    if mode == "eager":
        return median_milliseconds(step, torch.cuda.synchronize)
    graph = torch.cuda.CUDAGraph()
    optimizer.zero_grad(set_to_none=True)
    with torch.cuda.graph(graph):
        step()
    return median_milliseconds(graph.replay, torch.cuda.synchronize)


def torch_model(name: str, shape: tuple[int, int, int]) -> "torch.nn.Module":  # noqa: F821
    """The thesis's network in PyTorch."""
    from torch import nn

    plans = {
        "mnist": ([(32,), (64,)], (1024,), 0.25),
        "A": ([(32,), (64,)], (1024,), 0.5),
        "B": ([(96,), (192,)], (2048, 2048), 0.5),
        "C": ([(96, 96), (192, 192)], (2048, 2048), 0.5),
    }
    blocks, hidden, drop = plans[name]
    channels, side, _ = shape
    layers: list[nn.Module] = []
    for filters in blocks:
        for count in filters:
            layers += [nn.Conv2d(channels, count, 5, padding=2), nn.ReLU(inplace=True)]
            channels = count
        layers.append(nn.MaxPool2d(2))
        side //= 2
    layers.append(nn.Flatten())
    features = channels * side * side
    for units in hidden:
        layers += [nn.Linear(features, units), nn.ReLU(inplace=True), nn.Dropout(drop)]
        features = units
    return nn.Sequential(*layers, nn.Linear(features, 10))


def main() -> None:
    """Measure what is asked for and merge it into the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", default="mnist,A,B,C")
    parser.add_argument("--precisions", default="tf32,bfloat16")
    parser.add_argument("--modes", default="eager,graph,compile")
    parser.add_argument("--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    for precision in arguments.precisions.split(","):
        for name in arguments.networks.split(","):
            measure(name, precision, arguments.modes.split(","), arguments.output)


def measure(name: str, precision: str, modes: list[str], output: Path) -> None:
    """Both sides of one network in one precision; written after each mode."""
    import torch

    milliseconds, notes = gabor_step(name, precision)
    print(f"{name:6} {precision:9} Gabor {milliseconds:.3f} ms, start-up {notes['start_up_seconds']:.1f} s, "
          f"again {notes['second_start_up_seconds']:.1f} s", flush=True)  # fmt: skip
    for mode in modes:
        results = json.loads(output.read_text()) if output.exists() else {}
        earlier = results.get(f"{name}, {precision}", {})
        same = (
            earlier.get("device") == torch.cuda.get_device_name()
            and earlier.get("torch") == torch.__version__
        )
        peers = {**(earlier.get("pytorch_ms", {}) if same else {}), mode: torch_step(name, precision, mode)}
        best = min(peers.values())
        results[f"{name}, {precision}"] = {
            "gabor_ms": milliseconds, "pytorch_ms": peers, "ratio": best / milliseconds, "notes": notes,
            "device": torch.cuda.get_device_name(), "torch": torch.__version__,
            "cudnn": torch.backends.cudnn.version(), "date": datetime.now(UTC).date().isoformat(),
        }  # fmt: skip
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")
        print(f"{name:6} {precision:9} PyTorch {mode} {peers[mode]:.3f} ms; ratio to its best "
              f"{best / milliseconds:.2f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
