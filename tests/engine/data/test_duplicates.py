import io

import numpy as np
import pytest
from PIL import Image

from engine.data.dataset import Dataset
from engine.data.duplicates import Place, find_duplicates
from engine.data.preparation import PreparedData, prepare
from engine.data.progress import DataStoppedError
from engine.data.recipe import DataRecipe


def prepared(train: np.ndarray, test: np.ndarray, labels: list[int], test_labels: list[int]) -> PreparedData:
    names = tuple("ab")
    dataset = Dataset("d", train, np.array(labels, np.int32), test, np.array(test_labels, np.int32), names)
    return prepare(dataset, DataRecipe(validation_fraction=0.2))


def smooth(random: np.random.Generator, count: int, side: int = 32) -> np.ndarray:
    """Images with the low frequencies of photographs."""
    coarse = random.integers(0, 256, (count, 6, 6, 3), dtype=np.uint8)
    images = [Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC) for image in coarse]
    return np.stack([np.asarray(image) for image in images])


@pytest.fixture
def images(random):
    return smooth(random, 60)


def test_that_an_equal_image_in_two_parts_is_found_with_both_places(images):
    test = images[50:].copy()
    data = prepared(images[:50], test, [n % 2 for n in range(50)], [0] * 10)
    test[3] = data.train_images[7]
    data = prepared(images[:50], test, [n % 2 for n in range(50)], [0] * 10)
    (twins,) = find_duplicates(data).across(exact=True)
    assert (twins.first, twins.second) == (Place("train", 7), Place("test", 3))
    assert twins.same_class == (data.train_labels[7] == 0)


def test_that_images_without_twins_are_not_told(images):
    found = find_duplicates(prepared(images[:50], images[50:], [n % 2 for n in range(50)], [0] * 10))
    assert found.twins == ()
    assert found.near_looked_for


def jpeg(image: np.ndarray) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=60)
    return np.asarray(Image.open(stream))


@pytest.mark.parametrize(
    "change",
    [jpeg, lambda image: (image * 0.7 + 20).astype(np.uint8), lambda image: 255 - (255 - image) // 2],
)
def test_that_a_recompressed_darker_or_paler_copy_counts_as_nearly_equal(images, change):
    test = images[50:].copy()
    data = prepared(images[:50], test, [n % 2 for n in range(50)], [0] * 10)
    test[4] = change(data.train_images[11])
    found = find_duplicates(prepared(images[:50], test, [n % 2 for n in range(50)], [0] * 10))
    assert found.across(exact=True) == ()
    (twins,) = found.across(exact=False)
    assert (twins.first, twins.second) == (Place("train", 11), Place("test", 4))


def test_that_repetitions_in_one_part_and_contradicting_classes_are_told(images):
    train = images[:50].copy()
    train[10] = train[20] = train[30]
    labels = [0] * 50
    labels[20] = 1
    found = find_duplicates(prepared(train, images[50:], labels, [0] * 10))
    assert len(found.twins) == 2
    assert 1 <= len(found.contradictions()) <= 2


def test_that_images_too_small_are_compared_byte_by_byte_only(random):
    tiny = random.integers(0, 256, (30, 4, 4, 1), dtype=np.uint8)
    found = find_duplicates(prepared(tiny[:20], tiny[20:], [0, 1] * 10, [0] * 10))
    assert not found.near_looked_for


def test_that_looking_stops_when_it_is_no_longer_wanted(images):
    data = prepared(images[:50], images[50:], [0, 1] * 25, [0] * 10)
    with pytest.raises(DataStoppedError):
        find_duplicates(data, cancelled=lambda: True)
