"""Colours and filters of the preparation: raw images become other raw images, before anything is measured on them.

Nothing here is fitted to data. Results are whole numbers from 0 to 255, so that they are kept, moved to a device and
changed at random as photographs are.
"""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from engine.data.gathering import in_blocks
from engine.data.recipe import DataRecipe, channels_of, coloured_channels

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey and in Y (ITU-R BT.601)."""
_BLUE, _RED = (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312)
_SOBEL = ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1))
_BLOCK_VALUES, _SEEN_VALUES = 1 << 21, 1 << 20
"""Bounds on the memory that a block of images takes, and what filters see of it at a time."""


def converted(images: Bytes, recipe: DataRecipe) -> Bytes:
    """Images [n, H, W, C] with the recipe's colours and filters, [n, H, W, channels_of(recipe, C)].

    The same array where the recipe asks for neither. Many images that lie on disk stay on disk.
    """
    channels = images.shape[3]
    if not _changes(recipe, channels):
        return images
    out = (len(images), *images.shape[1:3], channels_of(recipe, channels))
    run = max(1, _BLOCK_VALUES // math.prod(out[1:]))
    return in_blocks(images, out, run, lambda block: _in_threads(block, recipe))


def lit_channels(recipe: DataRecipe, channels: int) -> int:
    """How many of them, from the first, become lighter or darker with the light."""
    if recipe.filtering != "none" and recipe.filtered_only:
        return 0
    return 1 if recipe.colour == "ycbcr" and channels == 3 else coloured_channels(recipe, channels)


def _changes(recipe: DataRecipe, channels: int) -> bool:
    recoloured = (recipe.colour == "grey" and channels > 1) or (recipe.colour == "ycbcr" and channels == 3)
    return recoloured or recipe.filtering != "none"


def _in_threads(images: Bytes, recipe: DataRecipe) -> Bytes:
    """NumPy lets other threads run while it works on arrays."""
    parts = np.array_split(images, 4)
    with ThreadPoolExecutor() as pool:
        return np.concatenate(list(pool.map(lambda part: _block(part, recipe), parts)))


def _block(images: Bytes, recipe: DataRecipe) -> Bytes:
    channels = images.shape[3]
    parts = []
    if recipe.filtering == "none" or not recipe.filtered_only:
        parts.append(_recoloured(images, recipe.colour))
    if recipe.filtering != "none":
        grey = luma(images)
        responses = (
            edges(grey)[..., None]
            if recipe.filtering == "edges"
            else gabor(grey, recipe.gabor_orientations, recipe.gabor_wavelength)
        )
        parts.append(_bytes(responses))
    found = np.concatenate(parts, axis=3)
    assert found.shape[3] == channels_of(recipe, channels)
    return found


def _recoloured(images: Bytes, colour: str) -> Bytes:
    if colour == "grey" and images.shape[3] > 1:
        return _bytes(luma(images)[..., None])
    if colour == "ycbcr" and images.shape[3] == 3:
        x = images.astype(np.float32)
        blue, red = (x @ np.array(weights, np.float32) + 128 for weights in (_BLUE, _RED))
        return _bytes(np.stack([luma(images), blue, red], axis=3))
    return images


def luma(images: npt.NDArray[np.uint8]) -> Floats:
    """Light [n, H, W] of images [n, H, W, C], 0 to 255: BT.601 for three channels, else their mean."""
    if images.shape[3] == 3:
        weighted: Floats = images.astype(np.float32) @ np.array(LUMA, np.float32)
        return weighted
    mean: Floats = images.mean(axis=3, dtype=np.float32)
    return mean


def edges(grey: Floats) -> Floats:
    """Length of Sobel's gradient of [n, H, W], a quarter of it: a straight edge gives the height of its step."""
    both = np.array([_SOBEL, np.transpose(_SOBEL)], np.float32) / np.float32(4)
    across, down = _correlated(grey, both).transpose(3, 0, 1, 2)
    length: Floats = np.hypot(across, down)
    return length


def gabor(grey: Floats, orientations: int, wavelength: float) -> Floats:
    """Answers of a bank of Gabor filters to [n, H, W], [n, H, W, orientations] around 127.5."""
    answers = _correlated(grey, gabor_bank(orientations, wavelength))
    answers /= 2
    answers += 127.5
    return answers


def gabor_bank(orientations: int, wavelength: float) -> Floats:
    """Even Gabor filters [orientations, size, size]: exp(−(u² + γ²v²)/2σ²)·cos(2πu/λ) with σ = λ/2 and γ = ½.

    u runs across the stripes, which stand upright in the first filter and turn by 180°/orientations from one to the
    next. Each filter has mean 0 and absolute values that sum to 2, so that no answer leaves −255 to 255.
    """
    deviation = wavelength / 2
    reach = max(1, math.ceil(2 * deviation))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float64)
    bank = []
    for number in range(orientations):
        angle = math.pi * number / orientations
        u, v = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
        weights = np.exp(-(u**2 + v**2 / 4) / (2 * deviation**2)) * np.cos(2 * math.pi * u / wavelength)
        weights -= weights.mean()
        bank.append(2 * weights / np.abs(weights).sum())
    return np.array(bank, np.float32)


def _correlated(grey: Floats, filters: Floats) -> Floats:
    """Cross-correlation of [n, H, W] with [K, s, s] as [n, H, W, K]; beyond the edge the image is reflected."""
    reach, taps = filters.shape[1] // 2, filters.shape[1] * filters.shape[2]
    padded = np.pad(grey, ((0, 0), (reach, reach), (reach, reach)), mode="symmetric")
    seen = np.lib.stride_tricks.sliding_window_view(padded, filters.shape[1:], axis=(1, 2))
    flat = filters.reshape(len(filters), taps).T
    answers = np.empty((*grey.shape, len(filters)), np.float32)
    count, rows, columns = grey.shape
    images = max(1, _SEEN_VALUES // (rows * columns * taps))
    lines = max(1, _SEEN_VALUES // (columns * taps)) if images == 1 else rows
    for first in range(0, count, images):
        for top in range(0, rows, lines):
            part = seen[first : first + images, top : top + lines]
            answers[first : first + images, top : top + lines] = part.reshape(*part.shape[:3], taps) @ flat
    return answers


def _bytes(values: Floats) -> Bytes:
    rounded: Bytes = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return rounded
