"""Matrix products of fully connected layers, and sums to channels."""

from engine.tensor.array_ops.element_by_element import relu
from engine.tensor.array_ops.registry import kernel
from engine.tensor.device import Device
from engine.tensor.ops import Array


def flat(x: Array) -> Array:
    """Each example as a row."""
    return x.reshape(len(x), -1)


@kernel("nn..")
def linear(device: Device, y: Array, x: Array, w: Array, b: Array | None) -> None:
    """x Wᵀ + b."""
    device.xp.matmul(flat(x), flat(w).T, out=flat(y))
    if b is not None:
        y += b


@kernel("nn.")
def linear_input_gradient(device: Device, dx: Array, dy: Array, w: Array) -> None:
    """dy W."""
    device.xp.matmul(flat(dy), flat(w), out=flat(dx))


@kernel()
def linear_weight_gradient(device: Device, dw: Array, x: Array, dy: Array) -> None:
    """dyᵀ x."""
    device.xp.matmul(flat(dy).T, flat(x), out=flat(dw))


@kernel("+n")
def sum_to_channels(device: Device, total: Array, dy: Array) -> None:
    """Sum over everything but the channels."""
    device.xp.sum(dy.reshape(-1, dy.shape[3]), axis=0, out=total)


@kernel("nn..")
def linear_relu(device: Device, y: Array, x: Array, w: Array, b: Array | None) -> None:
    """The product, then max(0, ·) in place."""
    linear(device, y, x, w, b)
    relu(device, y, y)
