"""Steps captured as CUDA graphs, and how a GPU behaves as a device: memory, streams, time."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.errors import DeviceError
from engine.tensor.step_ops import Clock, History
from engine.tensor.window import Window

pytestmark = pytest.mark.gpu


def small_step(device: Any, tensors: dict[str, Any]) -> Callable[[], None]:
    """A step of a small network over fixed buffers: gather, convolve, pool, classify, update."""
    window, pool = Window((5, 5), (1, 1), (2, 2, 2, 2)), Window((2, 2), (2, 2))
    batch = 8

    def place(shape: tuple[int, ...], dtype: str = "float32") -> Any:
        return device.empty(shape, dtype)

    x, labels = place((batch, 12, 12, 1)), place((batch,), "int32")
    y, dz = place((batch, 12, 12, 4)), place((batch, 12, 12, 4))
    p, winners = place((batch, 6, 6, 4)), place((batch, 6, 6, 4), "uint8")
    scores, dscores = place((batch, 1, 1, 10)), place((batch, 1, 1, 10))
    losses, odds = place((batch,)), place((batch, 1, 1, 10))
    guesses, mask = place((batch,), "int32"), place((batch, 6, 6, 4), "uint8")
    kept, dkept, dp = (place((batch, 6, 6, 4)) for _ in range(3))
    arena, gradients = tensors["parameters"], tensors["gradients"]
    cuts = {"w": (0, (4, 5, 5, 1)), "b": (128, (4,)), "v": (192, (10, 6, 6, 4)), "c": (1664, (10,))}

    def part(source: Any, name: str) -> Any:
        start, shape = cuts[name]
        return source[start : start + int(np.prod(shape))].reshape(shape)

    def step() -> None:
        t = tensors

        def call(name: str, *arrays: Any, **attributes: Any) -> None:
            device.kernels[name](device, *arrays, **attributes)

        call("advance", t["clock"], t["starts"], t["rates"], t["schedule"])
        call("gather", x, labels, t["images"], t["classes"], t["order"], t["clock"], t["scale"], t["offset"])
        call("convolution_relu", y, x, part(arena, "w"), part(arena, "b"), window=window, groups=1)
        call("max_pooling", p, winners, y, window=pool)
        call("random_mask", mask, t["keep"], t["clock"], stream=3)
        call("apply_mask", kept, p, mask)
        call("linear", scores, kept, part(arena, "v"), part(arena, "c"))
        call("cross_entropy", losses, odds, guesses, scores, labels)
        call("cross_entropy_gradient", dscores, odds, labels)
        call("linear_weight_gradient", part(gradients, "v"), kept, dscores)
        call("sum_to_channels", part(gradients, "c"), dscores)
        call("linear_input_gradient", dkept, dscores, part(arena, "v"))
        call("apply_mask", dp, dkept, mask)
        call("max_pooling_relu_gradient", dz, dp, winners, p, window=pool)
        call("convolution_weight_gradient", part(gradients, "w"), x, dz, window=window, groups=1)
        call("relu_pooled_sum", part(gradients, "b"), dp, p)
        recorded = (t["history"], t["healthy"], t["clock"])
        call("record_outcome", *recorded, losses, guesses, labels, column=History.TRAIN_LOSS)
        call("record_squared_weights", t["history"], t["clock"], arena, decaying=1600)
        call(
            "adam_update", arena, gradients, t["m"], t["v"], t["rates"], t["clock"], t["healthy"],
            decaying=1600, decoupled=True,
        )  # fmt: skip

    return step


def step_tensors(device: Any) -> dict[str, Any]:
    rng = np.random.default_rng(11)
    host = {
        "parameters": (rng.standard_normal(1728) / 10).astype(np.float32),
        "gradients": np.zeros(1728, np.float32),
        "m": np.zeros(1728, np.float32),
        "v": np.zeros(1728, np.float32),
        "images": rng.integers(0, 256, (400, 12, 12, 1)).astype(np.uint8),
        "classes": rng.integers(0, 10, 400).astype(np.int32),
        "order": rng.permutation(400).astype(np.int32),
        "starts": np.zeros(50, np.int32),
        "schedule": np.full(50, 0.001),
        "clock": np.array([7, 0, -1, 0]),
        "keep": np.array([0.75]),
        "scale": np.full((1, 1, 1), 2 / 255, np.float32),
        "offset": np.full((1, 1, 1), -1.0, np.float32),
        "history": np.zeros((64, History.COLUMNS)),
        "healthy": np.ones(1, np.int32),
        "rates": np.array([0.001, 0.001, 0.9, 0.999, 1e-8, 0.9]),
    }
    return {name: device.to_device(array) for name, array in host.items()}


@pytest.mark.parametrize("with_cudnn", [True, False])
def test_that_a_captured_step_equals_an_eager_one(with_cudnn: bool) -> None:
    from engine.tensor.cupy_ops import CudaDevice

    found = []
    for captured in (False, True):
        device = CudaDevice(0, precision="tf32", deterministic=True)
        if not with_cudnn:
            device.plans = None
        tensors = step_tensors(device)
        step = small_step(device, tensors)
        prepared = device.prepare(step) if captured else None
        for _ in range(40):
            (prepared or step)()
        if prepared is not None:
            assert prepared.is_captured, "the step was not captured as a CUDA graph"
        found.append({name: device.to_host(array) for name, array in tensors.items()})
    eager, graph = found
    for name, array in eager.items():
        np.testing.assert_array_equal(graph[name], array, err_msg=name)
    assert eager["clock"][Clock.STEP] == 40
    losses = eager["history"][:40, History.TRAIN_LOSS]
    assert np.isfinite(losses).all()
    assert (losses > 0).all()


def test_that_calls_which_cannot_be_captured_still_run(caplog: pytest.LogCaptureFixture) -> None:
    from engine.tensor.cupy_ops import CudaDevice

    device = CudaDevice(0)
    counter = device.zeros((1,), "float32")

    def calls() -> None:
        device.kernels["add"](device, counter, counter, device.to_device(np.ones(1, np.float32)))
        assert float(device.to_host(counter)[0]) > 0  # reading a value is what a capture forbids

    prepared = device.prepare(calls)
    for _ in range(4):
        prepared()
    assert float(device.to_host(counter)[0]) == 4
    assert not prepared.is_captured
    assert "without a CUDA graph" in caplog.text


def test_that_too_little_memory_is_told_in_numbers() -> None:
    from engine.tensor.cupy_ops import CudaDevice

    device = CudaDevice(0)
    with pytest.raises(
        DeviceError, match=r"out of memory: 67,108,864 MiB were asked for, [\d,]+ MiB of [\d,]+ MiB"
    ):
        device.empty((1 << 46,), "uint8")
    assert device.free_memory() > 0


def test_that_a_stream_left_current_by_others_does_no_harm() -> None:
    import cupy

    from engine.tensor.cupy_ops import CudaDevice

    device = CudaDevice(0)
    ones = device.to_device(np.ones((4, 5, 6, 3), np.float32))
    total = device.empty((3,), "float32")
    with cupy.cuda.Stream(non_blocking=True):
        device.kernels["sum_to_channels"](device, total, ones)
        assert cupy.cuda.get_current_stream().ptr == device.stream.ptr
    np.testing.assert_array_equal(device.to_host(total), np.full(3, 120, np.float32))


def test_that_marks_measure_the_time_of_the_gpu() -> None:
    from engine.tensor.cupy_ops import CudaDevice

    device = CudaDevice(0)
    x = device.zeros((1 << 26,), "float32")
    first = device.mark()
    for _ in range(20):
        device.kernels["relu"](device, x, x)
    second = device.mark()
    device.synchronize()
    # 20 passes over 512 MiB of reads and writes, at no more than 20 TB/s.
    assert 5e-4 < device.seconds_between(first, second) < 5


def test_that_the_gpus_of_a_machine_are_listed() -> None:
    from engine.tensor.cupy_ops import cuda_devices, explain_missing_cuda

    index, name, memory, capability = cuda_devices()[0]
    assert index == 0
    assert name
    assert memory > 1 << 30
    assert float(capability) >= 5
    assert explain_missing_cuda() == ""


@pytest.mark.parametrize("place", [0, 140_000])
@pytest.mark.parametrize("size", [1e25, np.inf, np.nan])
@pytest.mark.parametrize("name", ["sgd_update", "adam_update"])
def test_that_an_update_leaves_everything_finite_where_a_gradient_or_weight_overflows(
    name: str, place: int, size: float
) -> None:
    from engine.tensor.cupy_ops import CudaDevice

    device = CudaDevice(0)
    for which in (0, 1):
        arrays = [np.full(150_016, 0.5, np.float32) for _ in range(4)]
        arrays[which][place] = size
        kept = device.to_device(arrays[0])
        gradients, *moments = (device.to_device(array) for array in arrays[1:])
        rates = device.to_device(np.array([0.1, 0.2, 0.8, 0.9, 1e-3, 0.7]))
        healthy = device.to_device(np.ones(1, np.int32))
        kernel = device.kernels[name]
        if name == "sgd_update":
            kernel(device, kept, gradients, moments[0], rates, healthy, decaying=90_112, nesterov=False)
        else:
            clock = device.to_device(np.array([0, 3, 0, 0]))
            kernel(device, kept, gradients, *moments, rates, clock, healthy, decaying=90_112, decoupled=True)
        assert device.to_host(healthy)[0] == 0
        np.testing.assert_array_equal(device.to_host(kept)[place], arrays[0][place])
        for moment in moments:
            assert np.isfinite(device.to_host(moment)).all()


@pytest.mark.parametrize(
    ("x", "filters", "size", "padding"),
    [
        ((4, 16, 16, 32), 64, (5, 5), (2, 2, 2, 2)),
        ((7, 13, 17, 36), 40, (3, 3), (1, 1, 1, 1)),
        ((5, 19, 19, 64), 100, (5, 5), (0, 0, 0, 0)),
        ((3, 10, 10, 20), 12, (4, 4), (1, 2, 0, 3)),
        ((4, 9, 9, 48), 64, (2, 1), (0, 1, 0, 0)),
        ((2, 3, 40, 16), 32, (5, 5), (4, 4, 4, 4)),
    ],
)
def test_that_every_own_filter_gradient_agrees_with_numpy(
    x: tuple[int, int, int, int], filters: int, size: tuple[int, int], padding: tuple[int, int, int, int]
) -> None:
    from engine.tensor.cuda import filter_gradient
    from engine.tensor.cuda.convolution_task import Task
    from engine.tensor.cupy_ops import CudaDevice

    device = CudaDevice(0)
    window = Window(size, (1, 1), padding)
    rows, columns = (int(places) for places in window.places(x[1], x[2]))
    y, w = (x[0], rows, columns, filters), (filters, *size, x[3])
    task = Task("weight_gradient", x, w, y, window, alignments=(16, 16, 16))
    random = np.random.default_rng(0)
    seen, errors = random.standard_normal(x), random.standard_normal(y)
    padded = np.pad(seen, ((0, 0), padding[:2], padding[2:], (0, 0)))
    views = np.lib.stride_tricks.sliding_window_view(padded, size, axis=(1, 2))
    expected = np.einsum("npqk,npqcrs->krsc", errors, views, optimize=True)
    operands = [device.to_device(array.astype(np.float32)) for array in (seen, errors)]
    plans = list(filter_gradient.plans(task, device.functions, 132))
    assert plans
    for plan in plans:
        dw = device.to_device(np.full(w, np.nan, np.float32))
        workspace = device.empty((plan.workspace,), "uint8")
        plan.run([dw, *operands], int(workspace.data.ptr))
        error = np.linalg.norm(device.to_host(dw) - expected) / np.linalg.norm(expected)
        # TF32 keeps eleven bits of each factor.
        assert error < 5e-4, plan.name
