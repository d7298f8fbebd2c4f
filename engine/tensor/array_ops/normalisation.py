"""Batch normalisation."""

from engine.tensor.array_ops.registry import kernel
from engine.tensor.device import Device
from engine.tensor.ops import Array


@kernel()
def normalise_batch(
    device: Device, y: Array, mean: Array, variance: Array, inverse: Array, x: Array, scale: Array, shift: Array,
    *, epsilon: float,
) -> None:  # fmt: skip
    """Two passes: the mean, then the mean square of what is left."""
    xp = device.xp
    flat, out = x.reshape(-1, x.shape[3]), y.reshape(-1, x.shape[3])
    mean[...] = flat.mean(axis=0)
    xp.subtract(flat, mean, out=out)
    variance[...] = (out * out).mean(axis=0)
    inverse[...] = 1 / xp.sqrt(variance + x.dtype.type(epsilon))
    out *= inverse * scale
    out += shift


@kernel()
def normalise_batch_gradient(
    device: Device, dx: Array, dscale: Array, dshift: Array, dy: Array, x: Array, scale: Array, mean: Array,
    inverse: Array,
) -> None:  # fmt: skip
    """dx = γ/σ · (dy − mean(dy) − x̂·mean(dy·x̂)) (Ioffe and Szegedy 2015, section 3)."""
    flat, errors = x.reshape(-1, x.shape[3]), dy.reshape(-1, x.shape[3])
    normal = (flat - mean) * inverse
    dshift[...] = errors.sum(axis=0)
    dscale[...] = (errors * normal).sum(axis=0)
    count = x.dtype.type(len(flat))
    dx.reshape(-1, x.shape[3])[...] = (scale * inverse) * (
        errors - dshift / count - normal * (dscale / count)
    )


@kernel("nn....")
def normalise_fixed(
    device: Device,
    y: Array,
    x: Array,
    scale: Array,
    shift: Array,
    mean: Array,
    variance: Array,
    *,
    epsilon: float,
) -> None:
    """The same with given statistics."""
    factor = scale / device.xp.sqrt(variance + x.dtype.type(epsilon))
    device.xp.subtract(x, mean, out=y)
    y *= factor
    y += shift


@kernel()
def blend(device: Device, kept: Array, new: Array, *, share: float, factor: float) -> None:
    """kept ← (1 − share)·kept + share·factor·new; values that are not finite leave what was kept alone."""
    xp, number = device.xp, kept.dtype.type
    mixed = kept * number(1 - share) + new * number(share * factor)
    kept[...] = xp.where(xp.isfinite(mixed), mixed, kept)
