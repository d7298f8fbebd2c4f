"""What a filter looks like: a Gabor function (oriented and periodic), a centre with its neighbours, or neither.

Both are fitted by least squares. Scores are adjusted R²: the share of the filter's variance that the fit explains,
corrected for its free parameters, because seven of them explain much of any 5×5 noise.
"""

from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Kind = Literal["gabor", "neighbours", "neither"]

LEAST_SCORE = 0.7
"""A filter is of a kind from this adjusted R² on."""
_GABOR_PARAMETERS = 7
_NEIGHBOUR_PARAMETERS = 4
_ROUNDS = 14
_WAVELENGTHS = (2.0, 2.5, 3.2, 4.0, 5.0, 6.5, 8.0, 10.0)
_WIDTHS = (0.35, 0.6, 1.0)
"""Of the Gaussian, as part of the wavelength."""


@dataclass(frozen=True, slots=True)
class FilterKind:
    """What a filter is most like, and how well each fit explains it (adjusted R², 1 is perfect)."""

    kind: Kind
    gabor: float
    neighbours: float
    orientation: float
    """Direction along which the fitted wave runs, degrees 0 to 180, counter-clockwise from the horizontal."""
    wavelength: float
    """Of the fitted wave, in pixels."""
    centre: tuple[int, int]
    """Row and column of the fitted centre."""
    residual: float = 1.0
    """What the Gabor fit leaves: root mean square, as part of the filter's deviation from its mean; 0 is perfect."""


def filter_kind(weights: npt.ArrayLike) -> FilterKind:
    """Tell what a filter [C, h, w] is like; of several channels, their strongest common pattern is fitted."""
    pattern = _pattern(np.asarray(weights, np.float64))
    varies = np.isfinite(pattern).all() and np.ptp(pattern) > 0
    if not varies or min(pattern.shape) < 3:
        return FilterKind("neither", 0.0, 0.0, 0.0, 0.0, (0, 0))
    gabor, (angle, wavelength), left = _fit_gabor(pattern)
    neighbours, centre = _fit_neighbours(pattern)
    best: Kind = "gabor" if gabor >= neighbours else "neighbours"
    kind = best if max(gabor, neighbours) >= LEAST_SCORE else "neither"
    return FilterKind(kind, gabor, neighbours, angle, wavelength, centre, left)


def _pattern(weights: Floats) -> Floats:
    """The first principal component of the channels' patterns, with its size."""
    channels, height, width = weights.shape
    if channels == 1 or not np.isfinite(weights).all():
        return np.asarray(weights[0], np.float64)
    _, sizes, patterns = np.linalg.svd(weights.reshape(channels, -1), full_matrices=False)
    return np.asarray(sizes[0] * patterns[0].reshape(height, width), np.float64)


def _adjusted(residual: float, total: float, count: int, parameters: int) -> float:
    left = max(count - parameters, 1)
    return max(0.0, 1.0 - residual / left / (total / (count - 1)))


def _explained(bases: Floats, values: Floats) -> Floats:
    """Part of |values|² that each basis [M, n, p] explains by least squares, [M]."""
    gram = np.einsum("mnp,mnq->mpq", bases, bases)
    # A little ridge keeps bases solvable whose columns nearly coincide.
    gram += 1e-9 * np.trace(gram, axis1=1, axis2=2)[:, None, None] * np.eye(bases.shape[2])
    right = np.einsum("mnp,n->mp", bases, values)
    return np.asarray(np.einsum("mp,mp->m", right, np.linalg.solve(gram, right[..., None])[..., 0]))


def _gabor_bases(parameters: Floats, height: int, width: int) -> Floats:
    """Columns 1, Gaussian · cosine, Gaussian · sine of each row (angle, wavelength, σ, row, column), [M, n, 3]."""
    rows, columns = (axis.ravel() for axis in np.mgrid[:height, :width].astype(np.float64))
    angle, wavelength, sigma, row, column = (parameters[:, k, None] for k in range(5))
    x, y = columns - column, row - rows
    along = x * np.cos(angle) + y * np.sin(angle)
    bell = np.exp(-(x**2 + y**2) / (2 * sigma**2))
    phase = 2 * np.pi * along / wavelength
    return np.stack([np.ones_like(bell), bell * np.cos(phase), bell * np.sin(phase)], axis=2)


