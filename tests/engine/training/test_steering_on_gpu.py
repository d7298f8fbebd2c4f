"""Schedules, changes, kept checkpoints and forks where the network lies on a GPU."""

import numpy as np
import pytest

from engine.training.forking import fork
from engine.training.run import Run
from engine.training.steering import Change
from engine.training.trainer import Trainer
from tests.engine.training.small_runs import assert_same_run, data, project, trained
from tests.engine.training.test_steering import PLAN, steered

pytestmark = pytest.mark.gpu
GPU = {"device": "cuda:0", "deterministic": True, "precision": "float32", "epochs": 4}


def run_of(plan: dict[int, list[Change]] | None = None, **settings: object) -> Run:
    trainer = Trainer(project(**GPU | settings), data())
    steered(trainer, plan or {})
    return trainer.run()


@pytest.mark.parametrize("schedule", ["constant", "step", "linear", "cosine", "one_cycle"])
def test_that_the_device_takes_the_rate_of_every_step_from_the_schedule(schedule: str) -> None:
    trainer = Trainer(project(**GPU, schedule=schedule, warm_up=0.5, decay_every=1), data())
    step, taken = trainer.compiled.step, []

    def watched() -> None:
        step()
        taken.append(float(trainer.compiled.store.rates[0]))

    trainer.compiled.step = watched
    trained(trainer)
    np.testing.assert_array_equal(taken, trainer.run().history["learning_rate"])


@pytest.mark.parametrize("optimizer", ["sgd", "adam_decoupled"])
def test_that_a_gpu_learns_along_a_schedule_as_a_processor_does(optimizer: str) -> None:
    settings = {"schedule": "cosine", "warm_up": 1.0, "optimizer": optimizer, "precision": "float64"}
    on_gpu = run_of(**settings)
    on_cpu = run_of(**settings, device="cpu", threads=1)
    np.testing.assert_allclose(on_gpu.history["train_loss"], on_cpu.history["train_loss"], rtol=1e-6)


def test_that_changes_hold_on_the_device_and_are_repeated() -> None:
    run = run_of(PLAN, precision="float64")
    assert [c.name for c in run.changes] == [
        "learning_rate",
        "weight_decay",
        "keep",
        "learning_rate",
        "batch_size",
    ]
    on_cpu = run_of(PLAN, precision="float64", device="cpu", threads=1)
    np.testing.assert_allclose(run.history["train_total"], on_cpu.history["train_total"], rtol=1e-6)
    found = fork(run, 7)
    again = Trainer(found.run.project, data(), resume=found.run)
    trained(again)
    assert_same_run(again.run(), run)


def test_that_kept_checkpoints_are_copies_of_what_was_on_the_device() -> None:
    trainer = Trainer(project(**GPU), data())
    steps = {}
    for event in trainer.events():
        if type(event).__name__ == "EpochDone":
            steps[event.step] = {key: tensor.copy() for key, tensor in trainer.checkpoint().tensors.items()}
    kept = trainer.run().checkpoints
    assert [one.step for one in kept] == [7, 14, 21]
    for one in kept:
        for key, tensor in one.tensors.items():
            np.testing.assert_array_equal(tensor, steps[one.step][key], err_msg=key)


def test_that_a_fork_with_unchanged_settings_equals_the_run_it_left() -> None:
    run = run_of(schedule="cosine")
    found = fork(run, 14)
    again = Trainer(found.run.project, data(), resume=found.run)
    trained(again)
    assert_same_run(again.run(), run)
