import dataclasses

import numpy as np
import pytest

from engine.data.dataset import Dataset
from engine.errors import DataError


def dataset(**changes):
    fields = {
        "name": "stripes",
        "train_images": np.zeros((6, 4, 5, 3), dtype=np.uint8),
        "train_labels": np.array([0, 1, 0, 1, 0, 1], dtype=np.int32),
        "test_images": np.zeros((2, 4, 5, 3), dtype=np.uint8),
        "test_labels": np.array([0, 1], dtype=np.int32),
        "class_names": ("across", "down"),
    }
    return Dataset(**{**fields, **changes})


def test_that_shape_and_classes_are_told():
    assert dataset().image_shape == (3, 4, 5)
    assert dataset().classes == 2


def test_that_arrays_cannot_be_changed():
    stripes = dataset()
    with pytest.raises(ValueError, match="read-only"):
        stripes.train_images[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        stripes.test_labels[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        stripes.name = "dots"


def test_that_arrays_lie_contiguous():
    images = np.zeros((6, 3, 4, 5), dtype=np.uint8).transpose(0, 2, 3, 1)
    assert dataset(train_images=images).train_images.flags.c_contiguous


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"class_names": ()}, "names no classes"),
        ({"train_images": np.zeros((6, 4, 5, 3))}, "float64"),
        ({"train_images": np.zeros((6, 4, 5), dtype=np.uint8)}, "3 axes"),
        ({"test_labels": np.array([0, 1])}, "int64"),
        ({"test_labels": np.zeros((2, 1), dtype=np.int32)}, "2 axes"),
        ({"train_labels": np.zeros(5, dtype=np.int32)}, "6 images but 5 labels"),
        ({"test_labels": np.array([0, 2], dtype=np.int32)}, "image 1 the label 2: .* between 0 and 1"),
        ({"test_labels": np.array([-1, 1], dtype=np.int32)}, "image 0 the label -1"),
        ({"test_images": np.zeros((2, 4, 4, 3), dtype=np.uint8)}, "3×4×5 and test images of 3×4×4"),
        (
            {
                "test_images": np.zeros((0, 4, 5, 3), dtype=np.uint8),
                "test_labels": np.zeros(0, dtype=np.int32),
            },
            "test part of the data set stripes is empty",
        ),
        ({"train_images": np.zeros((6, 0, 5, 3), dtype=np.uint8)}, "empty"),
    ],
)
def test_that_parts_which_do_not_fit_are_refused(changes, words):
    with pytest.raises(DataError, match=words):
        dataset(**changes)
