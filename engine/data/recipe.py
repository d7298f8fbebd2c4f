"""What is done to a data set before training: the split and the preparation of pixels, as settings."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from engine.data.dataset import Dataset, DatasetSummary
from engine.data.datasets import (
    check_known,
    dataset_names,
    dataset_summary,
    is_own,
    load_dataset,
    unknown_dataset,
)
from engine.data.image_rules import ImageRules
from engine.data.progress import Cancelled, Report, never, no_report

LARGEST_SIDE = 1024
"""Pixels along a side of own images; more than any network here can use."""
LONGEST_WAVE = 64
"""Pixels; Gabor filters are about twice as large."""


class DataRecipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which data set, how it is split and how its pixels are prepared.

    Statistics are fitted on the training part only. Values out of range are told by `check`.
    """

    dataset: str = "mnist-sample"
    """A known name, or the path of own images: a folder, a .csv table, an .npz archive or a .zip."""
    folder: str | None = None
    """Folder that holds the official files, where the user pointed to one."""
    validation_fraction: float = 0.25
    """Part of the published training images that is held back for validation, of each class alike."""
    split_seed: int = 0
    colour: Literal["as_is", "grey", "ycbcr"] = "as_is"
    """Colours of the images: as they are, their light alone, or light and two differences of colour (BT.601)."""
    filtering: Literal["none", "edges", "gabor"] = "none"
    """What is measured of the light and joins the channels: the length of its gradient, or a bank of Gabor filters."""
    filtered_only: bool = False
    """Whether the filters' channels take the place of the colours."""
    gabor_orientations: Annotated[int, msgspec.Meta(ge=1, le=32)] = 4
    """Filters in the Gabor bank, turned by equal angles."""
    gabor_wavelength: float = 4.0
    """Pixels from one bright stripe of a Gabor filter to the next."""
    scaling: Literal["symmetric", "unit"] = "symmetric"
    """Pixels 0..255 become [-1, 1] (symmetric) or [0, 1] (unit)."""
    centering: Literal["none", "mean", "channel_mean", "mean_image"] = "mean"
    """What is subtracted: one mean, one a channel, or one for every place and channel."""
    standardise: Literal["none", "global", "channel"] = "global"
    """Whether the centred pixels are divided by one standard deviation, or by one a channel."""
    crop_padding: int = 0
    """Training images are moved at random by up to so many whole pixels: a crop of the padded image. 0: not."""
    border: Literal["black", "reflect"] = "black"
    """What comes into view beyond the edge of a moved or rotated image: black, or the image reflected."""
    mirror: bool = False
    """Left and right change places in every second training image, at random."""
    rotation: float = 0.0
    """Training images are rotated by up to so many degrees, either way."""
    shift: float = 0.0
    """Training images are moved by up to so many pixels, fractions included."""
    brightness: float = 0.0
    """Up to this part of the whole range is added to, or taken from, the light of a training image."""
    contrast: float = 0.0
    """Distances from mid-grey grow or shrink by up to this part."""
    cutout: int = 0
    """Side of the square, somewhere on each training image, that is set to 0 after the preparation. 0: none."""
    image_height: int = 32
    """Pixels that own images have after they are read; the known data sets and .npz archives have their own size."""
    image_width: int = 32
    image_mode: Literal["rgb", "grey"] = "rgb"
    """Colours of own images after they are read."""
    image_fit: Literal["crop", "pad", "stretch"] = "crop"
    """How own images of another shape fit: their middle, the whole with black borders, or distorted."""
    test_fraction: float = 0.2
    """Part of each class of own images that is held back for testing, where they bring no test part."""
    skip_broken: bool = False
    """Whether own images that cannot be read are left out instead of refused."""


_LIMITS: dict[str, tuple[str, float, str]] = {
    "crop_padding": ("padding of random crops", LARGEST_SIDE, " pixels"),
    "rotation": ("rotation", 180.0, " degrees"),
    "shift": ("shift", LARGEST_SIDE, " pixels"),
    "brightness": ("change of brightness", 1.0, ""),
    "contrast": ("change of contrast", 1.0, ""),
    "cutout": ("side of cutout", LARGEST_SIDE, " pixels"),
}
"""Field -> its name in words, its largest value and the unit; the least is 0."""


