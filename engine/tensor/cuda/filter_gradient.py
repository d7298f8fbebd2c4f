"""Weight gradients of convolutions by an own kernel on matrix units, which cuDNN's plans are timed against.

In TF32 the operands of a weight gradient lie across the order that Hopper's fastest instructions read, and cuDNN gets
about a fifth of the chip's rate; see filter_gradient.cu for the way round it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from engine.tensor.cuda.convolution_task import ALIGNED, Task
from engine.tensor.cuda.launching import Kernels
from engine.tensor.cuda.workspaces import BLAS

Array = Any
_SEGMENT = 16
"""Neighbouring pixels of a row that are summed at a time, as in filter_gradient.cu."""
_CHANNELS = 32
"""Channels that a block computes, and filters that each of its warps does."""
_BLOCKS = {1: (4, 7, 8), 2: (2, 4)}
"""Warps of a block -> blocks that a GPU is given at once, for each of its multiprocessors: what has been fastest."""
_MOST_TAPS = 5
"""Taps of a row, for each of which a thread keeps 32 sums in registers."""
_FEWEST_CHANNELS = 16
_MOST_VALUES = 2**31
_PACK_SUMS = 32


@dataclass(frozen=True)
class FilterGradientPlan:
    """A way to compute a weight gradient, to be run like a plan of cuDNN: dw, x and dy are given in this order."""

    task: Task
    functions: Kernels
    warps: int
    runs: int
    """Runs of segments that are summed apart, in their order: the same bits every time."""
    implementation = "own kernel"
    index = -1
    """Its place among cuDNN's plans, where it has none."""

    @property
    def name(self) -> str:
        """By which it is kept."""
        return f"filter gradient, {self.warps} warps, {self.runs} runs"

    @property
    def workspace(self) -> int:
        """Bytes of what the runs sum."""
        return self.runs * prod(self.task.w) * 4

    def run(self, arrays: Sequence[Array], workspace: int) -> None:
        """Queue the computation on the current stream."""
        dw, x, dy = arrays
        task = self.task
        _, rows_of_taps, taps, _ = task.w
        top, _, left, _ = task.window.padding
        tiles = _tiles(task, self.warps)
        self.functions.launch(
            "filter_gradient", "filter_errors", workspace, x, dy, *task.x, *task.y[1:], rows_of_taps, top, left,
            count=1, grid=(tiles, self.runs), block=(32 * self.warps,), WARPS=self.warps, SIZE_X=taps,
        )  # fmt: skip
        packs = prod(task.w) // 4
        self.functions.launch(
            "filter_gradient", "sum_of_runs", dw, workspace, self.runs, packs, count=1,
            grid=(-(-packs // _PACK_SUMS),), block=(_PACK_SUMS, 8), WARPS=self.warps, SIZE_X=taps,
        )  # fmt: skip


def plans(task: Task, functions: Kernels, multiprocessors: int) -> Iterator[FilterGradientPlan]:
    """The ways to compute a task; none where the kernel does not know it."""
    if not _is_known(task):
        return
    for warps, runs in dict.fromkeys(_shapes(task, multiprocessors)):
        yield FilterGradientPlan(task, functions, warps, runs)


def _is_known(task: Task) -> bool:
    filters, _, taps, channels = task.w
    values = max(prod(shape) for shape in (task.x, task.y, task.w))
    return (
        task.kind == "weight_gradient"
        and task.dtype == "float32"
        and task.window.stride == task.window.dilation == (1, 1)
        and channels == task.x[3]
        and taps <= _MOST_TAPS
        and channels % 4 == filters % 4 == 0
        and channels >= _FEWEST_CHANNELS
        and min(task.alignments, default=ALIGNED) == ALIGNED
        and values < _MOST_VALUES
    )


def _shapes(task: Task, multiprocessors: int) -> Iterator[tuple[int, int]]:
    """(warps, runs) of grids that fill the GPU, in as few blocks as there may be with this many filters."""
    images, rows, columns, filters = task.y
    segments = images * rows * -(-columns // _SEGMENT)
    most = min(segments, BLAS // (prod(task.w) * 4))
    for warps, blocks in _BLOCKS.items():
        if warps == 1 or filters % (32 * warps) == 0:
            for count in blocks:
                runs = min(most, multiprocessors * count // _tiles(task, warps))
                if runs > 0:
                    yield warps, runs


def _tiles(task: Task, warps: int) -> int:
    filters, rows_of_taps, _, channels = task.w
    return rows_of_taps * -(-channels // _CHANNELS) * -(-filters // (32 * warps))
