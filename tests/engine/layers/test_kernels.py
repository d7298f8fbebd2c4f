"""Kernels write all of their outputs: memory that a program reuses holds whatever was there before."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from engine.layers import Layer
from engine.tensor.array_ops import KERNELS
from engine.tensor.device import EagerOps, Kernel
from engine.tensor.numpy_ops import CpuDevice
from engine.tensor.ops import Array, Clock, Output
from engine.tensor.spec import TensorSpec
from engine.tensor.window import Window
from tests.engine.layers.layer_cases import cases
from tests.engine.layers.layer_run import LayerRun, spread

IN_PLACE = {"advance", "record_outcome", "record_squared_weights", "sgd_update", "adam_update", "blend"}
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


def test_that_every_kernel_with_outputs_has_been_tried() -> None:
    tried: set[str] = set()
    works = [layer_work(*case.values, training) for case in cases() for training in (True, False)]
    for work in (*works, other_work):
        tried |= {name for name, _ in watched(CpuDevice(1), work)}
    assert set(KERNELS) - IN_PLACE - tried == set()
    assert set(CpuDevice(1).kernels) == set(KERNELS)


def test_that_the_cpu_kernels_agree_with_the_generic_ones() -> None:
    works = [layer_work(*case.values, True) for case in cases()]
    for work in (*works, other_work):
        generic = watched(FilledDevice(1, poison=False, kernels=dict(KERNELS)), work)
        own = watched(CpuDevice(2), work)
        for (name, expected), (_, found) in zip(generic, own, strict=True):
            for a, b in zip(expected, found, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13, err_msg=name)
