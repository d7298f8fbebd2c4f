"""What was fitted on the training images belongs to the run: whoever goes on with it, or looks at it, sees alike."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from engine.data.dataset import Dataset
from engine.data.preparation import PreparedData, prepare
from engine.errors import ProjectFileError
from engine.project_file import load, save
from engine.training.forking import fork
from engine.training.run_store import RunJournal, recover
from engine.training.trainer import Trainer
from tests.engine.training.small_runs import data, project, trained


def brighter() -> PreparedData:
    """The same set after other images have come."""
    old = data().dataset
    images = np.clip(old.train_images.astype(int) + 40, 0, 255).astype(np.uint8)
    changed = Dataset(old.name, images, old.train_labels, old.test_images, old.test_labels, old.class_names)
    return prepare(changed, data().recipe)


def test_that_a_run_keeps_what_was_fitted_in_file_and_journal(tmp_path: Path) -> None:
    trainer = Trainer(project(), data())
    begun = trainer.run()
    trained(trainer, until=3)
    run = trainer.run()
    np.testing.assert_array_equal(run.preparation["scale"], data().scale)
    save(tmp_path / "kept.netproj", trainer.project, [run])
    (found,) = load(tmp_path / "kept.netproj").runs
    journal = RunJournal(tmp_path / "journals", begun)
    journal.close()
    recovered = recover(tmp_path / "journals")
    assert len(recovered) == 1
    for other in (found, *recovered):
        assert set(other.preparation) == {"scale", "offset"}
        for name, values in run.preparation.items():
            np.testing.assert_array_equal(other.preparation[name], values)


def test_that_a_resumed_run_and_what_looks_at_it_prepare_as_before() -> None:
    first = Trainer(project(), data())
    trained(first, until=5)
    run = first.run()
    changed = brighter()
    assert not np.array_equal(changed.offset, data().offset)
    later = Trainer(project(), changed, resume=run)
    np.testing.assert_array_equal(later.data.offset, data().offset)
    np.testing.assert_array_equal(later.run().preparation["offset"], data().offset)
    pixels = changed.test_images[:2]
    np.testing.assert_array_equal(changed.prepared_as(run.preparation).apply(pixels), data().apply(pixels))
    # A run of an older version tells nothing, and one on images of another size fits nothing.
    assert changed.prepared_as({}) is changed
    assert changed.prepared_as({"scale": np.ones((5, 1, 1)), "offset": np.ones((1, 1, 1))}) is changed
    assert data().prepared_as(run.preparation).scale.shape == data().scale.shape


def test_that_a_fork_onto_other_data_fits_anew() -> None:
    first = Trainer(project(), data())
    trained(first, until=5)
    same = fork(first.run(), None)
    assert set(same.run.preparation) == {"scale", "offset"}
    recipe = msgspec.structs.replace(first.project.data, validation_fraction=0.4)
    assert fork(first.run(), None, replace(first.project, data=recipe)).run.preparation == {}


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ({"scale": np.ones((1, 1, 1))}, "must consist of scale and offset"),
        ({"scale": np.ones(3), "offset": np.ones((1, 1, 1))}, "three axes"),
        ({"scale": np.full((1, 1, 1), np.inf), "offset": np.ones((1, 1, 1))}, "not finite"),
    ],
    ids=["half", "axes", "infinite"],
)
def test_that_a_damaged_preparation_is_refused(
    damage: dict[str, np.ndarray], words: str, tmp_path: Path
) -> None:
    trainer = Trainer(project(), data())
    with pytest.raises(ProjectFileError, match=words):
        save(tmp_path / "x.netproj", trainer.project, [replace(trainer.run(), preparation=damage)])
