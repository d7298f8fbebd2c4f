"""Training images changed at random, anew at each step: what is drawn, and the maths over an array module.

What an image becomes follows from the seed, the step and its place in the batch alone, so a run that is resumed sees
the same images again. `kernels/augmentation.cu` computes the same, in the same order, in one launch.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any
STREAM = 1 << 40
"""Philox stream of these draws; those of layers lie below 2³² (see `engine.program.network`)."""
_DRAWS = 16
"""Numbers of 32 bits that each image has: two blocks of Philox 4×64."""
_MIDDLE = 127.5


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far images may be changed; 0 and False leave them alone. Lengths in pixels.

    The order: crop and shift, rotation about the centre, mirror (all three in one look-up of each pixel, bilinear where
    it falls between pixels); contrast, then brightness, kept within 0 to 255; the preparation; cutout.
    """

    crop: int = 0
    """Whole pixels that the image moves by at most, up or down and left or right: a crop of the padded image."""
    reflect: bool = False
    """What lies beyond the image: its mirror image, without the edge twice; else black."""
    mirror: bool = False
    """Left and right change places in every second image."""
    rotation: float = 0.0
    """Degrees, either way."""
    shift: float = 0.0
    """Pixels and fractions of them, each way."""
    brightness: float = 0.0
    """Part of the range 0 to 255 that is added or taken away at most."""
    contrast: float = 0.0
    """Part by which distances from mid-grey (127.5) grow or shrink at most."""
    lit: int = 0
    """Channels, from the first, that contrast and brightness change."""
    cutout: int = 0
    """Side of a square somewhere on the image (it may reach over the edge) that becomes 0 after the preparation."""

    @property
    def between_pixels(self) -> bool:
        """Whether look-ups fall between pixels."""
        return self.rotation != 0 or self.shift != 0

    @property
    def changes_light(self) -> bool:
        """Whether contrast or brightness change."""
        return self.lit > 0 and (self.brightness != 0 or self.contrast != 0)


@dataclass(frozen=True, slots=True)
class Changes:
    """What was drawn for a batch: host arrays [n], float64 unless they are whole."""

    rows: np.ndarray
    columns: np.ndarray
    mirrored: np.ndarray
    angle: np.ndarray
    """Radians."""
    down: np.ndarray
    across: np.ndarray
    added: np.ndarray
    """To values of 0 to 255."""
    factor: np.ndarray
    cut_row: np.ndarray
    cut_column: np.ndarray

    def part(self, part: slice) -> "Changes":
        """Those of some images of the batch."""
        return Changes(*(getattr(self, name)[part] for name in self.__slots__))


