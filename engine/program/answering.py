"""Several batches classified at one launch."""

from collections.abc import Callable, Sequence

import numpy as np

from engine.program.executable import Executable
from engine.tensor.device import Device
from engine.tensor.ops import Array


class Answers:
    """Classifies up to `together` batches at a time, which one launch does where a device captures what is called.

    `evaluation` classifies the batch that begins where `place` says, and leaves its answers in the arrays `left`; those
    of the batches of a call are in `rows`, arrays of `together` rows, as long as there is no other call.
    """

    def __init__(
        self, device: Device, evaluation: Executable, place: Array, left: Sequence[Array], together: int
    ) -> None:
        self._device, self._evaluation, self._place, self._left = device, evaluation, place, left
        self.rows = [device.empty((together, *array.shape), str(array.dtype)) for array in left]
        self._firsts = device.zeros((together,), "int64")
        self._all = device.prepare(lambda: self._call(evaluation.call, together))

    def classify(self, firsts: np.ndarray) -> None:
        """Answer the batches that begin at the images `firsts`, int64."""
        self._device.put(self._firsts[: len(firsts)], firsts)
        if 1 < len(firsts) == len(self._firsts):
            self._all()
        else:
            self._call(self._evaluation.run, len(firsts))

    def _call(self, evaluate: Callable[[], None], count: int) -> None:
        for place in range(count):
            self._device.put(self._place, self._firsts[place : place + 1])
            evaluate()
            for rows, array in zip(self.rows, self._left, strict=True):
                self._device.put(rows[place], array)
