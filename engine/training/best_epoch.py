"""Which epoch of a run is the best, and for how many epochs none was better."""

import math
from collections.abc import Sequence
from typing import Literal

from engine.training.events import EpochDone

Measure = Literal["accuracy", "loss"]


def best_epoch(epochs: Sequence[EpochDone], by: Measure) -> EpochDone | None:
    """The epoch with the highest accuracy (of equal ones, the lowest loss) or the lowest loss; the first of equals.

    Both are of the whole validation set; where that was not looked at, means over the epoch's validation batches.
    None when nothing was measured.
    """
    measured = [epoch for epoch in epochs if not math.isnan(validation_loss(epoch))]
    return max(measured, key=lambda epoch: _merit(epoch, by), default=None)


def epochs_without_better(epochs: Sequence[EpochDone], by: Measure) -> int:
    """How many epochs have passed since the best one."""
    best = best_epoch(epochs, by)
    return 0 if best is None else sum(epoch.step > best.step for epoch in epochs)


def validation_loss(epoch: EpochDone) -> float:
    """NLL of the whole validation set after the epoch, or failing that the mean over its batches."""
    return epoch.validation_loss if math.isnan(epoch.whole_loss) else epoch.whole_loss


def validation_accuracy(epoch: EpochDone) -> float:
    """Accuracy on the whole validation set after the epoch, or failing that the mean over its batches; 0 to 1."""
    return epoch.validation_accuracy if math.isnan(epoch.whole_accuracy) else epoch.whole_accuracy


def _merit(epoch: EpochDone, by: Measure) -> tuple[float, float]:
    loss = validation_loss(epoch)
    return (validation_accuracy(epoch), -loss) if by == "accuracy" else (-loss, 0.0)
