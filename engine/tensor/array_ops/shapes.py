"""Reordering, joining and cutting."""

from engine.tensor.array_ops.registry import kernel
from engine.tensor.device import Device
from engine.tensor.ops import Array


@kernel("nn")
def channels_first(device: Device, y: Array, x: Array) -> None:
    """Reorder to C, H, W."""
    y.reshape(len(x), x.shape[3], x.shape[1], x.shape[2])[...] = x.transpose(0, 3, 1, 2)


@kernel("nn")
def channels_last(device: Device, dx: Array, dy: Array) -> None:
    """Reorder from C, H, W."""
    dx[...] = dy.reshape(len(dx), dx.shape[3], dx.shape[1], dx.shape[2]).transpose(0, 2, 3, 1)


@kernel()
def concatenate(device: Device, y: Array, *xs: Array) -> None:
    """Join along channels."""
    start = 0
    for x in xs:
        y[..., start : start + x.shape[3]] = x
        start += x.shape[3]


@kernel("nn")
def take_channels(device: Device, y: Array, x: Array, *, start: int, stop: int) -> None:
    """Some of the channels."""
    y[...] = x[..., start:stop]
