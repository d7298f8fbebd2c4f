"""Operations on maps and features, computed by own kernels: each takes the device, outputs first."""

from typing import TYPE_CHECKING, Any

from engine.tensor.cuda.launching import BLOCK, geometry, launch, type_code
from engine.tensor.step_ops import Clock
from engine.tensor.window import Window

if TYPE_CHECKING:
    from engine.tensor.cuda.cuda_device import CudaDevice

Array = Any
_BLOCKS_AT_ONCE = 264
"""Blocks of a sum: two for each multiprocessor of a large GPU."""
_MOST_SUMMED = 132
"""Bound on the partial sums that one block adds up."""
_MANY_ROWS = 1024
"""From here on threads take four channels each, which leaves enough blocks."""


# Pooling


def max_pooling(device: "CudaDevice", y: Array, winners: Array, x: Array, *, window: Window) -> None:
    """The first maximum wins."""
    _max_pooling_forward(device, y, winners, x, None, window)


def bias_relu_pooling(
    device: "CudaDevice", y: Array, winners: Array, x: Array, b: Array, *, pooling: Window
) -> None:
    """max(0, max(x) + b)."""
    _max_pooling_forward(device, y, winners, x, b, pooling)


def _max_pooling_forward(
    device: "CudaDevice", y: Array, winners: Array, x: Array, b: Array | None, window: Window
) -> None:
    pack = _pack_of_quads(x, y, window)
    if pack:
        launch(
            device, "pooling", "max_forward_quads", y, winners, x, b, y.shape[2], y.shape[3], y.size // pack,
            count=y.size // pack, like=x, WIDTH=pack,
        )  # fmt: skip
        return
    launch(
        device, "pooling", "max_forward", y, winners, x, b, *geometry(x, y, window), y.size,
        count=y.size, like=x, WINNER=str(winners.dtype),
    )  # fmt: skip


def _pack_of_quads(x: Array, y: Array, window: Window) -> int:
    """Channels that a thread takes at once where regions of 2×2 lie side by side and cover the map; else 0."""
    covers = (x.shape[1], x.shape[2]) == (2 * y.shape[1], 2 * y.shape[2])
    plain = window.size == window.stride == (2, 2) and window.dilation == (1, 1) and not any(window.padding)
    if not (covers and plain):
        return 0
    widest = 16 // max(2, x.dtype.itemsize)
    return next((pack for pack in (8, 4, 2, 1) if pack <= widest and x.shape[3] % pack == 0), 0)


def max_pooling_gradient(
    device: "CudaDevice", dx: Array, dy: Array, winners: Array, *, window: Window
) -> None:
    """Each pixel sums the errors of the windows that it won."""
    _max_pooling_backward(device, dx, dy, winners, None, window)


def max_pooling_relu_gradient(
    device: "CudaDevice", dx: Array, dy: Array, winners: Array, pooled: Array, *, window: Window
) -> None:
    """The same for windows whose maximum was positive."""
    _max_pooling_backward(device, dx, dy, winners, pooled, window)


def _max_pooling_backward(
    device: "CudaDevice", dx: Array, dy: Array, winners: Array, pooled: Array | None, window: Window
) -> None:
    pack = _pack_of_quads(dx, dy, window)
    if pack:
        launch(
            device, "pooling", "max_backward_quads", dx, dy, winners, pooled, dy.shape[2], dy.shape[3],
            dy.size // pack, count=dy.size // pack, like=dx, WIDTH=pack,
        )  # fmt: skip
        return
    launch(
        device, "pooling", "max_backward", dx, dy, winners, pooled, *geometry(dx, dy, window), dx.size,
        count=dx.size, like=dx, WINNER=str(winners.dtype),
    )  # fmt: skip


def average_pooling(device: "CudaDevice", y: Array, x: Array, *, window: Window) -> None:
    """Padding counts as zeros."""
    launch(device, "pooling", "average_forward", y, x, *geometry(x, y, window), y.size, count=y.size, like=x)


def average_pooling_gradient(device: "CudaDevice", dx: Array, dy: Array, *, window: Window) -> None:
    """Each pixel sums its shares."""
    launch(
        device,
        "pooling",
        "average_backward",
        dx,
        dy,
        *geometry(dx, dy, window),
        dx.size,
        count=dx.size,
        like=dx,
    )


