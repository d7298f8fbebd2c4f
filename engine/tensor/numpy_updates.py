"""Kernels of the CPU over weights: products of fully connected layers, and the update of all parameters."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from engine.tensor import array_ops, native
from engine.tensor.adam_numbers import AdamNumbers
from engine.tensor.device import Kernel
from engine.tensor.ops import Array
from engine.tensor.step_ops import Clock, History, Rates

if TYPE_CHECKING:
    from engine.tensor.numpy_ops import CpuDevice

_CUT = 1 << 17
"""Values of each array that an update works on at a time: few enough for the cache, enough to pay for the calls."""


def linear(device: "CpuDevice", y: Array, x: Array, w: Array, b: Array | None, *, relu: bool = False) -> None:
    """x Wᵀ + b, a run of outputs a thread, so that each weight is read once."""
    weights, out = w.reshape(len(w), -1), y.reshape(len(y), -1)
    # W xᵀ reads the weights along their rows, which x Wᵀ does not, and is a fifth faster.
    columns = np.ascontiguousarray(x.reshape(len(x), -1).T)

    def task(part: slice) -> None:
        own = device.scratch("product", (len(weights[part]), len(x)), y.dtype)
        np.matmul(weights[part], columns, out=own)
        if b is not None:
            own += b[part, None]
        if relu:
            np.maximum(own, 0, out=own)
        out[:, part] = own.T

    device.share_out(len(w), task)


def linear_relu(device: "CpuDevice", y: Array, x: Array, w: Array, b: Array | None) -> None:
    """The same, then max(0, ·)."""
    linear(device, y, x, w, b, relu=True)


def linear_input_gradient(device: "CpuDevice", dx: Array, dy: Array, w: Array) -> None:
    """dy W, a run of inputs a thread."""
    errors, weights, out = dy.reshape(len(dy), -1), w.reshape(len(w), -1), dx.reshape(len(dx), -1)

    def task(part: slice) -> None:
        np.matmul(errors, weights[:, part], out=out[:, part])

    device.share_out(out.shape[1], task)


def linear_weight_gradient(device: "CpuDevice", dw: Array, x: Array, dy: Array) -> None:
    """dyᵀ x, a run of outputs a thread."""
    flat, errors, out = x.reshape(len(x), -1), dy.reshape(len(dy), -1), dw.reshape(len(dw), -1)

    def task(part: slice) -> None:
        np.matmul(errors[:, part].T, flat, out=out[part])

    device.share_out(len(dw), task)


def _over_cuts(device: "CpuDevice", count: int, decaying: int, step: Callable[[slice, bool], None]) -> None:
    cuts = list(array_ops.segments(count, decaying, _CUT))

    def task(part: slice) -> None:
        for cut, decays in cuts[part]:
            step(cut, decays)

    device.share_out(len(cuts), task)


def record_squared_weights(
    device: "CpuDevice", history: Array, clock: Array, parameters: Array, *, decaying: int
) -> None:
    """Σ w² in float64 over blocks, whose own sums are products; the blocks do not depend on the threads."""
    starts = range(0, decaying, _CUT)
    squares = np.zeros(len(starts))

    def task(part: slice) -> None:
        for number in range(part.start, part.stop):
            block = parameters[starts[number] : min(decaying, starts[number] + _CUT)]
            squares[number] = block @ block

    device.share_out(len(starts), task)
    row = history[(int(clock[Clock.STEP]) - 1) % len(history)]
    row[History.SQUARED_WEIGHTS] = squares.sum()


def _still_healthy(device: "CpuDevice", healthy: Array, parameters: Array, gradients: Array) -> bool:
    """Clears healthy where squares of parameters or gradients overflow; nothing is then updated."""
    if healthy[0]:

        def look(cut: slice, decays: bool) -> None:
            if not array_ops.squares_are_finite(parameters[cut], gradients[cut]):
                healthy[0] = 0

        _over_cuts(device, len(parameters), 0, look)
    return bool(healthy[0])


def sgd_update(
    device: "CpuDevice", parameters: Array, gradients: Array, velocity: Array | None, rates: Array,
    healthy: Array, *, decaying: int, nesterov: bool,
) -> None:  # fmt: skip
    """Cuts of the arena shared out to the threads."""
    if _still_healthy(device, healthy, parameters, gradients):
        _over_cuts(
            device, len(parameters), decaying,
            lambda cut, decays: array_ops.sgd_cut(
                device, cut, decays, parameters, gradients, velocity, rates, nesterov
            ),
        )  # fmt: skip


def adam_update(
    device: "CpuDevice", parameters: Array, gradients: Array, m: Array, v: Array, rates: Array, clock: Array,
    healthy: Array, *, decaying: int, decoupled: bool,
) -> None:  # fmt: skip
    """Cuts of the arena shared out to the threads."""
    if _still_healthy(device, healthy, parameters, gradients):
        _adam(device, (parameters, gradients, m, v), rates, clock, decaying, decoupled)


def adam_update_recorded(
    device: "CpuDevice", history: Array, parameters: Array, gradients: Array, m: Array, v: Array, rates: Array,
    clock: Array, healthy: Array, squares: Array | None, rounded: Array | None, *, decaying: int, decoupled: bool,
    early: tuple[int, int],
) -> None:  # fmt: skip
    """Σ w² into the record and Adam's step, with one look at the weights for the record and for their health.

    A CPU neither updates early nor rounds: `squares` and `rounded` are None, `early` is (0, 0).
    """
    cuts = list(array_ops.segments(len(parameters), decaying, _CUT))
    sums = np.zeros((2, len(cuts)))

    def look(part: slice) -> None:
        for number in range(part.start, part.stop):
            w, g = parameters[cuts[number][0]], gradients[cuts[number][0]]
            sums[:, number] = w @ w, g @ g

    device.share_out(len(cuts), look)
    decay_cuts = sum(decays for _, decays in cuts)
    history[(int(clock[Clock.STEP]) - 1) % len(history), History.SQUARED_WEIGHTS] = sums[0, :decay_cuts].sum()
    if not np.isfinite(sums).all():
        healthy[0] = 0
    if healthy[0]:
        _adam(device, (parameters, gradients, m, v), rates, clock, decaying, decoupled)


def _adam(
    device: "CpuDevice", arrays: tuple[Array, ...], rates: Array, clock: Array, decaying: int, decoupled: bool
) -> None:
    parameters, gradients, m, v = arrays
    step = int(clock[Clock.STEP])

    def update(cut: slice, decays: bool) -> None:
        parts = parameters[cut], gradients[cut], m[cut], v[cut]
        numbers = _adam_numbers(rates, step, decays=decays, decoupled=decoupled)
        if native.is_available and parameters.dtype == np.float32:
            native.adam(*parts, numbers)
        else:
            _adam_cut(device, *parts, numbers)

    _over_cuts(device, len(parameters), decaying, update)


def average_in(device: "CpuDevice", average: Array, values: Array, clock: Array, *, memory: float) -> None:
    """Cuts of the arena shared out to the threads."""
    kept = array_ops.average_memory(memory, int(clock[Clock.STEP]))
    _over_cuts(
        device, len(average), 0, lambda cut, decays: array_ops.average_cut(average[cut], values[cut], kept)
    )


def _adam_numbers(rates: Array, step: int, *, decays: bool, decoupled: bool) -> AdamNumbers:
    rate, decay, beta1, beta2, epsilon = (
        float(rates[place])
        for place in (Rates.LEARNING_RATE, Rates.WEIGHT_DECAY, Rates.BETA1, Rates.BETA2, Rates.EPSILON)
    )
    decay *= decays
    unbias = float(np.sqrt(1 - beta2**step))
    return AdamNumbers(
        beta1, beta2, decay=0.0 if decoupled else decay, kept=1 - rate * decay if decoupled else 1.0,
        epsilon=epsilon * unbias, rate=rate * unbias / (1 - beta1**step),
    )  # fmt: skip


def _adam_cut(device: "CpuDevice", w: Array, g: Array, m: Array, v: Array, numbers: AdamNumbers) -> None:
    """Equations 2.12-2.16 and 2.41 in place, with m̂/(√v̂ + ε) as m/(√v + ε') times one number."""
    number = w.dtype.type
    part = device.scratch("update", w.shape, w.dtype)
    if numbers.decay:
        decayed = device.scratch("decayed", w.shape, w.dtype)
        g = np.add(g, np.multiply(w, number(numbers.decay), out=part), out=decayed)
    np.multiply(g, number(1 - numbers.beta1), out=part)
    m *= number(numbers.beta1)
    m += part
    np.multiply(g, g, out=part)
    part *= number(1 - numbers.beta2)
    v *= number(numbers.beta2)
    v += part
    np.sqrt(v, out=part)
    part += number(numbers.epsilon)
    np.divide(m, part, out=part)
    part *= number(numbers.rate)
    if numbers.kept != 1:
        w *= number(numbers.kept)
    w -= part


KERNELS: dict[str, Kernel] = {
    kernel.__name__: kernel
    for kernel in (
        linear,
        linear_relu,
        linear_input_gradient,
        linear_weight_gradient,
        record_squared_weights,
        sgd_update,
        adam_update,
        adam_update_recorded,
        average_in,
    )
}
