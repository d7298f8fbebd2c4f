"""Element by element."""

import math
from typing import Any

from engine.tensor.array_ops.registry import kernel
from engine.tensor.device import Device
from engine.tensor.ops import Array

GELU_ROOT, GELU_CUBIC = math.sqrt(2 / math.pi), 0.044715


@kernel()
def add(device: Device, y: Array, *xs: Array) -> None:
    """Sum of all inputs."""
    if len(xs) == 1:
        y[...] = xs[0]
        return
    device.xp.add(xs[0], xs[1], out=y)
    for x in xs[2:]:
        y += x


@kernel()
def elementwise(device: Device, y: Array, *xs: Array, function: str) -> None:
    """A ufunc of the array module."""
    getattr(device.xp, function)(*xs, out=y)


@kernel("nn.")
def scale(device: Device, y: Array, x: Array, factor: Array) -> None:
    """x·factor."""
    device.xp.multiply(x, factor.astype(x.dtype), out=y)


@kernel("nn")
def relu(device: Device, y: Array, x: Array) -> None:
    """max(0, x)."""
    device.xp.maximum(x, 0, out=y)


@kernel("nnn")
def relu_gradient(device: Device, dx: Array, dy: Array, y: Array) -> None:
    """dy where y > 0."""
    device.xp.multiply(dy, y > 0, out=dx)


@kernel("nn")
def leaky_relu(device: Device, y: Array, x: Array, *, slope: float) -> None:
    """x or slope·x."""
    xp = device.xp
    y[...] = xp.where(x > 0, x, x * x.dtype.type(slope))


@kernel("nnn")
def leaky_relu_gradient(device: Device, dx: Array, dy: Array, x: Array, *, slope: float) -> None:
    """dy or slope·dy."""
    xp = device.xp
    dx[...] = xp.where(x > 0, dy, dy * dy.dtype.type(slope))


@kernel("nn")
def sigmoid(device: Device, y: Array, x: Array) -> None:
    """1/(1 + e⁻ˣ), as (1 + tanh(x/2))/2, which never overflows."""
    xp = device.xp
    xp.multiply(x, x.dtype.type(0.5), out=y)
    xp.tanh(y, out=y)
    y += 1
    y *= x.dtype.type(0.5)


@kernel("nnn")
def sigmoid_gradient(device: Device, dx: Array, dy: Array, y: Array) -> None:
    """dy·y(1 − y)."""
    dx[...] = dy * (y * (1 - y))


@kernel("nn")
def tanh(device: Device, y: Array, x: Array) -> None:
    """tanh x."""
    device.xp.tanh(x, out=y)


@kernel("nnn")
def tanh_gradient(device: Device, dx: Array, dy: Array, y: Array) -> None:
    """dy·(1 − y²)."""
    dx[...] = dy * (1 - y * y)


def _gelu_tanh(xp: Any, x: Array) -> Array:
    """tanh(√(2/π)·(x + 0.044715·x³))."""
    number = x.dtype.type
    inner = x * x
    inner *= number(GELU_CUBIC)
    inner += number(1)
    inner *= x
    inner *= number(GELU_ROOT)
    return xp.tanh(inner, out=inner)


@kernel("nn")
def gelu(device: Device, y: Array, x: Array) -> None:
    """x/2·(1 + tanh(…))."""
    bent = _gelu_tanh(device.xp, x)
    bent += x.dtype.type(1)
    bent *= x.dtype.type(0.5)
    device.xp.multiply(bent, x, out=y)


@kernel("nnn")
def gelu_gradient(device: Device, dx: Array, dy: Array, x: Array) -> None:
    """dy·((1 + t)/2 + x/2·(1 − t²)·√(2/π)·(1 + 3·0.044715·x²)) with t the tanh."""
    number = x.dtype.type
    # Far out the slope is 0 or 1 to the last bit, and its terms would become ∞·0.
    x = device.xp.clip(x, number(-10), number(10))
    bent = _gelu_tanh(device.xp, x)
    slope = x * x
    slope *= number(3 * GELU_CUBIC)
    slope += number(1)
    slope *= x
    slope *= number(GELU_ROOT)
    slope *= 1 - bent * bent
    slope += bent
    slope += number(1)
    slope *= number(0.5)
    device.xp.multiply(dy, slope, out=dx)


def _logistic(xp: Any, x: Array) -> Array:
    """1/(1 + e⁻ˣ), which never overflows."""
    half = x.dtype.type(0.5)
    found = xp.tanh(x * half)
    found += x.dtype.type(1)
    found *= half
    return found


@kernel("nn")
def silu(device: Device, y: Array, x: Array) -> None:
    """x·s with s = 1/(1 + e⁻ˣ)."""
    device.xp.multiply(x, _logistic(device.xp, x), out=y)


@kernel("nnn")
def silu_gradient(device: Device, dx: Array, dy: Array, x: Array) -> None:
    """dy·s·(1 + x·(1 − s))."""
    share = _logistic(device.xp, x)
    slope = (1 - share) * x
    slope += x.dtype.type(1)
    slope *= share
    device.xp.multiply(dy, slope, out=dx)


@kernel("nn")
def elu(device: Device, y: Array, x: Array, *, alpha: float) -> None:
    """x or α·(eˣ − 1)."""
    xp, number = device.xp, x.dtype.type
    # Nothing above 0 goes into the exponential: it would overflow, although nobody takes it.
    y[...] = xp.where(x > 0, x, number(alpha) * xp.expm1(xp.minimum(x, number(0))))


@kernel("nnn")
def elu_gradient(device: Device, dx: Array, dy: Array, x: Array, *, alpha: float) -> None:
    """dy or α·eˣ·dy."""
    xp, number = device.xp, x.dtype.type
    dx[...] = xp.where(x > 0, dy, dy * (number(alpha) * xp.exp(xp.minimum(x, number(0)))))
