"""Kernels of the CPU that pass over maps once: activations, pooling, sums. Each works on the images that it is given.

NumPy is quick where its inner loop runs over many values that lie side by side, and slow where a mask says
which values to write; these kernels are written for that.
"""

from typing import TYPE_CHECKING

import numpy as np

from engine.tensor import array_ops, native
from engine.tensor.device import Kernel
from engine.tensor.ops import Array
from engine.tensor.window import Window

if TYPE_CHECKING:
    from engine.tensor.numpy_ops import CpuDevice

_LINE = 4096
"""Values at a time where a kernel cuts a flat array: all operands stay in the nearest cache."""
_SUM_ROWS = 2048


def relu(device: "CpuDevice", y: Array, x: Array) -> None:
    """max(0, x); against a line of zeros, for NumPy takes its slow path where one operand is a single number."""
    flat, out = x.reshape(-1), y.reshape(-1)
    whole = len(flat) // _LINE * _LINE
    zeros = np.zeros(_LINE, x.dtype)
    np.maximum(flat[:whole].reshape(-1, _LINE), zeros, out=out[:whole].reshape(-1, _LINE))
    np.maximum(flat[whole:], zeros[: len(flat) - whole], out=out[whole:])


def sum_to_channels(device: "CpuDevice", total: Array, dy: Array) -> None:
    """Sums of blocks of rows as products with ones, then the sum of those."""
    flat = dy.reshape(-1, dy.shape[3])
    ones = np.ones((1, _SUM_ROWS), dy.dtype)
    whole = len(flat) // _SUM_ROWS
    blocks = device.scratch("blocks", (whole + 1, 1, dy.shape[3]), dy.dtype)
    np.matmul(ones, flat[: whole * _SUM_ROWS].reshape(whole, _SUM_ROWS, dy.shape[3]), out=blocks[:whole])
    np.matmul(ones[:, : len(flat) - whole * _SUM_ROWS], flat[whole * _SUM_ROWS :], out=blocks[whole])
    np.sum(blocks[:, 0], axis=0, out=total)


def max_pooling(device: "CpuDevice", y: Array, winners: Array, x: Array, *, window: Window) -> None:
    """Maxima of lines, then along them; the winner's number is how many taps in a row were not the maximum."""
    if native.is_available and native.pools(window, (y, winners, x)):
        native.max_pooling(y, winners, x, window=window)
        return
    rows, columns = y.shape[1:3]
    source = array_ops.padded(np, x, window, fill=-float("inf"))
    (height, width), (down, across), (dy, dx) = window.size, window.stride, window.dilation
    lines = [source[:, i * dy : i * dy + (rows - 1) * down + 1 : down] for i in range(height)]
    tops, best = lines[0], device.scratch("lines", lines[0].shape, x.dtype)
    for line in lines[1:]:
        tops = np.maximum(tops, line, out=best)
    taps = [tops[:, :, j * dx : j * dx + (columns - 1) * across + 1 : across] for j in range(width)]
    if width == 1:
        y[...] = taps[0]
    for number, tap in enumerate(taps[1:]):
        np.maximum(y if number else taps[0], tap, out=y)
    winners[...] = 0
    missed, still = (device.scratch(name, y.shape, np.bool_) for name in ("missed", "still"))
    still[...] = True
    for tap in list(array_ops.taps(source, window, rows, columns))[:-1]:
        np.not_equal(tap, y, out=missed)
        still &= missed
        np.add(winners, still.view(np.uint8), out=winners)


def max_pooling_gradient(
    device: "CpuDevice", dx: Array, dy: Array, winners: Array, *, window: Window
) -> None:
    """Where regions do not overlap, each tap is written once and nothing is added up."""
    tiled = window.stride == window.size and window.dilation == (1, 1) and not any(window.padding)
    if not tiled:
        array_ops.max_pooling_gradient(device, dx, dy, winners, window=window)
        return
    rows, columns = dy.shape[1:3]
    dx[:, rows * window.size[0] :] = 0
    dx[:, :, columns * window.size[1] :] = 0
    won = device.scratch("won", dy.shape, np.bool_)
    share = device.scratch("share", dy.shape, dy.dtype)
    for number, place in enumerate(array_ops.taps(dx, window, rows, columns)):
        np.equal(winners, winners.dtype.type(number), out=won)
        np.copyto(share, won)
        np.multiply(dy, share, out=place)


def _passed(device: "CpuDevice", dy: Array, pooled: Array) -> Array:
    """dy where pooled > 0, in scratch memory."""
    positive = np.greater(pooled, 0, out=device.scratch("won", dy.shape, np.bool_))
    return np.multiply(dy, positive, out=device.scratch("passed", dy.shape, dy.dtype))


def max_pooling_relu_gradient(
    device: "CpuDevice", dx: Array, dy: Array, winners: Array, pooled: Array, *, window: Window
) -> None:
    """The errors that pass the ReLU, then the pooling's own gradient; both on the smaller map."""
    if native.is_available and native.pools(window, (dx, dy, winners, pooled)):
        native.max_pooling_relu_gradient(dx, dy, winners, pooled, window=window)
        return
    max_pooling_gradient(device, dx, _passed(device, dy, pooled), winners, window=window)


def relu_pooled_sum(device: "CpuDevice", total: Array, dy: Array, pooled: Array) -> None:
    """The sum of the errors that pass the ReLU."""
    if native.is_available and dy.dtype == np.float32:
        native.relu_pooled_sum(total, dy, pooled)
        return
    sum_to_channels(device, total, _passed(device, dy, pooled))


KERNELS: dict[str, Kernel] = {
    kernel.__name__: kernel
    for kernel in (
        relu,
        sum_to_channels,
        max_pooling,
        max_pooling_gradient,
        max_pooling_relu_gradient,
        relu_pooled_sum,
    )
}
"""In place of the generic kernels of these names; cut along the batch in the same way."""
