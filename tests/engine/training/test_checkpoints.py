"""Checkpoints that are kept, the best epoch's above all; early stopping, and the best weights as a run's result."""

from dataclasses import replace

import numpy as np
import pytest

from engine.inspection.confusion import confusion_matrix
from engine.project_file import from_bytes, to_bytes
from engine.settings import TrainingSettings
from engine.training.best_epoch import best_epoch, epochs_without_better
from engine.training.checkpoints import MOST, wanted_steps
from engine.training.events import EpochDone, Evaluated
from engine.training.run import Run
from engine.training.trainer import Trainer
from tests.engine.training.small_runs import assert_same_run, data, ended, linear_graph, project, trained


def epochs(*accuracies: float, losses: tuple[float, ...] = ()) -> list[EpochDone]:
    """Epochs of ten steps with these results on the whole validation set."""
    found = losses or tuple(1 - accuracy for accuracy in accuracies)
    return [
        EpochDone("a", 10 * n, n, 0.0, 0.0, 0.0, 0.0, loss, accuracy)
        for n, (accuracy, loss) in enumerate(zip(accuracies, found, strict=True), start=1)
    ]


def test_that_the_best_epoch_is_the_first_of_equals_and_accuracies_are_told_apart_by_loss():
    told = epochs(0.5, 0.8, 0.7, 0.8, 0.8, losses=(0.9, 0.5, 0.2, 0.4, 0.4))
    assert best_epoch(told, "accuracy").epoch == 4
    assert best_epoch(told, "loss").epoch == 3
    assert epochs_without_better(told, "accuracy") == 1
    assert epochs_without_better(told, "loss") == 2
    assert best_epoch([], "loss") is None


def test_that_means_over_batches_stand_in_where_the_whole_set_was_not_looked_at():
    old = [replace(e, whole_loss=np.nan, whole_accuracy=np.nan) for e in epochs(0.1, 0.2, 0.3)]
    old[1] = replace(old[1], validation_loss=-1.0, validation_accuracy=0.9)
    assert best_epoch(old, "accuracy").epoch == best_epoch(old, "loss").epoch == 2


@pytest.mark.parametrize("every", [1, 2, 3])
@pytest.mark.parametrize("room", [0, 1, 3, 4, 1000])
def test_that_kept_checkpoints_are_evenly_spread_within_the_limit_and_hold_the_best(every: int, room: int):
    settings = TrainingSettings(checkpoint_every=every, checkpoint_megabytes=room)
    accuracies = np.random.default_rng(every).random(130)
    kept: frozenset[int] = frozenset()
    for count in range(1, 131):
        told = epochs(*accuracies[:count])
        wanted = wanted_steps(told, settings, 1_000_000)
        # What is wanted later was wanted, and so kept, all the time.
        assert wanted - {told[-1].step} <= kept
        kept = wanted
        spread = [
            range(10 * spacing, 10 * count + 1, 10 * spacing)
            for spacing in (every * 2**doubled for doubled in range(9))
        ]
        regular = next((steps for steps in spread if len(steps) <= min(room, MOST)), ())
        assert wanted == {*(regular if room else ()), 10 * (int(np.argmax(accuracies[:count])) + 1)}


def run_of(stops: tuple[int, ...] = (), **settings: object) -> Run:
    """A run that is stopped after these steps and resumed each time, by way of a file."""
    run = None
    for stop in (*stops, None):
        trainer = Trainer(project(**settings), data(), resume=run)
        trained(trainer, until=stop)
        run = trainer.run()
        (run,) = from_bytes(to_bytes(run.project, [run])).runs
    assert run is not None
    return run


def test_that_each_kept_checkpoint_is_the_network_as_it_was():
    whole = Trainer(project(epochs=5), data())
    steps: dict[int, dict[str, np.ndarray]] = {}
    for event in whole.events():
        if isinstance(event, EpochDone):
            steps[event.step] = dict(whole.checkpoint().tensors)
    run = whole.run()
    assert [kept.step for kept in run.checkpoints] == [7, 14, 21, 28]
    for kept in run.checkpoints:
        assert set(kept.tensors) == set(steps[kept.step])
        for key, tensor in kept.tensors.items():
            np.testing.assert_array_equal(tensor, steps[kept.step][key], err_msg=key)
    assert run.at(35) is run.checkpoint
    assert run.at(8) is None


