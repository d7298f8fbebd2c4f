"""Windows that slide over a map: padding, taps and patches, for convolution and pooling."""

from collections.abc import Iterator
from typing import Any

from engine.tensor.ops import Array
from engine.tensor.window import Window

PATCH_BYTES = 8 << 20
"""Bound on the memory that im2col takes at a time."""


def padded(xp: Any, x: Array, window: Window, fill: float = 0.0) -> Array:
    """x with the window's padding around its places; x itself when there is none."""
    top, bottom, left, right = window.padding
    if not any(window.padding):
        return x
    n, height, width, channels = x.shape
    out = xp.full((n, height + top + bottom, width + left + right, channels), fill, dtype=x.dtype)
    out[:, top : top + height, left : left + width] = x
    return out


def taps(x: Array, window: Window, rows: int, columns: int) -> Iterator[Array]:
    """For each tap of the window, the view [N, rows, columns, C] of a padded map that the tap sees."""
    (sy, sx), (dy, dx) = window.stride, window.dilation
    for i in range(window.size[0]):
        for j in range(window.size[1]):
            top, left = i * dy, j * dx
            yield x[:, top : top + (rows - 1) * sy + 1 : sy, left : left + (columns - 1) * sx + 1 : sx]


def patches(xp: Any, x: Array, window: Window, rows: int, columns: int) -> Array:
    """View [N, rows, columns, h, w, C] of a padded map: what each place of the window sees."""
    n, _, _, channels = x.shape
    sn, sh, sw, sc = x.strides
    strides = (
        sn,
        sh * window.stride[0],
        sw * window.stride[1],
        sh * window.dilation[0],
        sw * window.dilation[1],
        sc,
    )
    shape = (n, rows, columns, *window.size, channels)
    return xp.lib.stride_tricks.as_strided(x, shape, strides)


def image_runs(n: int, bytes_an_image: int) -> Iterator[slice]:
    """Runs of images whose patches stay within PATCH_BYTES."""
    run = max(1, PATCH_BYTES // max(1, bytes_an_image))
    for start in range(0, n, run):
        yield slice(start, min(n, start + run))
