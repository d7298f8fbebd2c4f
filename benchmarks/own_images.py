"""Training on a folder of JPEGs against the same images in memory: model B on the CPU, taking turns step by step.

Makes a folder of pictures from CIFAR-10 (ten classes) and MNIST (two more): JPEGs of mixed sizes up to 256 pixels, 30
of them broken. Then it reads the folder as a user's own images are read, tells which are broken, and trains model B
on what is mapped from disk and on a copy in memory. The first epoch from disk counts the reading of all pictures; the
training images stay mapped even where they would fit into memory, as those of a larger set do. Run it as

    python -m benchmarks.own_images --data DIR [--images N] [--epochs N] [--steps N] [--threads N]

with the official files in DIR. The result is written to benchmarks/results/own-images.json; twenty thousand images
and two epochs take about six minutes on two cores. The cache of decoded images is a temporary one.
"""

import argparse
import io
import json
import os
import platform
import resource
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

from engine.data import gathering
from engine.data.dataset import Dataset
from engine.data.datasets import load_dataset
from engine.data.image_folders import BrokenImagesError
from engine.data.preparation import PreparedData, prepare
from engine.data.recipe import DataRecipe, recipe_dataset
from engine.design import edits
from engine.layers.fully_connected import FullyConnected
from engine.project import Project
from engine.templates import TEMPLATES
from engine.tensor.numpy_ops import core_count
from engine.training.events import StepsDone
from engine.training.trainer import Trainer

RESULTS = Path(__file__).parent / "results" / "own-images.json"
LARGEST = 256
BROKEN = 30
DIGITS = (3, 8)


def make_folder(folder: Path, data: Path, count: int) -> list[str]:
    """Write the pictures; the names of the broken ones."""
    random = np.random.default_rng(2017)
    cifar10, mnist = load_dataset("cifar10", data), load_dataset("mnist", data)
    members = [
        (name, cifar10.train_images[cifar10.train_labels == label])
        for label, name in enumerate(cifar10.class_names)
    ]
    members += [(f"digit {digit}", mnist.train_images[mnist.train_labels == digit]) for digit in DIGITS]
    broken = set(random.choice(count, min(BROKEN, count // 10), replace=False).tolist())
    sizes = random.integers(28, LARGEST + 1, (count, 2))

    def write(number: int) -> str | None:
        name, images = members[number % len(members)]
        pixels = images[number // len(members) % len(images)].squeeze()
        width, height = sizes[number].tolist()
        file = io.BytesIO()
        picture = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
        picture.save(file, "JPEG", quality=90)
        content = file.getvalue()
        path = folder / name / f"{number:05}.jpg"
        path.write_bytes(content[: len(content) // 3] if number in broken else content)
        return f"{name}/{path.name}" if number in broken else None

    for name, _ in members:
        (folder / name).mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor() as pool:
        return sorted(name for name in pool.map(write, range(count)) if name)


def in_memory(dataset: Dataset) -> Dataset:
    """The same with every array copied into memory."""
    fields = ("train_images", "train_labels", "test_images", "test_labels")
    return replace(dataset, **{name: np.array(getattr(dataset, name)) for name in fields})


def model_b(recipe: DataRecipe, classes: int, epochs: int, threads: int) -> Project:
    """The thesis's model B with as many outputs as there are classes."""
    project = TEMPLATES["cifar10-model-b"].build()
    last = [node.id for node in project.graph.nodes.values() if isinstance(node.layer, FullyConnected)][-1]
    settings = msgspec.structs.replace(project.training, epochs=epochs, device="cpu", threads=threads)
    graph = edits.set_settings(project.graph, last, outputs=classes)
    return replace(project, graph=graph, data=recipe, training=settings)


def epoch_seconds(contestants: dict[str, Trainer], epochs: int) -> dict[str, list[float]]:
    """Seconds of each epoch, steps and validation; the contestants advance by one event in turn."""
    seconds = {name: [0.0] * epochs for name in contestants}
    events = {name: trainer.events() for name, trainer in contestants.items()}
    while events:
        for name in list(events):
            per_epoch = contestants[name].compiled.steps_per_epoch
            epoch = min(contestants[name].step // per_epoch, epochs - 1)
            began = time.perf_counter()
            event = next(events[name], None)
            if isinstance(event, StepsDone):
                seconds[name][epoch] += time.perf_counter() - began
            if event is None:
                del events[name]
    return seconds


def measure(data: Path, count: int, epochs: int, steps: int | None, threads: int) -> dict[str, object]:
    """Everything, with a cache and a folder that are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="gabor-own-images-") as place:
        os.environ["XDG_CACHE_HOME"] = f"{place}/cache"
        folder = Path(place) / "pictures"
        broken = make_folder(folder, data, count)
        recipe = DataRecipe(
            dataset=str(folder), validation_fraction=0.2, centering="mean_image", standardise="none"
        )
        found: tuple[str, ...] = ()
        try:
            recipe_dataset(recipe)
        except BrokenImagesError as error:
            found = tuple(name for name, _ in error.broken)
        for cached in Path(place, "cache").rglob("header.json"):
            cached.unlink()  # so that the reading which is timed decodes again
        recipe = msgspec.structs.replace(recipe, skip_broken=True)
        gathering.MOST_IN_MEMORY = 0
        reading, again, preparing = 0.0, 0.0, {}
        began = time.perf_counter()
        dataset = recipe_dataset(recipe)
        reading = time.perf_counter() - began
        began = time.perf_counter()
        dataset = recipe_dataset(recipe)
        again = time.perf_counter() - began
        prepared: dict[str, PreparedData] = {}
        for name, source in (("disk", dataset), ("memory", in_memory(dataset))):
            began = time.perf_counter()
            prepared[name] = prepare(source, recipe)
            preparing[name] = time.perf_counter() - began
        project = model_b(recipe, dataset.classes, epochs, threads)
        contestants = {name: Trainer(project, part, steps=steps) for name, part in prepared.items()}
        seconds = epoch_seconds(contestants, epochs)
        examples = contestants["disk"].compiled.steps_per_epoch * project.training.batch_size
    first = seconds["memory"][0] + preparing["memory"]
    return {
        "device": platform.processor() or platform.machine(),
        "threads": threads,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "images": count,
        "broken_made": len(broken),
        "broken_named": len(found),
        "all_broken_named": list(found) == broken,
        "reading_seconds": round(reading, 2),
        "images_read_per_second": round(count / reading),
        "second_start_seconds": round(again, 3),
        "preparing_seconds": {name: round(value, 3) for name, value in preparing.items()},
        "epoch_seconds": {name: [round(value, 2) for value in values] for name, values in seconds.items()},
        "examples_per_epoch": examples,
        "first_epoch_speed": round(first / (seconds["disk"][0] + preparing["disk"] + reading), 4),
        "later_epochs_speed": round(sum(seconds["memory"][1:]) / max(sum(seconds["disk"][1:]), 1e-9), 4),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main() -> None:
    """Read the arguments, measure, write and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--steps", type=int, default=None, help="end after so many steps, for a quick try")
    parser.add_argument("--threads", type=int, default=core_count())
    options = parser.parse_args()
    result = measure(options.data, options.images, options.epochs, options.steps, options.threads)
    text = json.dumps(result, indent=2)
    if options.steps is None:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
