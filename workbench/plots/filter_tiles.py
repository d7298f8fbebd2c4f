"""Filters as pixels, and in words."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.api import FilterKind

Pixels = NDArray[np.uint8]
MID_GREY = 127
WHITE = (255, 255, 255)


def scaled_filters(filters: ArrayLike, per_filter: bool = True) -> Pixels:
    """Filters [K, C, h, w] as RGB images [K, h, w, 3]: (w - min) / (max - min), thesis eq. 3.8.

    Minimum and maximum are taken over all channels of a filter, or with `per_filter` False over all filters.
    One channel is grey, three are RGB, any other number shows the mean over its channels as grey. A
    constant filter, or one that is not finite, is mid-grey. Raises ValueError for another number of axes.
    """
    values = np.asarray(filters, dtype=np.float64)
    if values.ndim != 4:
        raise ValueError(f"filters need the shape [K, C, h, w], got {list(values.shape)}")
    if values.shape[1] not in (1, 3):
        values = values.mean(axis=1, keepdims=True)
    if not values.size:
        return np.zeros((len(values), *values.shape[2:], 3), np.uint8)
    axes = (1, 2, 3) if per_filter else (0, 1, 2, 3)
    low, high = values.min(axis=axes, keepdims=True), values.max(axis=axes, keepdims=True)
    span = np.broadcast_to(high - low, values.shape)
    usable = np.isfinite(span) & (span > 0)
    share = np.divide(values - low, span, out=np.zeros(values.shape), where=usable)
    levels = np.where(usable, np.rint(255 * share), MID_GREY).astype(np.uint8)
    images = np.moveaxis(levels, 1, -1)
    return np.ascontiguousarray(np.broadcast_to(images, (*images.shape[:3], 3)))


def mosaic(
    filters: ArrayLike,
    per_filter: bool = True,
    gap: int = 1,
    *,
    columns: int | None = None,
    gap_color: tuple[int, int, int] = WHITE,
) -> Pixels:
    """All filters [K, C, h, w] in one RGB picture [H, W, 3], row by row, `gap` pixels apart.

    Nearly square unless `columns` is given; scaled as `scaled_filters` says.
    """
    tiles = scaled_filters(filters, per_filter)
    count, height, width, _ = tiles.shape
    columns = columns or max(math.ceil(math.sqrt(count)), 1)
    rows = -(-count // columns)
    shape = (max(rows * (height + gap) - gap, 0), max(columns * (width + gap) - gap, 0), 3)
    picture = np.full(shape, gap_color, dtype=np.uint8)
    for number, tile in enumerate(tiles):
        top, left = number // columns * (height + gap), number % columns * (width + gap)
        picture[top : top + height, left : left + width] = tile
    return picture


def kind_in_words(kind: FilterKind) -> str:
    """`like a Gabor function: 35°, wavelength 4.2 (score 0.93, residual 0.21)`.

    Scores are adjusted R² of least-squares fits.
    """
    if kind.kind == "gabor":
        fitted = f"{kind.orientation:.0f}°, wavelength {kind.wavelength:.1f}"
        return f"like a Gabor function: {fitted} (score {kind.gabor:.2f}, residual {kind.residual:.2f})"
    if kind.kind == "neighbours":
        row, column = kind.centre
        place = f"row {row + 1}, column {column + 1}"
        return f"like a centre with its neighbours: {place} (score {kind.neighbours:.2f})"
    scores = f"Gabor {kind.gabor:.2f}, neighbours {kind.neighbours:.2f}"
    return f"neither a Gabor function nor a centre with neighbours ({scores})"
