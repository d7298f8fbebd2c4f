"""The transforms of Winograd's convolution (see `engine.tensor.winograd`) by products with NumPy."""

from collections.abc import Iterator

import numpy as np

from engine.tensor.ops import Array
from engine.tensor.winograd_matrices import Scratch, Transforms


def input_tiles(
    t: Transforms, x: Array, padding: tuple[int, int], tiles: tuple[int, int], scratch: Scratch
) -> Array:
    """Bᵀ d B of every tile: [n², tiles, C], the rows of a tile in the order of its filters.

    Tiles are products of their own: small ones are what BLAS does best.
    Even and odd rows are transformed apart, with half the work, then added and subtracted.
    """
    images, height, width, channels = x.shape
    (down, across), (top, left), n = tiles, padding, t.n
    tall, wide = down * t.m + t.r - 1, across * t.m + t.r - 1
    whole = scratch("padded", (images, tall, wide, channels))
    bottom, right = min(tall, top + height), min(wide, left + width)
    whole[:, :top] = 0
    whole[:, bottom:] = 0
    whole[:, top:bottom, :left] = 0
    whole[:, top:bottom, right:] = 0
    whole[:, top:bottom, left:right] = x[:, : bottom - top, : right - left]
    si, sh, sw, sc = whole.strides
    seen = np.lib.stride_tricks.as_strided(
        whole, (images, down, across, n, n, channels), (si, t.m * sh, t.m * sw, sh, sw, sc)
    )
    gathered, half = scratch("tiles", seen.shape), n * n // 2
    np.copyto(gathered[:, :, :, : n // 2], seen[:, :, :, ::2])
    np.copyto(gathered[:, :, :, n // 2 :], seen[:, :, :, 1::2])
    flat = gathered.reshape(-1, n * n, channels)
    out = scratch("data", (n * n, len(flat), channels))
    np.matmul(t.even, flat[:, :half], out=out[:half].transpose(1, 0, 2))
    np.matmul(t.odd, flat[:, half:], out=out[half:].transpose(1, 0, 2))
    total = scratch("total", (n, *out.shape[1:]))
    for row in range(n, half, n):
        e, o = out[row : row + n], out[row + half - n : row + half]
        np.add(e, o, out=total)
        np.subtract(e, o, out=o)
        np.copyto(e, total)
    return out


def results(
    t: Transforms,
    y: Array,
    products: Array,
    b: Array | None,
    tiles: tuple[int, int],
    scratch: Scratch,
    *,
    relu: bool,
) -> None:
    """y = Aᵀ p A + b of every tile of products [n², tiles, K], perhaps then ReLU."""
    outputs = y.shape[3]
    if b is not None:
        # The column of Aᵀ for the point 1 is all ones: a bias added there reaches every place of the tile.
        products[t.n + 1] += b
    places = scratch("places", (len(y), *tiles, t.m, t.m, outputs))
    np.matmul(t.results, products.transpose(1, 0, 2), out=places.reshape(-1, t.m * t.m, outputs))
    zeros = np.zeros(t.m * outputs, y.dtype)
    for target, source in _rows_of_tiles(y, places, t.m):
        if relu:
            np.maximum(source, zeros[: source.shape[3]], out=target)
        else:
            np.copyto(target, source)


def error_tiles(t: Transforms, dy: Array, tiles: tuple[int, int], scratch: Scratch) -> Array:
    """A e Aᵀ of every tile of errors: [n², tiles, K]."""
    images, rows, columns, outputs = dy.shape
    places = scratch("places", (images, *tiles, t.m, t.m, outputs))
    if rows % t.m or columns % t.m:
        places[:, -1] = 0
        places[:, :, -1] = 0
    for source, target in _rows_of_tiles(dy, places, t.m):
        np.copyto(target, source)
    flat = places.reshape(-1, t.m * t.m, outputs)
    errors = scratch("errors", (t.n * t.n, len(flat), outputs))
    np.matmul(t.errors, flat, out=errors.transpose(1, 0, 2))
    return errors


def _rows_of_tiles(maps: Array, tiles: Array, m: int) -> Iterator[tuple[Array, Array]]:
    """Pairs of views, of a map [N, rows, columns, K] and of its tiles [N, down, across, m, m, K], that match."""
    images, rows, columns, channels = maps.shape
    whole = columns // m
    for i in range(min(m, rows)):
        lines = maps[:, i::m]
        if whole:
            full = lines[:, :, : whole * m].reshape(images, -1, whole, m * channels)
            yield full, tiles[:, : lines.shape[1], :whole, i].reshape(*full.shape[:3], m * channels)
        if columns > whole * m:
            yield lines[:, :, whole * m :], tiles[:, : lines.shape[1], whole, i, : columns - whole * m]
