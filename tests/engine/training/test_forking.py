"""Forks: with unchanged settings they equal the run that they left; otherwise they keep what fits, and say so."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from engine.api import best_epoch as best_of_run
from engine.design import edits
from engine.errors import TrainingError
from engine.layers import make_layer
from engine.project import Project
from engine.project_file import from_bytes, to_bytes
from engine.training.best_epoch import best_epoch
from engine.training.forking import fork
from engine.training.run import Run
from engine.training.steering import Change
from engine.training.trainer import Trainer
from tests.engine.training.small_runs import assert_same_run, data, ended, project, trained
from tests.engine.training.test_steering import PLAN, steered


def run_of(plan: dict[int, list[Change]] | None = None, **settings: object) -> Run:
    trainer = Trainer(project(**{"epochs": 5, **settings}), data())
    steered(trainer, plan or {})
    run = trainer.run()
    return from_bytes(to_bytes(run.project, [run])).runs[0]


def trained_fork(run: Run, step: int | None = None, project: Project | None = None) -> Run:
    forked = fork(run, step, project)
    trainer = Trainer(forked.run.project, data(), resume=forked.run)
    trained(trainer)
    found = trainer.run()
    # What comes of it can be saved beside its parent.
    return from_bytes(to_bytes(run.project, [run, found])).runs[1]


def with_settings(run: Run, **settings: object) -> Project:
    return replace(run.project, training=msgspec.structs.replace(run.project.training, **settings))


@pytest.mark.parametrize("step", [7, 14, 28])
@pytest.mark.parametrize(
    "settings",
    [
        {}, {"threads": 2}, {"optimizer": "sgd", "nesterov": True}, {"schedule": "cosine", "warm_up": 1.0},
        {"schedule": "plateau", "plateau_patience": 0, "learning_rate": 0.1}, {"averaging": 0.9},
        {"restore_best": True, "learning_rate": 0.3},
    ],
    ids=str,
)  # fmt: skip
def test_that_a_fork_with_unchanged_settings_equals_the_run_it_left(step: int, settings: dict[str, object]):
    run = run_of(**settings)
    found = trained_fork(run, step)
    assert_same_run(found, run)
    assert (found.parent, found.fork_step) == (run.id, step)
    assert found.id != run.id
    assert found.message == run.message
    assert [replace(epoch, run=run.id) for epoch in found.epochs] == list(run.epochs)
    assert [event.accuracy for event in found.evaluations] == [event.accuracy for event in run.evaluations]
    assert [event.step for event in found.snapshots] == [event.step for event in run.snapshots]


@pytest.mark.parametrize("step", [7, 14, 26])
def test_that_a_fork_repeats_what_was_changed_in_the_run_later(step: int):
    run = run_of(PLAN)
    assert [change.step for change in run.changes] == [3, 5, 5, 9, 14]
    found = trained_fork(run, step)
    assert_same_run(found, run)
    assert found.stretches == run.stretches
    assert [change.step for change in found.changes] == [c.step for c in run.changes if c.step > step]


def test_that_a_setting_of_the_forks_own_is_not_changed_back():
    run = run_of(PLAN)
    forked = fork(run, 7, with_settings(run, learning_rate=0.5))
    assert forked.run.project.training.learning_rate == 0.5
    # The batch size and the decay are as they were then; only the learning rate is another.
    then = fork(run, 7).run.project
    as_then = replace(then, training=msgspec.structs.replace(then.training, learning_rate=0.5))
    assert {change.name for change in fork(run, 7, as_then).run.changes} == {"batch_size"}


def test_that_other_settings_hold_from_the_fork_on():
    run = run_of()
    found = trained_fork(run, 14, with_settings(run, learning_rate=0.002, schedule="linear"))
    np.testing.assert_array_equal(found.history["train_loss"][:14], run.history["train_loss"][:14])
    assert (found.history["learning_rate"][:14] == 0.01).all()
    np.testing.assert_allclose(found.history["learning_rate"][14:16], [0.002 * 0.6, 0.002 * (0.6 - 1 / 35)])
    assert found.history["train_loss"][14] == run.history["train_loss"][14]
    assert found.history["train_loss"][16] != run.history["train_loss"][16]
    assert found.step == run.step


@pytest.mark.parametrize("step", [14, 26])
def test_that_another_batch_size_begins_an_epoch_of_its_own(step: int):
    run = run_of()
    if step == 26:
        stopped = Trainer(project(epochs=5), data())
        trained(stopped, until=26)
        run = stopped.run()
    found = trained_fork(run, step, with_settings(run, batch_size=10))
    done = 2 if step == 14 else 4
    assert found.timeline.stretches[-1] == (step, done, 3)
    assert [epoch.epoch for epoch in found.epochs] == list(range(1, 6))[: 3 if step == 26 else 5] + [5] * (
        step == 26
    )
    assert found.step == step + 3 * (5 - done)


def test_that_a_changed_design_keeps_the_weights_that_fit_and_names_the_others():
    run = run_of()
    graph = edits.set_settings(run.project.graph, "fully_connected-1", outputs=6)
    forked = fork(run, 21, replace(run.project, graph=graph))
    assert forked.anew == (
        "Fully connected 1: weight", "Fully connected 1: bias", "Fully connected 2: weight",
    )  # fmt: skip
    assert "Convolution 1: weight" in forked.kept
    assert "Fully connected 2: bias" in forked.kept
    assert forked.told() == (
        "4 of 7 tensors are kept; anew: Fully connected 1: weight, Fully connected 1: bias, Fully connected 2: weight."
    )
    trainer = Trainer(forked.run.project, data(), resume=forked.run)
    begun = trainer.checkpoint().tensors
    parent = run.at(21).tensors
    for kind in ("parameter", "optimizer/0", "optimizer/1"):
        np.testing.assert_array_equal(
            begun[f"{kind}/convolution-1/weight"], parent[f"{kind}/convolution-1/weight"]
        )
    np.testing.assert_array_equal(
        begun["state/batch_normalisation-1/mean"], parent["state/batch_normalisation-1/mean"]
    )
    assert begun["parameter/fully_connected-1/weight"].shape[0] == 6
    assert not begun["optimizer/0/fully_connected-1/weight"].any()
    assert ended(trained(trainer)).reason == "finished"
    found = trainer.run()
    assert found.step == 35
    assert all(snapshot.step > 21 for snapshot in found.snapshots)
    assert from_bytes(to_bytes(run.project, [run, found])).runs[1].parent == run.id


def test_that_a_design_with_another_layer_keeps_all_the_rest():
    run = run_of()
    graph, node = edits.add_layer(run.project.graph, make_layer("dropout", {"keep": 0.5}))
    edge = next(edge for edge in graph.edges if edge.target == "fully_connected-2")
    graph = edits.connect(
        edits.connect(edits.disconnect(graph, edge), edge.source, node.id), node.id, edge.target
    )
    forked = fork(run, None, replace(run.project, graph=graph))
    assert forked.anew == ()
    assert forked.told() == "All weights are kept."


def test_that_another_optimiser_begins_with_an_empty_memory():
    run = run_of()
    forked = fork(run, 14, with_settings(run, optimizer="sgd"))
    assert not [key for key in forked.run.checkpoint.tensors if key.startswith("optimizer")]
    same = fork(run, 14, with_settings(run, optimizer="adam"))
    assert [key for key in same.run.checkpoint.tensors if key.startswith("optimizer")]


def test_that_the_best_epoch_before_a_fork_is_not_lost():
    run = run_of(epochs=8, learning_rate=0.3, checkpoint_megabytes=0)
    best = best_epoch(run.epochs, "accuracy")
    worse = fork(run, None, with_settings(run, epochs=10, restore_best=True, learning_rate=0.0))
    assert [kept.step for kept in worse.run.checkpoints] == [best.step]
    trainer = Trainer(worse.run.project, data(), resume=worse.run)
    trained(trainer)
    assert trainer.run().result_step == best.step


def test_that_epochs_of_another_design_or_on_other_images_are_not_the_best_of_a_fork():
    run = run_of(epochs=8, learning_rate=0.3)
    graph = edits.set_settings(run.project.graph, "fully_connected-1", outputs=6)
    wanted = with_settings(run, epochs=10, learning_rate=0.0, patience=1)
    other_design = replace(wanted, graph=graph)
    other_images = replace(wanted, data=msgspec.structs.replace(run.project.data, centering="none"))
    for changed in (other_design, other_images):
        forked = fork(run, None, changed).run
        assert forked.epochs == forked.checkpoints == ()
        assert best_of_run(forked) is None
        # It is not ended at its first epoch for being worse than what another network was.
        found = trained_fork(run, None, changed)
        assert best_of_run(found).step == run.step + run.steps_per_epoch
        assert found.step == run.step + 2 * run.steps_per_epoch
    mirrored = replace(wanted, data=msgspec.structs.replace(run.project.data, mirror=True))
    assert len(fork(run, None, mirrored).run.epochs) == len(run.epochs)


def test_that_a_step_without_a_checkpoint_is_told_with_those_that_there_are():
    run = run_of()
    with pytest.raises(
        TrainingError, match="no checkpoint after step 15; there are those after 7, 14, 21, 28, 35"
    ):
        fork(run, 15)
    with pytest.raises(TrainingError, match="train it first"):
        fork(replace(run, checkpoint=None, checkpoints=()))


def test_that_forks_of_forks_form_a_tree():
    run = run_of()
    child = trained_fork(run, 14)
    grandchild = trained_fork(child, 21)
    assert grandchild.parent == child.id
    assert_same_run(grandchild, run)
