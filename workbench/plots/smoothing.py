"""A moving average that is computed as values arrive. No Qt."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_BLOCK = 128
_GONE = 1e-18
"""A share of the average that no longer changes it."""


@cache
def _decay_matrix(weight: float) -> Floats:
    """Lower triangular: row i holds the share of every value j <= i of a block in the average at i."""
    distance = np.subtract.outer(np.arange(_BLOCK), np.arange(_BLOCK)).astype(np.float64)
    return np.where(distance >= 0, (1 - weight) * weight ** np.maximum(distance, 0), 0.0)


class Smoothing:
    """Exponential moving average with bias correction, fed in pieces.

    s <- w s + (1 - w) y, shown as s / (1 - w^t).
    Values that are not finite are passed over: they change nothing and come out as NaN.
    """

    def __init__(self, weight: float) -> None:
        self.weight = weight
        self._average = 0.0
        self._count = 0

    def feed(self, values: Floats) -> Floats:
        """The smoothed value at each of `values`, which follow those of earlier calls."""
        finite = np.isfinite(values)
        if finite.all():
            return self._feed_finite(values)
        result = np.full(len(values), np.nan)
        result[finite] = self._feed_finite(values[finite])
        return result

    def _feed_finite(self, values: Floats) -> Floats:
        averages = _averages(self.weight, values, self._average)
        if len(values):
            self._average = float(averages[-1])
        # What the zero before the first value takes from the average; soon nothing.
        young = (
            int(np.clip(np.log(_GONE) / np.log(self.weight) - self._count, 0, len(values)))
            if self.weight
            else 0
        )
        counts = np.arange(self._count + 1, self._count + young + 1)
        self._count += len(values)
        averages[:young] /= 1 - self.weight**counts
        return averages


def _averages(weight: float, values: Floats, before: float) -> Floats:
    """s_i = w s_(i−1) + (1 − w) y_i, block by block; what goes from block to block is such an average itself."""
    count = len(values)
    blocks = -(-count // _BLOCK)
    if count < blocks * _BLOCK:
        values = np.concatenate((values, np.zeros(blocks * _BLOCK - count)))
    averages = values.reshape(blocks, _BLOCK) @ _decay_matrix(weight).T
    carried, first = weight**_BLOCK, before
    if blocks <= _BLOCK:
        ends = np.empty(blocks)
        for number, own in enumerate(averages[:, -1]):
            ends[number] = before = carried * before + own
    else:
        ends = _averages(carried, averages[:, -1] / (1 - carried), before)
    starts = np.concatenate(([first], ends[:-1]))
    averages += starts[:, None] * weight ** np.arange(1, _BLOCK + 1)
    flat: Floats = averages.reshape(-1)[:count]
    return flat
