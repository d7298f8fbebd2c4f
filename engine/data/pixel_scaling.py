"""The preparation of pixels as one affine map, fitted on training images with exact integer sums."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.data.recipe import DataRecipe
from engine.errors import DataError

_CHUNK = 1024
_CHUNK_BYTES = 2**24

# Over which axes of [H, W, C] a statistic is shared, from the coarsest to the finest.
_AXES: dict[str, tuple[int, ...]] = {
    "none": (0, 1, 2),
    "mean": (0, 1, 2),
    "global": (0, 1, 2),
    "channel_mean": (0, 1),
    "channel": (0, 1),
    "mean_image": (),
}


def fit_affine(
    images: npt.NDArray[np.uint8], recipe: DataRecipe
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(scale, offset) so that `u8 * scale + offset` is the preparation that the recipe asks for.

    Images are uint8 [n, H, W, C]; the results have three axes and broadcast to [H, W, C]. The standard
    deviation is that of the centred pixels (population form, as the mean). Raises DataError when it is 0.
    """
    factor, shift = (2 / 255, -1.0) if recipe.scaling == "symmetric" else (1 / 255, 0.0)
    scale, offset = np.full((1, 1, 1), factor), np.full((1, 1, 1), shift)
    if recipe.centering == "none" and recipe.standardise == "none":
        return scale, offset
    count = len(images)
    sums, squares = _exact_sums(images, squares=recipe.standardise != "none")
    if recipe.standardise != "none":
        deviation = _deviation(sums, squares, count, recipe)
        scale, offset = 1 / deviation, offset / (factor * deviation)
    if recipe.centering != "none":
        axes = _AXES[recipe.centering]
        mean = _to_float(_total(sums, axes), count * _shared(sums, axes))
        offset = -mean * scale
    return scale, offset


def _exact_sums(
    images: npt.NDArray[np.uint8], *, squares: bool
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Sum of values and of squares at each place over all images, int64 [H, W, C]; without a float copy."""
    total = np.zeros(images.shape[1:], dtype=np.int64)
    total_squares = np.zeros_like(total)
    step = max(1, min(_CHUNK, _CHUNK_BYTES // max(1, total.size)))
    for first in range(0, len(images), step):
        chunk = images[first : first + step]
        total += chunk.sum(axis=0, dtype=np.int64)
        if squares:
            total_squares += np.square(chunk, dtype=np.uint16).sum(axis=0, dtype=np.int64)
    return total, total_squares


def _deviation(
    sums: npt.NDArray[np.int64], squares: npt.NDArray[np.int64], count: int, recipe: DataRecipe
) -> npt.NDArray[np.float64]:
    """Standard deviation of the centred raw values, one or one a channel: [1, 1, 1] or [1, 1, C]."""
    outer = _AXES[recipe.standardise]
    # Where the centre is finer than the deviation, squares are summed around the finer centres.
    inner = min(outer, _AXES[recipe.centering], key=len)
    size = count * _shared(sums, inner)
    spread = size * _total(squares, inner) - _total(sums, inner) ** 2
    variance = _to_float(_total(spread, outer), size * count * _shared(sums, outer))
    constant = np.flatnonzero(variance == 0)
    if constant.size:
        place = f"channel {constant[0] + 1} of the" if variance.size > 1 else "the"
        raise DataError(
            f"All centred pixels in {place} training images are equal, so they cannot be divided by their "
            "standard deviation: set standardise to none, or choose other data."
        )
    return np.sqrt(variance)


def _total(values: npt.NDArray[Any], axes: tuple[int, ...]) -> npt.NDArray[Any]:
    """Sum over axes as Python integers, which cannot overflow; the axes stay with size 1."""
    exact = values.astype(object)
    return exact.sum(axis=axes, keepdims=True) if axes else exact


def _shared(values: npt.NDArray[Any], axes: tuple[int, ...]) -> int:
    return math.prod(values.shape[axis] for axis in axes)


def _to_float(numerator: npt.NDArray[Any], denominator: int) -> npt.NDArray[np.float64]:
    return (numerator / denominator).astype(np.float64)
