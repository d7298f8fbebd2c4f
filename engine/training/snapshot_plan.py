"""When a training is looked at for its snapshots, and at how many images: by counts alone, so that it repeats exactly.

To look at an image layer by layer costs about half of what training on one does, to classify one a quarter (measured
on a CPU). One image in LOOK_SHARE that are trained on is looked at, and as many are classified in mid-epoch; so a
snapshot costs less than 5 % of the training before it, whatever the network, the data and the machine.
"""

from dataclasses import dataclass

from engine.settings import TrainingSettings

LOOK_SHARE = 20
"""Of so many images that are trained on, one is looked at."""
MOST_LOOKED_AT = 256
FEWEST_LOOKED_AT = 64
"""Fewer would call too many units dead: looks are rarer then, and larger."""
_LEAST = 16
"""Even of the smallest data so many images are looked at, at the end of an epoch."""


@dataclass(frozen=True)
class SnapshotPlan:
    """The snapshots of an epoch. At its end the whole validation set is classified besides."""

    steps: frozenset[int]
    """Steps within an epoch after which a snapshot is taken; the last one is among them, if any is."""
    looks: frozenset[int]
    """Those of them after which images are looked at too; after the others only the filters are kept."""
    images: int
    """Validation images that are looked at layer by layer, the first ones: the same number each time."""
    classified: int
    """Validation images that are classified in mid-epoch, in whole batches; 0 where looking answers as many."""


def snapshot_plan(settings: TrainingSettings, steps: int, training: int, validation: int) -> SnapshotPlan:
    """The plan for epochs of so many steps, with so many training and validation images."""
    wanted = settings.snapshots_per_epoch
    looks = max(1, min(wanted, training // (LOOK_SHARE * FEWEST_LOOKED_AT)))
    share = training // looks // LOOK_SHARE
    images = min(validation, MOST_LOOKED_AT, max(share, _LEAST))
    classified = min(share, validation) // settings.batch_size * settings.batch_size
    if share >= validation:
        classified = validation
    numbers = range(1, wanted + 1)
    return SnapshotPlan(
        steps=frozenset(steps * number // wanted for number in numbers),
        looks=frozenset(
            steps * number // wanted
            for number in numbers
            # As evenly as the snapshots allow.
            if number * looks // wanted > (number - 1) * looks // wanted
        ),
        images=images,
        classified=classified if classified > images else 0,
    )
