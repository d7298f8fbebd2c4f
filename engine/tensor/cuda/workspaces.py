"""What GPU kernels need beside their operands: bounds and sizes that are known without a GPU."""

from collections.abc import Iterable

import numpy as np

from engine.tensor.cuda.convolution_task import Task, tasks_of
from engine.tensor.cuda.plan_cache import PlanCache
from engine.tensor.device import Planned

PLAN_BOUND = {False: 256 << 20, True: 64 << 20}
"""By whether matrix units compute: bytes of workspace above which a convolution plan is not taken.

True float32 is fast by Winograd's method alone, which writes out transformed maps; matrix units need little.
"""
BLAS = 32 << 20
"""What NVIDIA advises to give cuBLAS on Hopper; enough for every chip. What else needs no more has it in turn."""
STEP = 1 << 20
"""Workspaces grow in whole steps, so that they can be seen as numbers of any type."""
_MOST_PATCHES = 32 << 20
"""Bytes of patches that are laid out at once, if one image has no more."""


def whole(size: int) -> int:
    """A size in whole steps."""
    return -(-max(size, 1) // STEP) * STEP


def patches(images: int, an_image: int) -> tuple[int, int]:
    """Images whose patches are laid out at once where cuDNN has no plan, and the bytes that these take."""
    run = max(1, min(images, _MOST_PATCHES // an_image))
    return run, run * an_image


def patches_of(task: Task) -> int:
    """Bytes of patches of a task without cuDNN."""
    taps = task.w[1] * task.w[2] * task.w[3]
    return patches(task.x[0], task.y[1] * task.y[2] * taps * np.dtype(task.dtype).itemsize)[1]


def expected(
    operations: Iterable[Planned], cache: PlanCache | None, *, matrix_units: bool
) -> tuple[int, bool]:
    """(bytes, whether they are certain) that operations will share, by the plans that an earlier training kept.

    Where no plan is known the bound is counted.
    """
    largest, is_exact = 0, True
    for operation in operations:
        tasks = tuple(tasks_of(operation.name, operation.attributes, operation.outputs, operation.inputs))
        if not tasks:
            continue
        kept = next((plan for plan in (cache and cache.find(repr(task)) for task in tasks) if plan), None)
        is_exact = is_exact and kept is not None
        largest = max(largest, PLAN_BOUND[matrix_units] if kept is None else kept.workspace)
    return BLAS + (whole(largest) if largest > BLAS else 0), is_exact
