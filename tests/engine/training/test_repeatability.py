"""The same seed gives the same run; a run stopped and resumed equals one that was never stopped."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from engine.training.events import EpochDone, Event, Snapshot
from engine.training.run import Checkpoint, Run
from engine.training.trainer import Trainer
from tests.engine.training.small_runs import assert_same_run, blocks, data, ended, project, trained

OPTIMIZERS = {
    "sgd": {"optimizer": "sgd", "momentum": 0.0},
    "momentum": {"optimizer": "sgd", "momentum": 0.9},
    "nesterov": {"optimizer": "sgd", "momentum": 0.9, "nesterov": True},
    "adam": {"optimizer": "adam"},
    "adam_decoupled": {"optimizer": "adam_decoupled"},
}


def whole(**settings: object) -> tuple[Run, list[Event]]:
    trainer = Trainer(project(**settings), data())
    events = trained(trainer)
    return trainer.run(), events


@pytest.mark.parametrize("threads", [1, 2])
def test_that_the_same_seed_and_threads_give_the_same_run_bit_for_bit(threads: int) -> None:
    assert_same_run(whole(threads=threads)[0], whole(threads=threads)[0])


def test_that_another_seed_gives_another_run() -> None:
    one, other = whole(seed=1)[0], whole(seed=2)[0]
    assert one.history["train_loss"][0] != other.history["train_loss"][0]


def test_that_pausing_changes_nothing() -> None:
    trainer = Trainer(project(), data())
    for _ in trainer.events():
        # What a window does in a pause: look at the run and classify.
        trainer.run()
        list(trainer.compiled.classify("test"))
    assert_same_run(trainer.run(), whole()[0])


def resumed(stops: tuple[int, ...], **settings: object) -> tuple[Run, list[Event]]:
    """A run stopped after each of these steps and resumed by a new trainer."""
    run, events = None, []
    for stop in stops:
        trainer = Trainer(project(**settings), data(), resume=run)
        found = trained(trainer, until=stop)
        assert ended(found).reason == "stopped"
        assert trainer.step == stop
        events.extend(found)
        stopped = trainer.run()
        assert stopped.checkpoint is not None
        # As a file would bring it back: copies, in another order.
        tensors = {k: v.copy() for k, v in sorted(stopped.checkpoint.tensors.items(), reverse=True)}
        run = replace(stopped, checkpoint=Checkpoint(stopped.checkpoint.step, tensors))
    trainer = Trainer(project(**settings), data(), resume=run)
    events.extend(trained(trainer))
    return trainer.run(), events


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("stops", [(3,), (7,), (1, 8, 14, 20)], ids=str)
def test_that_a_resumed_run_equals_one_never_stopped(optimizer: str, stops: tuple[int, ...]) -> None:
    run, _ = resumed(stops, **OPTIMIZERS[optimizer])
    assert_same_run(run, whole(**OPTIMIZERS[optimizer])[0])
    assert run.status == "finished"


@pytest.mark.parametrize("settings", [{"threads": 2}, {"precision": "float64"}], ids=str)
def test_that_a_resumed_run_equals_one_never_stopped_otherwise_too(settings: dict[str, object]) -> None:
    assert_same_run(resumed((5, 9), **settings)[0], whole(**settings)[0])


def test_that_a_resumed_run_tells_the_same_epoch_means() -> None:
    def means(events: list[Event]) -> list[tuple[int, float, float]]:
        done = (event for event in events if isinstance(event, EpochDone))
        return [(event.epoch, event.train_loss, event.validation_accuracy) for event in done]

    np.testing.assert_allclose(means(resumed((3, 9))[1]), means(whole()[1]), rtol=1e-14)


def test_that_the_recorder_keeps_the_history_across_resume_and_drops_what_is_trained_again() -> None:
    trainer = Trainer(project(), data())
    trained(trainer, until=5)
    early = trainer.run()
    again = Trainer(project(), data(), resume=early)
    trained(again, until=11)
    late = again.run()
    assert late.step == 11
    np.testing.assert_array_equal(late.history["train_loss"][:5], early.history["train_loss"])
    # A crash later on: the history is longer than the checkpoint.
    torn = replace(late, checkpoint=early.checkpoint)
    last = Trainer(project(), data(), resume=torn)
    assert last.run().step == 5
    assert all(snapshot.step <= 5 for snapshot in last.run().snapshots)
    trained(last)
    assert_same_run(last.run(), whole()[0])
    assert last.run().id == early.id
    assert last.run().seconds >= early.seconds


def test_that_events_and_runs_can_be_pickled() -> None:
    run, events = whole()
    copies = pickle.loads(pickle.dumps(events))
    for event, copy in zip(events, copies, strict=True):
        assert type(event) is type(copy)
        assert (event.run, event.step) == (copy.run, copy.step)
    for block, copy in zip(blocks(events), blocks(copies), strict=True):
        np.testing.assert_array_equal(block.train_loss, copy.train_loss)
    assert_same_run(run, pickle.loads(pickle.dumps(replace(run, project=None))))  # type: ignore[arg-type]
    assert any(isinstance(event, Snapshot) and event.confusion is not None for event in copies)


def test_that_a_validation_stands_until_the_next_one() -> None:
    every, all_steps = whole(validate_every=3)[0].history, whole()[0].history
    np.testing.assert_array_equal(every["train_loss"], all_steps["train_loss"])
    last = np.arange(len(all_steps["train_loss"])) // 3 * 3
    for name in ("validation_loss", "validation_accuracy"):
        np.testing.assert_array_equal(every[name], all_steps[name][last], err_msg=name)


@pytest.mark.parametrize("stops", [(4,), (5, 8, 15)], ids=str)
def test_that_a_run_resumed_between_two_validations_equals_one_never_stopped(stops: tuple[int, ...]) -> None:
    assert_same_run(resumed(stops, validate_every=4)[0], whole(validate_every=4)[0])
