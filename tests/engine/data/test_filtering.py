"""Colours and filters of the preparation against Pillow and SciPy."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from engine.data import filtering, gathering
from engine.data.filtering import converted, edges, gabor, gabor_bank, lit_channels, luma
from engine.data.preparation import prepare
from engine.data.recipe import DataRecipe, channels_of, check, recipe_summary
from engine.design.findings import DataShape
from engine.design.inference import infer
from engine.project import Project
from engine.templates import chain
from engine.training.trainer import Trainer
from tests.engine.small_networks import layer, small_data
from tests.engine.training.small_runs import assert_same_run, project, trained

recipes = st.builds(
    DataRecipe,
    colour=st.sampled_from(["as_is", "grey", "ycbcr"]),
    filtering=st.sampled_from(["none", "edges", "gabor"]),
    filtered_only=st.booleans(),
    gabor_orientations=st.integers(1, 5),
    gabor_wavelength=st.sampled_from([2.0, 3.5, 8.0]),
)


def pictures(count: int = 5, size: tuple[int, int] = (13, 11), channels: int = 3) -> np.ndarray:
    return np.random.default_rng(4).integers(0, 256, (count, *size, channels)).astype(np.uint8)


@pytest.mark.parametrize(("colour", "mode"), [("grey", "L"), ("ycbcr", "YCbCr")])
def test_that_colours_are_those_of_pillow_to_one_level(colour: str, mode: str) -> None:
    images = pictures()
    images[0, 0, :8] = [[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0],
                        [0, 255, 255], [255, 0, 255]]  # fmt: skip
    found = converted(images, DataRecipe(colour=colour))
    expected = np.stack([np.asarray(Image.fromarray(image).convert(mode)) for image in images])
    expected = expected.reshape(*images.shape[:3], -1)
    assert found.dtype == np.uint8
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1
    # Pillow rounds down. The standard's own numbers, with differences of colour scaled to the range:
    r, g, b = (images[..., c].astype(np.float64) for c in range(3))
    light = 0.299 * r + 0.587 * g + 0.114 * b
    exact = np.stack([light, 128 + (b - light) / 1.772, 128 + (r - light) / 1.402], axis=3)
    assert np.abs(found - np.clip(exact[..., : found.shape[3]], 0, 255)).max() < 0.51


def test_that_images_of_one_channel_keep_it() -> None:
    images = pictures(channels=1)
    for colour in ("as_is", "grey", "ycbcr"):
        assert converted(images, DataRecipe(colour=colour)) is images
    two = pictures(channels=2)
    assert converted(two, DataRecipe(colour="ycbcr")) is two
    np.testing.assert_array_equal(
        converted(two, DataRecipe(colour="grey"))[..., 0], np.rint(two.mean(axis=3)).astype(np.uint8)
    )


def test_that_edges_are_sobels_gradient() -> None:
    grey = luma(pictures()).astype(np.float64)
    for image, found in zip(grey, edges(grey.astype(np.float32)), strict=True):
        expected = np.hypot(ndimage.sobel(image, axis=0), ndimage.sobel(image, axis=1)) / 4
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)
    step = np.zeros((1, 6, 8), np.float32)
    step[:, :, 4:] = 200
    np.testing.assert_allclose(edges(step)[0, 2], [0, 0, 0, 200, 200, 0, 0, 0])


@pytest.mark.parametrize("wavelength", [2.0, 4.0, 7.5])
def test_that_the_gabor_bank_answers_as_scipy_correlates(wavelength: float) -> None:
    grey, bank = luma(pictures()), gabor_bank(3, wavelength)
    found = gabor(grey, 3, wavelength)
    for number, image in enumerate(grey.astype(np.float64)):
        for place, weights in enumerate(bank.astype(np.float64)):
            expected = 127.5 + ndimage.correlate(image, weights, mode="reflect") / 2
            np.testing.assert_allclose(found[number, :, :, place], expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("orientations", [1, 4, 6])
def test_that_gabor_filters_have_no_mean_and_prefer_stripes_of_their_own(orientations: int) -> None:
    bank = gabor_bank(orientations, 4.0).astype(np.float64)
    np.testing.assert_allclose(bank.sum(axis=(1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(np.abs(bank).sum(axis=(1, 2)), 2, rtol=1e-5)
    y, x = np.mgrid[:40, :40]
    for number in range(orientations):
        angle = np.pi * number / orientations
        along = x * np.cos(angle) + y * np.sin(angle)
        stripes = (127.5 + 127.5 * np.cos(2 * np.pi * along / 4))[None].astype(np.float32)
        answers = np.abs(gabor(stripes, orientations, 4.0)[0, 8:-8, 8:-8] - 127.5).max(axis=(0, 1))
        assert answers.argmax() == number


@given(recipe=recipes, channels=st.sampled_from([1, 2, 3]))
def test_that_declared_channels_are_the_made_ones(recipe: DataRecipe, channels: int) -> None:
    images = pictures(2, (6, 7), channels)
    found = converted(images, recipe)
    assert found.shape == (2, 6, 7, channels_of(recipe, channels))
    assert 0 <= lit_channels(recipe, channels) <= found.shape[3]


def test_that_blocks_and_large_images_are_filtered_as_in_one_piece(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    recipe = DataRecipe(filtering="gabor", colour="ycbcr")
    images = pictures(9)
    whole = converted(images, recipe)
    monkeypatch.setattr(filtering, "_BLOCK_VALUES", 1)
    monkeypatch.setattr(filtering, "_SEEN_VALUES", 81 * 11 * 3)
    np.testing.assert_array_equal(converted(images, recipe), whole)
    # On disk, where the images lie there and what becomes of them is large.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(gathering, "MOST_IN_MEMORY", 1000)
    mapped = np.memmap(f"{tmp_path}/images", np.uint8, "w+", shape=images.shape)
    mapped[...] = images
    found = converted(mapped, recipe)
    assert gathering._is_mapped(found)
    np.testing.assert_array_equal(found, whole)


def test_that_the_shape_of_the_data_follows_the_recipe() -> None:
    assert recipe_summary(DataRecipe(dataset="cifar10", colour="grey")).image_shape == (1, 32, 32)
    recipe = DataRecipe(dataset="cifar10", filtering="gabor", gabor_orientations=6)
    summary = recipe_summary(recipe)
    assert summary.image_shape == (9, 32, 32)
    graph = chain(layer("input", shape=(3, 32, 32)), layer("fully_connected"), layer("softmax_classifier"))
    (problem,) = infer(graph, DataShape(summary.image_shape, 10)).problems
    assert "9×32×32" in problem.message
    assert recipe_summary(msgspec.structs.replace(recipe, filtered_only=True)).image_shape == (6, 32, 32)


def test_that_statistics_are_those_of_the_filtered_training_images() -> None:
    plain = small_data((3, 8, 8), 3, 60, 12)
    recipe = msgspec.structs.replace(
        plain.recipe, colour="ycbcr", filtering="edges", centering="channel_mean", standardise="channel"
    )
    prepared = prepare(plain.dataset, recipe)
    assert prepared.image_shape == (4, 8, 8)
    np.testing.assert_array_equal(prepared.train_images, plain.train_images)
    x = prepared.apply(prepared.train_images, np.float64)
    np.testing.assert_allclose(x.mean(axis=(0, 1, 2)), 0, atol=1e-9)
    np.testing.assert_allclose(x.std(axis=(0, 1, 2)), 1, rtol=1e-9)
    np.testing.assert_array_equal(
        prepared.apply(plain.test_images, np.float64),
        prepared.inputs["test"] * prepared.scale + prepared.offset,
    )


def test_that_a_network_trains_on_filtered_and_changed_images_and_resumes() -> None:
    plain = small_data((3, 6, 6), 3, 40, 10)
    recipe = msgspec.structs.replace(
        plain.recipe, filtering="gabor", gabor_orientations=2, mirror=True, brightness=0.2, shift=0.5
    )
    prepared = prepare(plain.dataset, recipe)
    graph = chain(
        layer("input", shape=(5, 6, 6)), layer("convolution", filters=3), layer("fully_connected", outputs=3),
        layer("softmax_classifier"),
    )  # fmt: skip
    design: Project = replace(project(graph), data=recipe)
    whole = Trainer(design, prepared)
    trained(whole)
    part = Trainer(design, prepared)
    trained(part, until=4)
    rest = Trainer(design, prepared, resume=part.run())
    trained(rest)
    assert_same_run(rest.run(), whole.run())


@pytest.mark.parametrize("value", [1.0, 100.0, float("nan")])
def test_that_a_wavelength_out_of_range_is_told(value: float) -> None:
    (problem,) = check(DataRecipe(gabor_wavelength=value))
    assert "wavelength of the Gabor filters" in problem
