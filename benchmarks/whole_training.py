"""Whole trainings on a GPU: start, every epoch with its data, the paired validation batch at each step, tests, the end.

What is timed is what `gabor train` does from the moment that the data are in memory. PyTorch, for comparison, replays
its training step as a CUDA graph, and after each step the paired validation batch as another; it tests nothing, keeps
no record but the losses and draws no filters. Run it as

    python -m benchmarks.whole_training [--networks mnist,A,B,C] [--precisions tf32,bfloat16] [--epochs N]
                                        [--data DIR] [--pytorch-epochs N] [--again]

Without --epochs each network trains as long as its project says (C 40 epochs: a minute or more); without --data on
noise of the data's shape. Results go to benchmarks/results/whole-training.json, one entry a network, precision and
number of epochs; what is there is left out unless --again is given.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec

from benchmarks.networks import NETWORKS, image_shape, random_data
from benchmarks.result_files import FOLDER, Result, gpu_versions, read, write
from benchmarks.torch_peer import TorchTraining
from engine.data.datasets import load_dataset
from engine.data.preparation import PreparedData, prepare
from engine.project import Project
from engine.templates import TEMPLATES
from engine.training.events import EpochDone, Evaluated, RunEnded
from engine.training.trainer import Trainer

RESULTS = "whole-training"


def trained(
    project: Project, data: PreparedData, keep: Callable[[Result], None] = lambda entry: None
) -> Result:
    """Seconds of a training, from data in memory to the end, and how accurate it became.

    What is known so far is handed to `keep` after each epoch, with `is_whole` False.
    """
    begun = time.perf_counter()
    trainer = Trainer(project, data)
    built = time.perf_counter()
    epochs: list[float] = []
    found: Result = {}

    def so_far() -> Result:
        lengths = [later - earlier for earlier, later in zip([built, *epochs], epochs, strict=False)]
        return {
            **found, "seconds": time.perf_counter() - begun, "start_seconds": built - begun, "is_whole": False,
            "first_epoch_seconds": lengths[0], "epoch_seconds": sorted(lengths)[len(lengths) // 2],
            "steps": trainer.step, "batch": trainer.compiled.batch,
        }  # fmt: skip

    for event in trainer.events():
        if isinstance(event, EpochDone):
            epochs.append(time.perf_counter())
            keep(so_far())
        elif isinstance(event, Evaluated) and event.part == "test":
            found["test_accuracy"] = event.accuracy
        elif isinstance(event, RunEnded):
            found["message"] = event.message
    return {**so_far(), "is_whole": True}


def main() -> None:
    """Measure what is asked for and merge it into the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", default="mnist,A,B,C")
    parser.add_argument("--precisions", default="tf32,bfloat16")
    parser.add_argument("--epochs", type=int, help="instead of the project's")
    parser.add_argument("--data", type=Path, help="folder of the official files; otherwise noise is learned")
    parser.add_argument(
        "--pytorch-epochs", type=int, default=1, help="epochs that PyTorch is timed for; 0 for none"
    )
    parser.add_argument("--again", action="store_true", help="measure anew what was measured here already")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the results are kept")
    arguments = parser.parse_args()
    for precision in arguments.precisions.split(","):
        for name in arguments.networks.split(","):
            measure(name, precision, arguments)


def measure(name: str, precision: str, arguments: argparse.Namespace) -> None:
    """One network in one precision, on both sides."""
    project = TEMPLATES[NETWORKS[name]].build()
    epochs = arguments.epochs or project.training.epochs
    key = f"{name}, {precision}, {epochs} epochs"
    if read(RESULTS, arguments.folder).get(key, {}).get("is_whole") and not arguments.again:
        return
    training = msgspec.structs.replace(project.training, epochs=epochs, precision=precision, device="cuda")
    project = replace(project, training=training)
    noise = random_data(image_shape(name))
    data = load_dataset(project.data.dataset, arguments.data) if arguments.data else noise
    told = {"data": "official" if arguments.data else "noise", **gpu_versions()}

    def keep(entry: Result) -> None:
        write(RESULTS, key, {**entry, **told}, arguments.folder)

    entry = trained(project, prepare(data, project.data), keep)
    keep(entry)
    print(f"{name:6} {precision:9} {epochs} epochs in {entry['seconds']:.1f} s", flush=True)
    if arguments.pytorch_epochs:
        peer = TorchTraining(name, precision, "graph")
        steps = len(noise.train_labels) * 9 // 10 // training.batch_size * arguments.pytorch_epochs
        begun = time.perf_counter()
        peer.run(steps)
        entry["pytorch_epoch_seconds"] = (time.perf_counter() - begun) / arguments.pytorch_epochs
        print(f"{name:6} {precision:9} an epoch {entry['epoch_seconds']:.2f} s, PyTorch "
              f"{entry['pytorch_epoch_seconds']:.2f} s", flush=True)  # fmt: skip
        keep(entry)


if __name__ == "__main__":
    main()