def drawn(augmentation: Augmentation, seed: int, step: int, count: int, image: tuple[int, int]) -> Changes:
    """What becomes of the `count` images of a step; `image` is (height, width)."""
    generator = np.random.Philox(
        key=np.array([seed, STREAM], np.uint64), counter=np.array([0, step, 0, 0], np.uint64)
    )
    words = generator.random_raw(count * _DRAWS // 2)
    halves = words.view(np.uint32).reshape(count, _DRAWS)
    signed = halves.astype(np.float64) * 2.0**-31 - 1

    def whole(place: int, size: int) -> np.ndarray:
        return ((halves[:, place].astype(np.uint64) * np.uint64(size)) >> np.uint64(32)).astype(np.int64)

    half = augmentation.cutout // 2
    return Changes(
        rows=whole(0, 2 * augmentation.crop + 1) - augmentation.crop,
        columns=whole(1, 2 * augmentation.crop + 1) - augmentation.crop,
        mirrored=(halves[:, 2] < 2**31) & augmentation.mirror,
        angle=signed[:, 3] * (augmentation.rotation * np.pi / 180),
        down=signed[:, 4] * augmentation.shift,
        across=signed[:, 5] * augmentation.shift,
        added=signed[:, 6] * (augmentation.brightness * 255),
        factor=1 + signed[:, 7] * augmentation.contrast,
        cut_row=whole(8, image[0]) - half,
        cut_column=whole(9, image[1]) - half,
    )


def augmented(xp: Any, images: Array, index: Array, how: Augmentation, changes: Changes, dtype: Any) -> Array:
    """Images [n, H, W, C] of values 0 to 255, by `index` [n] into uint8 [N, H, W, C], moved and lit."""
    moved = _interpolated if how.between_pixels else _cropped
    x: Array = moved(xp, images, index, how, changes, dtype)
    if how.changes_light:
        lit = x[..., : how.lit]
        lit -= dtype(_MIDDLE)
        lit *= _column(xp, changes.factor, dtype)
        lit += _column(xp, changes.added + _MIDDLE, dtype)
        xp.clip(lit, dtype(0), dtype(255), out=lit)
    return x


def cut_out(xp: Any, x: Array, how: Augmentation, changes: Changes) -> None:
    """Zeros in the square of each prepared image [n, H, W, C], in place."""
    if not how.cutout:
        return
    first_row, first_column = _column(xp, changes.cut_row), _column(xp, changes.cut_column)
    rows = xp.arange(x.shape[1])[None, :, None, None]
    columns = xp.arange(x.shape[2])[None, None, :, None]
    inside = (rows >= first_row) & (rows < first_row + how.cutout)
    inside = inside & (columns >= first_column) & (columns < first_column + how.cutout)
    xp.copyto(x, x.dtype.type(0), where=inside)


def _column(xp: Any, values: np.ndarray, dtype: Any = None) -> Array:
    return xp.asarray(values, dtype=dtype)[:, None, None, None]


def _cropped(xp: Any, images: Array, index: Array, how: Augmentation, changes: Changes, dtype: Any) -> Array:
    height, width = images.shape[1:3]
    across = xp.arange(width)[None]
    mirrored = xp.asarray(changes.mirrored)[:, None]
    rows = xp.arange(height)[None] + xp.asarray(changes.rows)[:, None]
    columns = xp.where(mirrored, width - 1 - across, across) + xp.asarray(changes.columns)[:, None]
    return _taken(xp, images, index, rows[:, :, None], columns[:, None, :], how.reflect).astype(dtype)


def _interpolated(
    xp: Any, images: Array, index: Array, how: Augmentation, changes: Changes, dtype: Any
) -> Array:
    height, width = images.shape[1:3]
    middle_row, middle_column = (height - 1) / 2, (width - 1) / 2
    y = (xp.arange(height) - middle_row)[None, :, None]
    x = (xp.arange(width) - middle_column)[None, None, :]
    x = xp.where(xp.asarray(changes.mirrored)[:, None, None], -x, x)
    cosine, sine, down, across = (
        xp.asarray(values)[:, None, None]
        for values in (
            np.cos(changes.angle), np.sin(changes.angle), changes.rows + changes.down, changes.columns + changes.across
        )
    )  # fmt: skip
    row = cosine * y + sine * x + middle_row + down
    column = cosine * x - sine * y + middle_column + across
    top, left = xp.floor(row), xp.floor(column)
    # Rows and columns apart, each with its share of the result: 0 where it lies beyond a black edge.
    rows, down_shares = _neighbours(xp, top, (row - top).astype(dtype), height, how.reflect)
    columns, across_shares = _neighbours(xp, left, (column - left).astype(dtype), width, how.reflect)
    first = index[:, None, None] * (height * width)
    lines = []
    for number in rows:
        places = number * width + first
        near, far = (_pixels(xp, images, places + column).astype(dtype) for column in columns)
        near *= across_shares[0]
        far *= across_shares[1]
        near += far
        lines.append(near)
    for line, share in zip(lines, down_shares, strict=True):
        line *= share
    lines[0] += lines[1]
    return lines[0]


def _neighbours(
    xp: Any, before: Array, share: Array, size: int, reflect: bool
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """The whole places before and behind a place, as they lie in the image, and the share [..., 1] of each."""
    nearest = _reflected if reflect else _clipped
    places = before.astype(np.int64), before.astype(np.int64) + 1
    shares = [1 - share, share]
    if not reflect:
        for number, place in enumerate(places):
            shares[number] = shares[number] * ((place >= 0) & (place < size))
    there = nearest(xp, places[0], size), nearest(xp, places[1], size)
    return there, (shares[0][..., None], shares[1][..., None])


def _pixels(xp: Any, images: Array, numbers: Array) -> Array:
    """Pixels [..., C] by their number in the batch: a list of numbers is looked up faster than rows and columns."""
    return xp.take(images.reshape(-1, images.shape[3]), numbers, axis=0)


def _taken(xp: Any, images: Array, index: Array, rows: Array, columns: Array, reflect: bool) -> Array:
    """Pixels [n, ..., C] of the images at places that may lie beyond them."""
    height, width = images.shape[1:3]
    nearest = _reflected if reflect else _clipped
    numbers = (index[:, None, None] * height + nearest(xp, rows, height)) * width + nearest(
        xp, columns, width
    )
    pixels = _pixels(xp, images, numbers)
    if not reflect:
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        pixels *= inside[..., None]
    return pixels


def _clipped(xp: Any, places: Array, size: int) -> Array:
    return xp.clip(places, 0, size - 1)


def _reflected(xp: Any, places: Array, size: int) -> Array:
    if size == 1:
        return xp.zeros_like(places)
    wrapped = places % (2 * (size - 1))
    return xp.minimum(wrapped, 2 * (size - 1) - wrapped)