def mean_places(device: "CudaDevice", y: Array, x: Array) -> None:
    """Mean over height and width."""
    places = x.shape[1] * x.shape[2]
    launch(device, "reductions", "mean_of_places", y, x, places, x.shape[3], y.size, count=y.size, like=x)


def spread_places(device: "CudaDevice", dx: Array, dy: Array) -> None:
    """An equal share to each place."""
    places = dx.shape[1] * dx.shape[2]
    launch(
        device, "reductions", "spread_to_places", dx, dy, places, dx.shape[3], dx.size, count=dx.size, like=dx
    )


# Element by element


def relu(device: "CudaDevice", y: Array, x: Array) -> None:
    """max(0, x)."""
    launch(device, "elementwise", "relu_forward", y, x, y.size, count=y.size, like=x)


def relu_gradient(device: "CudaDevice", dx: Array, dy: Array, y: Array) -> None:
    """dy where y > 0."""
    launch(device, "elementwise", "relu_backward", dx, dy, y, y.size, count=y.size, like=y)


def leaky_relu(device: "CudaDevice", y: Array, x: Array, *, slope: float) -> None:
    """x or slope·x."""
    launch(device, "elementwise", "leaky_forward", y, x, float(slope), y.size, count=y.size, like=x)


def leaky_relu_gradient(device: "CudaDevice", dx: Array, dy: Array, x: Array, *, slope: float) -> None:
    """dy or slope·dy."""
    launch(device, "elementwise", "leaky_backward", dx, dy, x, float(slope), x.size, count=x.size, like=x)


def sigmoid(device: "CudaDevice", y: Array, x: Array) -> None:
    """1/(1 + e⁻ˣ)."""
    launch(device, "elementwise", "sigmoid_forward", y, x, y.size, count=y.size, like=x)


def sigmoid_gradient(device: "CudaDevice", dx: Array, dy: Array, y: Array) -> None:
    """dy·y(1 − y)."""
    launch(device, "elementwise", "sigmoid_backward", dx, dy, y, y.size, count=y.size, like=y)


def tanh(device: "CudaDevice", y: Array, x: Array) -> None:
    """tanh x."""
    launch(device, "elementwise", "tanh_forward", y, x, y.size, count=y.size, like=x)


def tanh_gradient(device: "CudaDevice", dx: Array, dy: Array, y: Array) -> None:
    """dy·(1 − y²)."""
    launch(device, "elementwise", "tanh_backward", dx, dy, y, y.size, count=y.size, like=y)


def gelu(device: "CudaDevice", y: Array, x: Array) -> None:
    """x/2·(1 + tanh(…))."""
    launch(device, "elementwise", "gelu_forward", y, x, y.size, count=y.size, like=x)


def gelu_gradient(device: "CudaDevice", dx: Array, dy: Array, x: Array) -> None:
    """dy times the derivative at x."""
    launch(device, "elementwise", "gelu_backward", dx, dy, x, x.size, count=x.size, like=x)


def silu(device: "CudaDevice", y: Array, x: Array) -> None:
    """x/(1 + e⁻ˣ)."""
    launch(device, "elementwise", "silu_forward", y, x, y.size, count=y.size, like=x)


def silu_gradient(device: "CudaDevice", dx: Array, dy: Array, x: Array) -> None:
    """dy times the derivative at x."""
    launch(device, "elementwise", "silu_backward", dx, dy, x, x.size, count=x.size, like=x)


def elu(device: "CudaDevice", y: Array, x: Array, *, alpha: float) -> None:
    """x or α·(eˣ − 1)."""
    launch(device, "elementwise", "elu_forward", y, x, float(alpha), y.size, count=y.size, like=x)


def elu_gradient(device: "CudaDevice", dx: Array, dy: Array, x: Array, *, alpha: float) -> None:
    """dy or α·eˣ·dy."""
    launch(device, "elementwise", "elu_backward", dx, dy, x, float(alpha), x.size, count=x.size, like=x)


