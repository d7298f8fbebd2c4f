"""Points of many dimensions in the few directions along which they vary most."""

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.tensor.numpy_ops import ONE_THREAD_OF_BLAS

Floats = npt.NDArray[np.float64]


def principal_components(values: npt.NDArray[Any], count: int = 3) -> tuple[Floats, Floats]:
    """Places [n, count] of values [n, d] along their principal components, and each one's share of the variance.

    The components are those of the centred values' singular value decomposition, the one of most variance first; the
    sign of each is such that its place of greatest size is positive. Where there are fewer, or where the values are
    not finite, the rest is zero.
    """
    points, shares = np.zeros((len(values), count)), np.zeros(count)
    centred = np.asarray(values, np.float64)
    if not np.isfinite(centred).all() or not centred.size:
        return points, shares
    centred = centred - centred.mean(axis=0)
    # So small a problem takes longer on several threads, and far longer beside a training that has them all.
    with ONE_THREAD_OF_BLAS:
        squares, found = _components(centred)
    total = float((centred**2).sum())
    kept = min(count, found.shape[1])
    found = found[:, :kept]
    largest = np.abs(found).argmax(axis=0)
    points[:, :kept] = found * np.where(found[largest, np.arange(kept)] < 0, -1.0, 1.0)
    if total > 0:
        shares[:kept] = np.maximum(squares[:kept], 0.0) / total
    return points, shares


def _components(centred: Floats) -> tuple[Floats, Floats]:
    """Squared singular values, the greatest first, and the places along their directions."""
    if centred.shape[1] >= centred.shape[0]:
        # Many features of few examples: the products of the examples have the same components and are far fewer.
        squares, left = np.linalg.eigh(centred @ centred.T)
        return squares[::-1], left[:, ::-1] * np.sqrt(np.maximum(squares[::-1], 0.0))
    squares, right = np.linalg.eigh(centred.T @ centred)
    return squares[::-1], centred @ right[:, ::-1]


def turned_to(points: npt.NDArray[Any], before: npt.NDArray[Any]) -> Floats:
    """Points [n, k], turned and mirrored about their origin so that they lie nearest to those of before, [m, k].

    Where one has more points than the other, the first ones that both have say how to turn.

    The orthogonal Procrustes problem (Schönemann 1966). Components whose variances are alike change places between two
    moments of a training: without this, points would jump where nothing has moved.
    """
    here, there = np.asarray(points, np.float64), np.asarray(before, np.float64)
    both = min(len(here), len(there))
    left, _, right = np.linalg.svd(here[:both].T @ there[:both])
    return np.asarray(here @ (left @ right))
