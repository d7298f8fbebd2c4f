"""The operations that layers are written in: one typed method an operation, with its shape rule and cost.

An `Ops` either computes at once (`EagerOps`) or records (`RecordingOps`); a layer cannot tell which.
Maps are [N, H, W, C] (channels last), features [N, 1, 1, D], filters and weights [K, h, w, C]; labels
are int32 [N]. A kernel of the same name computes each operation on a device: it is called as
`kernel(device, *outputs, *inputs, **attributes)` and must write every element of its outputs.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

from engine.tensor.window import Window

Array = Any
"""A NumPy or CuPy array, or a symbolic buffer; each has `.shape` and `.dtype`."""


class Output(NamedTuple):
    """Shape and dtype name of one result of an operation."""

    shape: tuple[int, ...]
    dtype: str


def _map_shape(x: Array, window: Window, channels: int) -> tuple[int, int, int, int]:
    rows, columns = window.places(x.shape[1], x.shape[2])
    return x.shape[0], int(rows), int(columns), channels


class Ops(ABC):
    """Array maths for layers; see the module's text for the layouts. `StepOps` adds what a step needs round them."""

    @abstractmethod
    def apply(
        self,
        name: str,
        inputs: Sequence[Array | None],
        outputs: Sequence[Output],
        *,
        multiply_adds: int = 0,
        **attributes: Any,
    ) -> tuple[Array, ...]:
        """Compute, or record, the operation `name`; returns its results in the order of `outputs`."""

    def _one(
        self, name: str, inputs: Sequence[Array | None], shape: tuple[int, ...], **attributes: Any
    ) -> Array:
        dtype = next(str(x.dtype) for x in inputs if x is not None)
        return self.apply(name, inputs, (Output(tuple(shape), dtype),), **attributes)[0]

    # Sliding windows

    def convolution(self, x: Array, w: Array, b: Array | None, window: Window, groups: int = 1) -> Array:
        """Cross-correlation of maps with filters, plus a bias a filter (thesis eq. 2.24)."""
        shape = _map_shape(x, window, w.shape[0])
        work = shape[0] * shape[1] * shape[2] * _size(w)
        return self._one("convolution", (x, w, b), shape, multiply_adds=work, window=window, groups=groups)

    def convolution_input_gradient(
        self, dy: Array, w: Array, x_shape: tuple[int, ...], window: Window, groups: int = 1
    ) -> Array:
        """The adjoint of `convolution` by its input (thesis eq. 2.28)."""
        work = dy.shape[0] * dy.shape[1] * dy.shape[2] * _size(w)
        return self._one(
            "convolution_input_gradient", (dy, w), x_shape, multiply_adds=work, window=window, groups=groups
        )

    def convolution_weight_gradient(
        self, x: Array, dy: Array, w_shape: tuple[int, ...], window: Window, groups: int = 1
    ) -> Array:
        """The gradient by the filters, summed over the batch (thesis eq. 2.30)."""
        work = dy.shape[0] * dy.shape[1] * dy.shape[2] * _product(w_shape)
        return self._one(
            "convolution_weight_gradient", (x, dy), w_shape, multiply_adds=work, window=window, groups=groups
        )

    def max_pooling(self, x: Array, window: Window) -> tuple[Array, Array]:
        """Maximum of each window and which tap won it (uint8 or int32 index, the first on a tie; eq. 2.36)."""
        shape = _map_shape(x, window, x.shape[3])
        index = "uint8" if window.size[0] * window.size[1] <= 255 else "int32"
        y, winners = self.apply(
            "max_pooling", (x,), (Output(shape, str(x.dtype)), Output(shape, index)), window=window
        )
        return y, winners

    def max_pooling_gradient(
        self, dy: Array, winners: Array, x_shape: tuple[int, ...], window: Window
    ) -> Array:
        """The error of each window goes to its winner alone (thesis eq. 2.37)."""
        return self._one("max_pooling_gradient", (dy, winners), x_shape, window=window)

    def average_pooling(self, x: Array, window: Window) -> Array:
        """Mean of each window; padding counts as zeros that take part."""
        return self._one("average_pooling", (x,), _map_shape(x, window, x.shape[3]), window=window)

    def average_pooling_gradient(self, dy: Array, x_shape: tuple[int, ...], window: Window) -> Array:
        """The adjoint of `average_pooling`."""
        return self._one("average_pooling_gradient", (dy,), x_shape, window=window)

    def mean_places(self, x: Array) -> Array:
        """Mean over all places: [N, H, W, C] to [N, 1, 1, C]."""
        return self._one("mean_places", (x,), (x.shape[0], 1, 1, x.shape[3]))

    def spread_places(self, dy: Array, x_shape: tuple[int, ...]) -> Array:
        """The adjoint of `mean_places`."""
        return self._one("spread_places", (dy,), x_shape)

    # Products

    def linear(self, x: Array, w: Array, b: Array | None) -> Array:
        """z = W a + b for each example (thesis eq. 2.18): [N, h, w, C] by [D, h, w, C] to [N, 1, 1, D]."""
        shape = (x.shape[0], 1, 1, w.shape[0])
        return self._one("linear", (x, w, b), shape, multiply_adds=x.shape[0] * _size(w))

    def linear_input_gradient(self, dy: Array, w: Array, x_shape: tuple[int, ...]) -> Array:
        """Wᵀ δ for each example (thesis eq. 2.20)."""
        return self._one("linear_input_gradient", (dy, w), x_shape, multiply_adds=dy.shape[0] * _size(w))

    def linear_weight_gradient(self, x: Array, dy: Array, w_shape: tuple[int, ...]) -> Array:
        """δ aᵀ, summed over the batch (thesis eq. 2.21)."""
        work = dy.shape[0] * _product(w_shape)
        return self._one("linear_weight_gradient", (x, dy), w_shape, multiply_adds=work)

    def sum_to_channels(self, dy: Array) -> Array:
        """Sum over images and places: [N, H, W, C] to [C]; the gradient of a bias (thesis eq. 2.22, A.45)."""
        return self._one("sum_to_channels", (dy,), (dy.shape[3],))

    # Shape

    def channels_first(self, x: Array) -> Array:
        """Features in the order C, then H, then W: [N, H, W, C] to [N, 1, 1, C·H·W]."""
        return self._one("channels_first", (x,), (x.shape[0], 1, 1, x.shape[1] * x.shape[2] * x.shape[3]))

    def channels_last(self, dy: Array, x_shape: tuple[int, ...]) -> Array:
        """The inverse of `channels_first`."""
        return self._one("channels_last", (dy,), x_shape)

    def concatenate(self, *xs: Array) -> Array:
        """Maps joined along their channels."""
        channels = sum(x.shape[3] for x in xs)
        return self._one("concatenate", xs, (*xs[0].shape[:3], channels))

    def take_channels(self, x: Array, start: int, stop: int) -> Array:
        """Channels start to stop (exclusive) of a map."""
        return self._one("take_channels", (x,), (*x.shape[:3], stop - start), start=start, stop=stop)

    # Element by element

    def add(self, *xs: Array) -> Array:
        """Sum of arrays of one shape."""
        return self._one("add", xs, xs[0].shape)

    def elementwise(self, function: str, *xs: Array) -> Array:
        """A NumPy ufunc by its name ("exp", "multiply", "maximum", ...) on arrays of one shape."""
        return self._one("elementwise", xs, xs[0].shape, function=function)

    def scale(self, x: Array, factor: Array) -> Array:
        """x times a scalar held on the device (a [1] array)."""
        return self._one("scale", (x, factor), x.shape)

    def relu(self, x: Array) -> Array:
        """max(0, x)."""
        return self._one("relu", (x,), x.shape)

    def relu_gradient(self, dy: Array, y: Array) -> Array:
        """dy where y > 0, else 0."""
        return self._one("relu_gradient", (dy, y), dy.shape)

    def leaky_relu(self, x: Array, slope: float) -> Array:
        """x where x > 0, else slope·x."""
        return self._one("leaky_relu", (x,), x.shape, slope=slope)

    def leaky_relu_gradient(self, dy: Array, x: Array, slope: float) -> Array:
        """dy where x > 0, else slope·dy."""
        return self._one("leaky_relu_gradient", (dy, x), dy.shape, slope=slope)

    def sigmoid(self, x: Array) -> Array:
        """1/(1 + e⁻ˣ) (thesis eq. 2.39)."""
        return self._one("sigmoid", (x,), x.shape)

    def sigmoid_gradient(self, dy: Array, y: Array) -> Array:
        """dy · y(1 − y)."""
        return self._one("sigmoid_gradient", (dy, y), dy.shape)

    def tanh(self, x: Array) -> Array:
        """Hyperbolic tangent."""
        return self._one("tanh", (x,), x.shape)

    def tanh_gradient(self, dy: Array, y: Array) -> Array:
        """dy · (1 − y²)."""
        return self._one("tanh_gradient", (dy, y), dy.shape)

    def gelu(self, x: Array) -> Array:
        """x·Φ(x) with Φ by tanh: x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))) (Hendrycks and Gimpel 2016)."""
        return self._one("gelu", (x,), x.shape)

    def gelu_gradient(self, dy: Array, x: Array) -> Array:
        """dy times the derivative of `gelu` at x."""
        return self._one("gelu_gradient", (dy, x), dy.shape)

    def silu(self, x: Array) -> Array:
        """x/(1 + e⁻ˣ) (Elfwing et al. 2017; Ramachandran et al. 2017 call it Swish)."""
        return self._one("silu", (x,), x.shape)

    def silu_gradient(self, dy: Array, x: Array) -> Array:
        """dy times the derivative of `silu` at x."""
        return self._one("silu_gradient", (dy, x), dy.shape)

    def elu(self, x: Array, alpha: float) -> Array:
        """x where x > 0, else α·(eˣ − 1) (Clevert et al. 2015)."""
        return self._one("elu", (x,), x.shape, alpha=alpha)

    def elu_gradient(self, dy: Array, x: Array, alpha: float) -> Array:
        """dy where x > 0, else α·eˣ·dy."""
        return self._one("elu_gradient", (dy, x), dy.shape, alpha=alpha)

    # Chance

    def random_mask(self, keep: Array, clock: Array, shape: tuple[int, ...], stream: int) -> Array:
        """uint8 ones with probability keep [1] (thesis eq. 2.42), a function of seed, stream and step alone."""
        return self.apply("random_mask", (keep, clock), (Output(tuple(shape), "uint8"),), stream=stream)[0]

    def apply_mask(self, x: Array, mask: Array) -> Array:
        """x where the mask is 1, else 0."""
        return self._one("apply_mask", (x, mask), x.shape)

    # Batch normalisation

    def normalise_batch(
        self, x: Array, scale: Array, shift: Array, epsilon: float
    ) -> tuple[Array, Array, Array, Array]:
        """(y, mean, variance, 1/√(variance + ε)) with the batch's own statistics a channel (Ioffe and Szegedy 2015)."""
        channels = (x.shape[3],)
        dtype = str(x.dtype)
        y, mean, variance, inverse = self.apply(
            "normalise_batch",
            (x, scale, shift),
            (Output(tuple(x.shape), dtype), *(Output(channels, dtype) for _ in range(3))),
            epsilon=epsilon,
        )
        return y, mean, variance, inverse

    def normalise_batch_gradient(
        self, dy: Array, x: Array, scale: Array, mean: Array, inverse: Array
    ) -> tuple[Array, Array, Array]:
        """Gradients (dx, dscale, dshift) of `normalise_batch`."""
        channels = Output((x.shape[3],), str(x.dtype))
        dx, dscale, dshift = self.apply(
            "normalise_batch_gradient",
            (dy, x, scale, mean, inverse),
            (Output(tuple(x.shape), str(x.dtype)), channels, channels),
        )
        return dx, dscale, dshift

    def normalise_fixed(
        self, x: Array, scale: Array, shift: Array, mean: Array, variance: Array, epsilon: float
    ) -> Array:
        """Normalisation with given statistics a channel."""
        return self._one("normalise_fixed", (x, scale, shift, mean, variance), x.shape, epsilon=epsilon)

    def blend(self, kept: Array, new: Array, share: float, factor: float = 1.0) -> None:
        """kept ← (1 − share)·kept + share·factor·new, in place."""
        self.apply("blend", (kept, new), (), share=share, factor=factor)

    # Classification

    def cross_entropy(
        self, scores: Array, labels: Array, smoothing: float = 0.0
    ) -> tuple[Array, Array, Array]:
        """(losses [N], probabilities [N,1,1,D], predictions int32 [N]): softmax (eq. 2.2) with its NLL (eq. 2.3).

        The loss is computed from the scores, log Σ exp(z) − z_y, which needs no guard against log 0. All classes share
        the part s = `smoothing` of the truth: −Σ q_k log p_k with q_k = (1 − s)[k = y] + s/D (Szegedy et al. 2015).
        """
        n, classes, dtype = scores.shape[0], scores.shape[3], str(scores.dtype)
        losses, probabilities, predictions = self.apply(
            "cross_entropy",
            (scores, labels),
            (Output((n,), dtype), Output((n, 1, 1, classes), dtype), Output((n,), "int32")),
            smoothing=smoothing,
        )
        return losses, probabilities, predictions

    def cross_entropy_gradient(self, probabilities: Array, labels: Array, smoothing: float = 0.0) -> Array:
        """(p_k − q_k) / N on the scores (thesis eq. 2.10, A.5), of the loss averaged over the batch."""
        return self._one(
            "cross_entropy_gradient", (probabilities, labels), probabilities.shape, smoothing=smoothing
        )


def _product(shape: Sequence[int]) -> int:
    count = 1
    for size in shape:
        count *= int(size)
    return count


def _size(array: Array) -> int:
    return _product(array.shape)
