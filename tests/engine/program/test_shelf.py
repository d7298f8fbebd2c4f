import gc
import pickle
import tracemalloc

import numpy as np
import pytest

from engine.program.shelf import Shelf
from engine.tensor import kept_files
from engine.training.checkpoints import KeptCheckpoints
from engine.training.trainer import Trainer
from tests.engine.small_networks import chain, layer
from tests.engine.training.small_runs import SHAPE, data, project, trained


def tensors(seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {
        "weight": random.random((3, 4, 5), np.float32),
        "turned": random.random((6, 7)).T,
        "count": np.array(seed),
        "none": np.zeros((0, 2)),
    }


def assert_same(found, expected) -> None:
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype
        np.testing.assert_array_equal(found[name], tensor)


def test_that_tensors_come_from_a_shelf_as_they_were_put():
    shelf = Shelf()
    put = [shelf.put(tensors(seed)) for seed in range(3)]
    for seed, found in enumerate(put):
        assert_same(found, tensors(seed))
    with pytest.raises(ValueError, match="read-only"):
        put[0]["weight"][0] = 1
    with pytest.raises(KeyError):
        put[0]["other"]


def test_that_another_process_gets_the_tensors_themselves():
    found = pickle.loads(pickle.dumps(Shelf().put(tensors())))
    assert isinstance(found, dict)
    assert_same(found, tensors())


def test_that_a_place_is_used_again_once_nobody_holds_what_lay_there():
    shelf = Shelf()
    kept = shelf.put(tensors(0))
    for seed in range(1, 20):
        newest = shelf.put(tensors(seed))
    assert_same(kept, tensors(0))
    assert_same(newest, tensors(19))
    size = sum(tensor.nbytes for tensor in tensors().values())
    assert shelf.size <= 3 * size


def test_that_tensors_outlive_whoever_owned_the_shelf():
    found = Shelf().put(tensors())
    gc.collect()
    assert_same(found, tensors())


def test_that_tensors_stay_in_memory_where_no_file_can_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way of a folder")
    monkeypatch.setattr(kept_files, "cache_folder", lambda name: tmp_path / "file" / name)
    given = tensors()
    assert Shelf().put(given) is given


def wide_trainer(**settings: object) -> Trainer:
    """A network whose parameters outweigh all else."""
    design = chain(
        layer("input", shape=SHAPE),
        layer("fully_connected", outputs=20_000),
        layer("fully_connected", outputs=3),
        layer("softmax_classifier"),
    )
    return Trainer(project(design, epochs=3, **settings), data())


def test_that_kept_checkpoints_take_no_memory_until_they_are_read():
    trainer = wide_trainer(checkpoint_megabytes=500)
    size = trainer.compiled.checkpoint_bytes()
    assert size > 10_000_000
    tracemalloc.start()
    try:
        trained(trainer)
        kept = trainer.kept_checkpoints()
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [one.step for one in kept] == [7, 14, 21]
    assert used < size / 4
    name = next(name for name in kept[0].tensors if name.endswith("/weight"))
    weights = [one.tensors[name] for one in kept]
    assert not np.array_equal(weights[0], weights[1])


def test_that_a_checkpoint_is_kept_as_it_was_while_the_network_goes_on():
    trainer = wide_trainer()
    kept = KeptCheckpoints()
    events = trainer.events()
    while not trainer.run().epochs:
        next(events)
    then = trainer.checkpoint()
    kept.after_epoch(trainer.compiled, trainer.run().epochs, trainer.project.training)
    for _ in range(5):
        next(events)
    (found,) = kept.all()
    for key, tensor in then.tensors.items():
        np.testing.assert_array_equal(found.tensors[key], tensor)
