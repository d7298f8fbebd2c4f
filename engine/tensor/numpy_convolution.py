"""Convolution on the CPU: Winograd or im2col, chosen from the shapes alone, in pieces that stay in cache."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.tensor import array_ops, winograd
from engine.tensor.device import Kernel
from engine.tensor.ops import Array
from engine.tensor.window import Window

if TYPE_CHECKING:
    from engine.tensor.numpy_ops import CpuDevice

PATCH_BYTES = 2 << 20
"""Bound on the memory that im2col takes at a time on each thread."""

# The cost model: nanoseconds of one core, measured on an AVX-512 machine. Only their ratios matter, and they are
# constants so that the same shapes are always computed in the same way.
_FLOP = 1 / 200
_PATCH_VALUE = 0.25
_TILE_VALUE = 0.2
_PLACE_VALUE = 0.15
_FILTER_VALUE = 4.0
_CANDIDATES = {3: (4, 2), 5: (4, 2)}
"""Filter side -> tile sides whose relative error in float32 stays below 1e-5 (F(2×2, 7×7), say, comes too near)."""


def im2col_cost(images: int, places: int, taps: int, channels: int, filters: int) -> float:
    """Nanoseconds of one core: copying the patches and the product."""
    return images * places * taps * channels * (_PATCH_VALUE + 2 * filters * _FLOP)


def winograd_cost(t: winograd.Transforms, images: int, tiles: int, channels: int, filters: int) -> float:
    """Nanoseconds of one core: transforming filters and tiles, the products, transforming back."""
    values = t.n * t.n
    data = channels * (_TILE_VALUE + 2 * values * _FLOP)
    products = 2 * channels * filters * _FLOP
    results = filters * (_PLACE_VALUE + 2 * t.m * t.m * _FLOP)
    once = values * channels * filters * (_FILTER_VALUE + 2 * t.r * t.r * _FLOP)
    return images * tiles * values * (data + products + results) + once


def chosen_transforms(
    dtype: Any, places: tuple[int, ...], channels: int, filters: int, window: Window, groups: int
) -> winograd.Transforms | None:
    """The Winograd algorithm expected to be fastest, or None for im2col. `places` is (images, rows, columns)."""
    side = window.size[0]
    plain = window.size == (side, side) and window.stride == window.dilation == (1, 1) and groups == 1
    if not plain or np.dtype(dtype) != np.float32 or side not in _CANDIDATES:
        return None
    images, rows, columns = places
    best, least = None, im2col_cost(images, rows * columns, side * side, channels, filters)
    for m in _CANDIDATES[side]:
        t = winograd.transforms(m, side)
        down, across = t.tiles(rows, columns)
        cost = winograd_cost(t, images, down * across, channels, filters)
        if cost < least:
            best, least = t, cost
    return best


def transforms_of(operation: str, arrays: Any, window: Window, groups: int) -> winograd.Transforms | None:
    """What computes a convolution operation on arrays (outputs, then inputs), of which only shapes are read."""
    result, first, second = (array.shape for array in arrays[:3])
    dtype = arrays[0].dtype
    if operation in ("convolution", "convolution_relu"):
        return chosen_transforms(dtype, result[:3], first[3], result[3], window, groups)
    if operation == "convolution_input_gradient":
        if array_ops.turned_padding(window) is None:
            return None
        return chosen_transforms(dtype, result[:3], first[3], result[3], window, groups)
    return chosen_transforms(dtype, second[:3], first[3], second[3], window, groups)


def convolution(
    device: "CpuDevice", y: Array, x: Array, w: Array, b: Array | None, *, window: Window, groups: int,
    relu: bool = False,
) -> None:  # fmt: skip
    """Images shared out to the threads, each by Winograd or im2col."""
    t = transforms_of("convolution", (y, x, w), window, groups)
    if t is None:
        task = _im2col_task(device, y, x, w, b, window, groups, relu=relu)
    else:
        filters = device.scratch("filters", (t.n * t.n, x.shape[3], len(w)))
        device.share_out(len(w), lambda part: winograd.forward_filters(t, filters, w, part))
        padding = (window.padding[0], window.padding[2])

        def task(part: slice) -> None:
            winograd.convolve(t, y[part], x[part], filters, b, padding, device.scratch, relu=relu)

    device.share_out(len(x), task)


def convolution_relu(
    device: "CpuDevice", y: Array, x: Array, w: Array, b: Array | None, *, window: Window, groups: int
) -> None:
    """The same, then max(0, ·), while the results are in cache."""
    convolution(device, y, x, w, b, window=window, groups=groups, relu=True)


def convolution_input_gradient(
    device: "CpuDevice", dx: Array, dy: Array, w: Array, *, window: Window, groups: int
) -> None:
    """A convolution of the errors with turned filters, where the stride is 1 (eq. 2.28)."""
    padding = array_ops.turned_padding(window)
    if window.stride != (1, 1) or padding is None:
        device.share_out(
            len(dx),
            lambda part: array_ops.convolution_input_gradient(
                device, dx[part], dy[part], w, window=window, groups=groups
            ),
        )
        return
    t = transforms_of("convolution_input_gradient", (dx, dy, w), window, groups)
    if t is None:
        turned = array_ops.turned_filters(np, w, groups)
        adjoint = Window(window.size, (1, 1), padding, window.dilation)
        task = _im2col_task(device, dx, dy, turned, None, adjoint, groups)
    else:
        filters = device.scratch("filters", (t.n * t.n, len(w), dx.shape[3]))
        device.share_out(len(w), lambda part: winograd.turned_filters(t, filters, w, part))

        def task(part: slice) -> None:
            winograd.convolve(t, dx[part], dy[part], filters, None, (padding[0], padding[2]), device.scratch)

    device.share_out(len(dx), task)


def convolution_weight_gradient(
    device: "CpuDevice", dw: Array, x: Array, dy: Array, *, window: Window, groups: int
) -> None:
    """Each thread sums over its own images; the sums are added in the order of the threads."""
    t = transforms_of("convolution_weight_gradient", (dw, x, dy), window, groups)
    parts = device.parts(len(x))
    if t is None:
        sums = device.scratch("totals", (len(parts), *dw.shape), dw.dtype)
        tasks = [
            _im2col_sum(device, sums[i], x[part], dy[part], window, groups) for i, part in enumerate(parts)
        ]
        device.run_all(tasks)
        np.sum(sums, axis=0, out=dw)
        return
    totals = device.scratch("totals", (len(parts), t.n * t.n, len(dw), dw.shape[3]))
    padding = (window.padding[0], window.padding[2])

    def task(number: int, part: slice) -> Callable[[], None]:
        return lambda: winograd.add_filter_products(
            t, totals[number], x[part], dy[part], padding, device.scratch, first=True
        )

    device.run_all([task(number, part) for number, part in enumerate(parts)])
    device.share_out(len(dw), lambda part: winograd.filter_gradient(t, dw, totals, part))


def _im2col_task(
    device: "CpuDevice", y: Array, x: Array, w: Array, b: Array | None, window: Window, groups: int,
    *, relu: bool = False,
) -> Callable[[slice], None]:  # fmt: skip
    kernel = array_ops.convolution_relu if relu else array_ops.convolution
    if groups > 1:
        return lambda part: kernel(device, y[part], x[part], w, b, window=window, groups=groups)
    flat, zeros = w.reshape(len(w), -1), np.zeros(len(w), w.dtype)

    def task(part: slice) -> None:
        rows, columns, filters = y.shape[1:]
        for run in _image_runs(part, rows * columns * (flat.shape[1] + filters) * x.dtype.itemsize):
            own = y[run].reshape(-1, filters)
            np.matmul(patch_matrix(device, x[run], window, rows, columns), flat.T, out=own)
            if b is not None:
                own += b
            if relu:
                np.maximum(own, zeros, out=own)

    return task


def _im2col_sum(
    device: "CpuDevice", total: Array, x: Array, dy: Array, window: Window, groups: int
) -> Callable[[], None]:
    if groups > 1:
        return lambda: array_ops.convolution_weight_gradient(
            device, total, x, dy, window=window, groups=groups
        )
    rows, columns, filters = dy.shape[1:]
    taps = total.size // filters

    def task() -> None:
        sums, more = (device.scratch(name, (taps, filters), total.dtype) for name in ("sums", "sum"))
        for run in _image_runs(slice(0, len(x)), rows * columns * taps * x.dtype.itemsize):
            seen = patch_matrix(device, x[run], window, rows, columns)
            np.matmul(seen.T, dy[run].reshape(-1, filters), out=more if run.start else sums)
            if run.start:
                sums += more
        total.reshape(filters, taps)[...] = sums.T

    return task


def _image_runs(part: slice, bytes_an_image: int) -> list[slice]:
    run = max(1, PATCH_BYTES // max(1, bytes_an_image))
    return [slice(start, min(part.stop, start + run)) for start in range(part.start, part.stop, run)]


def patch_matrix(device: "CpuDevice", x: Array, window: Window, rows: int, columns: int) -> Array:
    """[images·rows·columns, h·w·C]: what each place of the window sees.

    It is filled by runs of memory: of w·C values of a patch or, where those are few, of one tap over a row of places.
    """
    images, channels = x.shape[0], x.shape[3]
    (height, width), taps = window.size, window.size[0] * window.size[1] * x.shape[3]
    if window.size == window.stride == (1, 1) and not any(window.padding):
        return x.reshape(-1, channels)
    along_rows = window.stride[1] == 1 and channels * width < columns
    whole = _padded(device, x, window, channels_first=along_rows)
    if not along_rows:
        matrix = device.scratch("patches", (images * rows * columns, taps), x.dtype)
        seen = array_ops.patches(np, whole, window, rows, columns)
        np.copyto(matrix.reshape(seen.shape), seen)
        return matrix
    matrix = device.scratch("patches", (taps, images * rows * columns), x.dtype)
    sc, sn, sh, sw = whole.strides
    seen = np.lib.stride_tricks.as_strided(
        whole,
        (height, width, channels, images, rows, columns),
        (sh * window.dilation[0], sw * window.dilation[1], sc, sn, sh * window.stride[0], sw),
    )
    np.copyto(matrix.reshape(seen.shape), seen)
    return matrix.T


def _padded(device: "CpuDevice", x: Array, window: Window, *, channels_first: bool) -> Array:
    """x with its padding of zeros, as [N, H, W, C] or [C, N, H, W]."""
    images, height, width, channels = x.shape
    top, bottom, left, right = window.padding
    if not channels_first and not any(window.padding):
        return x
    tall, wide = top + height + bottom, left + width + right
    if channels_first:
        memory = device.scratch("padded", (channels, images, tall, wide), x.dtype)
        whole = memory.transpose(1, 2, 3, 0)
    else:
        memory = whole = device.scratch("padded", (images, tall, wide, channels), x.dtype)
    whole[:, :top] = 0
    whole[:, top + height :] = 0
    whole[:, top : top + height, :left] = 0
    whole[:, top : top + height, left + width :] = 0
    whole[:, top : top + height, left : left + width] = x
    return memory


KERNELS: dict[str, Kernel] = {
    kernel.__name__: kernel
    for kernel in (convolution, convolution_relu, convolution_input_gradient, convolution_weight_gradient)
}
