"""How fast a trained network classifies images, one at a time and a hundred at a time, on a GPU or a CPU.

Both sides prepare uint8 images, run the network, and give probabilities and the likeliest class. `latency` waits for
the answer to each batch and copies it to the host; `throughput` asks for many batches before it reads their answers.
PyTorch runs channels-last in inference mode, eagerly and, on a GPU, as a CUDA graph; its better mode counts. Run it as

    python -m benchmarks.inference [--device cuda|cpu] [--networks mnist,A,B,C] [--precisions tf32,bfloat16]
                                   [--batches 1,100] [--again]

Results go to benchmarks/results/inference-gpu.json or inference-cpu.json, one entry a network, precision and batch;
what is there is left out unless --again is given. Two minutes on a GPU, one on two cores.
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.networks import compiled_network, prepared_data
from benchmarks.result_files import FOLDER, Result, gpu_versions, read, write
from benchmarks.torch_peer import TorchInference
from engine.tensor.devices import open_device

ROUNDS = 5
SECONDS = 0.15
"""Of a round, about."""
TOGETHER = 16
"""Batches that are asked for before their answers are read."""


def seconds_a_call(call: Callable[[], None]) -> float:
    """Median over rounds of the mean time of a call that waits for its result."""
    for _ in range(3):
        call()
    begun = time.perf_counter()
    call()
    calls = max(1, int(SECONDS / max(1e-6, time.perf_counter() - begun)))
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(calls):
            call()
        times.append((time.perf_counter() - begun) / calls)
    return statistics.median(times)


def measured(run: Callable[[], None], read_answers: Callable[[], None], batch: int, together: int) -> Result:
    """Milliseconds until a batch is answered, and images a second where answers are read together."""

    def one() -> None:
        run()
        read_answers()

    def many() -> None:
        for _ in range(together):
            run()
        read_answers()

    return {
        "latency_ms": seconds_a_call(one) * 1e3,
        "images_per_second": together * batch / seconds_a_call(many),
    }


def gabor(name: str, precision: str, batch: int, device_name: str) -> Result:
    """Our side."""
    device = open_device(device_name, precision=precision)
    data = prepared_data(name)
    compiled, _ = compiled_network(
        name, device, data, precision=precision, device=device_name, batch_size=batch
    )
    run, answers = compiled.classifier("test")

    def read_answers() -> None:
        for array in answers:
            device.to_host(array)

    return measured(run, read_answers, batch, TOGETHER if device.is_asynchronous else 1)


def main() -> None:
    """Measure what is asked for and merge it into the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--networks", default="mnist,A,B,C")
    parser.add_argument("--precisions", default="")
    parser.add_argument("--batches", default="1,100")
    parser.add_argument("--again", action="store_true", help="measure anew what was measured here already")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the results are kept")
    arguments = parser.parse_args()
    on_gpu = arguments.device == "cuda"
    file = "inference-gpu" if on_gpu else "inference-cpu"
    precisions = arguments.precisions or ("tf32,bfloat16" if on_gpu else "float32")
    for precision in precisions.split(","):
        for name in arguments.networks.split(","):
            for batch in map(int, arguments.batches.split(",")):
                key = f"{name}, {precision}, batch {batch}"
                if key in read(file, arguments.folder) and not arguments.again:
                    continue
                entry = compared(name, precision, batch, arguments.device)
                write(file, key, entry, arguments.folder)
                print(f"{key}: {entry['gabor']['latency_ms']:.3f} ms, ratio {entry['latency_ratio']:.2f}; "
                      f"{entry['gabor']['images_per_second']:,.0f} images/s, ratio {entry['throughput_ratio']:.2f}",
                      flush=True)  # fmt: skip


def compared(name: str, precision: str, batch: int, device: str) -> Result:
    """Both sides, and how many times faster than PyTorch's better mode we are."""
    import torch

    entry: Result = {"gabor": gabor(name, precision, batch, device)}
    modes = ("eager", "graph") if device == "cuda" else ("eager",)
    for mode in modes:
        peer = TorchInference(name, precision, mode, batch, device)
        entry[f"pytorch_{mode}"] = measured(peer.run, peer.read, batch, TOGETHER if device == "cuda" else 1)
    peers = [entry[f"pytorch_{mode}"] for mode in modes]
    entry["latency_ratio"] = min(peer["latency_ms"] for peer in peers) / entry["gabor"]["latency_ms"]
    best = max(peer["images_per_second"] for peer in peers)
    entry["throughput_ratio"] = entry["gabor"]["images_per_second"] / best
    if device == "cuda":
        return {**entry, **gpu_versions(), "torch": torch.__version__}
    return {
        **entry, "device": platform.processor() or platform.machine(), "cores": len(os.sched_getaffinity(0)),
        "threads": torch.get_num_threads(), "torch": torch.__version__,
    }  # fmt: skip


if __name__ == "__main__":
    main()
