"""Winograd convolution against the generic kernels in float64, over many geometries, on poisoned memory."""

from dataclasses import dataclass

import numpy as np
import pytest

from engine.tensor import array_ops, native, winograd
from engine.tensor.numpy_ops import CpuDevice
from engine.tensor.window import Window

SIZES = [(4, 3), (2, 3), (4, 5), (2, 5)]
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Case:
    images: int
    height: int
    width: int
    channels: int
    filters: int
    padding: tuple[int, int, int, int]


CASES = {
    "the thesis's": lambda r: Case(3, 14, 14, 8, 16, (r // 2,) * 4),
    "sizes that tiles do not divide": lambda r: Case(2, 13, 11, 5, 7, (r // 2,) * 4),
    "no padding": lambda r: Case(2, 12, 9, 3, 4, (0,) * 4),
    "four paddings": lambda r: Case(2, 9, 10, 3, 4, (0, 1, 2, r - 1)),
    "one image": lambda r: Case(1, 8, 8, 4, 4, (r // 2,) * 4),
    "one channel, one filter": lambda r: Case(3, 7, 7, 1, 1, (r // 2,) * 4),
    "a map of one pixel": lambda r: Case(4, 1, 1, 6, 5, (r // 2,) * 4),
    "one place": lambda r: Case(2, r, r, 3, 4, (0,) * 4),
    "a column of places": lambda r: Case(2, 17, r, 3, 4, (1, 1, 0, 0)),
    "many channels": lambda r: Case(2, 8, 8, 300, 10, (r // 2,) * 4),
}


@pytest.fixture(autouse=True, params=["compiled", "NumPy"])
def _with_and_without_compiled_loops(monkeypatch, request):
    if request.param == "NumPy":
        monkeypatch.setattr(native, "is_available", False)
    elif not native.is_available:
        pytest.skip("llvmlite is not installed")


@pytest.fixture(params=[pytest.param(size, id=f"F{size}") for size in SIZES])
def t(request):
    return winograd.transforms(*request.param)


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def arrays(request, t):
    case = request.param(t.r)
    generator = np.random.default_rng(5)
    window = Window((t.r, t.r), padding=case.padding)
    rows, columns = (int(size) for size in window.places(case.height, case.width))
    x = generator.standard_normal((case.images, case.height, case.width, case.channels))
    w = generator.standard_normal((case.filters, t.r, t.r, case.channels))
    b = generator.standard_normal(case.filters)
    dy = generator.standard_normal((case.images, rows, columns, case.filters))
    return window, x, w, b, dy


def scratch(name, shape):
    return np.full(shape, np.nan, np.float32)


def single(*arrays):
    return [array.astype(np.float32) for array in arrays]


def relative_error(found, wanted):
    return np.linalg.norm(found - wanted) / np.linalg.norm(wanted)


def test_that_a_single_tile_gives_the_sums_over_its_taps(t):
    generator = np.random.default_rng(1)
    data, taps = generator.standard_normal((t.n, t.n)), generator.standard_normal((t.r, t.r))
    filters, y = scratch("", (t.n * t.n, 1, 1)), scratch("", (1, t.m, t.m, 1))
    winograd.forward_filters(t, filters, *single(taps.reshape(1, t.r, t.r, 1)), slice(None))
    winograd.convolve(t, y, *single(data.reshape(1, t.n, t.n, 1)), filters, None, (0, 0), scratch)
    wanted = [[(data[i : i + t.r, j : j + t.r] * taps).sum() for j in range(t.m)] for i in range(t.m)]
    np.testing.assert_allclose(y[0, :, :, 0], wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("relu", [False, True])
def test_that_the_forward_pass_equals_the_sum_over_taps(t, arrays, relu):
    window, x, w, b, dy = arrays
    wanted = np.empty(dy.shape)
    array_ops.convolution(CpuDevice(1), wanted, x, w, b, window=window, groups=1)
    wanted = np.maximum(wanted, 0) if relu else wanted
    x, w, b = single(x, w, b)
    filters = scratch("", (t.n * t.n, w.shape[3], len(w)))
    winograd.forward_filters(t, filters, w, slice(0, 1))
    winograd.forward_filters(t, filters, w, slice(1, None))
    y = scratch("", dy.shape)
    winograd.convolve(t, y, x, filters, b, (window.padding[0], window.padding[2]), scratch, relu=relu)
    assert relative_error(y, wanted) < TOLERANCE


def test_that_the_input_gradient_equals_the_adjoint(t, arrays):
    window, x, w, _, dy = arrays
    wanted = np.empty(x.shape)
    array_ops.convolution_input_gradient(CpuDevice(1), wanted, dy, w, window=window, groups=1)
    padding = array_ops.turned_padding(window)
    w, dy = single(w, dy)
    filters = scratch("", (t.n * t.n, len(w), w.shape[3]))
    winograd.turned_filters(t, filters, w, slice(None))
    dx = scratch("", x.shape)
    winograd.convolve(t, dx, dy, filters, None, (padding[0], padding[2]), scratch)
    assert relative_error(dx, wanted) < TOLERANCE


def test_that_the_filter_gradient_equals_the_sum_over_places(t, arrays):
    window, x, w, _, dy = arrays
    wanted = np.empty(w.shape)
    array_ops.convolution_weight_gradient(CpuDevice(1), wanted, x, dy, window=window, groups=1)
    x, dy = single(x, dy)
    totals = scratch("", (1, t.n * t.n, len(w), w.shape[3]))
    winograd.add_filter_products(
        t, totals[0], x, dy, (window.padding[0], window.padding[2]), scratch, first=True
    )
    dw = scratch("", w.shape)
    winograd.filter_gradient(t, dw, totals, slice(None))
    assert relative_error(dw, wanted) < TOLERANCE


def test_that_working_in_many_chunks_changes_rounding_alone(t, monkeypatch):
    generator = np.random.default_rng(2)
    x, dy, w = single(
        *(generator.standard_normal(shape) for shape in ((9, 10, 10, 4), (9, 10, 10, 6), (6, t.r, t.r, 4)))
    )
    padding = (t.r // 2, t.r // 2)

    def results():
        filters = scratch("", (t.n * t.n, 4, 6))
        winograd.forward_filters(t, filters, w, slice(None))
        y, total = scratch("", dy.shape), scratch("", (t.n * t.n, 6, 4))
        winograd.convolve(t, y, x, filters, None, padding, scratch)
        winograd.add_filter_products(t, total, x, dy, padding, scratch, first=True)
        return y, total

    whole = results()
    monkeypatch.setattr(winograd, "CHUNK_BYTES", 1)
    for few, many in zip(whole, results(), strict=True):
        np.testing.assert_allclose(many, few, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("channels", [64, 512])
def test_that_errors_stay_below_the_limit_on_what_follows_a_relu(t, channels):
    # Behind a ReLU all values are positive, so sums do not shrink by cancelling.
    generator = np.random.default_rng(3)
    x = np.maximum(generator.standard_normal((2, 12, 12, channels)) + 0.5, 0)
    w = generator.standard_normal((8, t.r, t.r, channels)) * np.sqrt(2 / (t.r * t.r * channels))
    window = Window((t.r, t.r), padding=(t.r // 2,) * 4)
    wanted = np.empty((2, 12, 12, 8))
    array_ops.convolution(CpuDevice(1), wanted, x, w, None, window=window, groups=1)
    x, w = single(x, w)
    filters, y = scratch("", (t.n * t.n, channels, 8)), scratch("", wanted.shape)
    winograd.forward_filters(t, filters, w, slice(None))
    winograd.convolve(t, y, x, filters, None, (t.r // 2, t.r // 2), scratch)
    assert relative_error(y, wanted) < TOLERANCE


def test_that_sides_without_enough_points_are_refused():
    with pytest.raises(ValueError, match="needs 8 points"):
        winograd.transforms(4, 6)
