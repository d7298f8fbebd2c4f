"""Which images a network got wrong, and which it answered alike: the images behind a confusion matrix."""

from typing import Any

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


def mistakes(probabilities: npt.NDArray[Any], labels: npt.NDArray[Any]) -> Indices:
    """Numbers of the wrongly classified images, the most confident mistake first; ties in their order."""
    predicted = probabilities.argmax(axis=1)
    return _by_confidence(np.flatnonzero(predicted != labels), probabilities)


def cell_images(
    probabilities: npt.NDArray[Any], labels: npt.NDArray[Any], predicted: int, true: int
) -> Indices:
    """Numbers of the images in the cell M(predicted, true) of the confusion matrix, the most confident first."""
    answers = probabilities.argmax(axis=1)
    return _by_confidence(np.flatnonzero((answers == predicted) & (labels == true)), probabilities)


def _by_confidence(numbers: npt.NDArray[np.intp], probabilities: npt.NDArray[Any]) -> Indices:
    confidence = probabilities[numbers].max(axis=1) if len(numbers) else np.zeros(0)
    return numbers[np.argsort(-confidence, kind="stable")].astype(np.int64)
