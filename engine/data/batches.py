"""The order in which training sees examples, computed from seed and step alone.

Nothing here keeps state: a checkpoint needs only the seed and the step count to go on with the same data.
Random numbers are raw Philox output, whose stream NumPy guarantees; the order that `Generator.permutation`
makes of it may change between NumPy versions, and a resumed run would then differ from one never stopped.
"""

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from engine.errors import DataError


class Purpose(IntEnum):
    """What random numbers are drawn for: streams of one seed are independent between purposes."""

    SPLIT = 1
    VALIDATION_ORDER = 2
    EPOCH_ORDER = 3
    VALIDATION_START = 4
    TEST_SPLIT = 5


def permutation(seed: int, purpose: Purpose, index: int, count: int) -> npt.NDArray[np.int64]:
    """A random permutation of 0..count-1, fixed by seed, purpose and index (such as the epoch)."""
    keys = np.random.Philox(key=_key(seed, purpose, index)).random_raw(count)
    return np.argsort(keys, kind="stable").astype(np.int64, copy=False)


def epoch_order(seed: int, epoch: int, count: int) -> npt.NDArray[np.int32]:
    """Training examples 0..count-1 in the order of the given epoch (counted from 0), int32 [count]."""
    return permutation(seed, Purpose.EPOCH_ORDER, epoch, count).astype(np.int32)


def steps_per_epoch(count: int, batch: int) -> int:
    """Training steps in one epoch: a last partial batch is dropped.

    Raises DataError when not even one batch can be filled.
    """
    if batch < 1:
        raise DataError(f"The batch size is {batch}: it must be at least 1.")
    if batch > count:
        raise DataError(
            f"The batch size is {batch} but the training set has only {count} examples: "
            f"set the batch size to {count} or less."
        )
    return count // batch


def validation_starts(seed: int, first_step: int, steps: int, count: int) -> npt.NDArray[np.int32]:
    """Where the validation batches paired with steps first_step..first_step+steps-1 start, each 0..count-1.

    int32 [steps]. A batch takes consecutive examples from there and wraps round at the end.
    """
    if count < 1:
        raise DataError("The validation set is empty: give it a larger fraction of the training images.")
    # One counter value a step; each yields four numbers, of which the first is used.
    generator = np.random.Philox(key=_key(seed, Purpose.VALIDATION_START, 0), counter=first_step)
    return (generator.random_raw(4 * steps)[::4] % np.uint64(count)).astype(np.int32)


def _key(seed: int, purpose: Purpose, index: int) -> npt.NDArray[np.uint64]:
    return np.array([seed % 2**64, (int(purpose) << 48) + index], dtype=np.uint64)
