"""How long a network takes to be ready on a CPU, the first time and the second.

Each network is compiled twice in each round, each time by a process of its own: the first finds no compiled loops on
disk, the second finds them. Ready is when the first training step is done. What the system does meanwhile is to hand
out memory, which takes long on a virtual machine that gives free memory back to its host. Run it as

    python -m benchmarks.cpu_start [--networks mnist,A,B,C] [--threads N] [--rounds N] [--again]

Results go to benchmarks/results/cpu-start.json, one entry a network, with every round; what is there already is left
out unless --again is given. About a quarter of a minute a network.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from benchmarks.result_files import FOLDER, Result, read, write

RESULTS = "cpu-start"
BORN = "GABOR_BENCHMARK_BORN"
PHASES = ("compile_s", "draw_s", "first_step_s")


def child(name: str, threads: int) -> Result:
    """What this process, just begun, takes until the network has made a step, phase by phase."""
    born = float(os.environ[BORN])
    from benchmarks.cpu_training_step import processor_seconds
    from benchmarks.networks import NETWORKS, begin_epoch, image_shape, prepared_data
    from engine.design.inference import DataShape
    from engine.program.compiled import CompiledNetwork
    from engine.program.network import Network
    from engine.templates import TEMPLATES
    from engine.tensor.numpy_ops import CpuDevice

    imported = time.time()
    data = prepared_data(name)
    project = TEMPLATES[NETWORKS[name]].build()
    before, marks = (*processor_seconds(), os.times().system), [time.perf_counter()]
    network = Network.of(project.graph, DataShape(image_shape(name), 10))
    compiled = CompiledNetwork(network, CpuDevice(threads), project.training, data)
    marks.append(time.perf_counter())
    compiled.initialise(1)
    marks.append(time.perf_counter())
    compiled.set_rates(project.training)
    begin_epoch(compiled, len(data.train_labels))
    compiled.step()
    marks.append(time.perf_counter())
    after = (*processor_seconds(), os.times().system)
    everyone, own, system = (b - a for a, b in zip(before, after, strict=True))
    compiled.step()
    second = time.perf_counter() - marks[-1]
    phases = dict(zip(PHASES, (b - a for a, b in pairwise(marks)), strict=True))
    ready = marks[-1] - marks[0]
    return {
        **phases, "ready_s": ready, "process_s": imported - born + ready, "second_step_s": second,
        "system_processor_s": system,
        "cores_busy_with_other_work": max(0.0, (everyone - own) / ready),
    }  # fmt: skip


def started(name: str, threads: int, folder: str) -> Result:
    """The same in a process whose cache lies in a folder."""
    environment = {**os.environ, "XDG_CACHE_HOME": folder, BORN: repr(time.time())}
    command = [sys.executable, "-m", "benchmarks.cpu_start", "--child", name, "--threads", str(threads)]
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, text=True, timeout=300, check=True
    )
    found: Result = json.loads(done.stdout.splitlines()[-1])
    return found


def measured(name: str, threads: int, rounds: int) -> Result:
    """Medians over the rounds, and all rounds."""
    found: dict[str, list[Result]] = {"cold": [], "warm": []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            for kind in found:
                found[kind].append(started(name, threads, folder))
    return {
        kind: {what: statistics.median(each[what] for each in runs) for what in runs[0]} | {"rounds": runs}
        for kind, runs in found.items()
    }


def machine(threads: int) -> Result:
    """What the figures hold for."""
    import llvmlite
    import numpy as np

    from benchmarks.cpu_training_step import processor_name
    from engine.tensor.numpy_ops import core_count

    return {
        "processor": processor_name(), "cores": core_count(), "threads": threads, "system": platform.platform(),
        "python": platform.python_version(), "numpy": np.__version__, "llvmlite": llvmlite.__version__,
    }  # fmt: skip


def main() -> None:
    """Measure what is asked for and merge it into the results."""
    from engine.tensor.numpy_ops import core_count

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", default="mnist,A,B,C")
    parser.add_argument("--threads", type=int, default=core_count())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--again", action="store_true", help="measure anew what was measured already")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the results are kept")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(child(arguments.child, arguments.threads)))
        return
    for name in arguments.networks.split(","):
        if name in read(RESULTS, arguments.folder) and not arguments.again:
            continue
        entry = measured(name, arguments.threads, arguments.rounds)
        write(RESULTS, name, {**entry, "machine": machine(arguments.threads)}, arguments.folder)
        for kind in ("cold", "warm"):
            told = ", ".join(f"{what.removesuffix('_s')} {entry[kind][what]:.2f}" for what in PHASES)
            print(f"{name:6} {kind} {entry[kind]['ready_s']:.2f} s ({told}); process "
                  f"{entry[kind]['process_s']:.2f}; other work: {entry[kind]['cores_busy_with_other_work']:.1f} "
                  "cores", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