def add(device: "CudaDevice", y: Array, *xs: Array) -> None:
    """The sum of arrays of one shape; y may lie over the first."""
    if len(xs) == 1:
        y[...] = xs[0]
    total = xs[0]
    for x in xs[1:]:
        packs = y.size // 4
        launch(device, "elementwise", "add_two", y, total, x, packs, y.size, count=max(1, packs), like=y)
        total = y


def scale(device: "CudaDevice", y: Array, x: Array, factor: Array) -> None:
    """x·factor."""
    launch(device, "elementwise", "scale_by", y, x, factor, type_code(factor), y.size, count=y.size, like=x)


def apply_mask(device: "CudaDevice", y: Array, x: Array, mask: Array) -> None:
    """x where the mask is 1."""
    launch(device, "elementwise", "mask_out", y, x, mask, y.size, count=y.size, like=x)


def blend(device: "CudaDevice", kept: Array, new: Array, *, share: float, factor: float) -> None:
    """kept ← (1 − share)·kept + share·factor·new."""
    launch(
        device, "elementwise", "blend_in", kept, new, float(share), float(factor), kept.size,
        count=kept.size, like=kept,
    )  # fmt: skip


def change_type(device: "CudaDevice", y: Array, x: Array) -> None:
    """x as numbers of y's type."""
    launch(device, "elementwise", "change_type", y, x, y.size, count=y.size, like=y, OTHER=str(x.dtype))


def random_mask(device: "CudaDevice", mask: Array, keep: Array, clock: Array, *, stream: int) -> None:
    """Philox 4×64-10, the same bits as on the CPU."""
    device.functions.launch(
        "random", "random_bytes", mask, keep, type_code(keep), clock, Clock.SEED, Clock.STEP, stream, mask.size,
        count=-(-mask.size // 8),
    )  # fmt: skip


# Sums


def sum_to_channels(device: "CudaDevice", total: Array, dy: Array) -> None:
    """Sum over everything but the channels."""
    _channel_sums(device, "channel_sums", (total,), dy)


def relu_pooled_sum(device: "CudaDevice", total: Array, dy: Array, pooled: Array) -> None:
    """Sum to channels of dy where pooled > 0."""
    _channel_sums(device, "channel_sums_where_positive", (total,), dy, pooled)


def relu_gradient_sum(device: "CudaDevice", dx: Array, total: Array, dy: Array, y: Array) -> None:
    """dy where y > 0, and its sum to channels."""
    _channel_sums(device, "relu_backward_sums", (dx, total), dy, y)


def _channel_sums(
    device: "CudaDevice", kernel: str, outputs: tuple[Array, ...], x: Array, *others: Array
) -> None:
    """One launch: groups of rows leave partial sums, which the last block over each run of channels adds up."""
    channels = int(x.shape[-1])
    rows = int(x.size) // channels
    pack = 4 if channels % 4 == 0 and rows >= _MANY_ROWS else 1
    across = 1
    while across < min(channels // pack, 32):
        across *= 2
    block = (across, BLOCK // across)
    runs = -(-channels // (across * pack))
    groups = max(1, min(rows // (block[1] * 8), -(-_BLOCKS_AT_ONCE // runs), _MOST_SUMMED))
    if runs > device.tickets.size:
        groups = 1
    partial = device.workspace(groups * channels * 8).view("float64")[: groups * channels]
    launch(
        device, "reductions", kernel, *outputs, partial, device.tickets, x, *others, rows, channels,
        count=x.size, like=x, grid=(runs, groups), block=block, WIDTH=pack, OUT=str(outputs[-1].dtype),
    )  # fmt: skip


KERNELS = {
    function.__name__: function
    for function in (
        max_pooling, max_pooling_gradient, max_pooling_relu_gradient, average_pooling, average_pooling_gradient,
        mean_places, spread_places, relu_pooled_sum, bias_relu_pooling, relu_gradient_sum, change_type,
        relu, relu_gradient, leaky_relu, leaky_relu_gradient, sigmoid, sigmoid_gradient, tanh, tanh_gradient, gelu,
        gelu_gradient, add, silu, silu_gradient, elu, elu_gradient, scale,
        apply_mask, blend, random_mask, sum_to_channels,
    )
}  # fmt: skip
