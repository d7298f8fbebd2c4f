from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from engine.errors import DataError, TrainingError
from engine.thesis.results import ResultFolder, SeedResult
from engine.thesis.training import SeedOrder, done_already, with_filter_kinds


def result_of(order: SeedOrder, **changes: object) -> SeedResult:
    values = {
        "experiment": order.experiment, "seed": order.seed, "date": "2026-01-01", "device": "cpu: CPU",
        "settings": order.settings(), "parameters": 10, "memory": {"data": 5}, "steps": 4, "steps_per_epoch": 2,
        "training_seconds": 1.0, "seconds": 2.0, "test_accuracy": 0.5, "test_loss": 1.0, "validation_accuracy": 0.4,
        "train_accuracy": 0.6, "train_loss": 1.0, "validation_loss": 1.1, "train_total": 1.5, "first_total": 4.0,
        "test_by_epoch": [0.3, 0.5], "train_by_epoch": [0.3, 0.6], "validation_by_epoch": [0.2, 0.4],
        "class_names": ["a", "b"], "confusion": [[1, 2], [3, 4]], "histograms": {"training": [1, 2]}, "units": [],
    }  # fmt: skip
    return SeedResult(**(values | changes))


@pytest.fixture
def order(tmp_path: Path) -> SeedOrder:
    return SeedOrder("model-a", 2, tmp_path)


def test_that_a_result_comes_back_as_it_was_kept(order):
    folder = ResultFolder(order.out)
    kept = result_of(order)
    filters = np.arange(75, dtype=np.float32).reshape(1, 3, 5, 5)
    folder.save(kept, {"filters": filters})
    assert folder.results("model-a") == [kept]
    np.testing.assert_array_equal(folder.arrays("model-a", 2)["filters"], filters)


def test_that_what_is_kept_counts_as_done(order):
    assert not done_already(order)
    ResultFolder(order.out).save(result_of(order))
    assert done_already(order)
    assert not done_already(replace(order, seed=3))


def test_that_results_of_other_settings_are_not_mixed(order):
    ResultFolder(order.out).save(result_of(order))
    with pytest.raises(TrainingError, match="epochs 20 instead of 3: choose another folder"):
        done_already(replace(order, epochs=3))


def test_that_the_device_does_not_make_another_result(order):
    ResultFolder(order.out).save(result_of(order))
    assert done_already(replace(order, device="cuda:1"))


def test_that_a_damaged_result_says_which_file_to_delete(order):
    ResultFolder(order.out).save(result_of(order))
    path = order.out / "model-a" / "seed-2.json"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"seed-2\.json is no result"):
        done_already(order)


def test_that_filters_are_told_apart_with_a_control(order):
    rows, columns = np.mgrid[-2:3, -2:3]
    gabor = np.exp(-(rows**2 + columns**2) / 6) * np.cos(2 * np.pi * columns / 4)
    plus = np.zeros((5, 5))
    plus[2, 1:4] = plus[1:4, 2] = 0.5
    plus[2, 2] = 1
    noise = np.random.default_rng(0).normal(size=(2, 1, 5, 5))
    arrays = {"filters": np.stack([gabor, plus])[:, None], "first_filters": noise}
    kinds = with_filter_kinds(result_of(order), arrays).filters
    assert kinds is not None
    assert (kinds.gabor, kinds.neighbours, kinds.neither) == (1, 1, 0)
    assert kinds.wavelength == pytest.approx(4, abs=0.3)
    assert msgspec.json.decode(msgspec.json.encode(kinds))["control_gabor"] in (0, 1, 2)
