"""Kernels of the CPU that take a few images through a convolution and the ReLU and max pooling behind it.

The map between convolution and pooling is the largest of a network. Here it never leaves the cache: no memory holds it
for a whole batch, neither forward nor backward.
"""

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING

from engine.tensor.device import Kernel
from engine.tensor.numpy_convolution import FilterSums, Step, forward_step, input_gradient_step
from engine.tensor.numpy_elementwise import max_pooling, max_pooling_relu_gradient
from engine.tensor.ops import Array
from engine.tensor.window import Window

if TYPE_CHECKING:
    from engine.tensor.numpy_ops import CpuDevice

MAP_BYTES = 2 << 20
"""Bound on the part of the map that a thread works on at a time."""


def _map_shape(x: Array, filters: int, window: Window) -> tuple[int, int, int, int]:
    rows, columns = window.places(x.shape[1], x.shape[2])
    return len(x), int(rows), int(columns), filters


def _pieces(part: slice, shape: tuple[int, ...], itemsize: int, size: int = MAP_BYTES) -> list[slice]:
    run = max(1, size // (prod(shape[1:]) * itemsize))
    return [slice(start, min(part.stop, start + run)) for start in range(part.start, part.stop, run)]


def convolution_relu_max_pooling(
    device: "CpuDevice", pooled: Array, winners: Array, x: Array, w: Array, b: Array | None,
    *, window: Window, groups: int, pooling: Window,
) -> None:  # fmt: skip
    """Convolution, max(0, ·) and the maximum of each region with its winner."""
    shape = _map_shape(x, len(w), window)
    step = forward_step(device, shape, x.shape, w, b, window, groups, relu=True)

    def task(part: slice) -> None:
        for run in _pieces(part, shape, x.dtype.itemsize):
            between = device.scratch("map", (run.stop - run.start, *shape[1:]), x.dtype)
            step(between, x[run])
            max_pooling(device, pooled[run], winners[run], between, window=pooling)

    device.share_out(len(x), task)


def pooled_convolution_weight_gradient(
    device: "CpuDevice", dw: Array, x: Array, dy: Array, winners: Array, pooled: Array,
    *, window: Window, groups: int, pooling: Window,
) -> None:  # fmt: skip
    """The gradient by the filters from the errors behind the pooling."""
    _gradients(device, dw, None, x, None, dy, winners, pooled, window, groups, pooling)


def pooled_convolution_gradients(
    device: "CpuDevice", dw: Array, dx: Array, x: Array, w: Array, dy: Array, winners: Array, pooled: Array,
    *, window: Window, groups: int, pooling: Window,
) -> None:  # fmt: skip
    """The gradients by the filters and by the input from the errors behind the pooling."""
    step = input_gradient_step(device, x.shape, _map_shape(x, len(w), window), w, window, groups)
    _gradients(device, dw, dx, x, step, dy, winners, pooled, window, groups, pooling)


def _gradients(
    device: "CpuDevice", dw: Array, dx: Array | None, x: Array, step: Step | None, dy: Array, winners: Array,
    pooled: Array, window: Window, groups: int, pooling: Window,
) -> None:  # fmt: skip
    shape, parts = _map_shape(x, len(dw), window), device.parts(len(x))
    sums = FilterSums(device, len(parts), dw, x.shape, shape, window, groups)

    def task(lane: int, part: slice) -> Callable[[], None]:
        def run_all() -> None:
            # The sums over each piece are added up: a piece must be worth that.
            for run in _pieces(part, shape, x.dtype.itemsize, max(MAP_BYTES, 2 * sums.nbytes)):
                errors = device.scratch("map", (run.stop - run.start, *shape[1:]), x.dtype)
                max_pooling_relu_gradient(device, errors, dy[run], winners[run], pooled[run], window=pooling)
                sums.add(lane, x[run], errors, first=run.start == part.start)
                if step is not None and dx is not None:
                    step(dx[run], errors)

        return run_all

    device.run_all([task(lane, part) for lane, part in enumerate(parts)])
    sums.finish()


KERNELS: dict[str, Kernel] = {
    kernel.__name__: kernel
    for kernel in (
        convolution_relu_max_pooling,
        pooled_convolution_weight_gradient,
        pooled_convolution_gradients,
    )
}
