"""A data set for classification: images and labels, in a training and a test part."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.errors import DataError


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled images as they were published, before any preparation.

    Images are uint8 [n, H, W, C], labels int32 [n] with values from 0 to classes - 1. All arrays are
    read-only and C-contiguous. Raises DataError when parts are empty or do not fit each other.
    """

    name: str
    train_images: npt.NDArray[np.uint8]
    train_labels: npt.NDArray[np.int32]
    test_images: npt.NDArray[np.uint8]
    test_labels: npt.NDArray[np.int32]
    class_names: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    """Pictures that could not be read and were left out, as the user wished: name and reason."""

    def __post_init__(self) -> None:
        if not self.class_names:
            raise DataError(f"The data set {self.name} names no classes: it needs at least one.")
        for part in ("train", "test"):
            images, labels = getattr(self, f"{part}_images"), getattr(self, f"{part}_labels")
            _check_part(f"The {part} part of the data set {self.name}", images, labels, len(self.class_names))
            object.__setattr__(self, f"{part}_images", read_only(images))
            object.__setattr__(self, f"{part}_labels", read_only(labels))
        if self.train_images.shape[1:] != self.test_images.shape[1:]:
            raise DataError(
                f"The data set {self.name} has training images of {_size(self.train_images)} and test images "
                f"of {_size(self.test_images)}: both parts must have the same size."
            )

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Shape of one image as (C, H, W)."""
        _, height, width, channels = self.train_images.shape
        return (channels, height, width)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)


@dataclass(frozen=True)
class DatasetSummary:
    """What is known of a data set without its images; `image_shape` is (C, H, W)."""

    image_shape: tuple[int, int, int]
    classes: int
    class_names: tuple[str, ...]
    train_count: int
    test_count: int


def read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same values as a read-only, C-contiguous array; copies only when they lie differently."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def _check_part(place: str, images: npt.NDArray[Any], labels: npt.NDArray[Any], classes: int) -> None:
    if images.dtype != np.uint8 or images.ndim != 4:
        raise DataError(
            f"{place} has images of type {images.dtype} with {images.ndim} axes: "
            "images must be uint8 with the four axes [n, height, width, channels]."
        )
    if labels.dtype != np.int32 or labels.ndim != 1:
        raise DataError(
            f"{place} has labels of type {labels.dtype} with {labels.ndim} axes: "
            "labels must be int32 with one axis."
        )
    if images.size == 0:
        raise DataError(f"{place} is empty: it needs at least one image.")
    if len(images) != len(labels):
        raise DataError(
            f"{place} has {len(images)} images but {len(labels)} labels: there must be one label an image."
        )
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        raise DataError(
            f"{place} gives image {wrong[0]} the label {labels[wrong[0]]}: "
            f"labels must lie between 0 and {classes - 1}, as there are {classes} classes."
        )


def _size(images: npt.NDArray[np.uint8]) -> str:
    _, height, width, channels = images.shape
    return f"{channels}×{height}×{width}"
