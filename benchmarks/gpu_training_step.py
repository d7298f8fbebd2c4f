"""One training step on an NVIDIA GPU: Gabor against PyTorch's best, in one process.

A step is the same on both sides: gather the batch from uint8 images on the device, prepare it, forward, backward,
update (decoupled Adam), loss recorded. PyTorch runs eagerly, as a CUDA graph, and compiled with "max-autotune"
inside a CUDA graph; its best counts. Run it as

    python -m benchmarks.gpu_training_step [--networks mnist,A,B,C] [--precisions tf32,bfloat16]
                                           [--modes eager,graph,compile] [--limit SECONDS] [--again]

Results are merged into benchmarks/results/gpu-training-step.json, one entry a network and precision, after each mode:
what was stopped goes on when it is started again, since a mode of PyTorch that was measured on this GPU is not measured
again without --again. Our own step always is. Mode "compile" takes minutes a network the first time, and less when
PyTorch's compiler finds its cache (TORCHINDUCTOR_CACHE_DIR).
"""

import argparse
import json
import signal
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.networks import begin_epoch, compiled_network, prepared_data
from benchmarks.result_files import FOLDER, gpu_versions, read, write
from benchmarks.torch_peer import TorchTraining
from engine.program.compiled import CompiledNetwork
from engine.program.trace import Buffer, Operation
from engine.tensor.devices import open_device

RESULTS = "gpu-training-step"
ROUNDS, STEPS = 7, 200
PEAKS = {"float32": 67e12, "tf32": 494e12, "bfloat16": 989e12}
"""Operations a second of an H100 or H200 by its datasheet, dense."""
DEVICE_WORK = ("kernel", "gpu_memcpy", "gpu_memset")


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


def gabor_step(name: str, precision: str, **settings: object) -> tuple[float, dict[str, object]]:
    """Milliseconds of a step, and notes: memory, implementations, kernels, roofline."""
    data = prepared_data(name)
    device = open_device("cuda", precision=precision)
    compiled, _ = compiled_network(name, device, data, precision=precision, device="cuda", **settings)
    done = 0

    def step() -> None:
        nonlocal done
        if done and done % compiled.steps_per_epoch == 0:
            begin_epoch(compiled, len(data.train_labels))
        compiled.step()
        done += 1

    milliseconds = median_milliseconds(step, device.synchronize)
    notes = {
        "memory": compiled.memory(), "implementations": compiled.implementations(),
        "roofline": roofline(compiled, precision), "kernels_us": kernel_times(step, device.synchronize),
    }  # fmt: skip
    return milliseconds, notes


def copy_bandwidth() -> float:
    """Bytes a second, read and written, of a copy that no cache holds, on this GPU."""
    import cupy

    source = cupy.zeros(1 << 28, dtype="float32")
    target = cupy.empty_like(source)
    best = 0.0
    for _ in range(5):
        first, last = cupy.cuda.Event(), cupy.cuda.Event()
        first.record()
        for _ in range(10):
            cupy.copyto(target, source)
        last.record()
        last.synchronize()
        seconds = cupy.cuda.get_elapsed_time(first, last) / 1e3
        best = max(best, 10 * 2 * source.nbytes / seconds)
    del source, target
    cupy.get_default_memory_pool().free_all_blocks()
    return best


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
                moved += bytes_moved(operation, buffer)
    peak, bandwidth = PEAKS[precision], copy_bandwidth()
    return {
        "gigaflop": 2 * multiply_adds / 1e9, "megabytes": moved / 1e6, "operations_us": 2 * multiply_adds / peak * 1e6,
        "bytes_us": moved / bandwidth * 1e6, "peak_teraflops": peak / 1e12, "bandwidth_terabytes": bandwidth / 1e12,
    }  # fmt: skip


