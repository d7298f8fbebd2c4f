"""Batch normalisation by own kernels: two launches each way, with the ReLU behind it in the same ones."""

from typing import TYPE_CHECKING, Any

from engine.tensor.cuda.launching import BLOCK, launch

if TYPE_CHECKING:
    from engine.tensor.cuda.cuda_device import CudaDevice

Array = Any
_BLOCKS_AT_ONCE = 264
"""Blocks of a sum: two for each multiprocessor of a large GPU."""
_MANY_ROWS = 1024
"""From here on threads take several channels each, which leaves enough blocks."""


def _width(x: Array) -> int:
    """Channels that a thread takes at once: up to 16 bytes of them."""
    channels = int(x.shape[-1])
    if x.size // channels < _MANY_ROWS:
        return 1
    widest = 16 // x.dtype.itemsize
    return next(width for width in (8, 4, 2, 1) if width <= widest and channels % width == 0)


def _sums(
    device: "CudaDevice", kernel: str, outputs: tuple[Array, ...], x: Array, *operands: Any, relu: bool
) -> None:
    """A kernel that sums over all rows of x."""
    channels, width = int(x.shape[-1]), _width(x)
    rows = int(x.size) // channels
    across = 1
    while across < min(channels // width, 32):
        across *= 2
    block = (across, BLOCK // across)
    runs = -(-channels // (across * width))
    groups = max(1, min(rows // (block[1] * 8), _BLOCKS_AT_ONCE // runs))
    if runs > device.tickets.size:
        groups = 1
    partial = device.workspace(2 * groups * channels * 8).view("float64")[: 2 * groups * channels]
    launch(
        device, "normalisation", kernel, *outputs, partial, device.tickets, *operands, rows, channels, count=x.size,
        like=x, grid=(runs, groups), block=block, WIDTH=width, RELU=int(relu),
    )  # fmt: skip


def _each(device: "CudaDevice", kernel: str, *arguments: Any, like: Array, relu: bool) -> None:
    """A kernel over all elements of `like`, whose last arguments are channels and packs."""
    width = _width(like)
    packs = int(like.size) // width
    launch(
        device, "normalisation", kernel, *arguments, int(like.shape[-1]), packs, count=packs, like=like, WIDTH=width,
        RELU=int(relu),
    )  # fmt: skip


def _forward(
    device: "CudaDevice", y: Array, mean: Array, variance: Array, inverse: Array, x: Array, scale: Array, shift: Array,
    epsilon: float, *, relu: bool,
) -> None:  # fmt: skip
    _sums(device, "batch_statistics", (mean, variance, inverse), x, x, float(epsilon), relu=False)
    operands = (y, x, mean, inverse, None, scale, shift, float(epsilon))
    _each(device, "normalise", *operands, like=x, relu=relu)


def normalise_batch(
    device: "CudaDevice", y: Array, mean: Array, variance: Array, inverse: Array, x: Array, scale: Array,
    shift: Array, *, epsilon: float,
) -> None:  # fmt: skip
    """Statistics in one pass, then the map."""
    _forward(device, y, mean, variance, inverse, x, scale, shift, epsilon, relu=False)


def normalise_batch_relu(
    device: "CudaDevice", y: Array, mean: Array, variance: Array, inverse: Array, x: Array, scale: Array,
    shift: Array, *, epsilon: float,
) -> None:  # fmt: skip
    """The same and max(0, ·)."""
    _forward(device, y, mean, variance, inverse, x, scale, shift, epsilon, relu=True)


def _backward(
    device: "CudaDevice", dx: Array, dscale: Array, dshift: Array, dy: Array, x: Array, scale: Array,
    shift: Array | None, mean: Array, inverse: Array,
) -> None:  # fmt: skip
    relu = shift is not None
    given = (scale, shift, mean, inverse)
    _sums(device, "gradient_sums", (dscale, dshift), x, dy, x, *given, relu=relu)
    rows = float(x.size // x.shape[-1])
    _each(device, "normalise_back", dx, dy, x, *given, dscale, dshift, rows, like=x, relu=relu)


def normalise_batch_gradient(
    device: "CudaDevice", dx: Array, dscale: Array, dshift: Array, dy: Array, x: Array, scale: Array, mean: Array,
    inverse: Array,
) -> None:  # fmt: skip
    """Both sums in one pass, then dx."""
    _backward(device, dx, dscale, dshift, dy, x, scale, None, mean, inverse)


def normalise_batch_relu_gradient(
    device: "CudaDevice", dx: Array, dscale: Array, dshift: Array, dy: Array, x: Array, scale: Array, shift: Array,
    mean: Array, inverse: Array,
) -> None:  # fmt: skip
    """The same for the error behind the ReLU."""
    _backward(device, dx, dscale, dshift, dy, x, scale, shift, mean, inverse)


def normalise_fixed(
    device: "CudaDevice", y: Array, x: Array, scale: Array, shift: Array, mean: Array, variance: Array,
    *, epsilon: float,
) -> None:  # fmt: skip
    """With given statistics."""
    operands = (y, x, mean, None, variance, scale, shift, float(epsilon))
    _each(device, "normalise", *operands, like=x, relu=False)


def normalise_fixed_relu(
    device: "CudaDevice", y: Array, x: Array, scale: Array, shift: Array, mean: Array, variance: Array,
    *, epsilon: float,
) -> None:  # fmt: skip
    """The same and max(0, ·)."""
    operands = (y, x, mean, None, variance, scale, shift, float(epsilon))
    _each(device, "normalise", *operands, like=x, relu=True)


KERNELS = {
    function.__name__: function
    for function in (
        normalise_batch, normalise_batch_relu, normalise_batch_gradient, normalise_batch_relu_gradient, normalise_fixed,
        normalise_fixed_relu,
    )
}  # fmt: skip
