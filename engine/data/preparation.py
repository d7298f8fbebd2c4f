"""From a published data set to what training consumes: three parts and the map that prepares their pixels."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.data.dataset import Dataset, read_only
from engine.data.filtering import converted
from engine.data.gathering import gathered
from engine.data.pixel_scaling import fit_affine
from engine.data.recipe import DataRecipe, check
from engine.data.split import stratified_split
from engine.errors import DataError


@dataclass(frozen=True, eq=False)
class PreparedData:
    """Training, validation and test parts as raw uint8 [n, H, W, C] with int32 labels [n].

    `inputs` are the parts with the recipe's colours and filters, uint8 [n, H, W, C'] (the same arrays where it asks for
    none), which become what the network sees by `u8 * scale + offset` (float64, three axes that broadcast to
    [H, W, C']), fitted on the training part alone. The validation part is in a seeded random order, so that consecutive
    examples are about balanced. `train_index` and `validation_index` (int64) point into the published
    training images. All arrays are read-only.
    """

    dataset: Dataset
    recipe: DataRecipe
    train_index: npt.NDArray[np.int64]
    validation_index: npt.NDArray[np.int64]
    train_images: npt.NDArray[np.uint8]
    train_labels: npt.NDArray[np.int32]
    validation_images: npt.NDArray[np.uint8]
    validation_labels: npt.NDArray[np.int32]
    test_images: npt.NDArray[np.uint8]
    test_labels: npt.NDArray[np.int32]
    inputs: Mapping[str, npt.NDArray[np.uint8]]
    """By "train", "validation" and "test"."""
    scale: npt.NDArray[np.float64]
    offset: npt.NDArray[np.float64]

    def apply(self, images: npt.NDArray[np.uint8], dtype: npt.DTypeLike = np.float32) -> npt.NDArray[Any]:
        """What the network sees of raw images: uint8 [n, H, W, C] to [n, H, W, C'] in a float type."""
        expected = self.dataset.train_images.shape[1:]
        if images.dtype != np.uint8 or images.shape[1:] != expected:
            sizes = "×".join(str(size) for size in expected)
            raise DataError(
                f"Images of type {images.dtype} and shape {list(images.shape)} cannot be prepared: "
                f"{self.dataset.name} has uint8 images [n, height, width, channels] with {sizes}."
            )
        prepared: npt.NDArray[Any] = converted(images, self.recipe).astype(dtype)
        prepared *= self.scale.astype(dtype)
        prepared += self.offset.astype(dtype)
        return prepared

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C', H, W) of an image as the network sees it."""
        _, height, width, channels = self.inputs["train"].shape
        return channels, height, width

    @property
    def preparation(self) -> dict[str, npt.NDArray[np.float64]]:
        """What was fitted on the training images: "scale" and "offset"."""
        return {"scale": self.scale, "offset": self.offset}

    def prepared_as(self, preparation: Mapping[str, npt.NDArray[np.float64]]) -> "PreparedData":
        """The same images, prepared as a network learned to see them; as they are where that does not fit them."""
        try:
            scale, offset = (
                np.broadcast_to(preparation[name], self.inputs["train"].shape[1:])
                for name in ("scale", "offset")
            )
        except (KeyError, ValueError):
            return self
        if np.array_equal(scale, np.broadcast_to(self.scale, scale.shape)) and np.array_equal(
            offset, np.broadcast_to(self.offset, offset.shape)
        ):
            return self
        return replace(self, scale=preparation["scale"], offset=preparation["offset"])

    def class_histograms(self) -> dict[str, npt.NDArray[np.int64]]:
        """Examples of each class, int64 [classes], under "training", "validation" and "test"."""
        classes = self.dataset.classes
        return {
            "training": np.bincount(self.train_labels, minlength=classes),
            "validation": np.bincount(self.validation_labels, minlength=classes),
            "test": np.bincount(self.test_labels, minlength=classes),
        }


def prepare(dataset: Dataset, recipe: DataRecipe) -> PreparedData:
    """Split the data set and fit the preparation on its training part.

    Raises DataError when the recipe has settings out of range or does not suit the data.
    """
    problems = check(recipe)
    if problems:
        raise DataError(" ".join(problems))
    train, validation = stratified_split(
        dataset.train_labels, dataset.classes, recipe.validation_fraction, recipe.split_seed
    )
    train_images = gathered(dataset.train_images, train)
    validation_images = gathered(dataset.train_images, validation)
    parts = {"train": train_images, "validation": validation_images, "test": dataset.test_images}
    inputs = {name: read_only(converted(images, recipe)) for name, images in parts.items()}
    scale, offset = fit_affine(inputs["train"], recipe)
    return PreparedData(
        dataset=dataset,
        recipe=recipe,
        train_index=read_only(train),
        validation_index=read_only(validation),
        train_images=read_only(train_images),
        train_labels=read_only(dataset.train_labels[train]),
        validation_images=read_only(validation_images),
        validation_labels=read_only(dataset.train_labels[validation]),
        test_images=dataset.test_images,
        test_labels=dataset.test_labels,
        inputs=inputs,
        scale=read_only(scale),
        offset=read_only(offset),
    )
