"""Short trainings of small projects, and what is read from them."""

import numpy as np

from engine.data.preparation import PreparedData
from engine.design.graph import Graph
from engine.project import Project
from engine.settings import TrainingSettings
from engine.training.events import Event, RunEnded, StepsDone
from engine.training.run import Run
from engine.training.trainer import Trainer
from tests.engine.small_networks import chain, layer, small_data

SHAPE = (2, 6, 6)


def graph() -> Graph:
    """All kinds of state: dropout, batch normalisation, weights with and without bias."""
    return chain(
        layer("input", shape=SHAPE),
        layer("convolution", filters=4, size=3, padding=1, bias=False),
        layer("batch_normalisation"),
        layer("relu"),
        layer("max_pooling"),
        layer("fully_connected", outputs=8),
        layer("tanh"),
        layer("dropout", keep=0.7),
        layer("fully_connected", outputs=3),
        layer("softmax_classifier"),
    )


def linear_graph() -> Graph:
    return chain(
        layer("input", shape=SHAPE), layer("fully_connected", outputs=3), layer("softmax_classifier")
    )


def data(train: int = 40, test: int = 10, *, classes: int = 3) -> PreparedData:
    """30 of 40 examples are trained on: 7 batches of 4 an epoch, 2 examples left over."""
    return small_data(SHAPE, classes, train, test)


def project(design: Graph | None = None, **settings: object) -> Project:
    values = {
        "device": "cpu", "threads": 1, "batch_size": 4, "epochs": 3, "seed": 9, "learning_rate": 0.01, **settings
    }  # fmt: skip
    return Project(graph=design or graph(), training=TrainingSettings(**values))  # type: ignore[arg-type]


def trained(trainer: Trainer, *, until: int | None = None) -> list[Event]:
    """All events; `until` stops the training after exactly that many steps."""
    events = []
    if until is not None:
        step_by_step(trainer, until)
    for event in trainer.events():
        events.append(event)
        if until is not None and trainer.step >= until:
            trainer.stop()
    return events


def step_by_step(trainer: Trainer, until: int) -> None:
    """Have `stop()` called from within the step numbered `until`, as another thread would."""
    step = trainer.compiled.step
    left = until - trainer.step

    def counted() -> None:
        nonlocal left
        step()
        left -= 1
        if left == 0:
            trainer.stop()

    trainer.compiled.step = counted


def ended(events: list[Event]) -> RunEnded:
    assert isinstance(events[-1], RunEnded)
    assert not any(isinstance(event, RunEnded) for event in events[:-1])
    return events[-1]


def blocks(events: list[Event]) -> list[StepsDone]:
    return [event for event in events if isinstance(event, StepsDone)]


def assert_same_run(a: Run, b: Run) -> None:
    """Bit for bit: parameters, optimiser, states and history."""
    assert a.checkpoint is not None
    assert b.checkpoint is not None
    assert a.checkpoint.step == b.checkpoint.step
    assert set(a.checkpoint.tensors) == set(b.checkpoint.tensors)
    for key, tensor in a.checkpoint.tensors.items():
        np.testing.assert_array_equal(tensor, b.checkpoint.tensors[key], err_msg=key)
    assert set(a.history) == set(b.history)
    for key, values in a.history.items():
        np.testing.assert_array_equal(values, b.history[key], err_msg=key)
