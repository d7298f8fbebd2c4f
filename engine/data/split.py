"""The seeded, stratified split of published training images into training and validation parts."""

import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from engine.data.batches import Purpose, permutation
from engine.errors import DataError


def stratified_split(
    labels: npt.NDArray[np.int32],
    classes: int,
    fraction: float,
    seed: int,
    purpose: Purpose = Purpose.SPLIT,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Indices (train, validation) into `labels`; validation holds the fraction of every class, within 1.

    Overall the validation part has exactly the fraction, rounded to whole examples. Its order is shuffled,
    so that consecutive examples are about as balanced as the whole; the training part is in ascending order.
    Raises DataError when one of the parts would be empty.
    """
    counts = np.bincount(labels, minlength=classes)
    taken = _largest_remainders(counts.tolist(), fraction)
    if not 0 < sum(taken) < len(labels):
        raise DataError(
            f"A validation fraction of {fraction:g} takes {sum(taken)} of {len(labels)} images: "
            "both the training and the validation part need at least one; change the fraction."
        )
    chosen = []
    for label, quota in enumerate(taken):
        members = np.flatnonzero(labels == label)
        chosen.append(members[permutation(seed, purpose, label, len(members))[:quota]])
    ordered = np.sort(np.concatenate(chosen))
    validation = ordered[permutation(seed, Purpose.VALIDATION_ORDER, 0, len(ordered))]
    in_training = np.ones(len(labels), dtype=bool)
    in_training[validation] = False
    return np.flatnonzero(in_training).astype(np.int64), validation.astype(np.int64)


def _largest_remainders(counts: list[int], fraction: float) -> list[int]:
    # As a decimal: 0.1 of 5000 must be 500, and not a little more because 0.1 has no exact binary form.
    exact = Fraction(repr(float(fraction)))
    quotas = [exact * count for count in counts]
    taken = [math.floor(quota) for quota in quotas]
    left = math.floor(exact * sum(counts) + Fraction(1, 2)) - sum(taken)
    by_remainder = sorted(range(len(counts)), key=lambda label: (taken[label] - quotas[label], label))
    for label in by_remainder[:left]:
        taken[label] += 1
    return taken
