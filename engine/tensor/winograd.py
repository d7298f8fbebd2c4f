"""Winograd convolution F(m×m, r×r) on channels-last maps (Winograd 1980; Lavin and Gray 2016).

A tile of m×m results needs n×n values of the input, n = m + r − 1. In one dimension the r-tap correlation of
d with g is Aᵀ[(G g) ⊙ (Bᵀ d)], with n multiplications in place of m·r. In two dimensions each matrix acts on
both axes: transform the tiles, n² products [tiles, C]·[C, K], transform back. Compiled loops (`native.tiles`) take one
axis after the other; NumPy (`numpy_tiles`) multiplies with the Kronecker product of a matrix with itself.
The gradient by the filters is the transposed algorithm: Gᵀ[Σ (Bᵀ d) ⊙ (A dy)].
"""

from itertools import pairwise

import numpy as np

from engine.tensor import native, numpy_tiles
from engine.tensor.ops import Array
from engine.tensor.winograd_matrices import Scratch, Transforms, transforms

__all__ = [
    "Scratch", "Transforms", "add_filter_products", "convolve", "filter_gradient", "forward_filters", "transforms",
    "turned_filters",
]  # fmt: skip

CHUNK_BYTES = 3 << 20
"""Bound on the transformed tiles that are worked on at a time, so that they stay in a core's share of the cache."""


def forward_filters(t: Transforms, out: Array, w: Array, part: slice) -> None:
    """Transformed filters [n², C, K] of w [K, r, r, C]; `part` says which of the K filters are written."""
    taps = np.ascontiguousarray(w[part].reshape(-1, t.r * t.r * w.shape[3]).T)
    flat = t.filters @ taps.reshape(t.r * t.r, -1)
    out[:, :, part] = flat.reshape(t.n * t.n, w.shape[3], -1)


def turned_filters(t: Transforms, out: Array, w: Array, part: slice) -> None:
    """The same for the gradient by the input: turned by 180°, [n², K, C]."""
    taps = np.ascontiguousarray(w[part].reshape(-1, t.r * t.r, w.shape[3])[:, ::-1].transpose(1, 0, 2))
    flat = t.filters @ taps.reshape(t.r * t.r, -1)
    out[:, part] = flat.reshape(t.n * t.n, -1, w.shape[3])


def _chunks(count: int, bytes_an_image: int, size: int = CHUNK_BYTES) -> list[slice]:
    pieces = max(1, -(-count * bytes_an_image // size))
    pieces = min(pieces, count)
    cuts = [count * piece // pieces for piece in range(pieces + 1)]
    return [slice(a, b) for a, b in pairwise(cuts)]


def _bytes_an_image(t: Transforms, tiles: tuple[int, int], channels: int, outputs: int) -> int:
    gathered = 0 if native.is_available else channels
    return tiles[0] * tiles[1] * t.n * t.n * (channels + gathered + outputs) * 4


def _input_tiles(
    t: Transforms, x: Array, padding: tuple[int, int], tiles: tuple[int, int], scratch: Scratch
) -> Array:
    """Bᵀ d B of every tile: [n², tiles, C]."""
    if not native.is_available:
        return numpy_tiles.input_tiles(t, x, padding, tiles, scratch)
    out = scratch("data", (t.n * t.n, len(x) * tiles[0] * tiles[1], x.shape[3]))
    native.transform_tiles(out, x, *t.data_sides, step=t.m, padding=padding, tiles=tiles)
    return out


def _error_tiles(t: Transforms, dy: Array, tiles: tuple[int, int], scratch: Scratch) -> Array:
    """A e Aᵀ of every tile of errors: [n², tiles, K]."""
    if not native.is_available:
        return numpy_tiles.error_tiles(t, dy, tiles, scratch)
    out = scratch("errors", (t.n * t.n, len(dy) * tiles[0] * tiles[1], dy.shape[3]))
    native.transform_tiles(out, dy, *t.error_sides, step=t.m, padding=(0, 0), tiles=tiles)
    return out


def _results(
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
    if native.is_available:
        native.results_of_tiles(y, products, *t.result_sides, b, tiles=tiles, relu=relu)
    else:
        numpy_tiles.results(t, y, products, b, tiles, scratch, relu=relu)


def convolve(
    t: Transforms, y: Array, x: Array, filters: Array, b: Array | None, padding: tuple[int, int], scratch: Scratch,
    *, relu: bool = False,
) -> None:  # fmt: skip
    """y = x correlated with transformed filters [n², C, K], plus a bias, perhaps then ReLU; `padding` (top, left)."""
    rows, columns, outputs = y.shape[1:]
    tiles = t.tiles(rows, columns)
    for run in _chunks(len(x), _bytes_an_image(t, tiles, x.shape[3], outputs)):
        data = _input_tiles(t, x[run], padding, tiles, scratch)
        products = scratch("products", (t.n * t.n, data.shape[1], outputs))
        _multiply(products, data, filters, scratch)
        _results(t, y[run], products, b, tiles, scratch, relu=relu)


def add_filter_products(
    t: Transforms,
    total: Array,
    x: Array,
    dy: Array,
    padding: tuple[int, int],
    scratch: Scratch,
    *,
    first: bool,
) -> None:
    """Add to the total [n², K, C] (or write it, if first) the products of transformed errors and inputs."""
    rows, columns, outputs = dy.shape[1:]
    tiles = t.tiles(rows, columns)
    # Each chunk's sums are added to the total: it must be worth a pass over that.
    size = max(CHUNK_BYTES, 2 * total.nbytes)
    for run in _chunks(len(x), _bytes_an_image(t, tiles, x.shape[3], outputs), size):
        data = _input_tiles(t, x[run], padding, tiles, scratch)
        errors = _error_tiles(t, dy[run], tiles, scratch)
        _multiply(total, errors.transpose(0, 2, 1), data, scratch, add=not first)
        first = False


def _multiply(out: Array, a: Array, b: Array, scratch: Scratch, *, add: bool = False) -> None:
    """out = a b, or added to it."""
    if native.is_available and native.multiplies(out, a):
        native.multiply(out, a, b, add=add)
    elif add:
        more = scratch("sum", out.shape)
        np.matmul(a, b, out=more)
        out += more
    else:
        np.matmul(a, b, out=out)


def filter_gradient(t: Transforms, dw: Array, totals: Array, part: slice) -> None:
    """Gᵀ of the summed products [sums, n², K, C]: dw [K, r, r, C], of which `part` of the filters is written."""
    own = np.sum(totals[:, :, part], axis=0)
    taps = t.filters.T @ own.reshape(t.n * t.n, -1)
    flat = dw[part].reshape(-1, t.r * t.r, dw.shape[3])
    flat[...] = taps.reshape(t.r * t.r, -1, dw.shape[3]).transpose(1, 0, 2)
