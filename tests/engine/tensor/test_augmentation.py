"""Random changes of training images against each of them computed alone, by SciPy or pixel by pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from engine.tensor.augmentation import Augmentation, Changes, augmented, cut_out, drawn

SHAPE = (9, 7, 3)
augmentations = st.builds(
    Augmentation,
    crop=st.integers(0, 12),
    reflect=st.booleans(),
    mirror=st.booleans(),
    rotation=st.sampled_from([0.0, 15.0, 180.0]),
    shift=st.sampled_from([0.0, 0.4, 3.0]),
    brightness=st.sampled_from([0.0, 0.3]),
    contrast=st.sampled_from([0.0, 0.5, 1.0]),
    lit=st.integers(0, 3),
    cutout=st.integers(0, 5),
)


def random_images(count: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (count, *shape)).astype(np.uint8)


def changed_alone(image: np.ndarray, how: Augmentation, changes: Changes, number: int) -> np.ndarray:
    """One image, float64, by SciPy: where each pixel comes from, then the light."""
    height, width, channels = image.shape
    y, x = np.mgrid[:height, :width].astype(float)
    if changes.mirrored[number]:
        x = width - 1 - x
    y, x = y - (height - 1) / 2, x - (width - 1) / 2
    angle = changes.angle[number]
    turned = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    y, x = np.einsum("ij,j...->i...", turned, np.stack([y, x]))
    y = y + (height - 1) / 2 + changes.rows[number] + changes.down[number]
    x = x + (width - 1) / 2 + changes.columns[number] + changes.across[number]
    border = {"mode": "mirror"} if how.reflect else {"mode": "grid-constant", "cval": 0.0}
    out = np.stack(
        [
            ndimage.map_coordinates(image[..., c].astype(float), [y, x], order=1, **border)
            for c in range(channels)
        ],
        axis=-1,
    )
    if how.brightness or how.contrast:
        lit = (out[..., : how.lit] - 127.5) * changes.factor[number] + 127.5 + changes.added[number]
        out[..., : how.lit] = np.clip(lit, 0, 255)
    return out


@given(how=augmentations, seed=st.integers(0, 2**62), step=st.integers(1, 2**40))
def test_that_a_batch_is_changed_as_each_image_alone(how: Augmentation, seed: int, step: int) -> None:
    images = random_images(6)
    index = np.array([5, 0, 3, 3])
    changes = drawn(how, seed, step, len(index), SHAPE[:2])
    found = augmented(np, images, index, how, changes, np.float64)
    for number, image in enumerate(images[index]):
        expected = changed_alone(image, how, changes, number)
        np.testing.assert_allclose(found[number], expected, rtol=1e-9, atol=1e-6)
    single = augmented(np, images, index, how, changes, np.float32)
    np.testing.assert_allclose(single, found, rtol=1e-4, atol=2e-3)


@given(crop=st.integers(1, 4), step=st.integers(1, 1000))
def test_that_a_random_crop_is_a_window_of_the_padded_image(crop: int, step: int) -> None:
    images = random_images(8)
    for mode, reflect in (("constant", False), ("reflect", True)):
        how = Augmentation(crop=crop, reflect=reflect)
        changes = drawn(how, 1, step, 8, SHAPE[:2])
        found = augmented(np, images, np.arange(8), how, changes, np.float32)
        padded = np.pad(images, ((0, 0), (crop, crop), (crop, crop), (0, 0)), mode=mode)
        for number in range(8):
            top, left = changes.rows[number] + crop, changes.columns[number] + crop
            window = padded[number, top : top + SHAPE[0], left : left + SHAPE[1]]
            np.testing.assert_array_equal(found[number], window)


def test_that_a_mirror_alone_turns_about_half_of_the_images_over() -> None:
    images, how = random_images(400), Augmentation(mirror=True)
    changes = drawn(how, 5, 7, 400, SHAPE[:2])
    found = augmented(np, images, np.arange(400), how, changes, np.float32)
    assert 150 < changes.mirrored.sum() < 250
    np.testing.assert_array_equal(found[changes.mirrored], images[changes.mirrored, :, ::-1])
    np.testing.assert_array_equal(found[~changes.mirrored], images[~changes.mirrored])


def test_that_draws_fill_their_ranges_and_no_more() -> None:
    how = Augmentation(crop=3, rotation=30, shift=2.5, brightness=0.2, contrast=0.4, cutout=4)
    changes = drawn(how, 2, 9, 20_000, (11, 8))
    for values in (changes.rows, changes.columns):
        assert np.bincount(values + 3).tolist() == pytest.approx([20_000 / 7] * 7, rel=0.1)
    assert set((changes.cut_row + 2).tolist()) == set(range(11))
    assert set((changes.cut_column + 2).tolist()) == set(range(8))
    signed = (changes.angle / np.radians(30), changes.down / 2.5, changes.across / 2.5,
              changes.added / 51, (changes.factor - 1) / 0.4)  # fmt: skip
    for values in signed:
        assert np.abs(values).max() <= 1
        assert np.histogram(values, 10, (-1, 1))[0].tolist() == pytest.approx([2000] * 10, rel=0.1)
    correlation = np.corrcoef(np.stack([*signed, changes.rows, changes.columns, changes.cut_row]))
    assert np.abs(correlation - np.eye(8)).max() < 0.04


def test_that_cutout_clears_one_square_that_may_reach_over_the_edge() -> None:
    how = Augmentation(cutout=4)
    changes = drawn(how, 1, 1, 200, (6, 5))
    x = np.ones((200, 6, 5, 2))
    cut_out(np, x, how, changes)
    for number, image in enumerate(x):
        expected = np.ones((6, 5, 2))
        top, left = int(changes.cut_row[number]), int(changes.cut_column[number])
        expected[max(0, top) : top + 4, max(0, left) : left + 4] = 0
        np.testing.assert_array_equal(image, expected)
    assert (x.sum(axis=(1, 2, 3)) < 60).all()


def test_that_images_of_one_pixel_reflect_themselves() -> None:
    images = random_images(3, (1, 1, 1))
    how = Augmentation(crop=2, reflect=True, rotation=90.0, shift=1.0)
    changes = drawn(how, 1, 1, 3, (1, 1))
    found = augmented(np, images, np.arange(3), how, changes, np.float64)
    np.testing.assert_allclose(found, images, rtol=1e-12)
