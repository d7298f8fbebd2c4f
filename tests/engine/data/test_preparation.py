from fractions import Fraction

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data.dataset import Dataset
from engine.data.datasets import load_dataset
from engine.data.pixel_scaling import fit_affine
from engine.data.preparation import prepare
from engine.data.recipe import DataRecipe, check, default_recipe
from engine.errors import DataError

scalings = st.sampled_from(["symmetric", "unit"])
centerings = st.sampled_from(["none", "mean", "channel_mean", "mean_image"])
standardisations = st.sampled_from(["none", "global", "channel"])


def plain_preparation(images, train, scaling, centering, standardise):
    """The preparation step by step in NumPy, without any affine map."""
    axes = {"mean": None, "global": None, "channel_mean": (0, 1, 2), "channel": (0, 1, 2), "mean_image": 0}
    fitted, x = (part / 255.0 if scaling == "unit" else part / 127.5 - 1.0 for part in (train, images))
    if centering != "none":
        mean = fitted.mean(axis=axes[centering], keepdims=True)
        fitted, x = fitted - mean, x - mean
    if standardise != "none":
        x = x / fitted.std(axis=axes[standardise], keepdims=True)
    return x


def colour_dataset(count=40, seed=0):
    random = np.random.default_rng(seed)
    # Channels and places of different brightness, so that each statistic differs from the others.
    ceiling = random.integers(20, 256, (5, 4, 3))
    return Dataset(
        name="patches",
        train_images=(random.random((count, 5, 4, 3)) * ceiling).astype(np.uint8),
        train_labels=(np.arange(count) % 4).astype(np.int32),
        test_images=(random.random((8, 5, 4, 3)) * ceiling).astype(np.uint8),
        test_labels=(np.arange(8) % 4).astype(np.int32),
        class_names=("a", "b", "c", "d"),
    )


@given(scalings, centerings, standardisations, st.integers(0, 2**32))
def test_that_the_affine_map_equals_the_preparation_step_by_step(scaling, centering, standardise, seed):
    recipe = DataRecipe(scaling=scaling, centering=centering, standardise=standardise)
    prepared = prepare(colour_dataset(seed=seed), recipe)
    for images in (prepared.train_images, prepared.validation_images, prepared.test_images):
        expected = plain_preparation(images, prepared.train_images, scaling, centering, standardise)
        np.testing.assert_allclose(prepared.apply(images, np.float64), expected, rtol=1e-9, atol=1e-11)
        single = prepared.apply(images)
        assert single.dtype == np.float32
        np.testing.assert_allclose(single, expected, rtol=1e-5, atol=1e-5)


def test_that_validation_and_test_images_do_not_move_the_statistics():
    dataset = colour_dataset()
    first = prepare(dataset, default_recipe("mnist"))
    changed = dataset.train_images.copy()
    changed[first.validation_index] = 255 - changed[first.validation_index]
    second = prepare(
        Dataset(
            name=dataset.name,
            train_images=changed,
            train_labels=dataset.train_labels,
            test_images=255 - dataset.test_images,
            test_labels=dataset.test_labels,
            class_names=dataset.class_names,
        ),
        default_recipe("mnist"),
    )
    np.testing.assert_array_equal(first.validation_index, second.validation_index)
    assert (first.scale, first.offset) == (second.scale, second.offset)


def test_that_parts_hold_what_their_indices_say():
    dataset = colour_dataset()
    prepared = prepare(dataset, DataRecipe())
    np.testing.assert_array_equal(prepared.train_images, dataset.train_images[prepared.train_index])
    np.testing.assert_array_equal(prepared.validation_labels, dataset.train_labels[prepared.validation_index])
    assert prepared.test_images is dataset.test_images
    assert not prepared.train_images.flags.writeable
    assert not prepared.offset.flags.writeable


def test_that_the_sample_is_prepared_as_the_thesis_prepares_mnist():
    prepared = prepare(load_dataset("mnist-sample"), default_recipe("mnist-sample"))
    assert (len(prepared.train_labels), len(prepared.validation_labels)) == (3750, 1250)
    pixels = prepared.apply(prepared.train_images, np.float64)
    assert pixels.mean() == pytest.approx(0, abs=1e-12)
    assert pixels.std() == pytest.approx(1, abs=1e-12)
    histograms = {part: counts.tolist() for part, counts in prepared.class_histograms().items()}
    assert histograms == {"training": [375] * 10, "validation": [125] * 10, "test": [100] * 10}


def test_that_the_mean_of_many_images_is_exact():
    images = np.full((3000, 1, 1, 1), 255, dtype=np.uint8)
    images[0] = 254
    _, offset = fit_affine(images, DataRecipe(scaling="unit", standardise="none"))
    exact = -Fraction(255 * 3000 - 1, 3000 * 255)
    assert offset.item() == pytest.approx(float(exact), rel=1e-15)


@pytest.mark.parametrize("centering", ["none", "mean", "channel_mean", "mean_image"])
@pytest.mark.parametrize("standardise", ["global", "channel"])
def test_that_constant_images_are_refused_in_words(centering, standardise):
    images = np.full((9, 2, 2, 3), 77, dtype=np.uint8)
    with pytest.raises(DataError, match="standard deviation"):
        fit_affine(images, DataRecipe(centering=centering, standardise=standardise))


def test_that_one_constant_channel_is_named():
    images = colour_dataset().train_images.copy()
    images[..., 1] = 200
    with pytest.raises(DataError, match="channel 2 of the training images"):
        fit_affine(images, DataRecipe(standardise="channel"))


def test_that_images_of_another_size_or_type_cannot_be_prepared():
    prepared = prepare(colour_dataset(), DataRecipe())
    for images in (np.zeros((1, 4, 5, 3), dtype=np.uint8), np.zeros((1, 5, 4, 3))):
        with pytest.raises(DataError, match="5×4×3"):
            prepared.apply(images)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dataset": "imagenet"}, "imagenet"),
        ({"validation_fraction": 0.0}, "fraction is 0:"),
        ({"validation_fraction": 1.0}, "fraction is 1:"),
        ({"validation_fraction": float("nan")}, "fraction is nan:"),
        ({"validation_fraction": float("inf")}, "fraction is inf:"),
        ({"split_seed": -1}, "seed of the split is -1"),
        ({"split_seed": 2**63}, "seed of the split"),
    ],
)
def test_that_settings_out_of_range_are_told_and_refused(changes, words):
    recipe = DataRecipe(**changes)
    [problem] = check(recipe)
    assert words in problem
    with pytest.raises(DataError, match=words):
        prepare(colour_dataset(), recipe)


@pytest.mark.parametrize("name", ["mnist-sample", "mnist", "cifar10"])
def test_that_default_recipes_are_valid_and_survive_json(name):
    recipe = default_recipe(name)
    assert recipe.dataset == name
    assert check(recipe) == []
    assert msgspec.json.decode(msgspec.json.encode(recipe), type=DataRecipe) == recipe


def test_that_a_default_recipe_needs_a_known_name():
    with pytest.raises(DataError, match="imagenet"):
        default_recipe("imagenet")
