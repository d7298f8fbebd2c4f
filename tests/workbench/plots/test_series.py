import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.training.growing import GrowingArray
from workbench.plots.series import Series, thin
from workbench.plots.smoothing import Smoothing


def series_of(values: np.ndarray) -> Series:
    series = Series()
    series.append(np.arange(1, len(values) + 1), values)
    return series


def plain_smoothing(values: np.ndarray, weight: float) -> np.ndarray:
    average, count, result = 0.0, 0, []
    for value in values:
        if np.isfinite(value):
            count += 1
            average = weight * average + (1 - weight) * value
            result.append(average / (1 - weight**count))
        else:
            result.append(np.nan)
    return np.array(result)


@settings(max_examples=60, deadline=None)
@given(
    length=st.integers(1, 60_000),
    seed=st.integers(0, 2**32 - 1),
    pixels=st.integers(20, 900),
    zoom=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_that_no_spike_and_no_end_is_lost_at_any_zoom(
    length: int, seed: int, pixels: int, zoom: tuple[float, float]
) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=length)
    spikes = random.integers(0, length, 3)
    values[spikes] = random.choice([-100, 100], 3) * random.uniform(1, 2, 3)
    series = series_of(values)
    low, high = sorted(1 + part * length for part in zoom)
    x, y = series.visible(low, high, pixels)
    inside = (series.steps >= low) & (series.steps <= high)
    if inside.any():
        assert y.min() <= values[inside].min()
        assert y.max() >= values[inside].max()
        assert x[0] <= series.steps[inside][0]
        assert x[-1] >= series.steps[inside][-1]
    assert np.all(np.diff(x) > 0)
    assert np.array_equal(values[x.astype(int) - 1], y)
    assert len(x) <= 4 * pixels + 4


@pytest.mark.parametrize("place", [0, 1, 63, 64, 65, 77_777, 149_998, 149_999])
def test_that_a_planted_spike_survives_a_million_points_and_appending_in_pieces(place: int) -> None:
    values = np.random.default_rng(1).normal(size=150_000)
    values[place] = 50.0
    series = Series()
    for begin in range(0, len(values), 7_001):
        piece = values[begin : begin + 7_001]
        series.append(np.arange(begin, begin + len(piece)), piece)
        series.visible(0, 1e9, 100)
    x, y = series.visible(0, 1e9, 100)
    assert y.max() == 50.0
    assert x[y.argmax()] == place
    assert (x[0], x[-1]) == (0, len(values) - 1)
    assert len(x) < 400


def test_that_values_which_are_not_finite_become_gaps_and_hide_no_extreme() -> None:
    values = np.sin(np.arange(100_000) / 900)
    values[::7] = np.nan
    values[500] = np.inf
    values[70_000] = 9.0
    values[40_000:50_000] = np.nan
    _, y = series_of(values).visible(0, 1e6, 200)
    assert np.nanmax(y) == 9.0
    assert not np.isinf(y).any()
    assert np.isnan(y).any()


def test_that_few_points_are_drawn_as_they_are() -> None:
    x, y = thin(np.arange(50.0), np.arange(50.0) ** 2, 100)
    assert np.array_equal(y, np.arange(50.0) ** 2)
    assert len(x) == 50


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(st.one_of(st.floats(-1e3, 1e3), st.just(float("nan"))), min_size=1, max_size=700),
    weight=st.sampled_from([0.1, 0.5, 0.9, 0.99]),
    cut=st.floats(0, 1),
)
def test_that_smoothing_equals_a_plain_loop_however_the_values_arrive(
    values: list[float], weight: float, cut: float
) -> None:
    array = np.array(values)
    first = int(cut * len(array))
    series = Series()
    series.append(np.arange(first), array[:first])
    series.smoothed(weight)
    series.append(np.arange(first, len(array)), array[first:])
    np.testing.assert_allclose(series.smoothed(weight), plain_smoothing(array, weight), rtol=1e-9, atol=1e-9)


def test_that_smoothing_starts_anew_when_the_weight_or_the_past_changes() -> None:
    values = np.random.default_rng(2).normal(size=400)
    series = series_of(values)
    series.smoothed(0.9)
    np.testing.assert_allclose(series.smoothed(0.5), plain_smoothing(values, 0.5))
    series.append([101], [7.0])
    changed = np.append(values[:100], 7.0)
    np.testing.assert_allclose(series.smoothed(0.5), plain_smoothing(changed, 0.5))


def test_that_points_from_an_earlier_step_replace_what_followed() -> None:
    series = series_of(np.random.default_rng(3).normal(size=50_000))
    series.visible(0, 1e6, 50)
    series.append(np.arange(20_001, 20_011), np.zeros(10))
    assert len(series) == 20_010
    x, y = series.visible(0, 1e6, 50)
    assert x[-1] == 20_010
    assert y.max() == series.values.max()


def test_that_unordered_steps_and_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="increase"):
        Series().append([2, 1], [0.0, 0.0])
    with pytest.raises(ValueError, match="one value a step"):
        Series().append([1, 2], [0.0])


def test_that_a_growing_array_doubles_and_gives_no_way_to_change_it() -> None:
    array = GrowingArray()
    for number in range(1000):
        array.append(np.array([float(number)]))
    assert np.array_equal(array.values, np.arange(1000.0))
    with pytest.raises(ValueError, match="read-only"):
        array.values[0] = 5


def test_that_a_spike_among_ten_million_points_is_drawn_at_every_zoom() -> None:
    count, spike = 10_000_000, 7_310_203
    values = np.random.default_rng(2).normal(size=count)
    values[spike] = 50.0
    series = series_of(values)
    for width in np.geomspace(count, 3, 90):
        for share in (0.001, 0.4, 0.999):
            low = spike + 1 - share * width
            x, y = series.visible(low, low + width, 1000)
            assert x[y.argmax()] == spike + 1
            assert y.max() == 50.0
            assert len(x) <= 4004


def test_that_blocks_of_every_size_are_mended_when_a_run_goes_on_from_an_earlier_step() -> None:
    series = series_of(np.zeros(300_000))
    series.visible(0, 1e9, 50)
    series.append([100_001], [7.0])
    series.append(np.arange(100_002, 400_001), np.zeros(299_999))
    x, y = series.visible(0, 1e9, 50)
    assert (y.max(), x[y.argmax()]) == (7.0, 100_001)
    assert series.visible(150_000, 1e9, 50)[1].max() == 0.0


@pytest.mark.parametrize("weight", [0.0, 0.5, 0.9, 0.99])
def test_that_long_smoothing_equals_a_recursive_filter(weight: float) -> None:
    values = np.random.default_rng(3).normal(size=70_000)
    wanted = scipy.signal.lfilter([1 - weight], [1, -weight], values)
    wanted /= 1 - weight ** np.arange(1.0, len(values) + 1)
    smoothing = Smoothing(weight)
    pieces = [smoothing.feed(piece) for piece in np.split(values, [1, 40, 50_001])]
    np.testing.assert_allclose(np.concatenate(pieces), wanted, rtol=1e-10, atol=1e-12)
