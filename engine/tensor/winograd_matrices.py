"""The matrices of Winograd's convolution F(m×m, r×r); see `engine.tensor.winograd`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from engine.tensor.ops import Array

Scratch = Callable[[str, tuple[int, ...]], Array]
"""scratch(name, shape) is a float32 array with any contents, reused by the next call of that name."""

_POINTS = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)
"""Where polynomials are evaluated, infinity apart: small powers of two keep rounding errors low."""
Rows = tuple[tuple[float, ...], ...]
"""A matrix of one dimension, for the compiled transforms."""


@dataclass(frozen=True, eq=False)
class Transforms:
    """The matrices of F(m×m, r×r), in float32 on the values of a whole tile, and of one dimension each."""

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

    data_sides: tuple[Rows, Rows]
    """Bᵀ with its rows in the order of `filters`, for the rows of a tile, and Bᵀ for its columns."""
    result_sides: tuple[Rows, Rows]
    """The same of Aᵀ, whose columns are in that order."""
    error_sides: tuple[Rows, Rows]
    """The same of A."""

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
    # Rounded, so that zeros are zeros and the rows of opposite points have the same values.
    data = np.round(np.linalg.inv(_evaluation(n, n)).T, 12)
    # Rows of Bᵀ for p and −p are e + o and e − o, with e on even and o on odd values; 0 has an e, infinity an o.
    order = [0, *range(1, n - 1, 2), *range(2, n - 1, 2), n - 1]
    even, odd = data[order[: n // 2], ::2], np.vstack([data[order[1 : n // 2], 1::2], data[n - 1 :, 1::2]])
    both = [
        np.kron(even, data), np.kron(odd, data), np.kron(filters[order], filters),
        np.kron(results[:, order], results), np.kron(results[:, order], results).T,
    ]  # fmt: skip
    sides = [(data[order], data), (results[:, order], results), (results[:, order].T, results.T)]
    return Transforms(m, r, *(_single(matrix) for matrix in both), *(_rows(*pair) for pair in sides))


def _single(matrix: np.ndarray) -> Any:
    return np.ascontiguousarray(matrix, dtype=np.float32)


def _rows(*matrices: np.ndarray) -> Any:
    return tuple(tuple(tuple(row) for row in matrix.tolist()) for matrix in matrices)
