"""The GPU computes what the generic NumPy kernels compute in float64, for every operation."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.tensor import array_ops
from engine.tensor.augmentation import Augmentation
from engine.tensor.bfloat import rounded_to_bfloat, widened_from_bfloat
from engine.tensor.device import Device, EagerOps
from engine.tensor.fused_ops import FUSED_KERNELS
from engine.tensor.numpy_ops import CpuDevice
from engine.tensor.ops import Output
from engine.tensor.step_ops import History, Rates, StepOps
from engine.tensor.window import Window

Arrays = dict[str, np.ndarray]
Call = Callable[[StepOps, dict[str, Any]], Any]
Case = Callable[[np.random.Generator], tuple[Arrays, Call]]

CASES: dict[str, Case] = {}
GENERIC = {**array_ops.KERNELS, **FUSED_KERNELS}
PRODUCTS = {
    "convolution", "convolution_input_gradient", "convolution_weight_gradient", "grouped_convolution",
    "thesis_convolution", "fused_products", "linear", "linear_input_gradient", "linear_weight_gradient",
    "dropout_behind_a_product",
}  # fmt: skip
TOLERANCE = {"float64": 1e-11, "float32": 5e-6}
PRODUCT_TOLERANCE = {"float64": 1e-11, "float32": 2e-5, "tf32": 3e-3}
"""Products may be computed by Winograd's or Fourier's transforms, which round more than sums do."""
FLOOR = {"cross_entropy": 0.1, "cross_entropy_step": 0.1}
"""Errors are relative to the norm of a result, or to this where it is larger: a loss may come out near zero."""


class PoisonedOps(EagerOps):
    """Outputs are full of NaN, or of 77, before a kernel sees them: what it does not write is found."""

    def apply(
        self, name: str, inputs: Any, outputs: Any, *, multiply_adds: int = 0, **attributes: Any
    ) -> Any:
        results = tuple(self.device.empty(tuple(int(size) for size in o.shape), o.dtype) for o in outputs)
        for result in results:
            result.fill(np.nan if result.dtype.kind == "f" else 77)
        self.device.kernels[name](self.device, *results, *inputs, **attributes)
        return results


def case(function: Case) -> Case:
    CASES[function.__name__] = function
    return function


def random_window(rng: np.random.Generator, *, dilated: bool = True) -> Window:
    size = tuple(int(v) for v in rng.integers(1, 6, 2))
    dilation = tuple(int(v) for v in rng.integers(1, 3, 2)) if dilated else (1, 1)
    reach = [d * (f - 1) for d, f in zip(dilation, size, strict=True)]
    padding = tuple(int(rng.integers(0, reach[axis] // 2 + 1)) for axis in (0, 0, 1, 1))
    return Window(size, tuple(int(v) for v in rng.integers(1, 4, 2)), padding, dilation)


def random_map(rng: np.random.Generator, channels: int = 0) -> np.ndarray:
    channels = channels or int(rng.choice([1, 3, 4, 5, 8]))
    return rng.standard_normal(
        (int(rng.integers(1, 4)), *(int(v) for v in rng.integers(11, 16, 2)), channels)
    )


def convolution_arrays(rng: np.random.Generator, window: Window, groups: int) -> Arrays:
    x = random_map(rng, groups * int(rng.integers(1, 5)))
    filters = groups * int(rng.choice([1, 3, 4, 8]))
    rows, columns = window.places(x.shape[1], x.shape[2])
    return {
        "x": x,
        "w": rng.standard_normal((filters, *window.size, x.shape[3] // groups)),
        "b": rng.standard_normal(filters),
        "dy": rng.standard_normal((len(x), int(rows), int(columns), filters)),
    }


@case
def convolution(rng: np.random.Generator) -> tuple[Arrays, Call]:
    window = random_window(rng)
    bias = bool(rng.integers(0, 2))
    return convolution_arrays(rng, window, 1), lambda ops, a: ops.convolution(
        a["x"], a["w"], a["b"] if bias else None, window
    )


@case
def thesis_convolution(rng: np.random.Generator) -> tuple[Arrays, Call]:
    window = Window((5, 5), (1, 1), (2, 2, 2, 2))
    channels, filters = [(1, 32), (3, 32), (32, 64), (3, 96)][int(rng.integers(0, 4))]
    arrays = {
        "x": rng.standard_normal((4, 14, 14, channels)),
        "w": rng.standard_normal((filters, 5, 5, channels)) / np.sqrt(25 * channels),
        "b": rng.standard_normal(filters),
        "dy": rng.standard_normal((4, 14, 14, filters)),
    }

    def call(ops: StepOps, a: dict[str, Any]) -> Any:
        return (
            ops.convolution(a["x"], a["w"], a["b"], window),
            ops.convolution_input_gradient(a["dy"], a["w"], a["x"].shape, window),
            ops.convolution_weight_gradient(a["x"], a["dy"], a["w"].shape, window),
        )

    return arrays, call


@case
def convolution_input_gradient(rng: np.random.Generator) -> tuple[Arrays, Call]:
    window = random_window(rng)
    return convolution_arrays(rng, window, 1), lambda ops, a: ops.convolution_input_gradient(
        a["dy"], a["w"], a["x"].shape, window
    )


@case
def convolution_weight_gradient(rng: np.random.Generator) -> tuple[Arrays, Call]:
    window = random_window(rng)
    return convolution_arrays(rng, window, 1), lambda ops, a: ops.convolution_weight_gradient(
        a["x"], a["dy"], a["w"].shape, window
    )


@case
def grouped_convolution(rng: np.random.Generator) -> tuple[Arrays, Call]:
    window, groups = random_window(rng), int(rng.integers(2, 4))

    def call(ops: StepOps, a: dict[str, Any]) -> Any:
        return (
            ops.convolution(a["x"], a["w"], a["b"], window, groups),
            ops.convolution_input_gradient(a["dy"], a["w"], a["x"].shape, window, groups),
            ops.convolution_weight_gradient(a["x"], a["dy"], a["w"].shape, window, groups),
        )

    return convolution_arrays(rng, window, groups), call


@case
def fused_products(rng: np.random.Generator) -> tuple[Arrays, Call]:
    window, bias = random_window(rng), bool(rng.integers(0, 2))
    arrays = convolution_arrays(rng, window, 1)
    arrays["v"] = rng.standard_normal((5, *arrays["x"].shape[1:]))
    arrays["c"] = rng.standard_normal(5)

    def call(ops: StepOps, a: dict[str, Any]) -> Any:
        b, c = (a["b"], a["c"]) if bias else (None, None)
        dtype = str(a["x"].dtype)
        maps, features = (Output(a["dy"].shape, dtype),), (Output((len(a["x"]), 1, 1, 5), dtype),)
        return (
            *ops.apply("convolution_relu", (a["x"], a["w"], b), maps, window=window, groups=1),
            *ops.apply("linear_relu", (a["x"], a["v"], c), features),
        )

    return arrays, call


@case
def first_layers(rng: np.random.Generator) -> tuple[Arrays, Call]:
    size = (int(rng.integers(1, 6)), int(rng.integers(1, 6)))
    channels, filters = int(rng.choice([1, 2, 3, 4])), int(rng.choice([8, 32, 40, 96]))
    window = Window(size, (1, 1), tuple(int(rng.integers(0, size[axis])) for axis in (0, 0, 1, 1)))
    pooling = Window((2, 2), (2, 2))
    x = np.round(
        rng.standard_normal((int(rng.integers(1, 4)), *(int(v) for v in rng.integers(7, 45, 2)), channels)), 1
    )
    rows, columns = (int(v) for v in window.places(x.shape[1], x.shape[2]))
    arrays = {
        "x": x,
        "w": rng.standard_normal((filters, *size, channels)) / 4,
        "b": rng.standard_normal(filters),
        "dy": rng.standard_normal((len(x), rows // 2, columns // 2, filters)),
        "winners": rng.integers(0, 4, (len(x), rows // 2, columns // 2, filters)).astype(np.uint8),
        "wide": rng.standard_normal((len(x), rows, columns, filters)),
    }

    def call(ops: StepOps, a: dict[str, Any]) -> Any:
        dtype = str(a["x"].dtype)
        small, whole = Output(a["dy"].shape, dtype), Output(a["wide"].shape, dtype)
        sums = (Output(a["w"].shape, dtype), Output(a["b"].shape, dtype))
        given = {"window": window, "groups": 1}
        y, winners = ops.apply(
            "convolution_relu_pooling", (a["x"], a["w"], a["b"]), (small, Output(small.shape, "uint8")),
            pooling=pooling, **given,
        )  # fmt: skip
        (rectified,) = ops.apply("first_convolution_relu", (a["x"], a["w"], a["b"]), (whole,), **given)
        operands = (a["x"], a["dy"], a["winners"], a["dy"] * 2 - 1)
        pooled = ops.apply("pooled_weight_gradient", operands, sums, pooling=pooling, **given)
        plain = ops.apply("rectified_weight_gradient", (a["x"], a["wide"], a["wide"] * 3 + 1), sums, **given)
        (alone,) = ops.apply("first_convolution", (a["x"], a["w"], a["b"]), (whole,), **given)
        (unbiased,) = ops.apply("first_convolution", (a["x"], a["w"], None), (whole,), **given)
        (gradient,) = ops.apply("first_weight_gradient", (a["x"], a["wide"]), sums[:1], **given)
        return y, rectified, winners * (y > 0.01), *pooled, *plain, alone, unbiased, gradient

    return arrays, call


@case
def dropout_behind_a_product(rng: np.random.Generator) -> tuple[Arrays, Call]:
    arrays = {
        **linear_arrays(rng),
        "keep": np.array([rng.choice([0.01, 0.5, 0.75, 1.0])]),
        "clock": np.array([rng.integers(0, 2**62), rng.integers(0, 2**40), 0, 0]),
    }
    stream = int(rng.integers(0, 2**31))

    def call(ops: StepOps, a: dict[str, Any]) -> Any:
        out, dtype = a["dy"].shape, str(a["x"].dtype)
        operands = (a["x"], a["w"], a["b"], a["keep"], a["clock"])
        return ops.apply("linear_relu_dropout", operands, (Output(out, dtype),), stream=stream)

    return arrays, call


def pooled(rng: np.random.Generator, *, ties: bool) -> tuple[Arrays, Window]:
    window = random_window(rng)
    x = random_map(rng)
    # Few different values, all of them exact: many ties, and no rounding that could turn one into another.
    x = np.round(x * 2) / 2 if ties else x
    rows, columns = window.places(x.shape[1], x.shape[2])
    return {"x": x, "dy": rng.standard_normal((len(x), int(rows), int(columns), x.shape[3]))}, window


@case
def max_pooling(rng: np.random.Generator) -> tuple[Arrays, Call]:
    arrays, window = pooled(rng, ties=True)

    def call(ops: StepOps, a: dict[str, Any]) -> Any:
        y, winners = ops.max_pooling(a["x"], window)
        gradient = ops.max_pooling_gradient(a["dy"], winners, a["x"].shape, window)
        operands, dtype = (a["dy"], winners, y), str(y.dtype)
        like_x, sums = (Output(a["x"].shape, dtype),), (Output((a["x"].shape[3],), dtype),)
        (rectified,) = ops.apply("max_pooling_relu_gradient", operands, like_x, window=window)
        (total,) = ops.apply("relu_pooled_sum", (a["dy"], y), sums)
        return y, winners, gradient, rectified, total

    return arrays, call


@case
def pooling_by_quads(rng: np.random.Generator) -> tuple[Arrays, Call]:
    window, channels = Window((2, 2), (2, 2)), int(rng.choice([1, 3, 6, 8, 32]))
    x = np.round(random_map(rng, channels) * 2) / 2
    if rng.integers(0, 2):
        x = x[:, :10, :8]
    arrays = {
        "x": x, "b": np.round(rng.standard_normal(channels) * 2) / 2,
        "dy": rng.standard_normal((len(x), x.shape[1] // 2, x.shape[2] // 2, channels)),
    }  # fmt: skip

    def call(ops: StepOps, a: dict[str, Any]) -> Any:
        dtype = str(a["x"].dtype)
        y, winners = ops.max_pooling(a["x"], window)
        outputs = (Output(y.shape, dtype), Output(y.shape, "uint8"))
        pooled, won = ops.apply("bias_relu_pooling", (a["x"], a["b"]), outputs, pooling=window)
        like_x = (Output(a["x"].shape, dtype),)
        (gradient,) = ops.apply("max_pooling_relu_gradient", (a["dy"], won, pooled), like_x, window=window)
        return (
            y,
            winners,
            pooled,
            won,
            gradient,
            ops.max_pooling_gradient(a["dy"], winners, a["x"].shape, window),
        )

    return arrays, call


@case
def max_pooling_of_large_windows(rng: np.random.Generator) -> tuple[Arrays, Call]:
    window = Window((17, 16), (1, 2), (8, 8, 8, 7))
    x = rng.standard_normal((2, 17, 18, 3)).round(1).astype(np.float32)

    def call(ops: StepOps, a: dict[str, Any]) -> Any:
        y, winners = ops.max_pooling(a["x"], window)
        return y, winners, ops.max_pooling_gradient(y, winners, a["x"].shape, window)

    return {"x": x}, call


@case
def average_pooling(rng: np.random.Generator) -> tuple[Arrays, Call]:
    arrays, window = pooled(rng, ties=False)
    return arrays, lambda ops, a: (
        ops.average_pooling(a["x"], window),
        ops.average_pooling_gradient(a["dy"], a["x"].shape, window),
    )


@case
def places(rng: np.random.Generator) -> tuple[Arrays, Call]:
    x = random_map(rng)
    arrays = {"x": x, "dy": rng.standard_normal((len(x), 1, 1, x.shape[3]))}
    return arrays, lambda ops, a: (ops.mean_places(a["x"]), ops.spread_places(a["dy"], a["x"].shape))


def linear_arrays(rng: np.random.Generator) -> Arrays:
    x = random_map(rng)
    outputs = int(rng.choice([1, 7, 10, 64]))
    return {
        "x": x,
        "w": rng.standard_normal((outputs, *x.shape[1:])),
        "b": rng.standard_normal(outputs),
        "dy": rng.standard_normal((len(x), 1, 1, outputs)),
    }


@case
def linear(rng: np.random.Generator) -> tuple[Arrays, Call]:
    return linear_arrays(rng), lambda ops, a: (
        ops.linear(a["x"], a["w"], a["b"]),
        ops.linear(a["x"], a["w"], None),
    )


@case
def linear_input_gradient(rng: np.random.Generator) -> tuple[Arrays, Call]:
    return linear_arrays(rng), lambda ops, a: ops.linear_input_gradient(a["dy"], a["w"], a["x"].shape)


@case
def linear_weight_gradient(rng: np.random.Generator) -> tuple[Arrays, Call]:
    return linear_arrays(rng), lambda ops, a: ops.linear_weight_gradient(a["x"], a["dy"], a["w"].shape)


@case
def sum_to_channels(rng: np.random.Generator) -> tuple[Arrays, Call]:
    shape = [(1, 1, 1, 7), (100, 1, 1, 70), (9, 33, 31, 3), (5, 28, 28, 33), (3, 1, 1, 1)][
        int(rng.integers(0, 5))
    ]
    return {"dy": rng.standard_normal(shape)}, lambda ops, a: ops.sum_to_channels(a["dy"])


@case
def rectified_sums(rng: np.random.Generator) -> tuple[Arrays, Call]:
    shape = [(1, 1, 1, 7), (100, 1, 1, 70), (9, 33, 31, 3), (5, 28, 28, 36), (60, 16, 16, 96)][
        int(rng.integers(0, 5))
    ]
    arrays = {"dy": rng.standard_normal(shape), "y": rng.standard_normal(shape)}

    def call(ops: StepOps, a: dict[str, Any]) -> Any:
        dtype = str(a["dy"].dtype)
        sums = Output((shape[3],), dtype)
        for _ in range(2):  # counters are left as they were found
            result = ops.apply("relu_gradient_sum", (a["dy"], a["y"]), (Output(shape, dtype), sums))
        return (
            *result,
            *ops.apply("relu_pooled_sum", (a["dy"], a["y"]), (sums,)),
            ops.sum_to_channels(a["dy"]),
        )

    return arrays, call


@case
def shapes(rng: np.random.Generator) -> tuple[Arrays, Call]:
    x = random_map(rng)
    other = rng.standard_normal((*x.shape[:3], 2))

    def call(ops: StepOps, a: dict[str, Any]) -> Any:
        joined = ops.concatenate(a["x"], a["other"], a["x"])
        first = ops.channels_first(a["x"])
        taken = ops.take_channels(joined, 1, x.shape[3] + 2)
        return joined, first, ops.channels_last(first, a["x"].shape), taken, ops.add(a["x"], a["x"], a["x"])

    return {"x": x, "other": other}, call


@case
def activations(rng: np.random.Generator) -> tuple[Arrays, Call]:
    x = random_map(rng) * 4
    x[0, 0, 0, 0] = 0.0

    def call(ops: StepOps, a: dict[str, Any]) -> Any:
        x, dy = a["x"], a["dy"]
        rectified, squashed, bent = ops.relu(x), ops.sigmoid(x), ops.tanh(x)
        return (
            rectified, ops.relu_gradient(dy, rectified), ops.leaky_relu(x, 0.1), ops.leaky_relu_gradient(dy, x, 0.1),
            squashed, ops.sigmoid_gradient(dy, squashed), bent, ops.tanh_gradient(dy, bent),
            ops.gelu(x), ops.gelu_gradient(dy, x), ops.silu(x), ops.silu_gradient(dy, x), ops.elu(x, 0.7),
            ops.elu_gradient(dy, x, 0.7), ops.elementwise("exp", x), ops.elementwise("multiply", x, dy),
        )  # fmt: skip

    return {"x": x, "dy": rng.standard_normal(x.shape)}, call


@case
def change_of_type(rng: np.random.Generator) -> tuple[Arrays, Call]:
    arrays = {"x": random_map(rng), "bits": rng.integers(0, 0x5000, (3, 5, 7)).astype(np.uint16)}
    arrays["x"][0, 0, 0, 0] = 0.0

    def call(ops: StepOps, a: dict[str, Any]) -> Any:
        given = a["x"].astype("float32")
        (rounded,) = ops.apply("change_type", (given,), (Output(given.shape, "uint16"),))
        (widened,) = ops.apply("change_type", (a["bits"],), (Output(a["bits"].shape, "float32"),))
        return rounded, widened

    return arrays, call


@case
def chance(rng: np.random.Generator) -> tuple[Arrays, Call]:
    arrays = {
        "x": random_map(rng),
        "keep": np.array([rng.choice([0.01, 0.5, 0.75, 1.0])]),
        "clock": np.array([rng.integers(0, 2**62), rng.integers(0, 2**40), 0, 0]),
    }
    stream = int(rng.integers(0, 2**31))

    def call(ops: StepOps, a: dict[str, Any]) -> Any:
        mask = ops.random_mask(a["keep"], a["clock"], a["x"].shape, stream)
        return mask, ops.apply_mask(a["x"], mask), ops.scale(a["x"], a["keep"])

    return arrays, call


@case
def batch_normalisation(rng: np.random.Generator) -> tuple[Arrays, Call]:
    x = random_map(rng) + 3
    channels = x.shape[3]
    arrays = {
        "x": x,
        "dy": rng.standard_normal(x.shape),
        "scale": rng.standard_normal(channels),
        "shift": rng.standard_normal(channels),
        "kept": rng.standard_normal(channels),
    }

    def call(ops: StepOps, a: dict[str, Any]) -> Any:
        y, mean, variance, inverse = ops.normalise_batch(a["x"], a["scale"], a["shift"], 1e-5)
        gradients = ops.normalise_batch_gradient(a["dy"], a["x"], a["scale"], mean, inverse)
        fixed = ops.normalise_fixed(a["x"], a["scale"], a["shift"], mean, variance, 1e-5)
        ops.blend(a["kept"], variance, 0.1, factor=1.01)
        return y, mean, variance, inverse, *gradients, fixed, a["kept"]

    return arrays, call


@case
def batch_normalisation_with_relu(rng: np.random.Generator) -> tuple[Arrays, Call]:
    channels = int(rng.choice([3, 6, 24, 64, 520]))
    shape = (int(rng.integers(2, 6)), *(int(v) for v in rng.integers(3, 25, 2)), channels)
    arrays = {
        "x": rng.standard_normal(shape) * rng.uniform(0.5, 3, channels) + 2 * rng.standard_normal(channels),
        "dy": rng.standard_normal(shape),
        "scale": rng.standard_normal(channels),
        "shift": rng.standard_normal(channels),
    }

    def call(ops: StepOps, a: dict[str, Any]) -> Any:
        dtype = str(a["scale"].dtype)
        whole, each = Output(a["x"].shape, str(a["x"].dtype)), Output(a["scale"].shape, dtype)
        given = (a["x"], a["scale"], a["shift"])
        y, mean, variance, inverse = ops.apply(
            "normalise_batch_relu", given, (whole, each, each, each), epsilon=1e-5
        )
        gradients = ops.apply(
            "normalise_batch_relu_gradient", (a["dy"], *given, mean, inverse), (whole, each, each)
        )
        fixed = ops.apply("normalise_fixed_relu", (*given, mean, variance), (whole,), epsilon=1e-5)
        plain = ops.apply("normalise_batch", given, (whole, each, each, each), epsilon=1e-5)
        behind = ops.apply(
            "normalise_batch_gradient", (a["dy"], *given[:2], mean, inverse), (whole, each, each)
        )
        return y, mean, variance, inverse, *gradients, *fixed, *plain, *behind

    return arrays, call


@case
def sums_of_maps(rng: np.random.Generator) -> tuple[Arrays, Call]:
    shape = tuple(int(v) for v in rng.integers(1, 9, 4))
    arrays = {name: rng.standard_normal(shape) for name in ("x", "y", "z")}

    def call(ops: StepOps, a: dict[str, Any]) -> Any:
        return ops.add(a["x"], a["y"]), ops.add(a["x"], a["y"], a["z"], a["x"]), ops.add(a["z"])

    return arrays, call


@case
def cross_entropy(rng: np.random.Generator) -> tuple[Arrays, Call]:
    examples, classes = int(rng.choice([1, 3, 100])), int(rng.choice([2, 10, 33, 100]))
    scores = rng.standard_normal((examples, 1, 1, classes)) * 5
    if rng.integers(0, 2):
        scores = np.round(scores)  # equal scores: the first is predicted
    arrays = {"scores": scores, "labels": rng.integers(0, classes, examples).astype(np.int32)}

    smoothing = float(rng.choice([0.0, 0.2]))

    def call(ops: StepOps, a: dict[str, Any]) -> Any:
        losses, probabilities, predictions = ops.cross_entropy(a["scores"], a["labels"], smoothing)
        gradient = ops.cross_entropy_gradient(probabilities, a["labels"], smoothing)
        return losses, probabilities, predictions, gradient

    return arrays, call


@case
def cross_entropy_step(rng: np.random.Generator) -> tuple[Arrays, Call]:
    arrays, _ = cross_entropy(rng)
    smoothing = float(rng.choice([0.0, 0.1]))
    arrays |= {
        "history": np.zeros((4, History.COLUMNS)), "healthy": np.ones(1, np.int32), "clock": np.array([1, 6, 0, 0])
    }  # fmt: skip

    def call(ops: StepOps, a: dict[str, Any]) -> Any:
        n, dtype, like = len(a["labels"]), str(a["scores"].dtype), a["scores"].shape
        outputs = (Output((n,), dtype), Output(like, dtype), Output((n,), "int32"), Output(like, dtype))
        operands = (a["scores"], a["labels"], a["history"], a["healthy"], a["clock"])
        for _ in range(2):
            result = ops.apply(
                "cross_entropy_step", operands, outputs, column=History.TRAIN_LOSS, smoothing=smoothing
            )
        return *result, a["history"], a["healthy"]

    return arrays, call


@case
def batches(rng: np.random.Generator) -> tuple[Arrays, Call]:
    shape = (6, 7, int(rng.choice([1, 3])))
    preparation = [(1, 1, 1), (1, 1, shape[2]), shape][int(rng.integers(0, 3))]
    arrays = {
        "images": rng.integers(0, 256, (29, *shape)).astype(np.uint8),
        "labels": rng.integers(0, 10, 29).astype(np.int32),
        "order": rng.permutation(29).astype(np.int32),
        "starts": rng.integers(0, 29, 8).astype(np.int32),
        "clock": np.array([5, 11, 0, 28]),
        "rates": np.arange(Rates.SIZE, dtype=np.float64),
        "schedule": rng.random(8),
        "scale": rng.standard_normal(preparation),
        "offset": rng.standard_normal(preparation),
    }

    def call(ops: StepOps, a: dict[str, Any]) -> Any:
        data = (a["images"], a["labels"])
        ops.advance(a["clock"], a["starts"], a["rates"], a["schedule"])
        first_rate = a["rates"].copy()
        ordered = ops.gather(*data, a["order"], a["clock"], a["scale"], a["offset"], 9)
        consecutive = ops.gather_run(*data, a["clock"], a["scale"], a["offset"], 9)
        names = ("images", "labels", "order", "clock", "scale", "offset", "starts", "rates", "schedule")
        outputs = tuple(Output(array.shape, str(array.dtype)) for array in ordered)
        following = ops.apply("gather_next", tuple(a[name] for name in names), outputs)
        return *ordered, *consecutive, *following, a["clock"], first_rate, a["rates"]

    return arrays, call


@case
def batches_changed_at_random(rng: np.random.Generator) -> tuple[Arrays, Call]:
    arrays, _ = batches(rng)
    between, lit, channels = (int(n) for n in (*rng.integers(0, 2, 2), arrays["images"].shape[3]))
    how = Augmentation(
        crop=int(rng.integers(0, 9)), reflect=bool(rng.integers(0, 2)), mirror=bool(rng.integers(0, 2)),
        rotation=between * float(rng.uniform(0, 180)), shift=between * float(rng.uniform(0, 4)),
        brightness=lit * 0.4, contrast=lit * 0.7, lit=int(rng.integers(0, channels + 1)),
        cutout=int(rng.integers(0, 6)),
    )  # fmt: skip

    def call(ops: StepOps, a: dict[str, Any]) -> Any:
        tables = (a["starts"], a["rates"], a["schedule"])
        ops.advance(a["clock"], *tables)
        inputs = (a["images"], a["labels"], a["order"], a["clock"], a["scale"], a["offset"])
        ordered = ops.gather(*inputs, 9, how)
        outputs = tuple(Output(array.shape, str(array.dtype)) for array in ordered)
        following = ops.apply("gather_next", (*inputs, *tables), outputs, augmentation=how)
        mirrored = ops.gather_run(*inputs[:2], *inputs[3:], 9, mirrored=True)
        return *ordered, *following, *mirrored, a["clock"]

    return arrays, call


@case
def averages(rng: np.random.Generator) -> tuple[Arrays, Call]:
    examples, classes = int(rng.choice([2, 3, 300])), int(rng.choice([2, 10, 33]))
    first, second = rng.dirichlet(np.ones(classes), (2, examples, 1, 1))
    labels = rng.integers(0, classes, examples).astype(np.int32)
    first[0, 0, 0, labels[0]] = second[0, 0, 0, labels[0]] = 0.0
    arrays = {
        "first": first, "second": second, "labels": labels, "average": rng.standard_normal(5003),
        "values": rng.standard_normal(5003), "clock": np.array([5, int(rng.choice([1, 50, 5000])), 0, 28]),
    }  # fmt: skip

    def call(ops: StepOps, a: dict[str, Any]) -> Any:
        ops.average_in(a["average"], a["values"], a["clock"], 0.99)
        _, probabilities, predictions = ops.average_answers(a["first"], a["second"], a["labels"])
        losses, _, _ = ops.average_answers(a["first"][1:], a["second"][1:], a["labels"][1:])
        return a["average"], probabilities, predictions, losses

    return arrays, call


@case
def records(rng: np.random.Generator) -> tuple[Arrays, Call]:
    count = int(rng.choice([1, 100, 700]))
    losses = rng.standard_normal(count) ** 2
    if rng.integers(0, 2):
        losses[0] = np.inf
    arrays = {
        "history": np.zeros((4, History.COLUMNS)),
        "healthy": np.ones(1, np.int32),
        "clock": np.array([1, 6, 0, 0]),
        "losses": losses,
        "predictions": rng.integers(0, 3, count).astype(np.int32),
        "labels": rng.integers(0, 3, count).astype(np.int32),
        "parameters": rng.standard_normal(5003),
    }

    def call(ops: StepOps, a: dict[str, Any]) -> Any:
        recorded = (a["losses"], a["predictions"], a["labels"])
        ops.record_outcome(a["history"], a["healthy"], a["clock"], *recorded, History.VALIDATION_LOSS)
        ops.record_squared_weights(a["history"], a["clock"], a["parameters"], 4999)
        return a["history"], a["healthy"]

    return arrays, call


def update_arrays(rng: np.random.Generator) -> Arrays:
    rates = np.zeros(Rates.SIZE)
    rates[: Rates.SIZE] = [0.01, 0.001, 0.9, 0.999, 1e-8, 0.9]
    size = 1003
    return {
        "parameters": rng.standard_normal(size),
        "gradients": rng.standard_normal(size),
        "m": rng.standard_normal(size),
        "v": rng.standard_normal(size) ** 2,
        "rates": rates,
        "clock": np.array([1, int(rng.integers(1, 50)), 0, 0]),
        "healthy": np.array([int(rng.integers(0, 4) > 0)], np.int32),
    }


@case
def sgd_update(rng: np.random.Generator) -> tuple[Arrays, Call]:
    momentum, nesterov = bool(rng.integers(0, 2)), bool(rng.integers(0, 2))

    def call(ops: StepOps, a: dict[str, Any]) -> Any:
        velocity = a["m"] if momentum else None
        ops.sgd_update(
            a["parameters"],
            a["gradients"],
            velocity,
            a["rates"],
            a["healthy"],
            decaying=700,
            nesterov=nesterov,
        )
        return a["parameters"], a["m"]

    return update_arrays(rng), call


@case
def adam_update(rng: np.random.Generator) -> tuple[Arrays, Call]:
    decoupled = bool(rng.integers(0, 2))

    def call(ops: StepOps, a: dict[str, Any]) -> Any:
        for _ in range(2):
            ops.adam_update(
                a["parameters"], a["gradients"], a["m"], a["v"], a["rates"], a["clock"], a["healthy"],
                decaying=700, decoupled=decoupled,
            )  # fmt: skip
        return a["parameters"], a["m"], a["v"]

    return update_arrays(rng), call


@case
def adam_update_recorded(rng: np.random.Generator) -> tuple[Arrays, Call]:
    decoupled, early = bool(rng.integers(0, 2)), [(0, 0), (64, 640), (512, 1000)][int(rng.integers(0, 3))]
    arrays = {key: value[:1000] for key, value in update_arrays(rng).items()}
    arrays["history"] = np.zeros((4, History.COLUMNS))

    def call(ops: StepOps, a: dict[str, Any]) -> Any:
        operands = tuple(
            a[name] for name in ("parameters", "gradients", "m", "v", "rates", "clock", "healthy")
        )
        given = {"decaying": 700, "decoupled": decoupled, "early": early}
        for _ in range(2):
            squares = None
            if early != (0, 0):
                (squares,) = ops.apply(
                    "adam_update_early", (*operands, None), (Output((1,), "float64"),), **given
                )
            ops.apply("adam_update_recorded", (a["history"], *operands, squares, None), (), **given)
        return a["parameters"], a["m"], a["v"], a["history"]

    return arrays, call


@case
def adam_update_early(rng: np.random.Generator) -> tuple[Arrays, Call]:
    arrays, _ = adam_update_recorded(rng)

    def call(ops: StepOps, a: dict[str, Any]) -> Any:
        operands = tuple(
            a[name] for name in ("parameters", "gradients", "m", "v", "rates", "clock", "healthy")
        )
        given = {"decaying": 700, "decoupled": True, "early": (128, 896)}
        (squares,) = ops.apply("adam_update_early", (*operands, None), (Output((1,), "float64"),), **given)
        ops.apply("adam_update_recorded", (a["history"], *operands, squares, None), (), **given)
        return squares, a["parameters"], a["history"]

    return arrays, call


COUNTERS = ("clock", "healthy", "labels", "predictions", "images", "order", "starts", "winners", "bits")
DOUBLES = ("rates", "schedule", "history", "keep")


def typed(arrays: Arrays, dtype: str) -> Arrays:
    """Arrays as a program of this type holds them: what a device counts with keeps its type."""
    return {
        name: array.copy() if name in (*COUNTERS, *DOUBLES) else array.astype(dtype)
        for name, array in arrays.items()
    }


def generic_cpu() -> Device:
    device = CpuDevice(1)
    device.kernels = GENERIC
    return device


def run(device: Device, arrays: Arrays, call: Call) -> list[np.ndarray]:
    moved = {name: device.to_device(array.copy()) for name, array in arrays.items()}
    results = call(PoisonedOps(device), moved)
    return [device.to_host(result) for result in (results if isinstance(results, tuple) else (results,))]


def assert_agrees(found: list[np.ndarray], expected: list[np.ndarray], tolerance: float, what: str) -> None:
    assert len(found) == len(expected)
    for number, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
        assert ours.shape == theirs.shape
        if ours.dtype.kind in "iu":
            np.testing.assert_array_equal(ours, theirs, err_msg=f"{what}, result {number}")
            continue
        finite = np.isfinite(theirs)
        floor = FLOOR.get(what.split()[0], 1e-30)
        np.testing.assert_array_equal(np.isfinite(ours), finite, err_msg=f"{what}, result {number}")
        difference = float(np.linalg.norm(ours[finite].astype(np.float64) - theirs[finite]))
        error = difference / max(float(np.linalg.norm(theirs[finite])), floor)
        assert difference == 0 or error <= tolerance, f"{what}, result {number}: relative error {error:.2e}"


def check(device: Device, name: str, dtype: str, tolerance: float, seeds: range = range(6)) -> None:
    """Compare a device with the generic kernels in float64, fed with the same rounded numbers."""
    for seed in seeds:
        arrays, call = CASES[name](np.random.default_rng([seed, len(name)]))
        arrays = typed(arrays, dtype)
        wide = {
            key: array.astype("float64") if array.dtype == "float32" else array
            for key, array in arrays.items()
        }
        expected = run(generic_cpu(), wide, call)
        assert_agrees(run(device, arrays, call), expected, tolerance, f"{name} in {dtype}, seed {seed}")


@pytest.mark.gpu
@pytest.mark.parametrize(
    "name", ["thesis_convolution", "linear", "linear_input_gradient", "linear_weight_gradient"]
)
def test_that_products_of_bfloat16_round_once(name: str) -> None:
    from engine.tensor.cupy_ops import CudaDevice

    device = CudaDevice(0, precision="bfloat16", tune=False)
    for seed in range(4):
        arrays, call = CASES[name](np.random.default_rng([seed, 5]))
        exact = {key: widened_from_bfloat(np, rounded_to_bfloat(np, array)) for key, array in arrays.items()}
        exact["b"] = arrays["b"].astype("float32")
        low = {key: array if key == "b" else rounded_to_bfloat(np, array) for key, array in exact.items()}
        expected = run(generic_cpu(), {key: array.astype("float64") for key, array in exact.items()}, call)
        found = [widened_from_bfloat(np, array) for array in run(device, low, call)]
        assert_agrees(found, expected, 4e-3, f"{name} in bfloat16, seed {seed}")


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["batch_normalisation_with_relu", "sums_of_maps"])
def test_that_maps_of_bfloat16_are_summed_and_normalised_in_float32(name: str) -> None:
    from engine.tensor.cupy_ops import CudaDevice

    device = CudaDevice(0, precision="bfloat16", tune=False)
    for seed in range(6):
        arrays, call = CASES[name](np.random.default_rng([seed, 7]))
        low = {
            key: rounded_to_bfloat(np, array) if array.ndim > 1 else array.astype("float32")
            for key, array in arrays.items()
        }
        exact = {
            key: (widened_from_bfloat(np, array) if array.ndim > 1 else array).astype("float64")
            for key, array in low.items()
        }
        expected = run(generic_cpu(), exact, call)
        found = [
            widened_from_bfloat(np, array) if array.ndim > 1 else array for array in run(device, low, call)
        ]
        assert_agrees(found, expected, 6e-3, f"{name} in bfloat16, seed {seed}")


@pytest.fixture(scope="module", params=["float32", "tf32", "float64"])
def gpu(request: pytest.FixtureRequest) -> Any:
    from engine.tensor.cupy_ops import CudaDevice

    return CudaDevice(0, precision=request.param, tune=False)


@pytest.mark.gpu
@pytest.mark.parametrize("name", CASES)
def test_that_the_gpu_agrees_with_numpy(gpu: Any, name: str, request: pytest.FixtureRequest) -> None:
    precision = request.node.callspec.params["gpu"]
    dtype = "float64" if precision == "float64" else "float32"
    tolerance = PRODUCT_TOLERANCE[precision] if name in PRODUCTS else TOLERANCE[dtype]
    check(gpu, name, dtype, tolerance)


def test_that_every_operation_is_compared() -> None:
    """No GPU is needed to see that no kernel was forgotten."""
    seen: set[str] = set()
    device = generic_cpu()

    def noting(name: str, kernel: Any) -> Any:
        def noted(*arguments: Any, **attributes: Any) -> None:
            seen.add(name)
            kernel(*arguments, **attributes)

        return noted

    device.kernels = {name: noting(name, kernel) for name, kernel in GENERIC.items()}
    for name in CASES:
        arrays, call = CASES[name](np.random.default_rng(0))
        run(device, typed(arrays, "float64"), call)
    assert seen == set(GENERIC)


@pytest.mark.gpu
def test_that_convolutions_run_through_cudnn() -> None:
    from engine.tensor.cuda import cudnn_library
    from engine.tensor.cupy_ops import CudaDevice

    assert cudnn_library.missing_reason() == "", "cuDNN's frontend is not installed here"
    window = Window((5, 5), (1, 1), (2, 2, 2, 2))
    for precision in ("float32", "tf32"):
        device = CudaDevice(0, precision=precision, convolutions="cudnn")
        for channels, filters in ((1, 32), (3, 32), (32, 64)):
            rng = np.random.default_rng(1)
            arrays = {
                "x": rng.standard_normal((10, 28, 28, channels)),
                "w": rng.standard_normal((filters, 5, 5, channels)),
                "b": rng.standard_normal(filters),
                "dy": rng.standard_normal((10, 28, 28, filters)),
            }

            def call(ops: StepOps, a: dict[str, Any]) -> Any:
                return (
                    ops.convolution(a["x"], a["w"], a["b"], window),
                    ops.convolution_input_gradient(a["dy"], a["w"], a["x"].shape, window),
                    ops.convolution_weight_gradient(a["x"], a["dy"], a["w"].shape, window),
                )

            narrow = typed(arrays, "float32")
            expected = run(
                generic_cpu(), {key: array.astype("float64") for key, array in narrow.items()}, call
            )
            assert_agrees(run(device, narrow, call), expected, PRODUCT_TOLERANCE[precision], precision)
            attributes = {"window": window, "groups": 1}
            x, w, dy = narrow["x"], narrow["w"], narrow["dy"]
            for operation, operands in (
                ("convolution", (dy, x, w)),
                ("convolution_input_gradient", (x, dy, w)),
                ("convolution_weight_gradient", (w, x, dy)),
            ):
                told = device.implementation(operation, attributes, operands)
                assert told == "cuDNN", f"{operation} of {channels} channels in {precision}: {told}"
        assert device.plans is not None
        print(f"\n{precision}:", *sorted(device.plans.report()), sep="\n  ")


@pytest.mark.gpu
def test_that_convolutions_work_without_cudnn() -> None:
    from engine.tensor.cupy_ops import CudaDevice

    for precision, tolerance in PRODUCT_TOLERANCE.items():
        device = CudaDevice(0, precision=precision)
        device.plans = None
        dtype = "float64" if precision == "float64" else "float32"
        for name in sorted(PRODUCTS):
            check(device, name, dtype, tolerance, range(3))
        attributes = {"window": Window((5, 5), (1, 1), (2, 2, 2, 2)), "groups": 1}
        assert device.implementation("convolution", attributes) == "im2col + cuBLAS"


@pytest.mark.gpu
def test_that_true_float32_is_kept_beside_tf32() -> None:
    """Precision belongs to a device: another one in the same process does not change it."""
    from engine.tensor.cupy_ops import CudaDevice

    rng = np.random.default_rng(3)
    arrays = typed(
        {"x": rng.standard_normal((64, 1, 1, 512)), "w": rng.standard_normal((128, 1, 1, 512))}, "float32"
    )
    exact = arrays["x"].reshape(64, -1).astype(np.float64) @ arrays["w"].reshape(128, -1).astype(np.float64).T
    errors = {}
    for precision in ("tf32", "float32"):
        (found,) = run(
            CudaDevice(0, precision=precision), arrays, lambda ops, a: ops.linear(a["x"], a["w"], None)
        )
        errors[precision] = np.linalg.norm(found.reshape(exact.shape) - exact) / np.linalg.norm(exact)
    assert errors["float32"] < 2e-6, errors
    assert 2e-5 < errors["tf32"] < 3e-3, errors


@pytest.mark.gpu
@pytest.mark.parametrize("name", CASES)
def test_that_a_deterministic_device_repeats_every_bit(name: str) -> None:
    from engine.tensor.cupy_ops import CudaDevice

    arrays, call = CASES[name](np.random.default_rng(7))
    arrays = typed(arrays, "float32")
    first = run(CudaDevice(0, precision="tf32", deterministic=True), arrays, call)
    for _ in range(2):
        again = run(CudaDevice(0, precision="tf32", deterministic=True), arrays, call)
        for ours, theirs in zip(again, first, strict=True):
            np.testing.assert_array_equal(ours, theirs)
