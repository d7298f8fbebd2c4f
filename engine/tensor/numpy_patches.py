"""im2col on the CPU: the patches that a window sees, copied into a matrix in pieces that stay in cache."""

from typing import TYPE_CHECKING

import numpy as np

from engine.tensor import array_ops
from engine.tensor.ops import Array
from engine.tensor.window import Window

if TYPE_CHECKING:
    from engine.tensor.numpy_ops import CpuDevice

PATCH_BYTES = 2 << 20
"""Bound on the memory that im2col takes at a time on each thread."""


def image_runs(images: int, bytes_an_image: int) -> list[slice]:
    """Runs of images whose patches stay within PATCH_BYTES."""
    run = max(1, PATCH_BYTES // max(1, bytes_an_image))
    return [slice(start, min(images, start + run)) for start in range(0, images, run)]


def patch_matrix(device: "CpuDevice", x: Array, window: Window, rows: int, columns: int) -> Array:
    """[images·rows·columns, h·w·C]: what each place of the window sees.

    It is filled by runs of memory: of w·C values of a patch or, where those are few, of one tap over a row of places.
    """
    images, channels = x.shape[0], x.shape[3]
    (height, width), taps = window.size, window.size[0] * window.size[1] * x.shape[3]
    if window.size == window.stride == (1, 1) and not any(window.padding):
        return x.reshape(-1, channels)
    along_rows = window.stride[1] == 1 and channels * width < columns
    whole = padded(device, x, window, channels_first=along_rows)
    if not along_rows:
        matrix = device.scratch("patches", (images * rows * columns, taps), x.dtype)
        seen = array_ops.patches(np, whole, window, rows, columns)
        np.copyto(matrix.reshape(seen.shape), seen)
        return matrix
    matrix = device.scratch("patches", (taps, images * rows * columns), x.dtype)
    sc, sn, sh, sw = whole.strides
    seen = np.lib.stride_tricks.as_strided(
        whole,
        (height, width, channels, images, rows, columns),
        (sh * window.dilation[0], sw * window.dilation[1], sc, sn, sh * window.stride[0], sw),
    )
    np.copyto(matrix.reshape(seen.shape), seen)
    return matrix.T


def padded(device: "CpuDevice", x: Array, window: Window, *, channels_first: bool = False) -> Array:
    """x with its padding of zeros, as [N, H, W, C] or [C, N, H, W]."""
    images, height, width, channels = x.shape
    top, bottom, left, right = window.padding
    if not channels_first and not any(window.padding):
        return x
    tall, wide = top + height + bottom, left + width + right
    if channels_first:
        memory = device.scratch("padded", (channels, images, tall, wide), x.dtype)
        whole = memory.transpose(1, 2, 3, 0)
    else:
        memory = whole = device.scratch("padded", (images, tall, wide, channels), x.dtype)
    whole[:, :top] = 0
    whole[:, top + height :] = 0
    whole[:, top : top + height, :left] = 0
    whole[:, top : top + height, left + width :] = 0
    whole[:, top : top + height, left : left + width] = x
    return memory
