from dataclasses import replace

import numpy as np
import pytest

from engine.design import edits
from engine.inspection.run_comparison import (
    BestEpoch,
    best_epoch,
    design_changes,
    differing_settings,
    epoch_means,
    setting_changes,
)
from engine.layers import make_layer
from engine.project import Project
from engine.training.events import EpochDone
from engine.training.run import HISTORY_COLUMNS, Run
from engine.training.timeline import Stretch
from tests.engine.inspection.trained_networks import graph


def run_of(steps: int = 11, per_epoch: int = 4, **training: object) -> Run:
    import msgspec

    project = Project(graph=graph())
    settings = msgspec.structs.replace(project.training, **training)
    random = np.random.default_rng(steps)
    history = {name: random.random(steps) for name in HISTORY_COLUMNS}
    history["validation_loss"][::3] = np.nan
    return Run("a", replace(project, training=settings), "", steps_per_epoch=per_epoch, history=history)


def test_that_means_are_those_of_complete_epochs_over_what_was_measured():
    run = run_of()
    values = run.history["validation_loss"]
    assert epoch_means(run, "validation_loss") == pytest.approx(
        [np.nanmean(values[:4]), np.nanmean(values[4:8])]
    )
    assert epoch_means(run, "train_loss") == pytest.approx(
        run.history["train_loss"][:8].reshape(2, 4).mean(axis=1)
    )
    assert len(epoch_means(run_of(steps=3), "train_loss")) == 0


def test_that_the_best_epoch_of_an_older_run_is_found_by_its_means():
    run = run_of(steps=40, best_by="loss")
    best = best_epoch(run)
    means = epoch_means(run, "validation_loss")
    assert means[best.epoch - 1] == means.min() == best.loss
    part = slice(4 * best.epoch - 4, 4 * best.epoch)
    assert best.accuracy == pytest.approx(run.history["validation_accuracy"][part].mean())
    assert best_epoch(run_of(steps=3)) is None
    accuracies = epoch_means(run, "validation_accuracy")
    assert best_epoch(run_of(steps=40)).epoch == accuracies.argmax() + 1


def test_that_the_best_epoch_is_that_of_the_whole_validation_set_where_it_is_told():
    told = [EpochDone("a", 4 * n, n, 0.0, 0.0, 0.0, 0.0, loss, accuracy) for n, loss, accuracy in
            ((1, 0.5, 0.7), (2, 0.3, 0.8), (3, 0.2, 0.75))]  # fmt: skip
    assert best_epoch(replace(run_of(), epochs=tuple(told))) == BestEpoch(2, 8, 0.3, 0.8)
    assert best_epoch(replace(run_of(best_by="loss"), epochs=tuple(told))) == BestEpoch(3, 12, 0.2, 0.75)


def test_that_means_are_of_epochs_of_different_length():
    run = replace(run_of(steps=14), stretches=(Stretch(0, 0, 4), Stretch(8, 2, 3)))
    values = run.history["train_loss"]
    expected = [values[:4].mean(), values[4:8].mean(), values[8:11].mean(), values[11:14].mean()]
    assert epoch_means(run, "train_loss") == pytest.approx(expected)


def test_that_differing_settings_are_named_with_their_values():
    first, second = run_of(), run_of(learning_rate=0.5, seed=7)
    assert differing_settings([first, second, first]) == {"learning_rate", "seed"}
    assert setting_changes(first, second) == (("learning_rate", 0.001, 0.5), ("seed", 1, 7))
    assert differing_settings([]) == differing_settings([first]) == frozenset()


def test_that_changes_of_the_design_are_told_in_words():
    before = graph()
    after = edits.set_settings(before, "convolution-1", filters=6, size=(3, 5))
    after = edits.set_settings(after, "dropout-1", keep=0.5)
    after = edits.remove(after, ["sigmoid-1"])
    after, tanh = edits.add_layer(after, make_layer("tanh"))
    after = edits.connect(after, "fully_connected-1", tanh.id)
    after = edits.connect(after, tanh.id, "dropout-1")
    assert design_changes(before, after) == (
        "without Sigmoid 1",
        "Convolution 1: filters 4 → 6",
        "Convolution 1: filter size 3 → 3×5",
        "Dropout 1: keep probability 0.8 → 0.5",
        "with Tanh 1",
    )
    assert design_changes(before, before) == ()


def test_that_another_wire_between_the_same_nodes_is_told():
    before = graph()
    after = edits.disconnect(before, next(e for e in before.edges if e.target == "dropout-1"))
    after = edits.connect(after, "fully_connected-1", "dropout-1")
    assert design_changes(before, after) == ("Dropout 1 connected otherwise",)
