"""Softmax and its loss."""

import numpy as np

from engine.tensor.array_ops.products import flat
from engine.tensor.array_ops.registry import kernel
from engine.tensor.device import Device
from engine.tensor.ops import Array


@kernel("nnnnn")
def cross_entropy(
    device: Device, losses: Array, probabilities: Array, predictions: Array, scores: Array, labels: Array,
    *, smoothing: float = 0.0,
) -> None:  # fmt: skip
    """Softmax and its loss, stable for scores of any size."""
    xp = device.xp
    z = flat(scores)
    highest = z.max(axis=1, keepdims=True)
    e = xp.exp(z - highest)
    total = e.sum(axis=1, keepdims=True)
    flat(probabilities)[...] = e / total
    true = xp.take_along_axis(z, labels.astype(xp.int64)[:, None], axis=1)
    if smoothing:
        number = z.dtype.type
        true = true * number(1 - smoothing) + z.mean(axis=1, keepdims=True) * number(smoothing)
    losses[...] = (xp.log(total) + highest - true)[:, 0]
    predictions[...] = z.argmax(axis=1)


@kernel()
def cross_entropy_gradient(
    device: Device, dz: Array, probabilities: Array, labels: Array, *, smoothing: float = 0.0
) -> None:
    """(p − q)/N."""
    xp = device.xp
    out = flat(dz)
    out[...] = flat(probabilities)
    if smoothing:
        out -= out.dtype.type(smoothing / out.shape[1])
    out[xp.arange(len(out)), labels] -= out.dtype.type(1 - smoothing)
    out /= len(out)


@kernel("nnnnnn")
def average_answers(
    device: Device,
    losses: Array,
    probabilities: Array,
    predictions: Array,
    first: Array,
    second: Array,
    labels: Array,
) -> None:
    """(p₁ + p₂)/2, its −log at the true class (finite where it is 0) and the largest."""
    xp = device.xp
    p = flat(probabilities)
    xp.add(flat(first), flat(second), out=p)
    p *= p.dtype.type(0.5)
    true = xp.take_along_axis(p, labels.astype(xp.int64)[:, None], axis=1)[:, 0]
    losses[...] = -xp.log(xp.maximum(true, p.dtype.type(np.finfo(p.dtype).tiny)))
    predictions[...] = p.argmax(axis=1)
