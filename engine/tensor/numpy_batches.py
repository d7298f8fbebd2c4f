"""Kernels of the CPU that gather batches: images are changed and prepared by all threads, a few at a time."""

from typing import TYPE_CHECKING

from engine.tensor import array_ops
from engine.tensor.augmentation import Augmentation
from engine.tensor.device import Kernel
from engine.tensor.ops import Array
from engine.tensor.step_ops import Clock

if TYPE_CHECKING:
    from engine.tensor.numpy_ops import CpuDevice

_RUN_VALUES = 1 << 15
"""Values of images that a thread changes at a time: what lies between the steps stays in its cache."""


def gather(
    device: "CpuDevice", x: Array, y: Array, images: Array, labels: Array, order: Array, clock: Array, scale: Array,
    offset: Array, *, augmentation: Augmentation | None = None,
) -> None:  # fmt: skip
    """Images by index, changed at random where that is asked for, prepared."""
    if augmentation is None:
        array_ops.gather(device, x, y, images, labels, order, clock, scale, offset)
        return
    first = int(clock[Clock.POSITION]) * len(x)
    index = order[first : first + len(x)]
    changes = array_ops.changes_of(x, clock, augmentation)
    y[...] = labels[index]
    length = max(1, _RUN_VALUES * len(x) // x.size)

    def task(part: slice) -> None:
        for start in range(part.start, part.stop, length):
            run = slice(start, min(part.stop, start + length))
            array_ops.prepared_at_random(
                device, x[run], images, index[run], scale, offset, augmentation, changes.part(run)
            )

    device.share_out(len(x), task)


KERNELS: dict[str, Kernel] = {"gather": gather}
