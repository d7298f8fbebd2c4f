"""Convolution on the CPU: Winograd or im2col, chosen from the shapes alone."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.tensor import array_ops, native, winograd
from engine.tensor.device import Kernel
from engine.tensor.numpy_patches import image_runs, padded, patch_matrix
from engine.tensor.ops import Array
from engine.tensor.window import Window

if TYPE_CHECKING:
    from engine.tensor.numpy_ops import CpuDevice

# The cost model: nanoseconds of one core, measured on an AVX-512 machine. Only their ratios matter, and they are
# constants so that the same shapes are always computed in the same way.
_FLOP = 1 / 200
_PATCH_VALUE = 0.25
_TILE_VALUE = 0.2
_PLACE_VALUE = 0.15
_FILTER_VALUE = 4.0
_CANDIDATES = {3: (4, 2), 5: (4, 2)}
"""Filter side -> tile sides whose relative error in float32 stays below 1e-5 (F(2×2, 7×7), say, comes too near)."""


def _is_direct(filters: int, taps: int, dtype: Any, window: Window, groups: int) -> bool:
    """Whether compiled loops convolve without a matrix of patches."""
    return native.is_available and groups == 1 and native.is_direct(filters, taps, dtype, window)


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
    if _is_direct(filters, side * side * channels, dtype, window, groups):
        least -= images * rows * columns * side * side * channels * _PATCH_VALUE
    for m in _CANDIDATES[side]:
        t = winograd.transforms(m, side)
        down, across = t.tiles(rows, columns)
        cost = winograd_cost(t, images, down * across, channels, filters)
        if cost < least:
            best, least = t, cost
    return best


def algorithms(
    operation: str, arrays: Sequence[Array], *, window: Window, groups: int, pooling: Window | None = None
) -> dict[str, str]:
    """What an operation on convolutions computes -> how, from the shapes of its arrays (outputs, then inputs)."""
    dtype = arrays[0].dtype

    def named(places: tuple[int, ...], channels: int, filters: int) -> str:
        t = chosen_transforms(dtype, places, channels, filters, window, groups)
        if t is not None:
            return f"{t.name} + BLAS"
        taps = window.size[0] * window.size[1] * channels
        return "direct, LLVM" if _is_direct(filters, taps, dtype, window, groups) else "im2col + BLAS"

    def results(x: Array, filters: int) -> str:
        rows, columns = window.places(x.shape[1], x.shape[2])
        return named((x.shape[0], int(rows), int(columns)), x.shape[3], filters)

    def errors(x: Array, filters: int) -> str:
        if window.stride != (1, 1) or array_ops.turned_padding(window) is None:
            return "im2col + BLAS"
        return named(x.shape[:3], filters, x.shape[3])

    if operation == "convolution_input_gradient":
        dx, dy = arrays[:2]
        return {"input gradient": errors(dx, dy.shape[3])}
    if operation in ("convolution_weight_gradient", "pooled_convolution_weight_gradient"):
        dw, x = arrays[:2]
        return {"filter gradient": results(x, dw.shape[0])}
    if operation == "pooled_convolution_gradients":
        dw, dx, x = arrays[:3]
        return {"filter gradient": results(x, dw.shape[0]), "input gradient": errors(dx, dw.shape[0])}
    x, w = arrays[2:4] if pooling else arrays[1:3]
    return {"forward": results(x, w.shape[0])}


Step = Callable[[Array, Array], None]
"""Computes (outputs, inputs) on any images, on any thread."""


def forward_step(
    device: "CpuDevice", y: tuple[int, ...], x: tuple[int, ...], w: Array, b: Array | None, window: Window,
    groups: int, *, relu: bool = False,
) -> Step:  # fmt: skip
    """Convolution of images of shape x to shape y, both of the whole batch; filters are transformed here, once."""
    t = chosen_transforms(w.dtype, y[:3], x[3], y[3], window, groups)
    if t is None:
        return _im2col_step(device, w, b, window, groups, relu=relu)
    filters = device.scratch("filters", (t.n * t.n, x[3], len(w)))
    device.share_out(len(w), lambda part: winograd.forward_filters(t, filters, w, part))
    padding = (window.padding[0], window.padding[2])
    return lambda out, images: winograd.convolve(
        t, out, images, filters, b, padding, device.scratch, relu=relu
    )


def input_gradient_step(
    device: "CpuDevice", dx: tuple[int, ...], dy: tuple[int, ...], w: Array, window: Window, groups: int
) -> Step:
    """A convolution of the errors with turned filters, where the stride is 1 (eq. 2.28)."""
    padding = array_ops.turned_padding(window)
    if window.stride != (1, 1) or padding is None:
        return lambda out, errors: array_ops.convolution_input_gradient(
            device, out, errors, w, window=window, groups=groups
        )
    t = chosen_transforms(w.dtype, dx[:3], dy[3], dx[3], window, groups)
    if t is None:
        turned = array_ops.turned_filters(np, w, groups)
        return _im2col_step(
            device, turned, None, Window(window.size, (1, 1), padding, window.dilation), groups
        )
    filters = device.scratch("filters", (t.n * t.n, len(w), dx[3]))
    device.share_out(len(w), lambda part: winograd.turned_filters(t, filters, w, part))
    return lambda out, errors: winograd.convolve(
        t, out, errors, filters, None, (padding[0], padding[2]), device.scratch
    )


def _im2col_step(
    device: "CpuDevice", w: Array, b: Array | None, window: Window, groups: int, *, relu: bool = False
) -> Step:
    if groups > 1:
        kernel = array_ops.convolution_relu if relu else array_ops.convolution
        return lambda y, x: kernel(device, y, x, w, b, window=window, groups=groups)
    if _is_direct(len(w), w[0].size, w.dtype, window, groups):
        own_taps = native.taps_of(w)
        return lambda y, x: native.convolve(y, padded(device, x, window), own_taps, b, window, relu=relu)
    flat, zeros = w.reshape(len(w), -1), np.zeros(len(w), w.dtype)

    def step(y: Array, x: Array) -> None:
        rows, columns, filters = y.shape[1:]
        for run in image_runs(len(x), rows * columns * (flat.shape[1] + filters) * x.dtype.itemsize):
            own = y[run].reshape(-1, filters)
            np.matmul(patch_matrix(device, x[run], window, rows, columns), flat.T, out=own)
            if b is not None:
                own += b
            if relu:
                np.maximum(own, zeros, out=own)

    return step


class FilterSums:
    """The gradient by the filters, summed by each thread over the images that it is given, one lane a thread."""

    def __init__(
        self, device: "CpuDevice", lanes: int, dw: Array, x: tuple[int, ...], dy: tuple[int, ...],
        window: Window, groups: int,
    ) -> None:  # fmt: skip
        self._device, self._dw, self._window, self._groups = device, dw, window, groups
        self._t = chosen_transforms(dw.dtype, dy[:3], x[3], dy[3], window, groups)
        sums = dw.shape if self._t is None else (self._t.n * self._t.n, len(dw), dw.shape[3])
        if self._t is None and groups == 1:
            sums = (dw[0].size, len(dw))
        self._totals = device.scratch("totals", (lanes, *sums), dw.dtype)
        self.nbytes = self._totals[0].nbytes
        """Of one lane's sums."""

    def add(self, lane: int, x: Array, dy: Array, *, first: bool) -> None:
        """Add what some images give to a lane, or set it to that if they are its first."""
        total = self._totals[lane]
        if self._t is not None:
            padding = (self._window.padding[0], self._window.padding[2])
            winograd.add_filter_products(self._t, total, x, dy, padding, self._device.scratch, first=first)
        elif self._groups > 1:
            more = total if first else self._device.scratch("sum", total.shape, total.dtype)
            array_ops.convolution_weight_gradient(
                self._device, more, x, dy, window=self._window, groups=self._groups
            )
            if not first:
                total += more
        else:
            self._add_patches(total, x, dy, first=first)

    def _add_patches(self, total: Array, x: Array, dy: Array, *, first: bool) -> None:
        if _is_direct(len(self._dw), len(total), total.dtype, self._window, self._groups):
            if first:
                total[...] = 0
            native.add_filter_gradient(total, padded(self._device, x, self._window), dy, self._window)
            return
        rows, columns, filters = dy.shape[1:]
        more = self._device.scratch("sum", total.shape, total.dtype)
        for run in image_runs(len(x), rows * columns * len(total) * x.dtype.itemsize):
            seen = patch_matrix(self._device, x[run], self._window, rows, columns)
            fresh = first and run.start == 0
            np.matmul(seen.T, dy[run].reshape(-1, filters), out=total if fresh else more)
            if not fresh:
                total += more

    def finish(self) -> None:
        """Add the lanes up in their order, into the gradient."""
        t, dw, totals = self._t, self._dw, self._totals
        if t is not None:
            self._device.share_out(len(dw), lambda part: winograd.filter_gradient(t, dw, totals, part))
        elif self._groups > 1:
            np.sum(totals, axis=0, out=dw)
        else:
            dw.reshape(len(dw), -1)[...] = np.sum(totals, axis=0).T


