"""Convolution by im2col and its gradients."""

from collections.abc import Iterator
from typing import Any

from engine.tensor.array_ops.element_by_element import relu
from engine.tensor.array_ops.registry import kernel
from engine.tensor.array_ops.windows import image_runs, padded, patches, taps
from engine.tensor.device import Device
from engine.tensor.ops import Array
from engine.tensor.window import Window


def _channel_groups(channels: int, filters: int, groups: int) -> Iterator[tuple[slice, slice]]:
    for group in range(groups):
        c, k = channels // groups, filters // groups
        yield slice(group * c, (group + 1) * c), slice(group * k, (group + 1) * k)


@kernel("nn..")
def convolution(
    device: Device, y: Array, x: Array, w: Array, b: Array | None, *, window: Window, groups: int
) -> None:
    """im2col and a matrix product, a run of images at a time."""
    xp = device.xp
    rows, columns, filters = y.shape[1:]
    taps_size = window.size[0] * window.size[1] * w.shape[3]
    for run in image_runs(len(x), rows * columns * taps_size * groups * x.dtype.itemsize):
        source = padded(xp, x[run], window)
        for inputs, outputs in _channel_groups(x.shape[3], filters, groups):
            seen = patches(xp, source[..., inputs], window, rows, columns).reshape(-1, taps_size)
            flat = w[outputs].reshape(-1, taps_size)
            if groups == 1:
                xp.matmul(seen, flat.T, out=y[run].reshape(-1, filters))
            else:
                y[run][..., outputs] = (seen @ flat.T).reshape(*y[run].shape[:3], -1)
    if b is not None:
        xp.add(y, b, out=y)


@kernel("nn.")
def convolution_input_gradient(
    device: Device, dx: Array, dy: Array, w: Array, *, window: Window, groups: int
) -> None:
    """With stride 1 a convolution of dy with the filters turned by 180° (eq. 2.28); else summed tap by tap."""
    if window.stride == (1, 1) and turned_padding(window) is not None:
        _turned_convolution(device, dx, dy, w, window, groups)
    else:
        _scattered_gradient(device, dx, dy, w, window, groups)


def turned_padding(window: Window) -> tuple[int, int, int, int] | None:
    """Padding of the convolution with turned filters that is the adjoint of one with stride 1; None if negative."""
    top, bottom, left, right = window.padding
    height, width = window.reach
    turned = (height - 1 - top, height - 1 - bottom, width - 1 - left, width - 1 - right)
    return turned if min(turned) >= 0 else None


def turned_filters(xp: Any, w: Array, groups: int) -> Array:
    """Filters turned by 180° with channels and filters swapped in each group: [C, h, w, K/groups]."""
    filters, height, width, channels = w.shape
    turned = w[:, ::-1, ::-1].reshape(groups, filters // groups, height, width, channels)
    swapped = turned.transpose(0, 4, 2, 3, 1).reshape(groups * channels, height, width, filters // groups)
    return xp.ascontiguousarray(swapped)


def _turned_convolution(device: Device, dx: Array, dy: Array, w: Array, window: Window, groups: int) -> None:
    padding = turned_padding(window)
    assert padding is not None
    turned = turned_filters(device.xp, w, groups)
    adjoint = Window(window.size, (1, 1), padding, window.dilation)
    convolution(device, dx, dy, turned, None, window=adjoint, groups=groups)


def _scattered_gradient(device: Device, dx: Array, dy: Array, w: Array, window: Window, groups: int) -> None:
    xp = device.xp
    rows, columns, filters = dy.shape[1:]
    top, _, left, _ = window.padding
    height, width, channels = dx.shape[1:]
    taps_size = window.size[0] * window.size[1] * w.shape[3]
    for run in image_runs(len(dx), rows * columns * taps_size * groups * dx.dtype.itemsize):
        whole = padded(xp, xp.zeros(dx[run].shape, dtype=dx.dtype), window)
        for inputs, outputs in _channel_groups(channels, filters, groups):
            flat = w[outputs].reshape(-1, taps_size)
            spread = dy[run][..., outputs].reshape(-1, filters // groups) @ flat
            spread = spread.reshape(-1, rows, columns, window.size[0] * window.size[1], w.shape[3])
            for tap, place in enumerate(taps(whole[..., inputs], window, rows, columns)):
                place += spread[:, :, :, tap]
        dx[run] = whole[:, top : top + height, left : left + width]


@kernel("+nn")
def convolution_weight_gradient(
    device: Device, dw: Array, x: Array, dy: Array, *, window: Window, groups: int
) -> None:
    """The patches of im2col, transposed, times dy, summed over runs of images."""
    xp = device.xp
    rows, columns, filters = dy.shape[1:]
    taps_size = window.size[0] * window.size[1] * dw.shape[3]
    for number, run in enumerate(image_runs(len(x), rows * columns * taps_size * groups * x.dtype.itemsize)):
        source = padded(xp, x[run], window)
        for inputs, outputs in _channel_groups(x.shape[3], filters, groups):
            seen = patches(xp, source[..., inputs], window, rows, columns).reshape(-1, taps_size)
            errors = dy[run][..., outputs].reshape(-1, filters // groups)
            target = dw[outputs].reshape(-1, taps_size)
            if number == 0:
                xp.matmul(errors.T, seen, out=target)
            else:
                target += errors.T @ seen


@kernel("nn..")
def convolution_relu(
    device: Device, y: Array, x: Array, w: Array, b: Array | None, *, window: Window, groups: int
) -> None:
    """The convolution, then max(0, ·) in place."""
    convolution(device, y, x, w, b, window=window, groups=groups)
    relu(device, y, y)
