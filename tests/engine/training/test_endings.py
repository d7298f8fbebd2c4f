"""However a training ends, it says so in a sentence with what to do, and keeps what was learned until then."""

import errno
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.data import image_cache
from engine.data.preparation import prepare
from engine.data.recipe import DataRecipe, recipe_dataset
from engine.errors import DataError, DeviceError
from engine.project import Project
from engine.settings import TrainingSettings
from engine.training.run import Run
from engine.training.steering import Change
from engine.training.trainer import Trainer
from tests.engine.small_networks import chain, layer
from tests.engine.training.small_runs import assert_same_run, data, ended, project, trained

FAILURES = {
    "memory": (MemoryError(), ("memory was full after step 9", "Close other programs and resume")),
    "file": (
        OSError(errno.EIO, "Input/output error", "/data/train.bin"),
        ("after step 9", "“/data/train.bin” (input/output error)", "Put that right, then resume the run"),
    ),
    "device": (
        DeviceError("The GPU has fallen off the bus: restart the computer."),
        ("off the bus: restart",),
    ),
}


def failing(trainer: Trainer, failure: Exception, after: int) -> None:
    """Let the step behind `after` others fail."""
    step = trainer.compiled.step

    def fail() -> None:
        if int(trainer.compiled.store.clock[1]) == after:
            raise failure
        step()

    trainer.compiled.step = fail


def whole() -> Run:
    trainer = Trainer(project(), data())
    trained(trainer)
    return trainer.run()


@pytest.mark.parametrize("kind", FAILURES)
def test_that_a_step_that_fails_ends_the_training_in_a_sentence_with_all_before_it_kept(kind: str) -> None:
    failure, words = FAILURES[kind]
    trainer = Trainer(project(), data())
    failing(trainer, failure, 9)
    end = ended(trained(trainer))
    assert end.reason == "failed"
    for part in words:
        assert part in end.message
    run = trainer.run()
    assert (run.status, run.message, run.step) == ("failed", end.message, 9)
    assert [epoch.step for epoch in run.epochs] == [7]
    assert [kept.step for kept in run.checkpoints] == [7]
    # Nothing was learned by half: it goes on as if nothing had been.
    again = Trainer(project(), data(), resume=run)
    trained(again)
    assert_same_run(again.run(), whole())


def test_that_a_validation_that_fails_loses_no_step() -> None:
    trainer = Trainer(project(), data())
    validate = trainer.compiled.validate

    def fail() -> None:
        if int(trainer.compiled.store.clock[1]) == 10:
            raise MemoryError
        validate()

    trainer.compiled.validate = fail
    assert "memory was full after step 10" in ended(trained(trainer)).message
    again = Trainer(project(), data(), resume=trainer.run())
    trained(again)
    for key, tensor in whole().checkpoint.tensors.items():  # type: ignore[union-attr]
        np.testing.assert_array_equal(again.checkpoint().tensors[key], tensor)


@pytest.mark.parametrize("part", ["validation", "test"])
def test_that_a_look_that_fails_loses_no_step(part: str) -> None:
    trainer = Trainer(project(), data())
    classify = trainer.compiled.classify

    def fail(looked: str, most: int | None = None) -> object:
        if looked == part and trainer.step == 14:
            raise MemoryError
        return classify(looked, most)

    trainer.compiled.classify = fail  # type: ignore[assignment]
    assert "memory was full after step 14" in ended(trained(trainer)).message
    run = trainer.run()
    assert run.step == 14
    again = Trainer(project(), data(), resume=run)
    trained(again)
    assert_same_run(again.run(), whole())
    assert [epoch.step for epoch in again.run().epochs] == [7, 14, 21]


@pytest.mark.parametrize("optimizer", ["sgd", "adam_decoupled"])
def test_that_a_learning_rate_raised_beyond_reason_ends_in_words_and_the_best_epoch_is_kept(
    optimizer: str,
) -> None:
    trainer = Trainer(project(epochs=60, optimizer=optimizer, weight_decay=0.1), data())
    events = []
    for event in trainer.events():
        if trainer.step == 7 and not any(e.step == 7 for e in events):
            trainer.change(Change("learning_rate", 100.0))
        if trainer.step >= 14 and optimizer != "sgd":
            trainer.change(Change("weight_decay", 100.0))
        events.append(event)
    end = ended(events)
    assert end.reason == "failed"
    assert "Try a smaller learning rate than 100" in end.message
    run = trainer.run()
    assert run.at(7) is not None
    for kept in (*run.checkpoints, run.checkpoint):
        assert kept is not None
        for key, tensor in kept.tensors.items():
            assert np.isfinite(tensor).all(), key


def own_images(folder: Path) -> None:
    """Twenty pictures of each of two classes."""
    random = np.random.default_rng(0)
    for name, shade in (("dark", 40), ("light", 200)):
        (folder / name).mkdir(parents=True)
        for number in range(20):
            pixels = np.clip(random.normal(shade, 20, (8, 8, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")


def test_that_images_that_vanish_in_mid_training_do_no_harm_and_are_missed_by_name_afterwards(
    tmp_path, monkeypatch
):
    cache = tmp_path / "cache"
    monkeypatch.setattr(image_cache, "cache_folder", lambda: cache)
    folder = tmp_path / "shades"
    own_images(folder)
    recipe = DataRecipe(dataset=str(folder), validation_fraction=0.25)
    design = chain(
        layer("input", shape=(3, 32, 32)), layer("fully_connected", outputs=2), layer("softmax_classifier")
    )
    settings = TrainingSettings(device="cpu", threads=1, batch_size=4, epochs=3, learning_rate=0.01)
    of_images = Project(graph=design, data=recipe, training=settings)
    prepared = prepare(recipe_dataset(recipe), recipe)
    plain = Trainer(of_images, prepared)
    trained(plain)
    trainer = Trainer(of_images, prepared)
    for _ in trainer.events():
        if trainer.step >= 1 and folder.exists():
            shutil.rmtree(folder)
            shutil.rmtree(cache)
    assert trainer.run().status == "finished"
    assert_same_run(trainer.run(), plain.run())
    with pytest.raises(DataError, match="shades"):
        recipe_dataset(recipe)
