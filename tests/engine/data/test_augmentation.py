import msgspec
import numpy as np
import pytest

from engine.data.augmentation import augmentation_of, augmentation_remarks, changed_pictures
from engine.data.datasets import dataset_summary
from engine.data.recipe import DataRecipe, check
from engine.tensor.augmentation import Augmentation


def test_that_a_recipe_as_it_is_changes_nothing():
    assert augmentation_of(DataRecipe(), 3) is None
    assert augmentation_of(DataRecipe(border="reflect"), 3) is None
    pictures = np.zeros((2, 4, 4, 1), np.uint8)
    assert changed_pictures(pictures, DataRecipe()) is pictures


def test_that_each_field_reaches_the_kernels():
    recipe = DataRecipe(
        crop_padding=4, border="reflect", mirror=True, rotation=10.0, shift=1.5, brightness=0.1, contrast=0.2, cutout=8
    )  # fmt: skip
    expected = Augmentation(4, True, True, 10.0, 1.5, 0.1, 0.2, 3, 8)
    assert augmentation_of(recipe, 3) == expected


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("crop_padding", -1, "padding of random crops is -1"),
        ("rotation", 181.0, "between 0 and 180 degrees"),
        ("shift", float("nan"), "shift is nan"),
        ("brightness", 1.5, "change of brightness is 1.5"),
        ("contrast", -0.1, "change of contrast"),
        ("cutout", 5000, "between 0 and 1024 pixels"),
    ],
)
def test_that_values_out_of_range_are_told(field, value, words):
    (problem,) = check(msgspec.structs.replace(DataRecipe(), **{field: value}))
    assert words in problem


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"mirror": True}, "a mirrored 2"), ({"rotation": 90.0}, "6 into a 9"), ({"crop_padding": 14}, "half of them"),
     ({"cutout": 24}, "hides 24×24")],
)  # fmt: skip
def test_that_changes_that_do_not_suit_digits_are_remarked_on(changes, words):
    (remark,) = augmentation_remarks(DataRecipe(**changes), dataset_summary("mnist"))
    assert words in remark


def test_that_usual_changes_are_not_remarked_on():
    digits = DataRecipe(rotation=15.0, shift=2.0, cutout=8)
    assert augmentation_remarks(digits, dataset_summary("mnist-sample")) == ()
    usual = DataRecipe(crop_padding=4, mirror=True, cutout=16, rotation=90.0)
    assert augmentation_remarks(usual, dataset_summary("cifar10")) == ()
    assert augmentation_remarks(DataRecipe(mirror=True), dataset_summary("fashion-mnist")) == ()


def test_that_pictures_are_changed_as_training_changes_them():
    images = np.random.default_rng(1).integers(0, 256, (5, 8, 8, 3)).astype(np.uint8)
    recipe = DataRecipe(crop_padding=2, mirror=True, cutout=4)
    found = changed_pictures(images, recipe, seed=3, step=2)
    assert found.dtype == np.uint8
    assert found.shape == images.shape
    assert (found == 128).all(axis=3).any(axis=(1, 2)).all()
    np.testing.assert_array_equal(found, changed_pictures(images, recipe, seed=3, step=2))
    assert (found != changed_pictures(images, recipe, seed=3, step=3)).any()