@cache
def _grid(height: int, width: int) -> tuple[Floats, Floats]:
    """Starting points and their bases."""
    angles = np.pi * np.arange(12) / 12
    rows, columns = (np.linspace(0.25, 0.75, 3) * (size - 1) for size in (height, width))
    points = [
        (angle, wavelength, share * wavelength, row, column)
        for angle, wavelength, share, row, column in product(angles, _WAVELENGTHS, _WIDTHS, rows, columns)
    ]
    parameters = np.array(points)
    return parameters, _gabor_bases(parameters, height, width)


def _fit_gabor(pattern: Floats) -> tuple[float, tuple[float, float], float]:
    """Adjusted R², angle and wavelength, and residual of the best fit.

    A grid is searched first, then ever smaller steps around its best.
    """
    height, width = pattern.shape
    values = pattern.ravel()
    parameters, bases = _grid(height, width)
    found = _explained(bases, values)
    best, explained = parameters[found.argmax()], float(found.max())
    steps = np.array([np.pi / 24, 0.15 * best[1], 0.2 * best[2], 0.25, 0.25])
    moves = np.array(list(product((-1.0, 0.0, 1.0), repeat=5)))
    low = np.array([-np.inf, 2.0, 0.5, -0.5, -0.5])
    high = np.array([np.inf, 2.5 * max(height, width), 1.5 * max(height, width), height - 0.5, width - 0.5])
    for _ in range(_ROUNDS):
        tried = np.clip(best + moves * steps, low, high)
        found = _explained(_gabor_bases(tried, height, width), values)
        if found.max() > explained * (1 + 1e-9):
            best, explained = tried[found.argmax()], float(found.max())
        else:
            steps = steps / 2
    total = float(((values - values.mean()) ** 2).sum())
    residual = max(float((values**2).sum()) - explained, 0.0)
    score = _adjusted(residual, total, values.size, _GABOR_PARAMETERS)
    left = min(float(np.sqrt(residual / total)), 1.0)
    return score, (float(np.degrees(best[0]) % 180), float(best[1])), left


@cache
def _neighbour_bases(height: int, width: int) -> tuple[list[tuple[int, int]], Floats]:
    """Every centre with its four neighbours, and with three of them: columns 1, centre, neighbours."""
    centres: list[tuple[int, int]] = []
    bases: list[Any] = []
    around = ((-1, 0), (1, 0), (0, -1), (0, 1))
    for row, column in product(range(height), range(width)):
        there = [
            (row + y, column + x) for y, x in around if 0 <= row + y < height and 0 <= column + x < width
        ]
        sets = [there] + ([[p for p in there if p != left] for left in there] if len(there) == 4 else [])
        for neighbours in (chosen for chosen in sets if len(chosen) >= 3):
            centre, ring = np.zeros((height, width)), np.zeros((height, width))
            centre[row, column] = 1.0
            for place in neighbours:
                ring[place] = 1.0
            centres.append((row, column))
            bases.append(np.stack([np.ones(height * width), centre.ravel(), ring.ravel()], axis=1))
    return centres, np.array(bases)


def _fit_neighbours(pattern: Floats) -> tuple[float, tuple[int, int]]:
    """Adjusted R² and place of the best centre whose neighbours stand out with it."""
    centres, bases = _neighbour_bases(*pattern.shape)
    values = pattern.ravel()
    total = float(((values - values.mean()) ** 2).sum())
    explained = _explained(bases, values)
    for place in np.argsort(-explained):
        _, centre, ring = np.linalg.lstsq(bases[place], values, rcond=None)[0]
        # A lone bright pixel is no neighbourhood, nor is a ring around nothing.
        if 0.2 * abs(centre) <= abs(ring) <= 1.5 * abs(centre):
            residual = max(float((values**2).sum()) - float(explained[place]), 0.0)
            return _adjusted(residual, total, values.size, _NEIGHBOUR_PARAMETERS), centres[place]
    return 0.0, (0, 0)
