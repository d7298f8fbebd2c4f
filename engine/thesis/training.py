"""One seed of an experiment from beginning to end: data, training, and a look at what became of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import msgspec
import numpy as np

from engine.data.preparation import PreparedData, prepare
from engine.data.recipe import DataRecipe, recipe_dataset
from engine.design.inference import infer
from engine.errors import TrainingError
from engine.inspection.activity import measure_activity
from engine.inspection.filter_kinds import filter_kind
from engine.inspection.trained import TrainedNetwork
from engine.project import Project
from engine.thesis.experiments import EXPERIMENTS
from engine.thesis.results import FilterKinds, ResultFolder, SeedResult, UnitsOfNode
from engine.training.events import Event
from engine.training.run import HISTORY_COLUMNS, Run
from engine.training.trainer import Trainer

_TELLING = (
    "optimizer", "learning_rate", "weight_decay", "beta1", "beta2", "epsilon", "batch_size", "epochs", "precision",
)  # fmt: skip
"""Settings that a result depends on, beside the seed."""
MEASURED = 500
"""Test images over which the activity of units is measured."""


@dataclass(frozen=True)
class SeedOrder:
    """Which seed of which experiment to train, on what, and where its result goes. Picklable."""

    experiment: str
    seed: int
    out: Path
    data: Path | None = None
    device: str = "auto"
    precision: str | None = None
    epochs: int | None = None
    steps: int | None = None

    def told(self) -> str:
        """What it is called in messages."""
        return f"seed {self.seed} of {self.experiment}"

    def project(self) -> Project:
        """What is trained."""
        project = EXPERIMENTS[self.experiment].project(
            self.seed, epochs=self.epochs, precision=self.precision
        )
        return replace(project, training=msgspec.structs.replace(project.training, device=self.device))

    def settings(self) -> dict[str, object]:
        """What two results must share to be of the same experiment."""
        project = self.project()
        chosen = {name: getattr(project.training, name) for name in _TELLING}
        return chosen | {"steps": self.steps, "data": project.data.dataset}


def done_already(order: SeedOrder) -> bool:
    """Whether this seed's result is kept; TrainingError when what is kept was trained with other settings."""
    kept = ResultFolder(order.out).find(order.experiment, order.seed)
    if kept is None:
        return False
    wanted = order.settings()
    different = [name for name in wanted if kept.settings.get(name) != wanted[name]]
    if different:
        name = different[0]
        raise TrainingError(
            f"{order.out / order.experiment} holds seed {order.seed} trained with {name.replace('_', ' ')} "
            f"{kept.settings.get(name)} instead of {wanted[name]}: choose another folder for the results, or delete it."
        )
    return True


def train_seed(order: SeedOrder, report: Callable[[Event], None] = lambda event: None) -> SeedResult:
    """Train, look at the network and keep the result; GaborError in words when it cannot be done or diverges."""
    project = order.project()
    data = _prepared(project.data, order.data)
    started = time.perf_counter()
    trainer = Trainer(project, data, steps=order.steps)
    for event in trainer.events():
        report(event)
    seconds = time.perf_counter() - started
    run = trainer.run()
    if run.status != "finished":
        raise TrainingError(f"Seed {order.seed} of {order.experiment}: {run.message}")
    result = _result(order, run, data, seconds, trainer.compiled.memory())
    ResultFolder(order.out).save(result, _arrays(run))
    return result


@lru_cache(maxsize=2)
def _prepared(recipe: DataRecipe, folder: Path | None) -> PreparedData:
    return prepare(recipe_dataset(recipe, folder), recipe)


def _result(
    order: SeedOrder, run: Run, data: PreparedData, seconds: float, memory: dict[str, int]
) -> SeedResult:
    tests = [event for event in run.evaluations if event.part == "test"]
    whole = next(event.confusion for event in reversed(run.snapshots) if event.confusion is not None)
    recent = {name: float(run.history[name][-run.steps_per_epoch :].mean()) for name in HISTORY_COLUMNS}
    return SeedResult(
        experiment=order.experiment,
        seed=order.seed,
        date=datetime.now(UTC).date().isoformat(),
        device=run.device,
        settings=order.settings(),
        parameters=infer(run.project.graph).parameter_count,
        memory=memory,
        steps=run.step,
        steps_per_epoch=run.steps_per_epoch,
        training_seconds=run.seconds,
        seconds=seconds,
        test_accuracy=tests[-1].accuracy,
        test_loss=tests[-1].loss,
        validation_accuracy=float(np.trace(whole) / whole.sum()),
        train_accuracy=recent["train_accuracy"],
        train_loss=recent["train_loss"],
        validation_loss=recent["validation_loss"],
        train_total=recent["train_total"],
        first_total=float(run.history["train_total"][0]),
        test_by_epoch=[event.accuracy for event in tests],
        train_by_epoch=_epoch_means(run, "train_accuracy"),
        validation_by_epoch=_epoch_means(run, "validation_accuracy"),
        class_names=list(run.class_names),
        confusion=tests[-1].confusion.tolist(),
        histograms={part: counts.tolist() for part, counts in data.class_histograms().items()},
        units=_units(run, data),
    )


def _epoch_means(run: Run, column: str) -> list[float]:
    length = run.steps_per_epoch
    whole = run.history[column][: run.step // length * length]
    return [float(mean) for mean in whole.reshape(-1, length).mean(axis=1)]


def _units(run: Run, data: PreparedData) -> list[UnitsOfNode]:
    """Activity over test images of the network as it ended; the run has a checkpoint of its end."""
    assert run.checkpoint is not None
    trained = TrainedNetwork(run.project, run.checkpoint.tensors, data, threads=0)
    activity = measure_activity(trained, data.test_images[:MEASURED])
    assert activity is not None
    return [
        UnitsOfNode(
            name=node.name,
            units=len(node.fires),
            dead=int(node.dead.sum()),
            fires=float(node.fires.mean()),
        )
        for node in activity.nodes
    ]


def _arrays(run: Run) -> dict[str, np.ndarray]:
    arrays = {name: run.history[name].astype(np.float32) for name in HISTORY_COLUMNS}
    filters = [event.filters for event in run.snapshots if event.filters is not None]
    if filters:
        arrays |= {"filters": filters[-1], "first_filters": filters[0]}
    return arrays


def with_filter_kinds(result: SeedResult, arrays: dict[str, np.ndarray]) -> SeedResult:
    """The result with its first-layer filters told apart, and those of step 0 as a control."""
    if "filters" not in arrays:
        return result
    kinds = [filter_kind(weights) for weights in arrays["filters"]]
    control = [filter_kind(weights).kind for weights in arrays["first_filters"]]
    found = [kind.kind for kind in kinds]
    waves = [kind.wavelength for kind in kinds if kind.kind == "gabor"]
    counted = FilterKinds(
        gabor=found.count("gabor"),
        neighbours=found.count("neighbours"),
        neither=found.count("neither"),
        wavelength=float(np.median(waves)) if waves else None,
        control_gabor=control.count("gabor"),
        control_neighbours=control.count("neighbours"),
    )
    return msgspec.structs.replace(result, filters=counted)
