"""Generic kernels of the operations that `engine.program.passes` makes for devices which ask for them.

They only call what they stand for, one after the other, so that programs with fused operations run, and are tested,
on every device that is given them.
"""

from collections.abc import Sequence

import numpy as np

from engine.tensor.array_ops import (
    adam_update,
    advance,
    apply_mask,
    convolution,
    convolution_relu,
    convolution_weight_gradient,
    cross_entropy,
    cross_entropy_gradient,
    gather,
    linear_relu,
    max_pooling,
    max_pooling_relu_gradient,
    normalise_batch,
    normalise_batch_gradient,
    normalise_fixed,
    random_mask,
    record_outcome,
    relu,
    relu_gradient,
    sum_to_channels,
)
from engine.tensor.augmentation import Augmentation
from engine.tensor.bfloat import rounded_to_bfloat, widened_from_bfloat
from engine.tensor.device import Device, Kernel
from engine.tensor.ops import Array
from engine.tensor.step_ops import Clock, History
from engine.tensor.window import Window

MOST_TAPS, MOST_TAPS_A_SIDE = 100, 7
"""Values that a filter of a first layer may see, and its largest side: a GPU's thread keeps them in registers."""


def sees_few(window: Window, groups: int, filters: Sequence[int]) -> bool:
    """Whether a convolution is worth an own kernel: few values seen by each of [K, h, w, C] filters, stride 1."""
    count, height, width, channels = (int(size) for size in filters)
    return (
        groups == 1
        and window.stride == window.dilation == (1, 1)
        and max(height, width) <= MOST_TAPS_A_SIDE
        and height * width * channels <= MOST_TAPS
        and count % 8 == 0
    )


def _map_of(device: Device, x: Array, window: Window, channels: int) -> Array:
    rows, columns = window.places(x.shape[1], x.shape[2])
    return device.empty((len(x), int(rows), int(columns), channels), str(x.dtype))


# First layers: few channels in, no gradient out


def convolution_relu_pooling(
    device: Device, y: Array, winners: Array, x: Array, w: Array, b: Array | None, *, window: Window, groups: int,
    pooling: Window,
) -> None:  # fmt: skip
    """The convolution, its maxima, then max(0, ·): where nothing is positive any tap may be said to have won."""
    whole = _map_of(device, x, window, w.shape[0])
    convolution(device, whole, x, w, b, window=window, groups=groups)
    max_pooling(device, y, winners, whole, window=pooling)
    relu(device, y, y)


def first_convolution(
    device: Device, y: Array, x: Array, w: Array, b: Array | None, *, window: Window, groups: int
) -> None:
    """The convolution."""
    convolution(device, y, x, w, b, window=window, groups=groups)


def first_weight_gradient(
    device: Device, dw: Array, x: Array, dy: Array, *, window: Window, groups: int
) -> None:
    """The gradient by the filters."""
    convolution_weight_gradient(device, dw, x, dy, window=window, groups=groups)


def first_convolution_relu(
    device: Device, y: Array, x: Array, w: Array, b: Array | None, *, window: Window, groups: int
) -> None:
    """The convolution, then max(0, ·)."""
    convolution_relu(device, y, x, w, b, window=window, groups=groups)


def pooled_weight_gradient(
    device: Device, dw: Array, db: Array, x: Array, dy: Array, winners: Array, pooled: Array, *, window: Window,
    groups: int, pooling: Window,
) -> None:  # fmt: skip
    """Gradients by filters and biases behind ReLU and pooling."""
    errors = _map_of(device, x, window, dw.shape[0])
    max_pooling_relu_gradient(device, errors, dy, winners, pooled, window=pooling)
    convolution_weight_gradient(device, dw, x, errors, window=window, groups=groups)
    sum_to_channels(device, db, errors)


def rectified_weight_gradient(
    device: Device, dw: Array, db: Array, x: Array, dy: Array, y: Array, *, window: Window, groups: int
) -> None:
    """Gradients by filters and biases behind a ReLU."""
    errors = device.empty(tuple(dy.shape), str(dy.dtype))
    relu_gradient(device, errors, dy, y)
    convolution_weight_gradient(device, dw, x, errors, window=window, groups=groups)
    sum_to_channels(device, db, errors)


# Maps and features


def bias_relu_pooling(
    device: Device, y: Array, winners: Array, x: Array, b: Array, *, pooling: Window
) -> None:
    """max(0, max(x) + b) of each window."""
    max_pooling(device, y, winners, x + b, window=pooling)
    relu(device, y, y)


def linear_relu_dropout(
    device: Device, y: Array, x: Array, w: Array, b: Array | None, keep: Array, clock: Array, *, stream: int
) -> None:
    """The product, max(0, ·), and zeros where the mask of `random_mask` is 0."""
    linear_relu(device, y, x, w, b)
    mask = device.empty(tuple(y.shape), "uint8")
    random_mask(device, mask, keep, clock, stream=stream)
    apply_mask(device, y, y, mask)


def normalise_batch_relu(
    device: Device, y: Array, mean: Array, variance: Array, inverse: Array, x: Array, scale: Array, shift: Array,
    *, epsilon: float,
) -> None:  # fmt: skip
    """The batch normalised, then max(0, ·)."""
    normalise_batch(device, y, mean, variance, inverse, x, scale, shift, epsilon=epsilon)
    relu(device, y, y)


