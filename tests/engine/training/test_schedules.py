"""Learning rates of every step, held against PyTorch's schedulers, and what training records of them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

from engine.training.run import Run
from engine.training.schedules import learning_rates, plateau_drops
from engine.training.trainer import Trainer
from tests.engine.training.small_runs import assert_same_run, data, linear_graph, project, trained

EPOCHS, STEPS = 12, 7
RATE = 0.3


def scheduled(**settings: object) -> np.ndarray:
    """The learning rate of every step of a training."""
    chosen = project(epochs=EPOCHS, learning_rate=RATE, **settings).training
    return np.concatenate([learning_rates(chosen, epoch, STEPS) for epoch in range(EPOCHS)])


def pytorch(
    make: Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler], *, each: int = 1
) -> np.ndarray:
    """What a scheduler of PyTorch gives when it is asked after every `each` steps."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=RATE)
    scheduler = make(optimizer)
    found = []
    for step in range(EPOCHS * STEPS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if (step + 1) % each == 0 and step + 1 < EPOCHS * STEPS:
            scheduler.step()
    return np.array(found)


def test_that_each_schedule_is_that_of_pytorch() -> None:
    whole = EPOCHS * STEPS
    np.testing.assert_array_equal(scheduled(), np.full(whole, RATE))
    np.testing.assert_allclose(
        scheduled(schedule="step", decay_every=4, decay_factor=0.2),
        pytorch(lambda o: lr_scheduler.StepLR(o, 4, 0.2), each=STEPS),
        rtol=1e-12,
    )
    np.testing.assert_allclose(
        scheduled(schedule="cosine", final_rate=0.1),
        pytorch(lambda o: lr_scheduler.CosineAnnealingLR(o, whole, eta_min=0.1 * RATE)),
        rtol=1e-9,
    )
    np.testing.assert_allclose(
        scheduled(schedule="linear", final_rate=0.25),
        pytorch(lambda o: lr_scheduler.LinearLR(o, 1.0, 0.25, whole)),
        rtol=1e-9,
    )
    np.testing.assert_allclose(
        scheduled(schedule="one_cycle", final_rate=0.001),
        pytorch(
            lambda o: lr_scheduler.OneCycleLR(
                o, RATE, total_steps=whole, pct_start=0.3, div_factor=25, final_div_factor=40,
                cycle_momentum=False,
            )
        ),
        rtol=1e-9,
    )  # fmt: skip


@pytest.mark.parametrize("schedule", ["constant", "step", "linear", "cosine", "plateau"])
def test_that_any_schedule_warms_up_along_a_line(schedule: str) -> None:
    found = scheduled(schedule=schedule, warm_up=2.0, decay_every=5)
    np.testing.assert_allclose(found[:14], RATE * np.arange(1, 15) / 14, rtol=1e-12)
    assert found[14] == RATE
    assert (np.diff(found[14:]) <= 0).all()


@pytest.mark.parametrize("warm_up", [12.0, 1000.0])
def test_that_a_warm_up_longer_than_the_training_is_a_line(warm_up: float) -> None:
    found = scheduled(schedule="cosine", warm_up=warm_up)
    np.testing.assert_allclose(found, RATE * np.arange(1, 85) / (7 * warm_up), rtol=1e-12)


@pytest.mark.parametrize("patience", [0, 1, 3])
def test_that_drops_on_a_plateau_are_those_of_pytorch(patience: int) -> None:
    random = np.random.default_rng(patience)
    losses = np.abs(np.cumsum(random.normal(-0.05, 0.4, 60))) + 0.1
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=patience, eps=0.0)
    for done, loss in enumerate(losses, start=1):
        scheduler.step(loss)
        assert optimizer.param_groups[0]["lr"] == 0.5 ** plateau_drops(losses[:done].tolist(), patience)
    assert plateau_drops(losses.tolist(), patience) > 0


def run_of(stops: tuple[int, ...], **settings: object) -> Run:
    """A run that is stopped after these steps and resumed each time."""
    run = None
    for stop in (*stops, None):
        trainer = Trainer(project(linear_graph(), **settings), data(), resume=run)
        trained(trainer, until=stop)
        run = trainer.run()
    assert run is not None
    return run


def test_that_the_history_tells_the_learning_rate_of_every_step() -> None:
    settings = {"epochs": 3, "schedule": "cosine", "warm_up": 0.5, "optimizer": "sgd", "momentum": 0.0}
    run = run_of((), **settings)
    chosen = project(**settings).training
    expected = np.concatenate([learning_rates(chosen, epoch, 7) for epoch in range(3)])
    np.testing.assert_array_equal(run.history["learning_rate"], expected)


def test_that_an_update_is_as_large_as_the_schedule_says() -> None:
    settings = {
        "epochs": 1, "schedule": "linear", "optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.0,
        "precision": "float64", "learning_rate": 0.1,
    }  # fmt: skip
    trainer = Trainer(project(linear_graph(), **settings), data())
    step, store = trainer.compiled.step, trainer.compiled.store
    taken = []

    def measured() -> None:
        before = store.parameters.copy()
        step()
        moved = np.abs(store.gradients) > 1e-9
        taken.append(((before - store.parameters)[moved] / store.gradients[moved]).mean())

    trainer.compiled.step = measured
    trained(trainer)
    np.testing.assert_allclose(taken, 0.1 * (1 - np.arange(7) / 7), rtol=1e-6)


@pytest.mark.parametrize("schedule", ["step", "cosine", "one_cycle", "plateau"])
@pytest.mark.parametrize("stops", [(3,), (7,), (5, 14, 25)], ids=str)
def test_that_a_resumed_run_repeats_its_schedule(schedule: str, stops: tuple[int, ...]) -> None:
    settings = {
        "epochs": 6, "schedule": schedule, "decay_every": 2, "plateau_patience": 0, "learning_rate": 0.2,
        "optimizer": "sgd",
    }  # fmt: skip
    whole = run_of((), **settings)
    assert len(set(whole.history["learning_rate"])) > 1
    again = run_of(stops, **settings)
    assert_same_run(again, whole)
    assert [replace(epoch, run=whole.id) for epoch in again.epochs] == list(whole.epochs)
