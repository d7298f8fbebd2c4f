"""Snapshots tell what a network answers at their moment, and the past is thinned evenly within its limit."""

from dataclasses import replace

import numpy as np
import pytest

from engine.inspection.activity import measure_activity
from engine.inspection.confusion import confusion_matrix
from engine.inspection.snapshot_look import activities_of, last_hidden
from engine.inspection.trained import TrainedNetwork, classify_images
from engine.project_file import from_bytes, to_bytes
from engine.training import snapshot_plan
from engine.training.events import Snapshot
from engine.training.run import Run, RunRecorder, within_limit
from engine.training.snapshots import PICTURES, snapshot_bytes, thinned
from engine.training.trainer import Trainer
from tests.engine.training.small_runs import data, project, trained


def shot(step: int, values: int = 250) -> Snapshot:
    """A snapshot of 1000 bytes, or another number."""
    return Snapshot("run", step, np.zeros((values, 1, 1, 1), np.float32), "convolution-1", None)


def test_that_a_snapshot_holds_the_answers_activity_and_points_of_its_moment():
    prepared = data()
    trainer = Trainer(project(snapshots_per_epoch=1, precision="float64"), prepared)
    newest = [event for event in trained(trainer) if isinstance(event, Snapshot)][-1]
    assert newest.step == trainer.step
    network = TrainedNetwork(trainer.project, trainer.checkpoint().tensors, prepared)
    probabilities = classify_images(network, prepared.validation_images)
    np.testing.assert_array_equal(newest.answers, probabilities.argmax(axis=1))
    np.testing.assert_allclose(newest.confidence, 255 * probabilities.max(axis=1), atol=0.51)
    looked_at = prepared.validation_images[: len(newest.points)]
    measured = measure_activity(network, looked_at)
    (told,) = activities_of(trainer.project, [newest])
    assert told.images == len(looked_at)
    assert [node.node for node in told.nodes] == [node.node for node in measured.nodes]
    for one, other in zip(told.nodes, measured.nodes, strict=True):
        np.testing.assert_allclose(one.fires, other.fires, atol=1e-6)
        np.testing.assert_allclose(one.fires_in, other.fires_in, atol=1e-6)
        np.testing.assert_array_equal(one.dead, other.dead)
        np.testing.assert_array_equal(one.saturated, other.saturated)
    hidden = network.look(looked_at).outputs[last_hidden(network.network)].reshape(len(looked_at), -1)
    centred = hidden - hidden.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    expected = (left * sizes)[:, :3]
    for axis in range(expected.shape[1]):
        sign = np.sign(newest.points[:, axis] @ expected[:, axis]) or 1.0
        np.testing.assert_allclose(newest.points[:, axis], sign * expected[:, axis], atol=1e-4 * sizes[0])


def test_that_activity_of_another_design_is_not_told():
    trainer = Trainer(project(), data())
    newest = [event for event in trained(trainer) if isinstance(event, Snapshot)][-1]
    shorter = replace(newest, fires=newest.fires[:-1])
    assert activities_of(trainer.project, [shorter, replace(newest, fires=None)]) == [None, None]


def test_that_snapshots_stay_as_they_are_below_the_limit():
    shots = tuple(shot(step) for step in (0, 5, 10))
    assert thinned(shots, 3000) == shots


