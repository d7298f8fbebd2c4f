"""How long a network takes to be ready on a GPU, the first time and the second, and what it takes of the memory.

Each network is compiled twice, each time by a process of its own: the first finds neither kernels nor convolution plans
on disk, the second finds both. Ready is when the first training step is done. Memory is what our allocations took at
most, trials of convolution plans included, against what was planned before training. Run it as

    python -m benchmarks.gpu_start [--networks mnist,A,B,C] [--precisions tf32,bfloat16] [--again]

Results go to benchmarks/results/gpu-start.json, one entry a network and precision; what is there of this GPU is left
out unless --again is given. About ten seconds each, model C twenty.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.result_files import FOLDER, Result, read, write

RESULTS = "gpu-start"
BORN = "GABOR_BENCHMARK_BORN"


def child(name: str, precision: str) -> Result:
    """What this process, just begun, takes until the network has made a step, and what memory it took."""
    born = float(os.environ[BORN])
    begun = time.time()
    from benchmarks.networks import compiled_network, prepared_data
    from engine.tensor.devices import open_device

    imported = time.time()
    data = prepared_data(name)
    made = time.perf_counter()
    from benchmarks.device_memory import PeakMemory

    with PeakMemory() as memory:
        device = open_device("cuda", precision=precision)
        opened = time.perf_counter()
        compiled, _ = compiled_network(name, device, data, precision=precision, device="cuda")
        compiled.step()
        device.synchronize()
        ready = time.perf_counter()
        for _ in range(20):
            compiled.step()
            compiled.validate()
        for _ in compiled.classify("validation"):
            pass
        device.synchronize()
    from benchmarks.result_files import gpu_versions

    return {
        "python_s": begun - born, "imports_s": imported - begun, "device_s": opened - made,
        "compile_s": ready - opened, "ready_s": (imported - born) + (ready - made),
        "planned_bytes": compiled.memory(), "peak_bytes": memory.peak,
        **gpu_versions(),
    }  # fmt: skip


def started(name: str, precision: str, folder: str) -> Result:
    """The same in a process whose caches lie in a folder."""
    environment = {
        **os.environ, "XDG_CACHE_HOME": folder, "CUPY_CACHE_DIR": str(Path(folder) / "cupy"),
        "CUDA_CACHE_PATH": str(Path(folder) / "cuda"), BORN: repr(time.time()),
    }  # fmt: skip
    command = [sys.executable, "-m", "benchmarks.gpu_start", "--child", f"{name},{precision}"]
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, text=True, timeout=300, check=True
    )
    found: Result = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure what is asked for and merge it into the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", default="mnist,A,B,C")
    parser.add_argument("--precisions", default="tf32,bfloat16")
    parser.add_argument("--again", action="store_true", help="measure anew what was measured here already")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the results are kept")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(child(*arguments.child.split(","))))
        return
    for precision in arguments.precisions.split(","):
        for name in arguments.networks.split(","):
            key = f"{name}, {precision}"
            if key in read(RESULTS, arguments.folder) and not arguments.again:
                continue
            with tempfile.TemporaryDirectory() as folder:
                cold, warm = (started(name, precision, folder) for _ in range(2))
            write(RESULTS, key, {"cold": cold, "warm": warm}, arguments.folder)
            planned = sum(warm["planned_bytes"].values())
            print(
                f"{name:6} {precision:9} cold {cold['compile_s']:.1f} s, warm {warm['compile_s']:.1f} s (process "
                f"{cold['ready_s']:.1f}, {warm['ready_s']:.1f}); memory planned {planned / 2**20:.0f} MiB, measured "
                f"{max(cold['peak_bytes'], warm['peak_bytes']) / 2**20:.0f}",
                flush=True,
            )  # fmt: skip


if __name__ == "__main__":
    main()
