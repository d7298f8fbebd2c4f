from dataclasses import replace

import numpy as np
import pytest

from engine.design import edits
from engine.inspection.run_comparison import (
    best_epoch,
    design_changes,
    differing_settings,
    epoch_means,
    setting_changes,
)
from engine.layers import make_layer
from engine.project import Project
from engine.training.run import HISTORY_COLUMNS, Run
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


def test_that_the_best_epoch_has_the_lowest_validation_loss():
    run = run_of(steps=40)
    best = best_epoch(run)
    means = epoch_means(run, "validation_loss")
    assert means[best.epoch - 1] == means.min() == best.loss
    part = slice(4 * best.epoch - 4, 4 * best.epoch)
    assert best.accuracy == pytest.approx(run.history["validation_accuracy"][part].mean())
    assert best_epoch(run_of(steps=3)) is None


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
