"""The CPU's own kernels against the generic ones in float64, on poisoned outputs, for any number of threads."""

import threading

import numpy as np
import pytest

from engine.tensor import array_ops, native, numpy_convolution, numpy_fused, numpy_ops, numpy_patches
from engine.tensor.numpy_ops import CpuDevice
from engine.tensor.step_ops import Clock, History, Rates
from engine.tensor.window import Window

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


class PoisonedDevice(CpuDevice):
    """A CPU whose scratch memory is never what was left there."""

    def scratch(self, name, shape, dtype=np.float32):
        return poisoned(shape, dtype)


def poisoned(shape, dtype):
    if np.dtype(dtype).kind == "b":
        return np.full(shape, True)
    return np.full(shape, np.nan if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max, dtype)


def agree(found, wanted, dtype):
    assert np.isfinite(found).all()
    if np.dtype(found.dtype).kind == "f":
        scale = np.linalg.norm(wanted)
        assert np.linalg.norm(found - wanted) <= TOLERANCE[dtype] * max(scale, 1e-30)
    else:
        np.testing.assert_array_equal(found, wanted)


@pytest.fixture(autouse=True)
def _cut_small_arrays_too(monkeypatch):
    monkeypatch.setattr(numpy_ops, "SMALL_BYTES", 0)


@pytest.fixture(autouse=True, params=["compiled", "NumPy"])
def _with_and_without_compiled_loops(monkeypatch, request):
    if request.param == "NumPy":
        monkeypatch.setattr(native, "is_available", False)
    elif not native.is_available:
        pytest.skip("llvmlite is not installed")


def run(name, outputs, inputs, *, dtype, threads, **attributes):
    """Check one kernel on inputs given in float64; `outputs` are (shape, dtype or None for the number's type)."""
    cast = [
        x.astype(dtype) if x is not None and x.dtype == np.float64 else x for x in inputs
    ]  # exact inputs for both: the generic kernel sees what the single-precision one sees
    exact = [x.astype(np.float64) if x is not None and x.dtype == np.dtype(dtype) else x for x in cast]
    wanted = [np.empty(shape, kind or np.float64) for shape, kind in outputs]
    array_ops.KERNELS[name](CpuDevice(1), *wanted, *exact, **attributes)
    found = [poisoned(shape, kind or dtype) for shape, kind in outputs]
    device = PoisonedDevice(threads)
    device.kernels[name](device, *found, *cast, **attributes)
    for got, right in zip(found, wanted, strict=True):
        agree(got, right, dtype)
    again = [poisoned(shape, kind or dtype) for shape, kind in outputs]
    device.kernels[name](device, *again, *cast, **attributes)
    for got, second in zip(found, again, strict=True):
        np.testing.assert_array_equal(got, second)
    return found


def normal(*shape, seed=1):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


# (images, height, width, channels), filters, window, groups
GEOMETRIES = {
    "Winograd 5x5": ((7, 14, 14, 16), 24, Window((5, 5), padding=(2,) * 4), 1),
    "Winograd 5x5, sizes not divisible": ((5, 13, 9, 16), 24, Window((5, 5), padding=(2,) * 4), 1),
    "Winograd 3x3, four paddings": ((6, 11, 14, 20), 12, Window((3, 3), padding=(0, 1, 2, 1)), 1),
    "one channel": ((7, 28, 28, 1), 8, Window((5, 5), padding=(2,) * 4), 1),
    "three channels": ((7, 16, 15, 3), 8, Window((5, 5), padding=(2,) * 4), 1),
    "one channel, dilated and strided down": (
        (3, 17, 16, 1), 4, Window((3, 3), (2, 1), (1, 0, 2, 1), (2, 3)), 1
    ),
    "many channels": ((3, 9, 9, 96), 96, Window((5, 5), padding=(2,) * 4), 1),
    "few taps, strided": ((5, 15, 13, 3), 48, Window((3, 3), (2, 2), (1, 0, 2, 1)), 1),
    "few taps, one column of places": ((3, 7, 3, 2), 16, Window((3, 3)), 1),
    "strided": ((4, 15, 13, 6), 5, Window((3, 3), (2, 2), (1, 1, 1, 1)), 1),
    "dilated": ((4, 15, 13, 6), 5, Window((3, 3), padding=(2, 2, 2, 2), dilation=(2, 2)), 1),
    "groups": ((4, 9, 9, 6), 4, Window((3, 3), padding=(1,) * 4), 2),
    "not square": ((4, 9, 8, 6), 5, Window((1, 5), padding=(0, 0, 2, 2)), 1),
    "1x1": ((4, 6, 5, 7), 5, Window((1, 1)), 1),
    "padding wider than the filter": ((2, 5, 5, 4), 3, Window((3, 3), padding=(3,) * 4), 1),
    "one image": ((1, 16, 16, 32), 32, Window((5, 5), padding=(2,) * 4), 1),
    "a map of one pixel": ((5, 1, 1, 8), 4, Window((5, 5), padding=(2,) * 4), 1),
    "tap over a long row": ((2, 4, 300, 1), 3, Window((3, 3)), 1),
}  # fmt: skip


