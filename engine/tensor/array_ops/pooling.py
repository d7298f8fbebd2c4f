"""Pooling and its gradients."""

from engine.tensor.array_ops.products import sum_to_channels
from engine.tensor.array_ops.registry import kernel
from engine.tensor.array_ops.windows import padded, taps
from engine.tensor.device import Device
from engine.tensor.ops import Array
from engine.tensor.window import Window


@kernel("nnn")
def max_pooling(device: Device, y: Array, winners: Array, x: Array, *, window: Window) -> None:
    """The maximum over the taps; the first tap that equals it wins."""
    xp = device.xp
    source = padded(xp, x, window, fill=-float("inf"))
    seen = list(taps(source, window, y.shape[1], y.shape[2]))
    y[...] = seen[0]
    for tap in seen[1:]:
        xp.maximum(y, tap, out=y)
    winners[...] = 0
    for number in range(len(seen) - 1, 0, -1):
        xp.copyto(winners, winners.dtype.type(number), where=seen[number] == y)
    if len(seen) > 1:
        xp.copyto(winners, winners.dtype.type(0), where=seen[0] == y)


@kernel("nnn")
def max_pooling_gradient(device: Device, dx: Array, dy: Array, winners: Array, *, window: Window) -> None:
    """Each tap hands the error on where it won."""
    xp = device.xp
    whole = padded(xp, xp.zeros(dx.shape, dtype=dx.dtype), window)
    for number, place in enumerate(taps(whole, window, dy.shape[1], dy.shape[2])):
        place += dy * (winners == number)
    _crop(dx, whole, window)


def _crop(x: Array, whole: Array, window: Window) -> None:
    top, _, left, _ = window.padding
    x[...] = whole[:, top : top + x.shape[1], left : left + x.shape[2]]


@kernel("nn")
def average_pooling(device: Device, y: Array, x: Array, *, window: Window) -> None:
    """The taps summed, divided by their number."""
    source = padded(device.xp, x, window)
    y[...] = 0
    for tap in taps(source, window, y.shape[1], y.shape[2]):
        y += tap
    y /= window.size[0] * window.size[1]


@kernel("nn")
def average_pooling_gradient(device: Device, dx: Array, dy: Array, *, window: Window) -> None:
    """Each tap gets an equal share of the error."""
    xp = device.xp
    whole = padded(xp, xp.zeros(dx.shape, dtype=dx.dtype), window)
    share = dy / (window.size[0] * window.size[1])
    for place in taps(whole, window, dy.shape[1], dy.shape[2]):
        place += share
    _crop(dx, whole, window)


@kernel("nn")
def mean_places(device: Device, y: Array, x: Array) -> None:
    """Mean over height and width."""
    y[...] = x.mean(axis=(1, 2), keepdims=True)


@kernel("nn")
def spread_places(device: Device, dx: Array, dy: Array) -> None:
    """An equal share of the error to each place."""
    dx[...] = dy / (dx.shape[1] * dx.shape[2])


@kernel("nnnn")
def max_pooling_relu_gradient(
    device: Device, dx: Array, dy: Array, winners: Array, pooled: Array, *, window: Window
) -> None:
    """The error of each window to its winner, where that was positive."""
    max_pooling_gradient(device, dx, dy * (pooled > 0), winners, window=window)


@kernel("+nn")
def relu_pooled_sum(device: Device, total: Array, dy: Array, pooled: Array) -> None:
    """Sum to channels of the errors whose winner was positive."""
    sum_to_channels(device, total, dy * (pooled > 0))
