"""The learning rules, over flat arenas."""

import math
from collections.abc import Iterator

import numpy as np

from engine.tensor.array_ops.registry import kernel
from engine.tensor.device import Device
from engine.tensor.ops import Array
from engine.tensor.step_ops import Clock, History, Rates


@kernel()
def record_squared_weights(
    device: Device, history: Array, clock: Array, parameters: Array, *, decaying: int
) -> None:
    """Σ w² in float64, block by block."""
    row = history[(int(clock[Clock.STEP]) - 1) % len(history)]
    weights = parameters[:decaying]
    total = 0.0
    for start in range(0, decaying, 1 << 16):
        block = weights[start : start + (1 << 16)]
        total += float(block @ block)
    row[History.SQUARED_WEIGHTS] = total


def segments(count: int, decaying: int, length: int = 1 << 15) -> Iterator[tuple[slice, bool]]:
    """Cuts of a flat arena that stay in cache, each wholly decaying or not."""
    for first, last, decays in ((0, decaying, True), (decaying, count, False)):
        for start in range(first, last, length):
            yield slice(start, min(last, start + length)), decays


def squares_are_finite(*flat: Array) -> bool:
    """False where a sum of squares overflows: one step more could then make a tensor infinite."""
    return all(math.isfinite(float(values @ values)) for values in flat)


@kernel()
def sgd_update(
    device: Device, parameters: Array, gradients: Array, velocity: Array | None, rates: Array, healthy: Array,
    *, decaying: int, nesterov: bool,
) -> None:  # fmt: skip
    """A cut of the arena at a time."""
    if not squares_are_finite(parameters, gradients):
        healthy[...] = 0
    if not int(healthy[0]):
        return
    for cut, decays in segments(len(parameters), decaying):
        sgd_cut(device, cut, decays, parameters, gradients, velocity, rates, nesterov)


def sgd_cut(
    device: Device, cut: slice, decays: bool, parameters: Array, gradients: Array, velocity: Array | None,
    rates: Array, nesterov: bool,
) -> None:  # fmt: skip
    """θ ← θ − ηv with v ← μv + g + λw, on one cut."""
    number = parameters.dtype.type
    rate, momentum = number(rates[Rates.LEARNING_RATE]), number(rates[Rates.MOMENTUM])
    w, g = parameters[cut], gradients[cut]
    if decays:
        g = g + number(rates[Rates.WEIGHT_DECAY]) * w
    if velocity is not None:
        v = velocity[cut]
        v *= momentum
        v += g
        g = g + momentum * v if nesterov else v
    w -= rate * g


@kernel()
def average_in(device: Device, average: Array, values: Array, clock: Array, *, memory: float) -> None:
    """A cut of the arena at a time."""
    kept = average_memory(memory, int(clock[Clock.STEP]))
    for cut, _ in segments(len(average), 0):
        average_cut(average[cut], values[cut], kept)


def average_memory(memory: float, step: int) -> float:
    """What an average keeps of itself at a step: less at first, so that it leaves the start behind."""
    return min(memory, (1 + step) / (10 + step))


def average_cut(average: Array, values: Array, kept: float) -> None:
    """average ← kept·average + (1 − kept)·values."""
    number = average.dtype.type
    average *= number(kept)
    average += values * number(1 - kept)


@kernel()
def adam_update(
    device: Device, parameters: Array, gradients: Array, m: Array, v: Array, rates: Array, clock: Array,
    healthy: Array, *, decaying: int, decoupled: bool,
) -> None:  # fmt: skip
    """A cut of the arena at a time."""
    if not squares_are_finite(parameters, gradients):
        healthy[...] = 0
    if not int(healthy[0]):
        return
    for cut, decays in segments(len(parameters), decaying):
        adam_cut(device, cut, decays, parameters, gradients, m, v, rates, int(clock[Clock.STEP]), decoupled)


def adam_cut(
    device: Device, cut: slice, decays: bool, parameters: Array, gradients: Array, m_all: Array, v_all: Array,
    rates: Array, step: int, decoupled: bool,
) -> None:  # fmt: skip
    """Equations 2.12-2.16 and 2.41 on one cut, in place."""
    xp, number = device.xp, parameters.dtype.type
    rate, decay = float(rates[Rates.LEARNING_RATE]), float(rates[Rates.WEIGHT_DECAY])
    beta1, beta2 = float(rates[Rates.BETA1]), float(rates[Rates.BETA2])
    w, g, m, v = parameters[cut], gradients[cut], m_all[cut], v_all[cut]
    if decays and decay and not decoupled:
        g = g + number(decay) * w
    m *= number(beta1)
    m += g * number(1 - beta1)
    v *= number(beta2)
    square = g * g
    square *= number(1 - beta2)
    v += square
    xp.sqrt(v, out=square)
    square *= number(1 / np.sqrt(1 - beta2**step))
    square += number(rates[Rates.EPSILON])
    xp.divide(m, square, out=square)
    square *= number(rate / (1 - beta1**step))
    if decays and decay and decoupled:
        w *= number(1 - rate * decay)
    w -= square
