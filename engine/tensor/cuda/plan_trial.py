"""What a convolution plan is tried with: operands, the result that they should give, and a workspace."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import cupy
import numpy as np

from engine.tensor.cuda.convolution_task import Task
from engine.tensor.cuda.launching import Kernels

Array = Any
_BLOCKS = 264


@cache
def _noise() -> np.ndarray:
    # A prime number of values, repeated: no channel or row sees the same ones as its neighbour.
    return np.random.default_rng(0).standard_normal(1_000_003, dtype=np.float32)


class Trial:
    """Random operands of a task's sizes with the result that they should give, and a workspace of so many bytes.

    By own kernels alone: each of CuPy's would be compiled first, which takes longer than the trial.
    """

    def __init__(
        self,
        task: Task,
        reference: Callable[[Task, Sequence[Array]], None],
        functions: Kernels,
        workspace: int,
    ) -> None:
        self._functions = functions
        self.is_low = task.dtype == "uint16"
        values = cupy.asarray(_noise())
        self.arrays = [
            cupy.empty(shape, dtype=task.dtype if len(shape) > 1 else "float32") for shape in task.shapes()
        ]
        for array in self.arrays:
            functions.launch(
                "trials",
                "repeat",
                array,
                values,
                values.size,
                array.size,
                count=array.size,
                REAL=str(array.dtype),
            )
        self.output = self.arrays[0]
        self._expected = cupy.empty_like(self.output)
        reference(task, [self._expected, *self.arrays[1:]])
        self._norms = cupy.zeros(2, dtype="float64")
        self._partial = cupy.empty(2 * _BLOCKS, dtype="float64")
        self._ticket = cupy.zeros(1, dtype="uint32")
        self._memory = cupy.empty(max(1, workspace), dtype="uint8")
        self.workspace = int(self._memory.data.ptr)

    def poison(self) -> None:
        """Fill the output with NaN."""
        self.output.data.memset_async(0xFF, self.output.nbytes)

    def error(self) -> float:
        """Relative error of what now stands in `output`; NaN where something was not written."""
        self._functions.launch(
            "trials", "squared_norms", self._norms, self._partial, self._ticket, self.output, self._expected,
            self.output.size, count=self.output.size, grid=(_BLOCKS,), REAL=str(self.output.dtype),
        )  # fmt: skip
        difference, norm = (float(value) for value in np.sqrt(self._norms.get()))
        return difference / max(norm, 1e-30)