def bytes_moved(operation: Operation, buffer: Buffer) -> int:
    """Of a buffer by one operation; an update reads and writes what it changes, and may leave out a part of it."""
    arenas = ("parameters", "gradients", "moment", "rounded")
    if "update" not in operation.name or not buffer.name.startswith(arenas):
        return buffer.nbytes
    length = buffer.shape[0]
    first, last = operation.attributes.get("early", (0, 0))
    touched = (
        length - (last - first) if operation.name == "adam_update_recorded" else (last - first) or length
    )
    size = buffer.nbytes // length * touched
    return size * (2 if buffer.name.startswith(("parameters", "moment")) else 1)


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


def torch_step(name: str, precision: str, mode: str) -> tuple[float, int]:
    """Milliseconds of PyTorch's step in one mode, and the most bytes that its tensors took, without the data."""
    peer = TorchTraining(name, precision, mode)
    milliseconds = median_milliseconds(peer.step, peer.wait)
    return milliseconds, peer.peak_bytes


def main() -> None:
    """Measure what is asked for and merge it into the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", default="mnist,A,B,C")
    parser.add_argument("--precisions", default="tf32,bfloat16")
    parser.add_argument(
        "--modes", default="eager,graph", help="of PyTorch: eager, graph, compile; '' for none"
    )
    parser.add_argument(
        "--limit", type=int, default=200, help="seconds after which a PyTorch mode is given up"
    )
    parser.add_argument(
        "--compiled-plans",
        action="store_true",
        help="let cuDNN compile plans, which stops a window for a moment",
    )
    parser.add_argument(
        "--again", action="store_true", help="measure modes anew that were measured here already"
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the results are kept")
    arguments = parser.parse_args()
    if arguments.compiled_plans:
        from engine.tensor.cuda import convolution_plans

        convolution_plans.COMPILES_PLANS = True
    for precision in arguments.precisions.split(","):
        for name in arguments.networks.split(","):
            measure(name, precision, [mode for mode in arguments.modes.split(",") if mode], arguments)


def measure(name: str, precision: str, modes: list[str], arguments: argparse.Namespace) -> None:
    """Both sides of one network in one precision; written after each mode."""
    import torch

    key = f"{name}, {precision}"
    milliseconds, notes = gabor_step(name, precision)
    print(f"{name:6} {precision:9} Gabor {milliseconds:.3f} ms", flush=True)
    here = {
        **gpu_versions(), "device": torch.cuda.get_device_name(), "torch": torch.__version__,
        "cudnn": torch.backends.cudnn.version(),
    }  # fmt: skip
    earlier = read(RESULTS, arguments.folder).get(key, {})
    same = all(earlier.get(what) == here[what] for what in ("device", "torch"))
    peers = dict(earlier.get("pytorch_ms", {})) if same else {}
    memory = dict(earlier.get("pytorch_bytes", {})) if same else {}
    for mode in [None, *modes]:
        if mode is not None and (arguments.again or mode not in peers):
            found = limited(lambda mode=mode: torch_step(name, precision, mode), arguments.limit)
            if found is None:
                print(f"{name:6} {precision:9} PyTorch {mode} gave up", flush=True)
                continue
            peers[mode], memory[mode] = found
            print(f"{name:6} {precision:9} PyTorch {mode} {peers[mode]:.3f} ms", flush=True)
        ratio = min(peers.values()) / milliseconds if peers else None
        entry = {
            "gabor_ms": milliseconds,
            "pytorch_ms": peers,
            "pytorch_bytes": memory,
            "ratio": ratio,
            **here,
        }
        write(RESULTS, key, {**entry, "notes": notes}, arguments.folder)
    if peers:
        print(
            f"{name:6} {precision:9} ratio to PyTorch's best {min(peers.values()) / milliseconds:.2f}",
            flush=True,
        )


def limited(call: Callable[[], tuple[float, int]], seconds: int) -> tuple[float, int] | None:
    """What the call gives, or None where it takes too long or fails, which is told."""

    def give_up(*_: object) -> None:
        raise TimeoutError(f"not done in {seconds} s")

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        return call()
    except Exception as error:  # whatever stops PyTorch's compiler must not end the measurement
        print(f"{type(error).__name__}: {str(error)[:300]}", flush=True)
        return None
    finally:
        signal.alarm(0)


if __name__ == "__main__":
    main()