def image_rules(recipe: DataRecipe) -> ImageRules:
    """How the recipe wants own images to be read."""
    return ImageRules(
        height=recipe.image_height,
        width=recipe.image_width,
        mode=recipe.image_mode,
        fit=recipe.image_fit,
        test_fraction=recipe.test_fraction,
        skip_broken=recipe.skip_broken,
    )


def recipe_dataset(
    recipe: DataRecipe,
    folder: Path | None = None,
    *,
    report: Report = no_report,
    cancelled: Cancelled = never,
) -> Dataset:
    """The data set that the recipe names, from `folder` when given, else from the recipe's own; see `load_dataset`."""
    place = folder or _folder(recipe)
    return load_dataset(recipe.dataset, place, image_rules(recipe), report=report, cancelled=cancelled)


def recipe_summary(recipe: DataRecipe, folder: Path | None = None) -> DatasetSummary:
    """Shape (as the network sees it), classes and counts of the recipe's data set, quickly.

    See `dataset_summary` for what it raises, and for the shape of the images as they are.
    """
    summary = dataset_summary(recipe.dataset, folder or _folder(recipe), image_rules(recipe))
    channels, height, width = summary.image_shape
    return replace(summary, image_shape=(channels_of(recipe, channels), height, width))


def channels_of(recipe: DataRecipe, channels: int) -> int:
    """Channels that images of so many have after the recipe's colours and filters."""
    filters = {"none": 0, "edges": 1, "gabor": recipe.gabor_orientations}[recipe.filtering]
    return filters + (0 if filters and recipe.filtered_only else coloured_channels(recipe, channels))


def coloured_channels(recipe: DataRecipe, channels: int) -> int:
    """Channels that images of so many have after the recipe's colours."""
    return 1 if recipe.colour == "grey" else channels


def _folder(recipe: DataRecipe) -> Path | None:
    return Path(recipe.folder) if recipe.folder else None


def default_recipe(dataset: str) -> DataRecipe:
    """The preparation that the thesis gives for MNIST and CIFAR-10, a usual one for own images.

    Raises DataError for unknown names.
    """
    if dataset == "cifar10":
        return DataRecipe(
            dataset=dataset, validation_fraction=0.1, centering="mean_image", standardise="none"
        )
    check_known(dataset)
    if is_own(dataset):
        return DataRecipe(
            dataset=dataset, validation_fraction=0.2, centering="channel_mean", standardise="channel"
        )
    return DataRecipe(dataset=dataset)


def check(recipe: DataRecipe) -> list[str]:
    """One sentence for each setting of the recipe that is out of range; empty when all are fine."""
    problems = []
    if recipe.dataset not in dataset_names() and not is_own(recipe.dataset):
        problems.append(unknown_dataset(recipe.dataset))
    fraction = recipe.validation_fraction
    if not (math.isfinite(fraction) and 0 < fraction < 1):
        problems.append(
            f"The validation fraction is {fraction:g}: it must lie between 0 and 1, both excluded; "
            "0.25 is usual."
        )
    if not 0 <= recipe.split_seed < 2**63:
        problems.append(
            f"The seed of the split is {recipe.split_seed}: it must be a whole number from 0 to 2^63 - 1."
        )
    problems.extend(_out_of_range(recipe))
    if not (math.isfinite(recipe.gabor_wavelength) and 2 <= recipe.gabor_wavelength <= LONGEST_WAVE):
        problems.append(
            f"The wavelength of the Gabor filters is {recipe.gabor_wavelength:g}: it must lie between 2 and "
            f"{LONGEST_WAVE} pixels."
        )
    for side, size in (("height", recipe.image_height), ("width", recipe.image_width)):
        if not 1 <= size <= LARGEST_SIDE:
            problems.append(f"The image {side} is {size}: it must lie between 1 and {LARGEST_SIDE} pixels.")
    if not (math.isfinite(recipe.test_fraction) and 0 < recipe.test_fraction < 1):
        problems.append(
            f"The test fraction is {recipe.test_fraction:g}: it must lie between 0 and 1, both excluded; 0.2 is usual."
        )
    return problems


def _out_of_range(recipe: DataRecipe) -> list[str]:
    problems = []
    for field, (name, most, unit) in _LIMITS.items():
        value = getattr(recipe, field)
        if not (math.isfinite(value) and 0 <= value <= most):
            problems.append(f"The {name} is {value:g}: it must lie between 0 and {most:g}{unit}.")
    return problems
