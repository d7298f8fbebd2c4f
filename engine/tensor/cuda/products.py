"""Convolutions and fully connected layers on the GPU: cuDNN where it has a plan, else patches and cuBLAS."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from engine.tensor.cuda.convolution_plans import alignment
from engine.tensor.cuda.convolution_task import Task, fusions, task
from engine.tensor.cuda.launching import geometry, launch, type_code
from engine.tensor.cuda.workspaces import patches
from engine.tensor.step_ops import Clock
from engine.tensor.window import Window

if TYPE_CHECKING:
    from engine.tensor.cuda.cuda_device import CudaDevice

Array = Any
PATCHES = "im2col + cuBLAS"
"""What computes a convolution that no plan computes."""


# Fully connected


def linear(device: "CudaDevice", y: Array, x: Array, w: Array, b: Array | None) -> None:
    """Y [n, d] = X [n, f] Wᵀ + b."""
    n, d, f = x.shape[0], w.shape[0], _features(w)
    device.multiply(y, x, w, (n, d, f), (d, f, f), transpose_b=True)
    finish(device, y, b, relu=False)


def linear_relu(device: "CudaDevice", y: Array, x: Array, w: Array, b: Array | None) -> None:
    """Y = max(0, X Wᵀ + b)."""
    n, d, f = x.shape[0], w.shape[0], _features(w)
    device.multiply(y, x, w, (n, d, f), (d, f, f), transpose_b=True)
    finish(device, y, b, relu=True)


def linear_relu_dropout(
    device: "CudaDevice",
    y: Array,
    x: Array,
    w: Array,
    b: Array | None,
    keep: Array,
    clock: Array,
    *,
    stream: int,
) -> None:
    """Y = max(0, X Wᵀ + b) where the drawn mask is 1."""
    n, d, f = x.shape[0], w.shape[0], _features(w)
    device.multiply(y, x, w, (n, d, f), (d, f, f), transpose_b=True)
    launch(
        device, "random", "add_bias_relu_drop", y, b, keep, type_code(keep), clock, Clock.SEED, Clock.STEP, stream, d,
        y.size, count=-(-y.size // 2), like=y,
    )  # fmt: skip


def linear_input_gradient(device: "CudaDevice", dx: Array, dy: Array, w: Array) -> None:
    """dX [n, f] = dY [n, d] W."""
    n, d, f = dx.shape[0], w.shape[0], _features(w)
    device.multiply(dx, dy, w, (n, f, d), (f, d, f))


def linear_weight_gradient(device: "CudaDevice", dw: Array, x: Array, dy: Array) -> None:
    """dW [d, f] = dYᵀ X."""
    n, d, f = x.shape[0], dw.shape[0], _features(dw)
    device.multiply(dw, dy, x, (d, f, n), (f, d, f), transpose_a=True)


def finish(device: "CudaDevice", y: Array, b: Array | None, *, relu: bool) -> None:
    """Add b to the last axis of y, then ReLU, in place; nothing without either."""
    if b is not None:
        name = "add_bias_relu" if relu else "add_bias"
        launch(device, "elementwise", name, y, b, b.size, y.size, count=y.size, like=y)
    elif relu:
        launch(device, "elementwise", "relu_forward", y, y, y.size, count=y.size, like=y)


def _features(w: Array) -> int:
    return int(w.size // w.shape[0])


# Convolution


def convolution(
    device: "CudaDevice", y: Array, x: Array, w: Array, b: Array | None, *, window: Window, groups: int
) -> None:
    """Cross-correlation and bias."""
    _forward(device, "convolution", y, x, w, b, window, groups, relu=False)


def convolution_relu(
    device: "CudaDevice", y: Array, x: Array, w: Array, b: Array | None, *, window: Window, groups: int
) -> None:
    """Cross-correlation, bias and ReLU."""
    _forward(device, "convolution_relu", y, x, w, b, window, groups, relu=True)


def _forward(
    device: "CudaDevice", operation: str, y: Array, x: Array, w: Array, b: Array | None, window: Window, groups: int,
    *, relu: bool,
) -> None:  # fmt: skip
    """The most that cuDNN fuses into one graph, then what is left; patches where it has no plan at all."""
    fused, by = (False, False), None
    for fused in fusions(b is not None, relu=relu):
        arrays = [y, x, w, b] if fused[0] else [y, x, w]
        by = _by_plan(device, "forward", window, arrays, x, w, y, relu=fused[1])
        if by is not None:
            break
    else:
        patched_forward(device, y, x, w, window, groups)
    device.note_implementation(operation, window, (y, x, w), by or PATCHES)
    finish(device, y, None if fused[0] else b, relu=relu and not fused[1])


def convolution_input_gradient(
    device: "CudaDevice", dx: Array, dy: Array, w: Array, *, window: Window, groups: int
) -> None:
    """The adjoint by the input."""
    by = _by_plan(device, "input_gradient", window, [dx, dy, w], dx, w, dy)
    if by is None:
        patched_input_gradient(device, dx, dy, w, window, groups)
    device.note_implementation("convolution_input_gradient", window, (dx, dy, w), by or PATCHES)


def convolution_weight_gradient(
    device: "CudaDevice", dw: Array, x: Array, dy: Array, *, window: Window, groups: int
) -> None:
    """The adjoint by the filters."""
    by = _by_plan(device, "weight_gradient", window, [dw, x, dy], x, dw, dy)
    if by is None:
        patched_weight_gradient(device, dw, x, dy, window, groups)
    device.note_implementation("convolution_weight_gradient", window, (dw, x, dy), by or PATCHES)


def _by_plan(
    device: "CudaDevice", kind: str, window: Window, arrays: Sequence[Array], x: Array, w: Array, y: Array,
    *, relu: bool = False,
) -> str | None:  # fmt: skip
    """Compute by the fastest plan, and tell whose it is; None when there is no plan and nothing was done."""
    if device.plans is None or str(x.dtype) not in ("float32", "uint16"):
        return None
    alignments = tuple(alignment(array) for array in arrays)
    asked = task(kind, x, w, y, window, alignments, bias=len(arrays) == 4, relu=relu)
    return device.plans.run(asked, arrays)


def reference(device: "CudaDevice", task: Task, arrays: Sequence[Array]) -> None:
    """A task without cuDNN and in true float32: what its plans are compared with."""
    out, first, second = arrays[:3]
    groups = task.x[3] // task.w[3]
    if task.kind == "input_gradient":
        patched_input_gradient(device, out, first, second, task.window, groups, exact=True)
    elif task.kind == "weight_gradient":
        patched_weight_gradient(device, out, first, second, task.window, groups, exact=True)
    else:
        patched_forward(device, out, first, second, task.window, groups, exact=True)
        finish(device, out, arrays[3] if task.bias else None, relu=task.relu)


class _Patches:
    """im2col of runs of images that fit into the workspace, for one group of channels at a time."""

    def __init__(
        self,
        device: "CudaDevice",
        x: Array,
        w: Array,
        y: Array,
        window: Window,
        groups: int,
        *,
        is_trial: bool,
    ) -> None:
        self.taps_size = _features(w)
        self.filters = w.shape[0] // groups
        self.all_filters = w.shape[0]
        self.places = y.shape[1] * y.shape[2]
        self.groups = groups
        self.run, size = patches(x.shape[0], self.places * self.taps_size * x.dtype.itemsize)
        # A trial's own memory: what training keeps need not be as large.
        self.memory = device.empty((size,), "uint8") if is_trial else device.beside_products(size)
        self._device = device
        self._channels = w.shape[3]
        self._window = window

    def runs(self, x: Array, y: Array) -> list[tuple[Array, Array]]:
        """(x, y) of each run of images."""
        return [
            (x[first : first + self.run], y[first : first + self.run]) for first in range(0, len(x), self.run)
        ]

    def move(self, kernel: str, x: Array, y: Array, group: int) -> None:
        """`take_patches` from x, or `put_patches` into it."""
        taking = kernel == "take_patches"
        count = x.shape[0] * self.places * self.taps_size if taking else x.size // x.shape[3] * self._channels
        operands = (self.memory, x) if taking else (x, self.memory)
        launch(
            self._device, "pooling", kernel, *operands, group * self._channels, self._channels,
            *geometry(x, y, self._window), count, count=count, like=x,
        )  # fmt: skip


def patched_forward(
    device: "CudaDevice", y: Array, x: Array, w: Array, window: Window, groups: int, *, exact: bool = False
) -> None:
    """Y [places, K] = patches · Wᵀ."""
    laid = _Patches(device, x, w, y, window, groups, is_trial=exact)
    taps, filters = laid.taps_size, laid.filters
    for images, maps in laid.runs(x, y):
        rows = len(images) * laid.places
        for group in range(groups):
            laid.move("take_patches", images, maps, group)
            device.multiply(
                maps, laid.memory, w, (rows, filters, taps), (laid.all_filters, taps, taps), transpose_b=True,
                offsets=(group * filters, 0, group * filters * taps), exact=exact,
            )  # fmt: skip


def patched_input_gradient(
    device: "CudaDevice", dx: Array, dy: Array, w: Array, window: Window, groups: int, *, exact: bool = False
) -> None:
    """Patches = dY · W, each pixel then sums what its patches hold."""
    laid = _Patches(device, dx, w, dy, window, groups, is_trial=exact)
    taps, filters = laid.taps_size, laid.filters
    for images, errors in laid.runs(dx, dy):
        rows = len(images) * laid.places
        for group in range(groups):
            device.multiply(
                laid.memory, errors, w, (rows, taps, filters), (taps, laid.all_filters, taps),
                offsets=(0, group * filters, group * filters * taps), exact=exact,
            )  # fmt: skip
            laid.move("put_patches", images, errors, group)


def patched_weight_gradient(
    device: "CudaDevice", dw: Array, x: Array, dy: Array, window: Window, groups: int, *, exact: bool = False
) -> None:
    """dW = dYᵀ · patches, summed over runs of images in their order."""
    laid = _Patches(device, x, dw, dy, window, groups, is_trial=exact)
    taps, filters = laid.taps_size, laid.filters
    for number, (images, errors) in enumerate(laid.runs(x, dy)):
        rows = len(images) * laid.places
        for group in range(groups):
            laid.move("take_patches", images, errors, group)
            device.multiply(
                dw, errors, laid.memory, (filters, taps, rows), (taps, laid.all_filters, taps),
                transpose_a=True, accumulate=number > 0, offsets=(group * filters * taps, group * filters, 0),
                exact=exact,
            )  # fmt: skip


KERNELS = {
    function.__name__: function
    for function in (
        linear, linear_relu, linear_relu_dropout, linear_input_gradient, linear_weight_gradient, convolution,
        convolution_relu,
        convolution_input_gradient, convolution_weight_gradient,
    )
}  # fmt: skip
