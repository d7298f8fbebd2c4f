"""Facts of the published sets. Needs the official files: set GABOR_DATA_DIR to the folder that holds them."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from engine.data.datasets import dataset_summary, load_dataset
from engine.data.preparation import prepare
from engine.data.recipe import default_recipe

# The tests' own settings move GABOR_DATA_DIR to this name.
FOLDER = os.environ.get("GABOR_TEST_DATA_DIR")
pytestmark = pytest.mark.skipif(not FOLDER, reason="set GABOR_DATA_DIR to the folder with the official files")
DIGESTS = {
    "mnist": {
        "train_images": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
        "train_labels": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
        "test_images": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
        "test_labels": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
    },
    "cifar10": {
        "train_images": "47af8b02cfcfb6cdf3dbbd1969ad7f1b70f4413f6f80f437b020ee4e5bc8304a",
        "train_labels": "2b7cd2f24487317614016b72ffd53071c3062f592f0eb300c18a770d41ae1253",
        "test_images": "f9b1e2130bab680db56eb06d886f7f1ad0f1183907ceff4659d1735c890f5b04",
        "test_labels": "cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5",
    },
}


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_that_every_pixel_and_label_is_the_published_one(name):
    dataset = load_dataset(name, Path(FOLDER))
    for field, digest in DIGESTS[name].items():
        assert hashlib.sha256(getattr(dataset, field).astype(np.uint8).tobytes()).hexdigest() == digest


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_that_the_summary_holds_the_published_counts(name):
    dataset, summary = load_dataset(name, Path(FOLDER)), dataset_summary(name)
    assert summary.train_count == len(dataset.train_labels)
    assert summary.test_count == len(dataset.test_labels)
    assert (summary.image_shape, summary.class_names) == (dataset.image_shape, dataset.class_names)


def test_that_mnist_has_its_known_mean_deviation_and_counts():
    mnist = load_dataset("mnist", Path(FOLDER))
    assert mnist.train_images.mean() / 255 == pytest.approx(0.13066, abs=5e-6)
    assert mnist.train_images.std() / 255 == pytest.approx(0.30811, abs=5e-6)
    counts = np.bincount(mnist.train_labels).tolist()
    assert counts == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


def test_that_cifar10_has_its_known_means_deviations_and_counts():
    cifar10 = load_dataset("cifar10", Path(FOLDER))
    pixels = cifar10.train_images.reshape(-1, 3)
    assert pixels.mean(axis=0) / 255 == pytest.approx([0.49140, 0.48216, 0.44653], abs=6e-6)
    for channel, deviation in enumerate([0.24703, 0.24349, 0.26159]):
        assert pixels[:, channel].std() / 255 == pytest.approx(deviation, abs=6e-6)
    assert np.bincount(cifar10.train_labels).tolist() == [5000] * 10
    assert np.bincount(cifar10.test_labels).tolist() == [1000] * 10


def test_that_the_prepared_sets_are_as_the_thesis_has_them():
    mnist = prepare(load_dataset("mnist", Path(FOLDER)), default_recipe("mnist"))
    assert (len(mnist.train_labels), len(mnist.validation_labels)) == (45_000, 15_000)
    cifar10 = prepare(load_dataset("cifar10", Path(FOLDER)), default_recipe("cifar10"))
    assert (len(cifar10.train_labels), len(cifar10.validation_labels)) == (45_000, 5_000)
    assert cifar10.offset.shape == (32, 32, 3)
    assert cifar10.scale.item() == 2 / 255
