"""A look at data before anything is trained: what its pixels are like, raw and prepared."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.data.augmentation import augmentation_of, changed_pictures
from engine.data.preparation import PreparedData, prepare
from engine.data.progress import Cancelled, DataProgress, DataStoppedError, Report, never, no_report
from engine.data.recipe import DataRecipe, recipe_dataset

SAMPLED = 2000
"""Training images that prepared values are measured on."""
EXAMPLE_SIDE = 64
"""Larger images are thinned to about so many pixels a side to be shown as examples."""
_BLOCK_BYTES = 2**24


@dataclass(frozen=True, eq=False)
class ChannelStatistics:
    """Of each channel over images and places, float64 [C]."""

    mean: npt.NDArray[np.float64]
    deviation: npt.NDArray[np.float64]
    """Standard deviation, population form."""
    least: npt.NDArray[np.float64]
    most: npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DataOverview:
    """Prepared data, and the statistics of its training part."""

    data: PreparedData
    raw: ChannelStatistics
    """Of all training images, with pixel values 0..255 as 0 to 1."""
    prepared: ChannelStatistics
    """Of what the network gets, over the first SAMPLED training images."""


def look_at_data(
    recipe: DataRecipe,
    folder: Path | None = None,
    *,
    report: Report = no_report,
    cancelled: Cancelled = never,
) -> DataOverview:
    """Load and prepare what the recipe names, and measure it.

    Raises DataError in words where that cannot be done, DataStoppedError when `cancelled` says so.
    """
    dataset = recipe_dataset(recipe, folder, report=report, cancelled=cancelled)
    report(DataProgress("Preparing", 0, 1))
    data = prepare(dataset, recipe)
    raw = raw_statistics(data.train_images, cancelled)
    return DataOverview(data, raw, prepared_statistics(data))


def raw_statistics(images: npt.NDArray[np.uint8], cancelled: Cancelled = never) -> ChannelStatistics:
    """Statistics of raw images [n, H, W, C], 0 to 1; exact sums, block by block."""
    channels = images.shape[3]
    total, squares = np.zeros(channels), np.zeros(channels)
    least, most = np.full(channels, 255), np.zeros(channels, np.int64)
    step = max(1, _BLOCK_BYTES // max(1, images[:1].nbytes))
    for first in range(0, len(images), step):
        if cancelled():
            raise DataStoppedError("Stopped.")
        block = images[first : first + step].reshape(-1, channels)
        total += block.sum(axis=0, dtype=np.int64)
        squares += np.square(block, dtype=np.uint16).sum(axis=0, dtype=np.int64)
        least, most = np.minimum(least, block.min(axis=0)), np.maximum(most, block.max(axis=0))
    count = images.size // channels
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
    return ChannelStatistics(mean / 255, deviation / 255, least / 255, most / 255)


def prepared_statistics(data: PreparedData) -> ChannelStatistics:
    """Statistics of prepared training images."""
    values = data.apply(data.train_images[:SAMPLED], np.float32)
    flat = values.reshape(-1, values.shape[-1]).astype(np.float64)
    return ChannelStatistics(flat.mean(axis=0), flat.std(axis=0), flat.min(axis=0), flat.max(axis=0))


def as_picture(prepared: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """One prepared image [H, W, C] to be looked at: 0 is mid-grey, the largest magnitude black or white."""
    largest = float(np.abs(prepared).max(initial=0.0))
    if not np.isfinite(largest) or largest == 0:
        return np.full(prepared.shape, 127, np.uint8)
    levels: npt.NDArray[np.uint8] = np.rint(127.5 + 127.5 * prepared / largest).astype(np.uint8)
    return levels


@dataclass(frozen=True, eq=False)
class Preview:
    """One image as it is, as the network gets it, and as augmentation changes it; uint8 [H, W, C]."""

    raw: npt.NDArray[np.uint8]
    prepared: tuple[npt.NDArray[np.uint8], ...]
    """One picture, or one of each channel where these are no colours; 0 is mid-grey."""
    span: tuple[float, float]
    """Least and greatest prepared value."""
    changed: tuple[npt.NDArray[np.uint8], ...]
    """Empty where the recipe changes nothing."""


def preview_of(
    data: PreparedData, recipe: DataRecipe, part: str, index: int, *, seed: int = 0, count: int = 4
) -> Preview:
    """What becomes of an image of a part ("train", "validation", "test"); `recipe` says how it is changed at random."""
    raw = getattr(data, f"{part}_images")[index]
    values = data.apply(raw[None])[0]
    picture = as_picture(values)
    is_picture = picture.shape[2] == 1 or (picture.shape[2] == 3 and data.recipe.colour == "as_is")
    channels = (picture,) if is_picture else tuple(np.split(picture, picture.shape[2], axis=2))
    changed: tuple[npt.NDArray[np.uint8], ...] = ()
    if augmentation_of(recipe, raw.shape[2]) is not None:
        changed = tuple(changed_pictures(np.repeat(raw[None], count, axis=0), recipe, seed=seed))
    return Preview(np.array(raw), channels, (float(values.min()), float(values.max())), changed)


@dataclass(frozen=True, eq=False)
class Example:
    """An image of a part, made small enough to be shown in a row; uint8 [h, w, C]."""

    index: int
    pixels: npt.NDArray[np.uint8]


def examples_of(
    data: PreparedData,
    part: str,
    *,
    first: int,
    count: int,
    most_classes: int,
    cancelled: Cancelled = never,
) -> tuple[tuple[Example, ...], ...]:
    """`count` images from number `first` on, counted round, of each of the first `most_classes` classes of a part.

    A class with fewer images gives all of them. DataStoppedError when `cancelled` says so.
    """
    images, labels = getattr(data, f"{part}_images"), getattr(data, f"{part}_labels")
    stride = max(1, max(images.shape[1:3]) // EXAMPLE_SIDE)
    rows = []
    for label in range(min(data.dataset.classes, most_classes)):
        if cancelled():
            raise DataStoppedError("Stopped.")
        members = np.flatnonzero(labels == label)
        places = (first + np.arange(min(count, len(members)))) % max(len(members), 1)
        chosen = [int(index) for index in members[places]]
        rows.append(tuple(Example(n, np.array(images[n, ::stride, ::stride])) for n in chosen))
    return tuple(rows)
