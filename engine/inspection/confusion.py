"""Which classes a network takes for which."""

import numpy as np


def confusion_matrix(predicted: np.ndarray, true: np.ndarray, classes: int) -> np.ndarray:
    """Counts M(ŷ, y), int64 [classes, classes]: rows are predictions, columns the true classes."""
    flat = predicted.astype(np.int64) * classes + true
    return np.bincount(flat, minlength=classes * classes).reshape(classes, classes)


def row_rates(counts: np.ndarray) -> np.ndarray:
    """Each row divided by its total, as in the thesis; an empty row stays zero."""
    totals = counts.sum(axis=1, keepdims=True)
    rates = np.zeros(counts.shape)
    np.divide(counts, totals, out=rates, where=totals > 0)
    return rates