def test_that_without_room_the_best_and_the_last_stay():
    run = run_of(epochs=6, checkpoint_megabytes=0, learning_rate=0.3)
    best = best_epoch(run.epochs, "accuracy")
    assert best is not None
    assert {kept.step for kept in run.checkpoints} == {best.step} - {run.step}
    assert run.at(best.step) is not None


@pytest.mark.parametrize("stops", [(3,), (14, 20), (7, 30)], ids=str)
def test_that_a_resumed_run_keeps_the_same_checkpoints(stops: tuple[int, ...]):
    whole, again = run_of(epochs=5), run_of(stops, epochs=5)
    assert [kept.step for kept in again.checkpoints] == [kept.step for kept in whole.checkpoints]
    for one, other in zip(again.checkpoints, whole.checkpoints, strict=True):
        for key, tensor in one.tensors.items():
            np.testing.assert_array_equal(tensor, other.tensors[key])
    assert_same_run(again, whole)


EARLY = {"epochs": 40, "learning_rate": 0.5, "patience": 3, "optimizer": "sgd"}


@pytest.mark.parametrize("by", ["accuracy", "loss"])
@pytest.mark.parametrize("patience", [1, 4])
def test_that_training_ends_early_when_no_epoch_is_better_for_so_long(by: str, patience: int):
    trainer = Trainer(project(linear_graph(), **EARLY | {"best_by": by, "patience": patience}), data())
    end = ended(trained(trainer))
    told = trainer.run().epochs
    assert len(told) < 40
    assert epochs_without_better(told, by) == patience
    assert all(epochs_without_better(told[:count], by) < patience for count in range(len(told)))
    assert end.reason == "finished"
    assert end.message.startswith(
        f"Ended early after epoch {len(told)}, since none was better for {patience} epoch"
    )


@pytest.mark.parametrize("stops", [(5,), (14, 21)], ids=str)
def test_that_a_resumed_run_ends_early_at_the_same_step(stops: tuple[int, ...]):
    assert_same_run(run_of(stops, **EARLY), run_of(**EARLY))


def test_that_a_run_that_ended_early_goes_on_with_more_patience_as_if_it_had_never_ended():
    run = run_of(**EARLY)
    patient = project(**EARLY | {"patience": 30, "epochs": 12})
    again = Trainer(patient, data(), resume=run)
    trained(again)
    whole = Trainer(patient, data())
    trained(whole)
    assert_same_run(again.run(), whole.run())


def test_that_the_result_has_the_best_weights_when_the_setting_says_so():
    run = run_of(**EARLY, restore_best=True)
    best = best_epoch(run.epochs, "accuracy")
    assert best is not None
    assert best.step < run.step
    assert run.result_step == best.step
    assert run.result is run.at(best.step)
    assert f"with the weights of epoch {best.epoch}, the best" in run.message
    # The last step's weights are still there, to go on from, and the test is that of the best ones.
    assert run.checkpoint is not None
    assert run.checkpoint.step == run.step
    assert_same_run(run, run_of(**EARLY))
    tested = [event for event in run.evaluations if event.part == "test"][-1]
    as_best = Trainer(run.project, data(), resume=replace(run, checkpoint=run.result))
    predictions = np.concatenate([a.predictions for a in as_best.compiled.classify("test")])
    np.testing.assert_array_equal(tested.confusion, confusion_matrix(predictions, data().test_labels, 3))


def test_that_the_last_weights_are_the_result_otherwise():
    run = run_of(epochs=2)
    assert run.result is run.checkpoint
    stopped = Trainer(project(epochs=9, restore_best=True), data())
    trained(stopped, until=30)
    assert stopped.run().result_step == -1


def test_that_a_stop_while_the_best_weights_are_tested_leaves_the_last_ones_in_place(monkeypatch):
    trainer = Trainer(project(**EARLY, restore_best=True), data())
    classify = trainer.compiled.classify

    def stopped(part: str, most: int | None = None):
        if part == "test" and trainer._is_past_best():
            trainer.stop()
        return classify(part, most)

    trainer.compiled.classify = stopped
    events = trained(trainer)
    assert ended(events).reason == "stopped"
    assert not [e for e in events if isinstance(e, Evaluated) and e.step == trainer.step]
    assert_same_run(trainer.run(), run_of(**EARLY))
