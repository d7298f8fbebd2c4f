"""Kernels write all of their outputs: memory that a program reuses holds whatever was there before."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from engine.layers import Layer
from engine.tensor import numpy_fused
from engine.tensor.array_ops import KERNELS
from engine.tensor.augmentation import Augmentation
from engine.tensor.device import EagerOps, Kernel
from engine.tensor.numpy_convolution import chosen_transforms
from engine.tensor.numpy_ops import CpuDevice
from engine.tensor.ops import Array, Output
from engine.tensor.spec import TensorSpec
from engine.tensor.step_ops import Clock, History
from engine.tensor.window import Window
from tests.engine.layers.layer_cases import cases
from tests.engine.layers.layer_run import LayerRun, spread

IN_PLACE = {
    "advance",
    "record_outcome",
    "record_squared_weights",
    "sgd_update",
    "adam_update",
    "average_in",
    "blend",
}
"""Kernels without outputs of their own: they change their first inputs."""


class FilledDevice(CpuDevice):
    """A CPU whose fresh arrays hold NaN (or the largest integer), or else zeros."""

    def __init__(self, threads: int, *, poison: bool, kernels: dict[str, Kernel] | None = None) -> None:
        super().__init__(threads)
        self.poison = poison
        if kernels is not None:
            self.kernels = kernels

    def empty(self, shape: tuple[int, ...], dtype: str) -> Array:
        if not self.poison:
            return np.zeros(shape, dtype)
        return np.full(shape, np.nan if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max, dtype)

    def scratch(self, name: str, shape: tuple[int, ...], dtype: Any = np.float32) -> Array:
        memory = super().scratch(name, shape, dtype)
        memory.view(np.uint8)[...] = 255 if self.poison else 0
        return memory


class WatchedOps(EagerOps):
    """Keeps the name and the results of every operation."""

    def __init__(self, device: CpuDevice) -> None:
        super().__init__(device)
        self.results: list[tuple[str, tuple[Array, ...]]] = []

    def apply(
        self,
        name: str,
        inputs: Sequence[Array | None],
        outputs: Sequence[Output],
        *,
        multiply_adds: int = 0,
        **attributes: Any,
    ) -> tuple[Array, ...]:
        found = super().apply(name, inputs, outputs, **attributes)
        # Copies: a later operation may change a result in place.
        self.results.append((name, tuple(np.array(array) for array in found)))
        return found


def watched(device: CpuDevice, work: Callable[[WatchedOps], None]) -> list[tuple[str, tuple[Array, ...]]]:
    ops = WatchedOps(device)
    work(ops)
    return ops.results


def layer_work(layer: Layer, specs: tuple[TensorSpec, ...], training: bool) -> Callable[[WatchedOps], None]:
    def work(ops: WatchedOps) -> None:
        run = LayerRun(layer, specs, batch=5, training=training, device=ops.device)  # type: ignore[arg-type]
        run.ops = ops
        if training:
            run.backward()
        else:
            run.forward()

    return work


def other_work(ops: WatchedOps) -> None:
    """The operations with outputs that layers do not use, or only in special cases."""
    random = np.random.default_rng(1)
    x = spread(random, (5, 4, 3, 2))
    ops.elementwise("maximum", x, -x)
    ops.elementwise("exp", x)
    ops.add(x)
    ops.add(x, x, x)
    images = random.integers(0, 255, (8, 4, 3, 2)).astype(np.uint8)
    labels = np.arange(8, dtype=np.int32)
    clock = np.zeros(Clock.SIZE, np.int64)
    clock[Clock.VALIDATION_START] = 6
    scale, offset = np.full((4, 3, 2), 0.1), np.full((4, 3, 2), -1.0)
    ops.gather(images, labels, np.arange(8, dtype=np.int32)[::-1].copy(), clock, scale, offset, 3)
    ops.gather_run(images, labels, clock, scale, offset, 5)
    ops.gather_run(images, labels, clock, scale, offset, 5, mirrored=True)
    order, how = (
        np.arange(8, dtype=np.int32),
        Augmentation(crop=2, mirror=True, rotation=20, contrast=0.3, lit=1),
    )
    ops.gather(images, labels, order, clock, scale, offset, 3, how)
    first, second = random.dirichlet(np.ones(4), (2, 5, 1, 1))
    ops.average_answers(first, second, np.arange(5, dtype=np.int32) % 4)
    # Regions that leave the last rows and columns out, and ones of one tap.
    for size, shape in ((2, (3, 5, 7, 2)), (1, (2, 3, 3, 2)), (3, (2, 7, 8, 1))):
        window = Window((size, size), (size, size))
        y, winners = ops.max_pooling(spread(random, shape), window)
        ops.max_pooling_gradient(y, winners, shape, window)
    for number in range(2):
        fused_work(ops, random, Window((2 + number, 2), (2, 2), (number, 0, 0, number)))


def fused_work(ops: WatchedOps, random: np.random.Generator, window: Window) -> None:
    """The operations that only passes over a program make."""
    x, w, b = spread(random, (5, 7, 6, 2)), spread(random, (3, *window.size, 2)), spread(random, (3,))
    y = ops.convolution(x, w, b, window)
    out = Output(y.shape, "float64")
    (fused,) = ops.apply("convolution_relu", (x, w, b), (out,), window=window, groups=1)
    np.testing.assert_allclose(fused, np.maximum(y, 0), rtol=1e-12)
    w = spread(random, (4, 7, 6, 2))
    for bias in (spread(random, (4,)), None):
        y = ops.linear(x, w, bias)
        (fused,) = ops.apply("linear_relu", (x, w, bias), (Output(y.shape, "float64"),))
        np.testing.assert_allclose(fused, np.maximum(y, 0), rtol=1e-12, atol=1e-13)
    before = ops.relu(x)
    pooled, winners = ops.max_pooling(before, window)
    dy = spread(random, pooled.shape)
    expected = ops.relu_gradient(ops.max_pooling_gradient(dy, winners, x.shape, window), before)
    out = Output(x.shape, "float64")
    (fused,) = ops.apply("max_pooling_relu_gradient", (dy, winners, pooled), (out,), window=window)
    np.testing.assert_allclose(fused, expected, rtol=1e-12, atol=1e-13)
    (total,) = ops.apply("relu_pooled_sum", (dy, pooled), (Output((2,), "float64"),))
    np.testing.assert_allclose(total, expected.sum(axis=(0, 1, 2)), rtol=1e-12, atol=1e-13)


KERNEL_SETS = {"generic": dict(KERNELS), "cpu": None}


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("kernels", KERNEL_SETS)
@pytest.mark.parametrize(("layer", "specs"), cases())
def test_that_kernels_of_layers_write_every_element(
    layer: Layer, specs: tuple[TensorSpec, ...], kernels: str, threads: int
) -> None:
    for training in (True, False):
        check(layer_work(layer, specs, training), kernels, threads)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("kernels", KERNEL_SETS)
def test_that_the_other_kernels_write_every_element(kernels: str, threads: int) -> None:
    check(other_work, kernels, threads)


def check(work: Callable[[WatchedOps], None], kernels: str, threads: int) -> None:
    table = KERNEL_SETS[kernels]
    clean = watched(FilledDevice(threads, poison=False, kernels=table), work)
    poisoned = watched(FilledDevice(threads, poison=True, kernels=table), work)
    for (name, expected), (_, found) in zip(clean, poisoned, strict=True):
        for a, b in zip(expected, found, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=name)
            assert a.dtype.kind != "f" or np.isfinite(a).all(), name


WINOGRAD = [
    # x [N, H, W, C], filters, size, padding
    ((12, 14, 13, 32), 32, 5, (2, 2, 2, 2)),
    ((26, 9, 11, 48), 40, 3, (1, 0, 2, 1)),
    ((37, 8, 8, 48), 32, 3, (0, 0, 0, 0)),
]


def convolution_work(
    x_shape: tuple[int, int, int, int],
    filters: int,
    size: int,
    padding: tuple[int, int, int, int],
    dtype: str,
) -> Callable[[WatchedOps], None]:
    def work(ops: WatchedOps) -> None:
        random = np.random.default_rng(2)
        x = random.normal(size=x_shape).astype(dtype)
        w = (random.normal(size=(filters, size, size, x_shape[3])) / size**2).astype(dtype)
        b = random.normal(size=filters).astype(dtype)
        window = Window((size, size), (1, 1), padding)
        y = ops.convolution(x, w, b, window)
        dy = random.normal(size=y.shape).astype(dtype)
        ops.apply("convolution_relu", (x, w, b), (Output(y.shape, dtype),), window=window, groups=1)
        ops.convolution_input_gradient(dy, w, x.shape, window)
        ops.convolution_weight_gradient(x, dy, w.shape, window)

    return work


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("case", WINOGRAD, ids=str)
def test_that_convolutions_by_winograd_write_every_element_and_agree_with_im2col_in_double_precision(
    case: tuple[tuple[int, int, int, int], int, int, tuple[int, int, int, int]], threads: int
) -> None:
    work = convolution_work(*case, "float32")
    check(work, "cpu", threads)
    exact = watched(FilledDevice(1, poison=False, kernels=dict(KERNELS)), convolution_work(*case, "float64"))
    for (name, expected), (_, found) in zip(exact, watched(CpuDevice(threads), work), strict=True):
        scale = float(np.abs(expected[0]).max())
        np.testing.assert_allclose(found[0], expected[0], rtol=0, atol=3e-5 * scale, err_msg=name)
    x_shape, filters, size, padding = case
    rows = x_shape[1] + padding[0] + padding[1] - size + 1
    columns = x_shape[2] + padding[2] + padding[3] - size + 1
    places, window = (x_shape[0], rows, columns), Window((size, size), (1, 1), padding)
    assert chosen_transforms("float32", places, x_shape[3], filters, window, 1) is not None


def test_that_every_kernel_with_outputs_has_been_tried() -> None:
    tried: set[str] = set()
    works = [layer_work(*case.values, training) for case in cases() for training in (True, False)]
    for work in (*works, other_work):
        tried |= {name for name, _ in watched(CpuDevice(1), work)}
    assert set(KERNELS) - IN_PLACE - tried == set()
    # Those through convolution and pooling at once are tried beside the CPU's other kernels.
    fused = {*numpy_fused.KERNELS, "adam_update_recorded"}
    assert set(CpuDevice(1).kernels) == set(KERNELS) | fused


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("name", "slots", "choice"),
    [
        ("sgd", 0, False),
        ("sgd", 1, False),
        ("sgd", 1, True),
        ("adam", 2, False),
        ("adam", 2, True),
        ("adam recorded", 2, False),
        ("adam recorded", 2, True),
    ],
)
def test_that_the_updates_of_the_cpu_agree_with_the_generic_ones(
    name: str, slots: int, choice: bool, threads: int
) -> None:
    device, found = CpuDevice(threads), []
    for kernels in (device.kernels, KERNELS):
        random = np.random.default_rng(3)
        count, decaying = 150_000, 90_000
        w, g = random.normal(size=count), random.normal(size=count)
        moments = [np.abs(random.normal(size=count)) for _ in range(slots)]
        rates, clock = np.array([0.1, 0.2, 0.8, 0.9, 1e-3, 0.7]), np.array([0, 3, 0, 0])
        healthy, history = np.ones(1, np.int32), np.zeros((4, History.COLUMNS))
        if name != "adam recorded" or kernels is KERNELS:
            kernels["record_squared_weights"](device, history, clock, w, decaying=decaying)
        if name == "sgd":
            velocity = moments[0] if moments else None
            arrays: tuple[Array, ...] = (w, g, velocity, rates, healthy)
            kernels["sgd_update"](device, *arrays, decaying=decaying, nesterov=choice)
        else:
            arrays = (w, g, *moments, rates, clock, healthy)
            given: dict[str, Any] = {"decaying": decaying, "decoupled": choice}
            if name == "adam recorded" and kernels is not KERNELS:
                arrays, given["early"] = (history, *arrays, None, None), (0, 0)
                kernels["adam_update_recorded"](device, *arrays, **given)
            else:
                kernels["adam_update"](device, *arrays, **given)
        found.append([w, *moments, history])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    assert found[0][-1][2, History.SQUARED_WEIGHTS] > 80_000


@pytest.mark.parametrize("kernels", [CpuDevice(2).kernels, KERNELS], ids=["cpu", "generic"])
@pytest.mark.parametrize("place", [0, 140_000])
@pytest.mark.parametrize("size", [1e25, np.inf, np.nan])
def test_that_an_update_changes_nothing_where_a_gradient_or_weight_overflows(
    kernels: dict[str, Kernel], place: int, size: float
) -> None:
    for which in (0, 1):
        arrays = [np.full(150_000, 0.5, np.float32) for _ in range(4)]
        arrays[which][place] = size
        before = [array.copy() for array in arrays]
        rates, clock = np.array([0.1, 0.2, 0.8, 0.9, 1e-3, 0.7]), np.array([0, 3, 0, 0])
        for name, slots in (("sgd_update", 1), ("adam_update", 2)):
            healthy = np.ones(1, np.int32)
            how = {"nesterov": False} if slots == 1 else {"decoupled": True}
            clocks = () if slots == 1 else (clock,)
            with np.errstate(all="ignore"):
                kernels[name](
                    CpuDevice(2), *arrays[: 2 + slots], rates, *clocks, healthy, decaying=90_000, **how
                )
            assert healthy[0] == 0
            for array, kept in zip(arrays, before, strict=True):
                np.testing.assert_array_equal(array, kept)


def test_that_the_cpu_kernels_agree_with_the_generic_ones() -> None:
    works = [layer_work(*case.values, True) for case in cases()]
    for work in (*works, other_work):
        generic = watched(FilledDevice(1, poison=False, kernels=dict(KERNELS)), work)
        own = watched(CpuDevice(2), work)
        for (name, expected), (_, found) in zip(generic, own, strict=True):
            for a, b in zip(expected, found, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13, err_msg=name)
