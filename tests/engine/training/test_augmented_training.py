"""Training on images that are changed at random: repeatable, resumable, and only while training."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from engine.data.preparation import PreparedData, prepare
from engine.data.recipe import DataRecipe
from engine.project import Project
from engine.training.trainer import Trainer
from tests.engine.small_networks import compile_network
from tests.engine.training.small_runs import assert_same_run, data, graph, project, trained

CHANGES = {
    "crop": {"crop_padding": 2},
    "all": {
        "crop_padding": 2, "border": "reflect", "mirror": True, "rotation": 20.0, "shift": 0.5, "brightness": 0.1,
        "contrast": 0.2, "cutout": 3,
    },
}  # fmt: skip


def changing(**changes: object) -> PreparedData:
    plain = data()
    return prepare(plain.dataset, msgspec.structs.replace(plain.recipe, **changes))


def changed_project(recipe: DataRecipe, **settings: object) -> Project:
    return replace(project(**settings), data=recipe)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_that_a_resumed_run_sees_the_same_changes(changes: dict[str, object], threads: int) -> None:
    prepared = changing(**changes)
    design = changed_project(prepared.recipe, threads=threads)
    whole = Trainer(design, prepared)
    trained(whole)
    run = None
    for stop in (3, 9, 14):
        part = Trainer(design, prepared, resume=run)
        trained(part, until=stop)
        run = part.run()
    last = Trainer(design, prepared, resume=run)
    trained(last)
    assert_same_run(last.run(), whole.run())
    plain = Trainer(project(threads=threads), data())
    trained(plain)
    assert plain.run().history["train_loss"][3] != whole.run().history["train_loss"][3]


def test_that_each_step_sees_other_changes_and_each_seed_too() -> None:
    prepared = changing(shift=2.0)
    trainer = Trainer(changed_project(prepared.recipe), prepared)
    gather = next(op for op in trainer.compiled.training_program.operations if op.name == "gather")
    arrays = [np.zeros(gather.outputs[0].shape, np.float32) for _ in range(4)]
    labels = np.zeros(4, np.int32)
    for number, (seed, step) in enumerate([(1, 1), (1, 2), (2, 1), (1, 1)]):
        inputs = (
            prepared.train_images, prepared.train_labels, np.arange(30, dtype=np.int32),
            np.array([seed, step, 0, 0]), prepared.scale.astype(np.float32), prepared.offset.astype(np.float32),
        )  # fmt: skip
        device = trainer.device
        device.kernels["gather"](device, arrays[number], labels, *inputs, **gather.attributes)
    first, later, other, again = arrays
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - later).max() > 0.01
    assert np.abs(first - other).max() > 0.01


def test_that_validation_and_test_images_are_never_changed() -> None:
    changed, plain = changing(**CHANGES["all"]), data()
    answers = []
    for prepared in (changed, plain):
        compiled = compile_network(graph(), prepared)
        answers.append([answer.probabilities for answer in compiled.classify("test")])
    np.testing.assert_array_equal(np.concatenate(answers[0]), np.concatenate(answers[1]))


def test_that_no_change_is_no_other_program() -> None:
    compiled = compile_network(graph(), data())
    gather = next(op for op in compiled.training_program.operations if op.name == "gather")
    assert gather.attributes["augmentation"] is None