@pytest.fixture(params=GEOMETRIES.values(), ids=GEOMETRIES.keys())
def geometry(request):
    x_shape, filters, window, groups = request.param
    rows, columns = (int(size) for size in window.places(*x_shape[1:3]))
    w_shape = (filters, *window.size, x_shape[3] // groups)
    y_shape = (x_shape[0], rows, columns, filters)
    return x_shape, w_shape, y_shape, {"window": window, "groups": groups}


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
class TestConvolution:
    @pytest.mark.parametrize("name", ["convolution", "convolution_relu"])
    @pytest.mark.parametrize("bias", [True, False])
    def test_that_the_forward_pass_equals_the_generic_one(self, geometry, dtype, threads, name, bias):
        x_shape, w_shape, y_shape, attributes = geometry
        inputs = normal(*x_shape), normal(*w_shape), normal(w_shape[0]) if bias else None
        run(name, [(y_shape, None)], inputs, dtype=dtype, threads=threads, **attributes)

    def test_that_the_input_gradient_equals_the_generic_one(self, geometry, dtype, threads):
        x_shape, w_shape, y_shape, attributes = geometry
        run(
            "convolution_input_gradient", [(x_shape, None)], (normal(*y_shape), normal(*w_shape)),
            dtype=dtype, threads=threads, **attributes,
        )  # fmt: skip

    def test_that_the_filter_gradient_equals_the_generic_one(self, geometry, dtype, threads):
        x_shape, w_shape, y_shape, attributes = geometry
        run(
            "convolution_weight_gradient", [(w_shape, None)], (normal(*x_shape), normal(*y_shape)),
            dtype=dtype, threads=threads, **attributes,
        )  # fmt: skip


POOLED = {
    "Winograd": ((7, 14, 14, 16), 24, Window((5, 5), padding=(2,) * 4), 1, Window((2, 2), (2, 2))),
    "odd map": ((5, 13, 11, 16), 24, Window((5, 5), padding=(2,) * 4), 1, Window((2, 2), (2, 2))),
    "overlapping": ((5, 12, 11, 3), 4, Window((3, 3)), 1, Window((3, 3), (2, 2), (1, 1, 1, 1))),
    "strided groups": ((4, 15, 13, 6), 4, Window((3, 3), (2, 2), (1,) * 4), 2, Window((2, 2), (1, 1))),
    "one image": ((1, 8, 8, 1), 2, Window((3, 3), padding=(1,) * 4), 1, Window((2, 2), (2, 2))),
}


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("map_bytes", [1, 1 << 20])
@pytest.mark.parametrize("case", POOLED.values(), ids=POOLED.keys())
def test_that_kernels_through_pooling_equal_their_parts(case, dtype, threads, map_bytes, monkeypatch):
    monkeypatch.setattr(numpy_fused, "MAP_BYTES", map_bytes)
    x_shape, filters, window, groups, pooling = case
    device, attributes = PoisonedDevice(threads), {"window": window, "groups": groups}
    x = normal(*x_shape).astype(dtype)
    w = normal(filters, *window.size, x_shape[3] // groups).astype(dtype)
    b = normal(filters).astype(dtype)
    rows, columns = (int(size) for size in window.places(*x_shape[1:3]))
    down, across = (int(size) for size in pooling.places(rows, columns))
    behind = (x_shape[0], down, across, filters)
    y = np.empty((x_shape[0], rows, columns, filters), dtype)
    wanted, wanted_winners = np.empty(behind, dtype), np.empty(behind, "uint8")
    device.kernels["convolution_relu"](device, y, x, w, b, **attributes)
    device.kernels["max_pooling"](device, wanted, wanted_winners, y, window=pooling)

    pooled, winners = poisoned(behind, dtype), poisoned(behind, "uint8")
    device.kernels["convolution_relu_max_pooling"](
        device, pooled, winners, x, w, b, **attributes, pooling=pooling
    )
    agree(pooled, wanted, dtype)
    # Where chunks round differently another tap may win by a hair, so winners are compared where they are clear.
    assert (winners == wanted_winners).mean() > 0.999

    dy, errors = normal(*behind, seed=2).astype(dtype), np.empty_like(y)
    device.kernels["max_pooling_relu_gradient"](device, errors, dy, winners, pooled, window=pooling)
    wanted_dw, wanted_dx = np.empty_like(w), np.empty_like(x)
    device.kernels["convolution_weight_gradient"](device, wanted_dw, x, errors, **attributes)
    device.kernels["convolution_input_gradient"](device, wanted_dx, errors, w, **attributes)
    dw, dx = poisoned(w.shape, dtype), poisoned(x.shape, dtype)
    device.kernels["pooled_convolution_gradients"](
        device, dw, dx, x, w, dy, winners, pooled, **attributes, pooling=pooling
    )
    agree(dw, wanted_dw, dtype)
    agree(dx, wanted_dx, dtype)
    alone = poisoned(w.shape, dtype)
    device.kernels["pooled_convolution_weight_gradient"](
        device, alone, x, dy, winners, pooled, **attributes, pooling=pooling
    )
    np.testing.assert_array_equal(alone, dw)


def test_that_many_small_pieces_of_im2col_give_the_same(monkeypatch):
    monkeypatch.setattr(numpy_patches, "PATCH_BYTES", 1)
    window = Window((3, 3), (2, 2), (1, 1, 1, 1))
    x, w, dy = normal(5, 9, 9, 4), normal(6, 3, 3, 4), normal(5, 5, 5, 6)
    attributes = {"dtype": "float64", "threads": 2, "window": window, "groups": 1}
    run("convolution", [((5, 5, 5, 6), None)], (x, w, None), **attributes)
    run("convolution_weight_gradient", [(w.shape, None)], (x, dy), **attributes)


POOLINGS = {
    "2x2": Window((2, 2), (2, 2)),
    "overlapping": Window((3, 3), (2, 2)),
    "padded": Window((3, 2), (2, 2), (1, 1, 1, 0)),
    "dilated": Window((2, 2), (1, 1), dilation=(2, 3)),
    "one column": Window((3, 1), (3, 1)),
    "one row": Window((1, 3), (1, 3)),
    "one pixel": Window((1, 1), (1, 1)),
    "large": Window((9, 8), (9, 8)),
    "more than 255 taps": Window((16, 17), (2, 2), (8, 8, 8, 8)),
}


@pytest.fixture(params=POOLINGS.values(), ids=POOLINGS.keys())
def pooling(request):
    window = request.param
    rows, columns = (int(size) for size in window.places(11, 13))
    index = "uint8" if window.size[0] * window.size[1] <= 255 else "int32"
    return window, (5, 11, 13, 3), (5, rows, columns, 3), index


def with_ties(*shape):
    """Few different values, so that regions often have several greatest ones."""
    return np.random.default_rng(4).integers(-1, 3, shape).astype(np.float64)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
class TestPooling:
    @pytest.mark.parametrize("values", [normal, with_ties])
    def test_that_maxima_and_first_winners_are_found(self, pooling, dtype, threads, values):
        window, x_shape, y_shape, index = pooling
        run(
            "max_pooling", [(y_shape, None), (y_shape, index)], (values(*x_shape),),
            dtype=dtype, threads=threads, window=window,
        )  # fmt: skip

    def test_that_errors_go_to_winners(self, pooling, dtype, threads):
        window, x_shape, y_shape, index = pooling
        pooled, winners = np.empty(y_shape), np.empty(y_shape, index)
        array_ops.max_pooling(CpuDevice(1), pooled, winners, with_ties(*x_shape), window=window)
        given = {"dtype": dtype, "threads": threads, "window": window}
        dy = normal(*y_shape)
        run("max_pooling_gradient", [(x_shape, None)], (dy, winners), **given)
        run("max_pooling_relu_gradient", [(x_shape, None)], (dy, winners, pooled), **given)

    def test_that_sums_to_channels_are_whole(self, dtype, threads):
        for shape in [(5, 11, 13, 3), (1, 1, 1, 4), (40, 30, 20, 2), (2, 64, 32, 1)]:
            run("sum_to_channels", [(shape[3:], None)], (normal(*shape),), dtype=dtype, threads=threads)
            run(
                "relu_pooled_sum", [(shape[3:], None)], (normal(*shape), with_ties(*shape)),
                dtype=dtype, threads=threads,
            )  # fmt: skip

    def test_that_relu_covers_lines_and_their_rest(self, dtype, threads):
        for shape in [(3, 1, 1, 5), (5, 20, 30, 7), (1, 1, 1, 4096), (2, 64, 64, 1)]:
            run("relu", [(shape, None)], (normal(*shape),), dtype=dtype, threads=threads)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
class TestWeights:
    def test_that_products_equal_the_generic_ones(self, dtype, threads):
        x, w, b, dy = normal(5, 2, 3, 4), normal(7, 2, 3, 4), normal(7), normal(5, 1, 1, 7)
        given = {"dtype": dtype, "threads": threads}
        for name in ("linear", "linear_relu"):
            run(name, [(dy.shape, None)], (x, w, b), **given)
            run(name, [(dy.shape, None)], (x, w, None), **given)
        run("linear_input_gradient", [(x.shape, None)], (dy, w), **given)
        run("linear_weight_gradient", [(w.shape, None)], (x, dy), **given)

    def test_that_one_output_on_many_threads_is_computed_once(self, dtype, threads):
        run(
            "linear", [((2, 1, 1, 1), None)], (normal(2, 1, 1, 3), normal(1, 1, 1, 3), normal(1)),
            dtype=dtype, threads=threads,
        )  # fmt: skip

    @pytest.mark.parametrize("decay", [0.0, 0.01])
    @pytest.mark.parametrize("decoupled", [True, False])
    def test_that_adam_equals_the_generic_update(self, dtype, threads, decoupled, decay):
        count, decaying = 200_003, 150_001
        rates, clock = np.zeros(Rates.SIZE), np.zeros(Clock.SIZE, np.int64)
        rates[:] = [1e-3, decay, 0.9, 0.999, 1e-8, 0]
        states = []
        for device, number, name in [
            (CpuDevice(1), "float64", "generic"), (CpuDevice(threads), dtype, "own")
        ]:  # fmt: skip
            kernel = array_ops.KERNELS["adam_update"] if name == "generic" else device.kernels["adam_update"]
            w = normal(count).astype(dtype).astype(number)
            m, v = np.zeros(count, number), np.zeros(count, number)
            for step in (1, 2, 3):
                clock[Clock.STEP] = step
                g = normal(count, seed=step).astype(dtype).astype(number)
                healthy = np.ones(1, np.int32)
                kernel(device, w, g, m, v, rates, clock, healthy, decaying=decaying, decoupled=decoupled)
                assert healthy[0]
            states.append((w, m, v))
        for found, wanted in zip(states[1], states[0], strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-5 if dtype == "float32" else 1e-9, atol=1e-6)

    def test_that_squared_weights_leave_out_what_does_not_decay(self, dtype, threads):
        w = normal(150_000).astype(dtype)
        history, clock = np.zeros((4, History.COLUMNS)), np.array([0, 6, 0, 0])
        device = CpuDevice(threads)
        device.kernels["record_squared_weights"](device, history, clock, w, decaying=140_000)
        wanted = (w[:140_000].astype(float) ** 2).sum()
        np.testing.assert_allclose(history[1, History.SQUARED_WEIGHTS], wanted, rtol=1e-6)
        assert not history[[0, 2, 3]].any()


@pytest.mark.parametrize("bad", [np.inf, np.nan, 1e30])
@pytest.mark.parametrize("name", ["adam_update", "adam_update_recorded", "sgd_update"])
def test_that_an_overflowing_gradient_changes_nothing(name, bad):
    device, count = CpuDevice(2), 300_000
    w, g, m, v = (np.ones(count, np.float32) for _ in range(4))
    g[-1] = bad
    healthy, rates, clock = np.ones(1, np.int32), np.ones(Rates.SIZE), np.ones(Clock.SIZE, np.int64)
    history = np.zeros((4, History.COLUMNS))

    def update():
        numbers = {"decaying": count, "decoupled": True}
        if name == "adam_update":
            device.kernels[name](device, w, g, m, v, rates, clock, healthy, **numbers)
        elif name == "adam_update_recorded":
            device.kernels[name](
                device, history, w, g, m, v, rates, clock, healthy, None, None, early=(0, 0), **numbers
            )
        else:
            device.kernels[name](device, w, g, m, rates, healthy, decaying=count, nesterov=False)

    device.prepare(update)()
    assert healthy[0] == 0
    for array in (w, m, v):
        assert (array == 1).all()


class Shaped:
    """What `implementation` reads of an array."""

    def __init__(self, *shape, dtype="float32"):
        self.shape, self.dtype = shape, dtype


class TestImplementation:
    window = Window((5, 5), padding=(2,) * 4)

    def name(self, operation, *arrays, window=None, groups=1):
        attributes = {"window": window or self.window, "groups": groups}
        return CpuDevice(1).implementation(operation, attributes, arrays)

    def test_that_winograd_is_named_with_its_tiles(self):
        x, w, y = Shaped(100, 14, 14, 32), Shaped(64, 5, 5, 32), Shaped(100, 14, 14, 64)
        wanted = "Winograd F(4×4, 5×5) + BLAS"
        assert self.name("convolution", y, x, w, None) == wanted
        assert self.name("convolution_relu", y, x, w, None) == wanted
        assert self.name("convolution_input_gradient", x, y, w) == wanted
        assert self.name("convolution_weight_gradient", w, x, y) == wanted

    def test_that_operations_through_pooling_name_what_they_use(self):
        x, w, pooled = Shaped(100, 14, 14, 32), Shaped(64, 5, 5, 32), Shaped(100, 7, 7, 64)
        attributes = {"window": self.window, "groups": 1, "pooling": Window((2, 2), (2, 2))}
        wanted, device = "Winograd F(4×4, 5×5) + BLAS", CpuDevice(1)
        forward = [pooled, pooled, x, w, None]
        assert device.implementation("convolution_relu_max_pooling", attributes, forward) == wanted
        backward = [w, x, x, w, pooled, pooled, pooled]
        assert device.implementation("pooled_convolution_gradients", attributes, backward) == wanted
        few = [Shaped(64, 5, 5, 1), Shaped(100, 14, 14, 1), pooled, pooled, pooled]
        named = device.implementation("pooled_convolution_weight_gradient", attributes, few)
        assert named == self.without_patches()

    @staticmethod
    def without_patches():
        return "direct, LLVM" if native.is_available else "im2col + BLAS"

    def test_that_a_few_channels_are_convolved_directly_or_by_im2col(self):
        x, w, y = Shaped(100, 28, 28, 1), Shaped(32, 5, 5, 1), Shaped(100, 28, 28, 32)
        assert self.name("convolution", y, x, w, None) == self.without_patches()
        x, w, y = Shaped(100, 28, 28, 1), Shaped(31, 5, 5, 1), Shaped(100, 28, 28, 31)
        assert self.name("convolution", y, x, w, None) == "im2col + BLAS"

    def test_that_float64_and_unusual_windows_are_left_to_im2col(self):
        x, w, y = Shaped(100, 14, 14, 32), Shaped(64, 5, 5, 32), Shaped(100, 14, 14, 64)
        double = [Shaped(*array.shape, dtype="float64") for array in (y, x, w)]
        assert self.name("convolution", *double, None) == "im2col + BLAS"
        strided = Window((5, 5), (2, 2), (2,) * 4)
        assert self.name("convolution", y, x, w, None, window=strided) == "im2col + BLAS"
        assert self.name("convolution", y, x, w, None, groups=2) == "im2col + BLAS"

    def test_that_what_is_named_is_what_runs(self, monkeypatch):
        used = []
        real = numpy_convolution.winograd.convolve
        monkeypatch.setattr(
            numpy_convolution.winograd,
            "convolve",
            lambda t, *rest, **more: (used.append(t), real(t, *rest, **more)),
        )
        device = CpuDevice(1)
        for channels in (1, 32):
            x, w = normal(8, 14, 14, channels).astype("f4"), normal(64, 5, 5, channels).astype("f4")
            y = np.empty((8, 14, 14, 64), "f4")
            used.clear()
            device.kernels["convolution"](device, y, x, w, None, window=self.window, groups=1)
            named = self.name("convolution", y, x, w, None)
            assert [f"{t.name} + BLAS" for t in used] == ([named] if named.startswith("Winograd") else [])

    def test_that_small_work_does_not_pay_for_transformed_filters(self):
        x, w, y = Shaped(1, 4, 4, 32), Shaped(64, 5, 5, 32), Shaped(1, 4, 4, 64)
        assert self.name("convolution", y, x, w, None) == "im2col + BLAS"


def test_that_scratch_memory_is_reused_and_each_thread_has_its_own():
    device = CpuDevice(2)
    first = device.scratch("a", (4, 5))
    again = device.scratch("a", (2, 3), np.float64)
    assert np.shares_memory(first, again)
    assert not np.shares_memory(first, device.scratch("b", (4, 5)))
    others = []
    device.run_all([lambda: None, lambda: others.append(device.scratch("a", (4, 5)))])
    assert not np.shares_memory(first, others[0])


def test_that_no_more_threads_work_than_a_device_has(monkeypatch):
    device, workers = CpuDevice(3), set()
    # A pool starts another thread when none has said yet that it is idle, which now and then comes late.
    monkeypatch.setattr(device._pool._idle_semaphore, "acquire", lambda timeout=None: False)
    # Nobody ends a task before all three have begun one: none of them does the work of two.
    together = threading.Barrier(3)

    def work(part: slice) -> None:
        workers.add(threading.get_ident())
        together.wait(60)

    for _ in range(100):
        device.share_out(3, work)
    assert threading.get_ident() in workers
    assert len(workers) == 3


def test_that_small_work_stays_on_one_thread(monkeypatch):
    device = CpuDevice(3)
    monkeypatch.setattr(numpy_ops, "SMALL_BYTES", 1 << 18)
    asked = []
    monkeypatch.setattr(device, "run_all", lambda tasks: asked.append([task() for task in tasks]))
    for rows in (4, 400):
        x = normal(rows, 1, 1, 1000).astype("f4")
        device.kernels["relu"](device, np.empty_like(x), x)
    assert [len(tasks) for tasks in asked] == [3]