def normalise_batch_relu_gradient(
    device: Device, dx: Array, dscale: Array, dshift: Array, dy: Array, x: Array, scale: Array, shift: Array,
    mean: Array, inverse: Array,
) -> None:  # fmt: skip
    """The gradient through the ReLU, then through the normalisation."""
    errors = device.empty(tuple(dy.shape), str(dy.dtype))
    relu_gradient(device, errors, dy, ((x - mean) * inverse) * scale + shift)
    normalise_batch_gradient(device, dx, dscale, dshift, errors, x, scale, mean, inverse)


def normalise_fixed_relu(
    device: Device, y: Array, x: Array, scale: Array, shift: Array, mean: Array, variance: Array, *, epsilon: float
) -> None:  # fmt: skip
    """Normalised with given statistics, then max(0, ·)."""
    normalise_fixed(device, y, x, scale, shift, mean, variance, epsilon=epsilon)
    relu(device, y, y)


def relu_gradient_sum(device: Device, dx: Array, total: Array, dy: Array, y: Array) -> None:
    """dy where y > 0, and its sum to channels."""
    relu_gradient(device, dx, dy, y)
    sum_to_channels(device, total, dx)


# Steps of training


def cross_entropy_step(
    device: Device, losses: Array, probabilities: Array, predictions: Array, dz: Array, scores: Array, labels: Array,
    history: Array, healthy: Array, clock: Array, *, column: int, smoothing: float = 0.0,
) -> None:  # fmt: skip
    """Softmax, loss, gradient and record."""
    cross_entropy(device, losses, probabilities, predictions, scores, labels, smoothing=smoothing)
    record_outcome(device, history, healthy, clock, losses, predictions, labels, column=column)
    cross_entropy_gradient(device, dz, probabilities, labels, smoothing=smoothing)


def gather_next(
    device: Device, x: Array, y: Array, images: Array, labels: Array, order: Array, clock: Array, scale: Array,
    offset: Array, starts: Array, rates: Array, schedule: Array, *, augmentation: Augmentation | None = None,
) -> None:  # fmt: skip
    """One step on, then the batch there."""
    advance(device, clock, starts, rates, schedule)
    gather(device, x, y, images, labels, order, clock, scale, offset, augmentation=augmentation)


def adam_update_recorded(
    device: Device, history: Array, parameters: Array, gradients: Array, m: Array, v: Array, rates: Array,
    clock: Array, healthy: Array, squares: Array | None, rounded: Array | None, *, decaying: int, decoupled: bool,
    early: tuple[int, int],
) -> None:  # fmt: skip
    """Σ w² into the record, Adam's step, and the new parameters as bfloat16 where they are asked for.

    Leaves out what `adam_update_early` did, from early[0] to early[1], whose own sum is in `squares`.
    """
    total = 0.0 if squares is None else float(squares[0])
    for start, stop in ((0, early[0]), (early[1], len(parameters))):
        total += _adam_between(
            device,
            start,
            stop,
            (parameters, gradients, m, v),
            (rates, clock, healthy),
            rounded,
            decaying,
            decoupled,
        )
    history[(int(clock[Clock.STEP]) - 1) % len(history), History.SQUARED_WEIGHTS] = total


def adam_update_early(
    device: Device, squares: Array, parameters: Array, gradients: Array, m: Array, v: Array, rates: Array,
    clock: Array, healthy: Array, rounded: Array | None, *, decaying: int, decoupled: bool, early: tuple[int, int],
) -> None:  # fmt: skip
    """Adam's step of some parameters, and their Σ w² before it."""
    squares[0] = _adam_between(
        device, *early, (parameters, gradients, m, v), (rates, clock, healthy), rounded, decaying, decoupled
    )


def _adam_between(
    device: Device, start: int, stop: int, arenas: tuple[Array, ...], shared: tuple[Array, ...], rounded: Array | None,
    decaying: int, decoupled: bool,
) -> float:  # fmt: skip
    if stop <= start:
        return 0.0
    parts = [arena[start:stop] for arena in arenas]
    decaying = min(max(decaying - start, 0), stop - start)
    total = float((parts[0][:decaying].astype("float64") ** 2).sum())
    adam_update(device, *parts, *shared, decaying=decaying, decoupled=decoupled)
    if rounded is not None:
        change_type(device, rounded[start:stop], parts[0])
    return total


def change_type(device: Device, y: Array, x: Array) -> None:
    """x as numbers of y's type; bfloat16 is kept as the uint16 of its bits."""
    if y.dtype == x.dtype or np.uint16 not in (x.dtype, y.dtype):
        y[...] = x
    elif y.dtype == np.uint16:
        y[...] = rounded_to_bfloat(device.xp, x)
    else:
        y[...] = widened_from_bfloat(device.xp, x)


FUSED_KERNELS: dict[str, Kernel] = {
    function.__name__: function
    for function in (
        convolution_relu_pooling, first_convolution, first_convolution_relu, first_weight_gradient,
        pooled_weight_gradient, rectified_weight_gradient,
        bias_relu_pooling, linear_relu_dropout, normalise_batch_relu, normalise_batch_relu_gradient,
        normalise_fixed_relu, relu_gradient_sum, cross_entropy_step, gather_next, adam_update_recorded,
        adam_update_early, change_type,
    )
}  # fmt: skip
