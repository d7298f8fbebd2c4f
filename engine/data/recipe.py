"""What is done to a data set before training: the split and the preparation of pixels, as settings."""

import math
from typing import Literal

import msgspec

from engine.data.datasets import check_known, dataset_names, unknown_dataset


class DataRecipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which data set, how it is split and how its pixels are prepared.

    Statistics are fitted on the training part only. Values out of range are told by `check`.
    """

    dataset: str = "mnist-sample"
    folder: str | None = None
    """Folder that holds the official files, where the user pointed to one."""
    validation_fraction: float = 0.25
    """Part of the published training images that is held back for validation, of each class alike."""
    split_seed: int = 0
    scaling: Literal["symmetric", "unit"] = "symmetric"
    """Pixels 0..255 become [-1, 1] (symmetric) or [0, 1] (unit)."""
    centering: Literal["none", "mean", "channel_mean", "mean_image"] = "mean"
    """What is subtracted: one mean, one a channel, or one for every place and channel."""
    standardise: Literal["none", "global", "channel"] = "global"
    """Whether the centred pixels are divided by one standard deviation, or by one a channel."""


def default_recipe(dataset: str) -> DataRecipe:
    """The preparation that the thesis gives for MNIST and CIFAR-10; raises DataError for unknown names."""
    if dataset == "cifar10":
        return DataRecipe(
            dataset=dataset, validation_fraction=0.1, centering="mean_image", standardise="none"
        )
    check_known(dataset)
    return DataRecipe(dataset=dataset)


def check(recipe: DataRecipe) -> list[str]:
    """One sentence for each setting of the recipe that is out of range; empty when all are fine."""
    problems = []
    if recipe.dataset not in dataset_names():
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
    return problems
