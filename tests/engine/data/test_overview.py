import numpy as np
import pytest

from engine.data.dataset import Dataset
from engine.data.overview import (
    EXAMPLE_SIDE,
    as_picture,
    examples_of,
    look_at_data,
    preview_of,
    raw_statistics,
)
from engine.data.preparation import prepare
from engine.data.progress import DataStoppedError
from engine.data.recipe import DataRecipe, default_recipe


def test_that_channel_statistics_are_those_of_numpy(random):
    images = random.integers(0, 256, (37, 5, 6, 3), dtype=np.uint8)
    found, values = raw_statistics(images), images / 255
    np.testing.assert_allclose(found.mean, values.mean(axis=(0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(found.deviation, values.std(axis=(0, 1, 2)), rtol=1e-9)
    np.testing.assert_array_equal(found.least, values.min(axis=(0, 1, 2)))
    np.testing.assert_array_equal(found.most, values.max(axis=(0, 1, 2)))


def test_that_the_sample_has_the_published_mean_and_is_prepared_to_mean_0_and_deviation_1():
    overview = look_at_data(default_recipe("mnist-sample"))
    assert overview.raw.mean[0] == pytest.approx(0.13066, abs=0.005)
    assert overview.raw.deviation[0] == pytest.approx(0.30811, abs=0.005)
    assert overview.prepared.mean[0] == pytest.approx(0, abs=0.01)
    assert overview.prepared.deviation[0] == pytest.approx(1, abs=0.01)


def test_that_a_look_stops_when_it_is_no_longer_wanted():
    with pytest.raises(DataStoppedError):
        look_at_data(default_recipe("mnist-sample"), cancelled=lambda: True)


def test_that_0_is_mid_grey_in_a_picture_of_prepared_values():
    picture = as_picture(np.array([[[-2.0], [0.0], [1.0]]]))
    assert picture[0, 0, 0] == 0
    assert picture[0, 1, 0] in (127, 128)
    assert picture[0, 2, 0] == round(127.5 + 127.5 / 2)
    assert (as_picture(np.zeros((2, 2, 1))) == 127).all()


def test_that_a_preview_shows_the_raw_image_and_changes_only_where_the_recipe_does(random):
    images = random.integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    labels = np.arange(20, dtype=np.int32) % 2
    data = prepare(Dataset("d", images, labels, images[:4], labels[:4], ("a", "b")), DataRecipe())
    still = preview_of(data, DataRecipe(), "test", 2)
    np.testing.assert_array_equal(still.raw, images[2])
    assert still.changed == ()
    values = data.apply(images[2:3])
    assert still.span == pytest.approx((values.min(), values.max()))
    moved = preview_of(data, DataRecipe(mirror=True, shift=2.0), "test", 2, count=3)
    assert len(moved.changed) == 3
    assert any((picture != images[2]).any() for picture in moved.changed)


def test_that_channels_that_are_no_colours_are_shown_one_by_one(random):
    images = random.integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    labels = np.arange(20, dtype=np.int32) % 2
    recipe = DataRecipe(filtering="gabor", gabor_orientations=2)
    data = prepare(Dataset("d", images, labels, images[:4], labels[:4], ("a", "b")), recipe)
    assert [picture.shape for picture in preview_of(data, recipe, "test", 0).prepared] == [(8, 8, 1)] * 5


def test_that_examples_are_of_their_class_go_round_and_are_thinned(random):
    images = random.integers(0, 256, (20, 200, 150, 3), dtype=np.uint8)
    labels = np.arange(20, dtype=np.int32) % 2
    data = prepare(Dataset("d", images, labels, images[:6], labels[:6], ("a", "b")), DataRecipe())
    (first, second) = examples_of(data, "test", first=2, count=2, most_classes=9)
    assert [example.index for example in first] == [4, 0]
    assert [example.index for example in second] == [5, 1]
    assert max(first[0].pixels.shape) < 2 * EXAMPLE_SIDE
    np.testing.assert_array_equal(first[0].pixels, images[4, ::3, ::3])
    assert len(examples_of(data, "test", first=0, count=9, most_classes=1)) == 1
