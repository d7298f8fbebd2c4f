"""What a convolution plan is tried with: operands, the result that they should give, and a workspace."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import cupy
import numpy as np

from engine.tensor.bfloat import rounded_to_bfloat, widened_from_bfloat
from engine.tensor.cuda.convolution_task import Task

Array = Any


@cache
def _noise() -> np.ndarray:
    # A prime number of values, repeated: no channel or row sees the same ones as its neighbour.
    return np.random.default_rng(0).standard_normal(1_000_003, dtype=np.float32)


class Trial:
    """Random operands of a task's sizes with the result that they should give, and a workspace of so many bytes."""

    def __init__(
        self, task: Task, reference: Callable[[Task, Sequence[Array]], None], workspace: int
    ) -> None:
        shapes = task.shapes()
        values = cupy.asarray(_noise())
        self.is_low = task.dtype == "uint16"
        self.arrays = [self._stored(cupy.resize(values, shape)) for shape in shapes]
        self.output = self.arrays[0]
        self._expected = cupy.empty_like(self.output)
        reference(task, [self._expected, *self.arrays[1:]])
        self._norm = _norm(self._wide(self._expected))
        self._memory = cupy.empty(max(1, workspace), dtype="uint8")
        self.workspace = int(self._memory.data.ptr)

    def _stored(self, array: Array) -> Array:
        return rounded_to_bfloat(cupy, array) if self.is_low and array.ndim > 1 else array

    def _wide(self, array: Array) -> Array:
        return widened_from_bfloat(cupy, array) if self.is_low else array

    def poison(self) -> None:
        """Fill the output with NaN."""
        self.output.fill(0x7FC0 if self.is_low else np.nan)

    def error(self) -> float:
        """Relative error of what now stands in `output`; NaN where something was not written."""
        return _norm(self._wide(self.output) - self._wide(self._expected)) / max(self._norm, 1e-30)


def _norm(array: Array) -> float:
    return float(cupy.sqrt(cupy.sum(cupy.square(array), dtype=np.float64)))
