"""Test accuracy and training time of the example `cifar10-best` and of its variants, in Gabor and in PyTorch.

    python -m benchmarks.cifar10_best --data DIR [--candidates best,narrow,...] [--seeds 1,2,3] [--engine gabor|pytorch]
                                      [--device auto] [--output FILE]

A run that the output holds (same candidate, seed, engine) is not trained again; several processes may write several
files at the same time. `seconds` is all that a user waits for once the network is there: steps, validation, snapshots
and the test; what comes before the second step (plans timed, kernels compiled) is in `first_step_seconds`. PyTorch's
twin is in `cifar10_best_peer`.
"""

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from engine.classic_networks import resnet9
from engine.data.preparation import PreparedData, prepare
from engine.data.recipe import recipe_dataset
from engine.project import Project
from engine.templates import TEMPLATES
from engine.training.events import Evaluated, RunEnded, StepsDone
from engine.training.trainer import Trainer

OUTPUT = Path(__file__).parent / "results" / "cifar10-best.json"
_NARROW: Mapping[str, Any] = {"width": 64, "epochs": 24, "warm_up": 4.0, "cutout": 8}
CANDIDATES: Mapping[str, Mapping[str, Any]] = {
    "best": {},
    "narrow": _NARROW,
    "narrow-rate-0.8": {**_NARROW, "learning_rate": 0.8},
    "narrow-16-epochs": {**_NARROW, "epochs": 16, "warm_up": 3.0},
    "narrow-16-epochs-rate-0.8": {**_NARROW, "epochs": 16, "warm_up": 3.0, "learning_rate": 0.8},
    "narrow-16-epochs-one-cycle": {**_NARROW, "epochs": 16, "schedule": "one_cycle", "final_rate": 0.0},
    "narrow-16-epochs-smooth-0.1": {**_NARROW, "epochs": 16, "warm_up": 3.0, "smoothing": 0.1},
    "wide": {"width": 128, "epochs": 40, "warm_up": 6.0},
    "long-and-wide": {"width": 128, "epochs": 100, "warm_up": 10.0, "cutout": 16, "learning_rate": 0.3},
    "tiny": {"epochs": 4, "warm_up": 1.0, "width": 8},
}
"""Name -> settings of training or data, or `width` and `smoothing`, that differ from the example's."""


def candidate(name: str, seed: int, device: str) -> Project:
    """The example's project with the candidate's changes; the test is looked at once, at the end."""
    changes = dict(CANDIDATES[name])
    project = TEMPLATES["cifar10-best"].build()
    design = {key: changes.pop(key) for key in ("width", "smoothing") if key in changes}
    if design:
        project = replace(project, graph=resnet9((3, 32, 32), **design), layout={})
    recipe = {key: value for key, value in changes.items() if key in project.data.__struct_fields__}
    learning = {key: value for key, value in changes.items() if key not in recipe}
    training = msgspec.structs.replace(project.training, seed=seed, device=device, **learning)
    training = msgspec.structs.replace(training, evaluate_every=training.epochs)
    return replace(project, data=msgspec.structs.replace(project.data, **recipe), training=training)


def trained_in_gabor(project: Project, data: PreparedData) -> dict[str, Any]:
    """Accuracy and times of one training."""
    begun = time.perf_counter()
    trainer = Trainer(project, data)
    first = 0.0
    found: dict[str, Any] = {"device": f"{trainer.device.name}: {trainer.device.description}"}
    for event in trainer.events():
        if isinstance(event, StepsDone):
            first = first or time.perf_counter() - begun
            found |= {"train_loss": float(event.train_loss[-10:].mean()), "step_seconds": event.seconds}
        if isinstance(event, Evaluated) and event.part == "test":
            found |= {"test_accuracy": event.accuracy, "test_loss": event.loss}
        if isinstance(event, RunEnded):
            found |= {"status": event.reason, "message": event.message}
    seconds = time.perf_counter() - begun - first
    return found | {"seconds": seconds, "first_step_seconds": first, "steps": trainer.step}


def main() -> None:
    """Train what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--candidates", default="best")
    parser.add_argument("--seeds", default="1,2,3,4,5")
    parser.add_argument("--engine", choices=("gabor", "pytorch"), default="gabor")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    results: list[dict[str, Any]] = (
        json.loads(arguments.output.read_text("utf-8")) if arguments.output.exists() else []
    )
    done = {(entry["candidate"], entry["seed"], entry["engine"]) for entry in results}
    for name in arguments.candidates.split(","):
        for seed in map(int, arguments.seeds.split(",")):
            if (name, seed, arguments.engine) in done:
                continue
            project = candidate(name, seed, arguments.device)
            data = prepare(recipe_dataset(project.data, arguments.data), project.data)
            if arguments.engine == "pytorch":
                from benchmarks.cifar10_best_peer import trained_in_pytorch

                found = trained_in_pytorch(project, data)
            else:
                found = trained_in_gabor(project, data)
            found |= {"candidate": name, "seed": seed, "engine": arguments.engine}
            found |= {"epochs": project.training.epochs, "changes": dict(CANDIDATES[name])}
            found["date"] = datetime.now(UTC).date().isoformat()
            results.append(found)
            arguments.output.parent.mkdir(parents=True, exist_ok=True)
            arguments.output.write_text(
                json.dumps(results, indent=1, sort_keys=True) + "\n", encoding="utf-8"
            )
            print(
                f"{arguments.engine}, {name}, seed {seed}: test accuracy {found.get('test_accuracy', 0):.2%}, "
                f"{found['seconds']:.1f} s (first step {found['first_step_seconds']:.1f} s)",
                flush=True,
            )


if __name__ == "__main__":
    main()
