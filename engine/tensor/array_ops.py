"""Correct kernels for every operation, written once over an array module (NumPy or CuPy).

Each writes all of its outputs. `split` says how a kernel may be cut along the batch: one letter an array,
outputs first: `n` is cut along axis 0, `.` is passed whole, `+` is an output that holds a sum over the batch.
Kernels without it are never cut.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from engine.tensor.augmentation import Augmentation, Changes, augmented, cut_out, drawn
from engine.tensor.device import Device, Kernel
from engine.tensor.ops import Array, Clock, History, Rates
from engine.tensor.window import Window

KERNELS: dict[str, Kernel] = {}
SPLITS: dict[str, str] = {}
"""Kernel name -> how it may be cut along the batch."""
GELU_ROOT, GELU_CUBIC = math.sqrt(2 / math.pi), 0.044715
PATCH_BYTES = 8 << 20
"""Bound on the memory that im2col takes at a time."""


def kernel(split: str = "") -> Callable[[Kernel], Kernel]:
    """Register a function as the generic kernel of the operation that it is named after."""

    def register(function: Kernel) -> Kernel:
        name = function.__name__
        KERNELS[name] = function
        if split:
            SPLITS[name] = split
        return function

    return register


# Sliding windows


def padded(xp: Any, x: Array, window: Window, fill: float = 0.0) -> Array:
    """x with the window's padding around its places; x itself when there is none."""
    top, bottom, left, right = window.padding
    if not any(window.padding):
        return x
    n, height, width, channels = x.shape
    out = xp.full((n, height + top + bottom, width + left + right, channels), fill, dtype=x.dtype)
    out[:, top : top + height, left : left + width] = x
    return out


def taps(x: Array, window: Window, rows: int, columns: int) -> Iterator[Array]:
    """For each tap of the window, the view [N, rows, columns, C] of a padded map that the tap sees."""
    (sy, sx), (dy, dx) = window.stride, window.dilation
    for i in range(window.size[0]):
        for j in range(window.size[1]):
            top, left = i * dy, j * dx
            yield x[:, top : top + (rows - 1) * sy + 1 : sy, left : left + (columns - 1) * sx + 1 : sx]


def patches(xp: Any, x: Array, window: Window, rows: int, columns: int) -> Array:
    """View [N, rows, columns, h, w, C] of a padded map: what each place of the window sees."""
    n, _, _, channels = x.shape
    sn, sh, sw, sc = x.strides
    strides = (
        sn,
        sh * window.stride[0],
        sw * window.stride[1],
        sh * window.dilation[0],
        sw * window.dilation[1],
        sc,
    )
    shape = (n, rows, columns, *window.size, channels)
    return xp.lib.stride_tricks.as_strided(x, shape, strides)


