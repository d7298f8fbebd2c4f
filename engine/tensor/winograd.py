"""Winograd convolution F(m×m, r×r) on channels-last maps (Winograd 1980; Lavin and Gray 2016).

A tile of m×m results needs n×n values of the input, n = m + r − 1. In one dimension the r-tap correlation of
d with g is Aᵀ[(G g) ⊙ (Bᵀ d)], with n multiplications in place of m·r. In two dimensions each matrix acts on
both axes; here it is one matrix on the n² values of a tile, the Kronecker product with itself, so that every
step is a matrix product: transform the tiles, n² products [tiles, C]·[C, K], transform back.
The gradient by the filters is the transposed algorithm: Gᵀ[Σ (Bᵀ d) ⊙ (A dy)].
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from engine.tensor.ops import Array

Scratch = Callable[[str, tuple[int, ...]], Array]
"""scratch(name, shape) is a float32 array with any contents, reused by the next call of that name."""

_POINTS = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)
"""Where polynomials are evaluated, infinity apart: small powers of two keep rounding errors low."""
CHUNK_BYTES = 3 << 20
"""Bound on the transformed tiles that are worked on at a time, so that they stay in a core's share of the cache."""


@dataclass(frozen=True, eq=False)
class Transforms:
    """The matrices of F(m×m, r×r), in float32, on the values of a whole tile."""

    m: int
    r: int
    even: np.ndarray
    """Half of B⊗B transposed, [n²/2, n²/2]: what the even rows of an input tile give."""
    odd: np.ndarray
    """The other half, for the odd rows."""
    filters: np.ndarray
    """G⊗G, [n², r²]: taps of the filters."""
    results: np.ndarray
    """A⊗A transposed, [m², n²]: back to places."""
    errors: np.ndarray
    """A⊗A, [n², m²]: errors at places, for the gradient by the filters."""

    @property
    def n(self) -> int:
        """Side of an input tile."""
        return self.m + self.r - 1

    @property
    def name(self) -> str:
        """As runs record it."""
        return f"Winograd F({self.m}×{self.m}, {self.r}×{self.r})"

    def tiles(self, rows: int, columns: int) -> tuple[int, int]:
        """Tiles that cover a map of results."""
        return -(-rows // self.m), -(-columns // self.m)


def _evaluation(n: int, terms: int) -> np.ndarray:
    """Values of 1, p, p², ... at the first n − 1 points and at infinity."""
    matrix = np.zeros((n, terms))
    for row, point in enumerate(_POINTS[: n - 1]):
        matrix[row] = [point**power for power in range(terms)]
    matrix[n - 1, terms - 1] = 1
    return matrix


@lru_cache
def transforms(m: int, r: int) -> Transforms:
    """The matrices for m×m results and r×r taps; m + r − 1 is at most 8."""
    n = m + r - 1
    if n > len(_POINTS) + 1 or n % 2:
        raise ValueError(
            f"F({m}×{m}, {r}×{r}) needs {n - 1} points; there are {len(_POINTS)}, and pairs but for 0"
        )
    results, filters = _evaluation(n, m).T, _evaluation(n, r)
    data = np.linalg.inv(_evaluation(n, n)).T
    # Rows of Bᵀ for p and −p are e + o and e − o, with e on even and o on odd values; 0 has an e, infinity an o.
    order = [0, *range(1, n - 1, 2), *range(2, n - 1, 2), n - 1]
    even, odd = data[order[: n // 2], ::2], np.vstack([data[order[1 : n // 2], 1::2], data[n - 1 :, 1::2]])
    both = [
        np.kron(even, data), np.kron(odd, data), np.kron(filters[order], filters),
        np.kron(results[:, order], results), np.kron(results[:, order], results).T,
    ]  # fmt: skip
    return Transforms(m, r, *(np.ascontiguousarray(matrix, dtype=np.float32) for matrix in both))


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


def _chunks(count: int, bytes_an_image: int) -> list[slice]:
    pieces = max(1, -(-count * bytes_an_image // CHUNK_BYTES))
    pieces = min(pieces, count)
    cuts = [count * piece // pieces for piece in range(pieces + 1)]
    return [slice(a, b) for a, b in pairwise(cuts)]


def _input_tiles(
    t: Transforms, x: Array, padding: tuple[int, int], tiles: tuple[int, int], scratch: Scratch
) -> Array:
    """Bᵀ d B of every tile: [n², tiles, C]. Tiles are products of their own: small ones are what BLAS does best.

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


def convolve(
    t: Transforms, y: Array, x: Array, filters: Array, b: Array | None, padding: tuple[int, int], scratch: Scratch,
    *, relu: bool = False,
) -> None:  # fmt: skip
    """y = x correlated with transformed filters [n², C, K], plus a bias, perhaps then ReLU; `padding` (top, left)."""
    rows, columns, outputs = y.shape[1:]
    tiles = t.tiles(rows, columns)
    size = tiles[0] * tiles[1] * t.n * t.n * (2 * x.shape[3] + outputs) * 4
    for run in _chunks(len(x), size):
        data = _input_tiles(t, x[run], padding, tiles, scratch)
        products = scratch("products", (data.shape[1], t.n * t.n, outputs))
        np.matmul(data, filters, out=products.transpose(1, 0, 2))
        if b is not None:
            # The column of Aᵀ for the point 1 is all ones: a bias added there reaches every place of the tile.
            products[:, t.n + 1] += b
        places = scratch("places", (len(x[run]), *tiles, t.m, t.m, outputs))
        np.matmul(t.results, products, out=places.reshape(-1, t.m * t.m, outputs))
        zeros = np.zeros(t.m * outputs, y.dtype)
        for target, source in _rows_of_tiles(y[run], places, t.m):
            if relu:
                np.maximum(source, zeros[: source.shape[3]], out=target)
            else:
                np.copyto(target, source)


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
    size = tiles[0] * tiles[1] * t.n * t.n * (2 * x.shape[3] + outputs) * 4
    for run in _chunks(len(x), size):
        data = _input_tiles(t, x[run], padding, tiles, scratch)
        places = scratch("places", (len(x[run]), *tiles, t.m, t.m, outputs))
        if rows % t.m or columns % t.m:
            places[:, -1] = 0
            places[:, :, -1] = 0
        for source, target in _rows_of_tiles(dy[run], places, t.m):
            np.copyto(target, source)
        errors = scratch("products", (t.n * t.n, data.shape[1], outputs))
        np.matmul(t.errors, places.reshape(-1, t.m * t.m, outputs), out=errors.transpose(1, 0, 2))
        if first:
            np.matmul(errors.transpose(0, 2, 1), data, out=total)
            first = False
        else:
            more = scratch("sum", total.shape)
            np.matmul(errors.transpose(0, 2, 1), data, out=more)
            total += more


def filter_gradient(t: Transforms, dw: Array, totals: Array, part: slice) -> None:
    """Gᵀ of the summed products [sums, n², K, C]: dw [K, r, r, C], of which `part` of the filters is written."""
    own = np.sum(totals[:, :, part], axis=0)
    taps = t.filters.T @ own.reshape(t.n * t.n, -1)
    flat = dw[part].reshape(-1, t.r * t.r, dw.shape[3])
    flat[...] = taps.reshape(t.r * t.r, -1, dw.shape[3]).transpose(1, 0, 2)
