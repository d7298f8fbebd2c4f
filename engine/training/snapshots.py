"""How much of a run's past is kept: snapshots within a limit of bytes, thinned evenly in time."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from engine.training.events import Snapshot

MEGABYTE = 1_000_000
PICTURES = tuple(field.name for field in fields(Snapshot) if field.type == np.ndarray | None)
"""The fields of a snapshot that hold arrays."""


def snapshot_bytes(snapshot: Snapshot) -> int:
    """Bytes of what a snapshot holds."""
    arrays = (getattr(snapshot, name) for name in PICTURES)
    return sum(array.nbytes for array in arrays if array is not None)


def thinned(snapshots: Sequence[Snapshot], limit: int) -> tuple[Snapshot, ...]:
    """As many of the snapshots as fit into `limit` bytes, evenly spread over the steps; first and last always stay.

    What goes is, one after the other, the snapshot whose neighbours are nearest to each other, so that what is left
    has no gap much longer than the others.
    """
    kept = sorted(snapshots, key=lambda snapshot: snapshot.step)
    size = sum(map(snapshot_bytes, kept))
    while size > limit and len(kept) > 2:
        steps = np.array([snapshot.step for snapshot in kept])
        size -= snapshot_bytes(kept.pop(int(np.argmin(steps[2:] - steps[:-2])) + 1))
    return tuple(kept)
