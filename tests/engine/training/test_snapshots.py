"""Snapshots tell what a network answers at their moment, and the past is thinned evenly within its limit."""

from dataclasses import replace

import numpy as np
import pytest

from engine.inspection.activity import measure_activity
from engine.inspection.snapshot_look import LOOKED_AT, activities_of, last_hidden
from engine.inspection.trained import TrainedNetwork, classify_images
from engine.project_file import from_bytes, to_bytes
from engine.training.events import Snapshot
from engine.training.run import Run, RunRecorder, within_limit
from engine.training.snapshots import snapshot_bytes, thinned
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
    looked_at = prepared.validation_images[:LOOKED_AT]
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
