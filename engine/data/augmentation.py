"""The recipe's augmentation: what kernels are told, and where it makes no sense."""

import msgspec
import numpy as np
import numpy.typing as npt

from engine.data.dataset import DatasetSummary
from engine.data.recipe import DataRecipe
from engine.tensor.augmentation import Augmentation, augmented, drawn

_CHANGES = ("crop_padding", "border", "mirror", "rotation", "shift", "brightness", "contrast", "cutout")
"""Fields of a recipe that change training images alone."""
_UPSIDE_DOWN = 45.0
"""Degrees from which on characters may turn into others."""


def validated_alike(one: DataRecipe, other: DataRecipe) -> bool:
    """Whether networks see the same validation images by both recipes: they differ by their augmentation at most."""
    return msgspec.structs.replace(one, **{name: getattr(other, name) for name in _CHANGES}) == other


def augmentation_of(recipe: DataRecipe, lit: int) -> Augmentation | None:
    """What the recipe does to training images; None when it leaves them alone. `lit` channels carry light."""
    found = Augmentation(
        crop=recipe.crop_padding,
        reflect=recipe.border == "reflect",
        mirror=recipe.mirror,
        rotation=recipe.rotation,
        shift=recipe.shift,
        brightness=recipe.brightness,
        contrast=recipe.contrast,
        lit=lit,
        cutout=recipe.cutout,
    )
    return None if found == Augmentation(reflect=found.reflect, lit=lit) else found


def changed_pictures(
    images: npt.NDArray[np.uint8], recipe: DataRecipe, *, seed: int = 0, step: int = 1
) -> npt.NDArray[np.uint8]:
    """Raw images [n, H, W, C] as the recipe's augmentation would change them at a step, to be looked at.

    Values are rounded, and the square of cutout is mid-grey.
    """
    how = augmentation_of(recipe, images.shape[3])
    if how is None:
        return images
    changes = drawn(how, seed, step, len(images), images.shape[1:3])
    x = augmented(np, images, np.arange(len(images)), how, changes, np.float32)
    pictures: npt.NDArray[np.uint8] = np.clip(np.rint(x), 0, 255).astype(np.uint8)
    for picture, row, column in zip(pictures, changes.cut_row, changes.cut_column, strict=True):
        picture[max(0, row) : row + how.cutout, max(0, column) : column + how.cutout] = 128
    return pictures


def augmentation_remarks(recipe: DataRecipe, summary: DatasetSummary) -> tuple[str, ...]:
    """A sentence for each change that hardly suits the data."""
    _, height, width = summary.image_shape
    side = min(height, width)
    remarks = []
    characters = all(len(name) == 1 and name.isalnum() for name in summary.class_names)
    if characters and recipe.mirror:
        remarks.append(
            "Mirrored digits and letters are no digits and letters: a mirrored 2 is not to be learned as a 2. Switch "
            "mirroring off."
        )
    if characters and recipe.rotation > _UPSIDE_DOWN:
        remarks.append(
            f"Rotated by up to {recipe.rotation:g}°, characters turn into others, as a 6 into a 9 and an N into a Z: "
            "15° is enough for handwriting."
        )
    moved = recipe.crop_padding + recipe.shift
    if moved >= side / 2:
        remarks.append(
            f"Images of {height}×{width} are moved by up to {moved:g} pixels, half of them or more: what they show "
            f"may be gone. An eighth, {max(1, side // 8)} pixels, is usual."
        )
    if recipe.cutout >= 0.75 * side:
        remarks.append(
            f"Cutout hides {recipe.cutout}×{recipe.cutout} pixels of images of {height}×{width}, most of what they "
            f"show: a quarter to a half of a side, {max(1, side // 4)} to {side // 2}, is usual."
        )
    return tuple(remarks)