@pytest.mark.parametrize("limit", [2000, 3000, 7000, 20_000])
def test_that_a_long_run_is_thinned_evenly_with_its_first_and_last_moment(limit):
    kept: tuple[Snapshot, ...] = ()
    for step in range(0, 1010, 10):
        kept = thinned((*kept, shot(step)), limit)
        assert sum(map(snapshot_bytes, kept)) <= max(limit, 2000)
    steps = np.array([event.step for event in kept])
    assert (steps[0], steps[-1], len(steps)) == (0, 1000, limit // 1000)
    gaps = np.diff(steps)
    even = 1000 / (len(steps) - 1)
    assert gaps.max() <= 2.1 * even


def test_that_a_training_keeps_its_snapshots_within_the_limit_of_its_project():
    settings = project(snapshot_megabytes=1)
    recorder = RunRecorder(Run("run", settings, "2026"))
    for step in range(40):
        recorder.receive(shot(step, 25_000))
    steps = [event.step for event in recorder.run().snapshots]
    assert (steps[0], steps[-1], len(steps)) == (0, 39, 10)


def test_that_all_runs_of_a_project_share_the_limit():
    runs = [
        Run(name, project(), "2026", snapshots=tuple(shot(step) for step in range(count)))
        for name, count in (("a", 10), ("b", 30))
    ]
    assert [len(run.snapshots) for run in within_limit(runs, 40_000)] == [10, 30]
    assert [len(run.snapshots) for run in within_limit(runs, 20_000)] == [5, 15]


def test_that_a_file_keeps_snapshots_within_the_limit_that_is_set_when_it_is_saved():
    trainer = Trainer(project(snapshots_per_epoch=1), data())
    trained(trainer)
    run = trainer.run()
    whole = tuple(replace(event, filters=np.repeat(event.filters, 1000, axis=0)) for event in run.snapshots)
    assert len(whole) > 3
    size = sum(map(snapshot_bytes, whole))
    limited = project(snapshots_per_epoch=1, snapshot_megabytes=1)
    (found,) = from_bytes(to_bytes(limited, [replace(run, snapshots=whole)])).runs
    assert size > 1_000_000 >= sum(map(snapshot_bytes, found.snapshots))
    assert (found.snapshots[0].step, found.snapshots[-1].step) == (whole[0].step, whole[-1].step)


LARGE = {"batch_size": 100, "epochs": 2, "snapshots_per_epoch": 4}
"""With 2,700 training images: 27 steps an epoch, snapshots after 6, 13, 20 and 27, looks after 13 and 27."""


def large_data():
    return data(3600, 50)


@pytest.fixture
def classifies_in_mid_epoch(monkeypatch):
    """Looks at so few images that a batch has more."""
    monkeypatch.setattr(snapshot_plan, "MOST_LOOKED_AT", 20)
    monkeypatch.setattr(snapshot_plan, "LOOK_SHARE", 6)


def assert_same_snapshots(found: Run, expected: Run) -> None:
    assert [shot.step for shot in found.snapshots] == [shot.step for shot in expected.snapshots]
    for one, other in zip(found.snapshots, expected.snapshots, strict=True):
        for name in PICTURES:
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_that_mid_epoch_looks_are_bounded_and_the_end_of_an_epoch_tells_of_all_images():
    run = trained_run(LARGE)
    answers = {s.step: None if s.answers is None else len(s.answers) for s in run.snapshots}
    some = 2700 // 2 // snapshot_plan.LOOK_SHARE
    assert answers == {0: some, 6: None, 13: some, 20: None, 27: 900, 33: None, 40: some, 47: None, 54: 900}
    for shot in run.snapshots:
        assert shot.filters is not None
        if shot.answers is not None:
            assert (
                len(shot.points) == some <= len(shot.answers) == len(shot.confidence) == shot.confusion.sum()
            )
            assert shot.fires is not None


def test_that_the_answers_in_mid_epoch_are_the_first_ones_of_the_network_of_that_moment():
    prepared = large_data()
    trainer = Trainer(project(**LARGE, precision="float64"), prepared)
    trained(trainer, until=13)
    shot = trainer.run().snapshots[-1]
    assert shot.step == 13
    network = TrainedNetwork(trainer.project, trainer.checkpoint().tensors, prepared)
    probabilities = classify_images(network, prepared.validation_images[: len(shot.answers)])
    np.testing.assert_array_equal(shot.answers, probabilities.argmax(axis=1))
    np.testing.assert_allclose(shot.confidence, 255 * probabilities.max(axis=1), atol=0.51)
    labels = prepared.validation_labels[: len(shot.answers)]
    np.testing.assert_array_equal(shot.confusion, confusion_matrix(probabilities.argmax(axis=1), labels, 3))


@pytest.mark.usefixtures("classifies_in_mid_epoch")
def test_that_more_images_are_classified_than_looked_at_where_batches_allow_it():
    run = trained_run(LARGE)
    lengths = [(len(s.points), len(s.answers)) for s in run.snapshots if s.answers is not None]
    assert lengths[:2] == [(20, 100), (20, 100)]
    assert (20, 900) in lengths


def trained_run(settings: dict[str, int], *stops: int) -> Run:
    run = None
    for stop in stops:
        trainer = Trainer(project(**settings), large_data(), resume=run)
        trained(trainer, until=stop)
        assert trainer.step == stop
        run = trainer.run()
    trainer = Trainer(project(**settings), large_data(), resume=run)
    trained(trainer)
    return trainer.run()


@pytest.mark.parametrize("stops", [(13,), (5, 20, 27, 40), (6, 13, 14)], ids=str)
def test_that_a_resumed_run_has_the_snapshots_of_one_never_stopped(stops):
    assert_same_snapshots(trained_run(LARGE, *stops), trained_run(LARGE))


@pytest.mark.usefixtures("classifies_in_mid_epoch")
def test_that_a_snapshot_that_a_stop_came_before_is_taken_when_the_run_goes_on():
    trainer = Trainer(project(**LARGE), large_data())
    trained(trainer, until=13)
    assert [shot.step for shot in trainer.run().snapshots] == [0, 6]
    assert_same_snapshots(trained_run(LARGE, 13), trained_run(LARGE))


def test_that_a_run_that_ends_in_mid_epoch_tells_of_all_images():
    trainer = Trainer(project(**LARGE), large_data(), steps=10)
    trained(trainer)
    newest = trainer.run().snapshots[-1]
    assert (newest.step, len(newest.answers)) == (10, 900)


def test_that_snapshots_over_different_numbers_of_images_come_back_from_a_file():
    run = trained_run(LARGE)
    (found,) = from_bytes(to_bytes(project(**LARGE), [run])).runs
    assert_same_snapshots(found, run)


def test_that_a_moment_told_twice_is_kept_once():
    recorder = RunRecorder(Run("run", project(), "2026"))
    for step in (0, 5, 5):
        recorder.receive(shot(step))
    assert [event.step for event in recorder.run().snapshots] == [0, 5]