def convolution(
    device: "CpuDevice", y: Array, x: Array, w: Array, b: Array | None, *, window: Window, groups: int
) -> None:
    """Images shared out to the threads, each by Winograd or im2col."""
    step = forward_step(device, y.shape, x.shape, w, b, window, groups)
    device.share_out(len(x), lambda part: step(y[part], x[part]))


def convolution_relu(
    device: "CpuDevice", y: Array, x: Array, w: Array, b: Array | None, *, window: Window, groups: int
) -> None:
    """The same, then max(0, ·), while the results are in cache."""
    step = forward_step(device, y.shape, x.shape, w, b, window, groups, relu=True)
    device.share_out(len(x), lambda part: step(y[part], x[part]))


def convolution_input_gradient(
    device: "CpuDevice", dx: Array, dy: Array, w: Array, *, window: Window, groups: int
) -> None:
    """Images shared out to the threads."""
    step = input_gradient_step(device, dx.shape, dy.shape, w, window, groups)
    device.share_out(len(dx), lambda part: step(dx[part], dy[part]))


def convolution_weight_gradient(
    device: "CpuDevice", dw: Array, x: Array, dy: Array, *, window: Window, groups: int
) -> None:
    """Each thread sums over its own images; the sums are added in the order of the threads."""
    parts = device.parts(len(x))
    sums = FilterSums(device, len(parts), dw, x.shape, dy.shape, window, groups)
    device.run_all(
        [partial(sums.add, lane, x[part], dy[part], first=True) for lane, part in enumerate(parts)]
    )
    sums.finish()


KERNELS: dict[str, Kernel] = {
    kernel.__name__: kernel
    for kernel in (convolution, convolution_relu, convolution_input_gradient, convolution_weight_gradient)
}