def image_runs(n: int, bytes_an_image: int) -> Iterator[slice]:
    """Runs of images whose patches stay within PATCH_BYTES."""
    run = max(1, PATCH_BYTES // max(1, bytes_an_image))
    for start in range(0, n, run):
        yield slice(start, min(n, start + run))


def _channel_groups(channels: int, filters: int, groups: int) -> Iterator[tuple[slice, slice]]:
    for group in range(groups):
        c, k = channels // groups, filters // groups
        yield slice(group * c, (group + 1) * c), slice(group * k, (group + 1) * k)


@kernel("nn..")
def convolution(
    device: Device, y: Array, x: Array, w: Array, b: Array | None, *, window: Window, groups: int
) -> None:
    """im2col and a matrix product, a run of images at a time."""
    xp = device.xp
    rows, columns, filters = y.shape[1:]
    taps_size = window.size[0] * window.size[1] * w.shape[3]
    for run in image_runs(len(x), rows * columns * taps_size * groups * x.dtype.itemsize):
        source = padded(xp, x[run], window)
        for inputs, outputs in _channel_groups(x.shape[3], filters, groups):
            seen = patches(xp, source[..., inputs], window, rows, columns).reshape(-1, taps_size)
            flat = w[outputs].reshape(-1, taps_size)
            if groups == 1:
                xp.matmul(seen, flat.T, out=y[run].reshape(-1, filters))
            else:
                y[run][..., outputs] = (seen @ flat.T).reshape(*y[run].shape[:3], -1)
    if b is not None:
        xp.add(y, b, out=y)


@kernel("nn.")
def convolution_input_gradient(
    device: Device, dx: Array, dy: Array, w: Array, *, window: Window, groups: int
) -> None:
    """With stride 1 a convolution of dy with the filters turned by 180° (eq. 2.28); else summed tap by tap."""
    if window.stride == (1, 1) and turned_padding(window) is not None:
        _turned_convolution(device, dx, dy, w, window, groups)
    else:
        _scattered_gradient(device, dx, dy, w, window, groups)


def turned_padding(window: Window) -> tuple[int, int, int, int] | None:
    """Padding of the convolution with turned filters that is the adjoint of one with stride 1; None if negative."""
    top, bottom, left, right = window.padding
    height, width = window.reach
    turned = (height - 1 - top, height - 1 - bottom, width - 1 - left, width - 1 - right)
    return turned if min(turned) >= 0 else None


def turned_filters(xp: Any, w: Array, groups: int) -> Array:
    """Filters turned by 180° with channels and filters swapped in each group: [C, h, w, K/groups]."""
    filters, height, width, channels = w.shape
    turned = w[:, ::-1, ::-1].reshape(groups, filters // groups, height, width, channels)
    swapped = turned.transpose(0, 4, 2, 3, 1).reshape(groups * channels, height, width, filters // groups)
    return xp.ascontiguousarray(swapped)


def _turned_convolution(device: Device, dx: Array, dy: Array, w: Array, window: Window, groups: int) -> None:
    padding = turned_padding(window)
    assert padding is not None
    turned = turned_filters(device.xp, w, groups)
    adjoint = Window(window.size, (1, 1), padding, window.dilation)
    convolution(device, dx, dy, turned, None, window=adjoint, groups=groups)


def _scattered_gradient(device: Device, dx: Array, dy: Array, w: Array, window: Window, groups: int) -> None:
    xp = device.xp
    rows, columns, filters = dy.shape[1:]
    top, _, left, _ = window.padding
    height, width, channels = dx.shape[1:]
    taps_size = window.size[0] * window.size[1] * w.shape[3]
    for run in image_runs(len(dx), rows * columns * taps_size * groups * dx.dtype.itemsize):
        whole = padded(xp, xp.zeros(dx[run].shape, dtype=dx.dtype), window)
        for inputs, outputs in _channel_groups(channels, filters, groups):
            flat = w[outputs].reshape(-1, taps_size)
            spread = dy[run][..., outputs].reshape(-1, filters // groups) @ flat
            spread = spread.reshape(-1, rows, columns, window.size[0] * window.size[1], w.shape[3])
            for tap, place in enumerate(taps(whole[..., inputs], window, rows, columns)):
                place += spread[:, :, :, tap]
        dx[run] = whole[:, top : top + height, left : left + width]


@kernel("+nn")
def convolution_weight_gradient(
    device: Device, dw: Array, x: Array, dy: Array, *, window: Window, groups: int
) -> None:
    """The patches of im2col, transposed, times dy, summed over runs of images."""
    xp = device.xp
    rows, columns, filters = dy.shape[1:]
    taps_size = window.size[0] * window.size[1] * dw.shape[3]
    for number, run in enumerate(image_runs(len(x), rows * columns * taps_size * groups * x.dtype.itemsize)):
        source = padded(xp, x[run], window)
        for inputs, outputs in _channel_groups(x.shape[3], filters, groups):
            seen = patches(xp, source[..., inputs], window, rows, columns).reshape(-1, taps_size)
            errors = dy[run][..., outputs].reshape(-1, filters // groups)
            target = dw[outputs].reshape(-1, taps_size)
            if number == 0:
                xp.matmul(errors.T, seen, out=target)
            else:
                target += errors.T @ seen


@kernel("nnn")
def max_pooling(device: Device, y: Array, winners: Array, x: Array, *, window: Window) -> None:
    """The maximum over the taps; the first tap that equals it wins."""
    xp = device.xp
    source = padded(xp, x, window, fill=-float("inf"))
    seen = list(taps(source, window, y.shape[1], y.shape[2]))
    y[...] = seen[0]
    for tap in seen[1:]:
        xp.maximum(y, tap, out=y)
    winners[...] = 0
    for number in range(len(seen) - 1, 0, -1):
        xp.copyto(winners, winners.dtype.type(number), where=seen[number] == y)
    if len(seen) > 1:
        xp.copyto(winners, winners.dtype.type(0), where=seen[0] == y)


@kernel("nnn")
def max_pooling_gradient(device: Device, dx: Array, dy: Array, winners: Array, *, window: Window) -> None:
    """Each tap hands the error on where it won."""
    xp = device.xp
    whole = padded(xp, xp.zeros(dx.shape, dtype=dx.dtype), window)
    for number, place in enumerate(taps(whole, window, dy.shape[1], dy.shape[2])):
        place += dy * (winners == number)
    _crop(dx, whole, window)


def _crop(x: Array, whole: Array, window: Window) -> None:
    top, _, left, _ = window.padding
    x[...] = whole[:, top : top + x.shape[1], left : left + x.shape[2]]


@kernel("nn")
def average_pooling(device: Device, y: Array, x: Array, *, window: Window) -> None:
    """The taps summed, divided by their number."""
    source = padded(device.xp, x, window)
    y[...] = 0
    for tap in taps(source, window, y.shape[1], y.shape[2]):
        y += tap
    y /= window.size[0] * window.size[1]


@kernel("nn")
def average_pooling_gradient(device: Device, dx: Array, dy: Array, *, window: Window) -> None:
    """Each tap gets an equal share of the error."""
    xp = device.xp
    whole = padded(xp, xp.zeros(dx.shape, dtype=dx.dtype), window)
    share = dy / (window.size[0] * window.size[1])
    for place in taps(whole, window, dy.shape[1], dy.shape[2]):
        place += share
    _crop(dx, whole, window)


@kernel("nn")
def mean_places(device: Device, y: Array, x: Array) -> None:
    """Mean over height and width."""
    y[...] = x.mean(axis=(1, 2), keepdims=True)


@kernel("nn")
def spread_places(device: Device, dx: Array, dy: Array) -> None:
    """An equal share of the error to each place."""
    dx[...] = dy / (dx.shape[1] * dx.shape[2])


# Products


def _flat(x: Array) -> Array:
    return x.reshape(len(x), -1)


@kernel("nn..")
def linear(device: Device, y: Array, x: Array, w: Array, b: Array | None) -> None:
    """x Wᵀ + b."""
    device.xp.matmul(_flat(x), _flat(w).T, out=_flat(y))
    if b is not None:
        y += b


@kernel("nn.")
def linear_input_gradient(device: Device, dx: Array, dy: Array, w: Array) -> None:
    """dy W."""
    device.xp.matmul(_flat(dy), _flat(w), out=_flat(dx))


@kernel()
def linear_weight_gradient(device: Device, dw: Array, x: Array, dy: Array) -> None:
    """dyᵀ x."""
    device.xp.matmul(_flat(dy).T, _flat(x), out=_flat(dw))


@kernel("+n")
def sum_to_channels(device: Device, total: Array, dy: Array) -> None:
    """Sum over everything but the channels."""
    device.xp.sum(dy.reshape(-1, dy.shape[3]), axis=0, out=total)


# Shape


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


# Element by element


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


# Fused by `engine.program.passes`


@kernel("nn..")
def convolution_relu(
    device: Device, y: Array, x: Array, w: Array, b: Array | None, *, window: Window, groups: int
) -> None:
    """The convolution, then max(0, ·) in place."""
    convolution(device, y, x, w, b, window=window, groups=groups)
    relu(device, y, y)


@kernel("nn..")
def linear_relu(device: Device, y: Array, x: Array, w: Array, b: Array | None) -> None:
    """The product, then max(0, ·) in place."""
    linear(device, y, x, w, b)
    relu(device, y, y)


@kernel("nnnn")
def max_pooling_relu_gradient(
    device: Device, dx: Array, dy: Array, winners: Array, pooled: Array, *, window: Window
) -> None:
    """The error of each window to its winner, where that was positive."""
    max_pooling_gradient(device, dx, dy * (pooled > 0), winners, window=window)


@kernel("+nn")
def relu_pooled_sum(device: Device, total: Array, dy: Array, pooled: Array) -> None:
    """Sum to channels of the errors whose winner was positive."""
    sum_to_channels(device, total, dy * (pooled > 0))


# Chance


@kernel()
def random_mask(device: Device, mask: Array, keep: Array, clock: Array, *, stream: int) -> None:
    """Philox 4×64-10 (Salmon et al. 2011), keyed by seed and stream, counting from the step: see the package's tests.

    Element 2k is the lower half of the k-th word, element 2k + 1 the upper; it is kept below keep·2³².
    """
    counts = np.asarray(clock if isinstance(clock, np.ndarray) else clock.get(), dtype=np.uint64)
    generator = np.random.Philox(
        key=np.array([counts[Clock.SEED], stream], dtype=np.uint64),
        counter=np.array([0, counts[Clock.STEP], 0, 0], dtype=np.uint64),
    )
    halves = generator.random_raw((mask.size + 1) // 2).view(np.uint32)[: mask.size]
    bound = np.float64(float(keep[0]) * 2**32)
    mask[...] = device.to_device((halves < bound).astype(np.uint8).reshape(mask.shape))


@kernel("nnn")
def apply_mask(device: Device, y: Array, x: Array, mask: Array) -> None:
    """x where the mask is 1."""
    device.xp.multiply(x, mask, out=y)


# Batch normalisation


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


# Classification


@kernel("nnnnn")
def cross_entropy(
    device: Device, losses: Array, probabilities: Array, predictions: Array, scores: Array, labels: Array,
    *, smoothing: float = 0.0,
) -> None:  # fmt: skip
    """Softmax and its loss, stable for scores of any size."""
    xp = device.xp
    z = _flat(scores)
    highest = z.max(axis=1, keepdims=True)
    e = xp.exp(z - highest)
    total = e.sum(axis=1, keepdims=True)
    _flat(probabilities)[...] = e / total
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
    out = _flat(dz)
    out[...] = _flat(probabilities)
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
    p = _flat(probabilities)
    xp.add(_flat(first), _flat(second), out=p)
    p *= p.dtype.type(0.5)
    true = xp.take_along_axis(p, labels.astype(xp.int64)[:, None], axis=1)[:, 0]
    losses[...] = -xp.log(xp.maximum(true, p.dtype.type(np.finfo(p.dtype).tiny)))
    predictions[...] = p.argmax(axis=1)


# Steps of training


@kernel()
def advance(device: Device, clock: Array, starts: Array, rates: Array, schedule: Array) -> None:
    """One step on."""
    clock[Clock.STEP : Clock.POSITION + 1] += 1
    clock[Clock.VALIDATION_START] = starts[clock[Clock.POSITION]]
    rates[Rates.LEARNING_RATE] = schedule[clock[Clock.POSITION]]


@kernel()
def gather(
    device: Device, x: Array, y: Array, images: Array, labels: Array, order: Array, clock: Array, scale: Array,
    offset: Array, *, augmentation: Augmentation | None = None,
) -> None:  # fmt: skip
    """Images by index, changed at random where that is asked for, prepared."""
    index = order[clock[Clock.POSITION] * len(x) + device.xp.arange(len(x))]
    if augmentation is None:
        _prepared(device, x, y, images, labels, index, scale, offset)
        return
    y[...] = labels[index]
    prepared_at_random(
        device, x, images, index, scale, offset, augmentation, changes_of(x, clock, augmentation)
    )


def changes_of(x: Array, clock: Array, augmentation: Augmentation) -> Changes:
    """What becomes of the images of the batch x at the step of the clock."""
    counts = clock if isinstance(clock, np.ndarray) else clock.get()
    return drawn(augmentation, int(counts[Clock.SEED]), int(counts[Clock.STEP]), len(x), x.shape[1:3])


def prepared_at_random(
    device: Device, x: Array, images: Array, index: Array, scale: Array, offset: Array, augmentation: Augmentation,
    changes: Changes,
) -> None:  # fmt: skip
    """Images by index, changed, prepared, with their squares cut out."""
    changed = augmented(device.xp, images, index, augmentation, changes, x.dtype.type)
    device.xp.multiply(changed, scale, out=x)
    x += offset
    cut_out(device.xp, x, augmentation, changes)


@kernel()
def gather_run(
    device: Device,
    x: Array,
    y: Array,
    images: Array,
    labels: Array,
    clock: Array,
    scale: Array,
    offset: Array,
    *,
    mirrored: bool = False,
) -> None:
    """Consecutive images, prepared."""
    index = (clock[Clock.VALIDATION_START] + device.xp.arange(len(x))) % len(images)
    seen = images[:, :, ::-1] if mirrored else images
    _prepared(device, x, y, seen, labels, index, scale, offset)


def _prepared(
    device: Device,
    x: Array,
    y: Array,
    images: Array,
    labels: Array,
    index: Array,
    scale: Array,
    offset: Array,
) -> None:
    device.xp.multiply(images[index], scale, out=x)
    x += offset
    y[...] = labels[index]


@kernel()
def record_outcome(
    device: Device, history: Array, healthy: Array, clock: Array, losses: Array, predictions: Array, labels: Array,
    *, column: int,
) -> None:  # fmt: skip
    """Mean loss and right answers into this step's row."""
    row = history[(int(clock[Clock.STEP]) - 1) % len(history)]
    row[column] = losses.astype("float64").mean()
    row[column + 1] = (predictions == labels).sum()
    healthy *= device.xp.isfinite(row[column])


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
