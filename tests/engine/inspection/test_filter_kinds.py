import numpy as np
import pytest
from scipy.optimize import least_squares

from engine.inspection.filter_kinds import filter_kind
from tests.calls import count_calls


def gabor(
    angle: float, wavelength: float, sigma: float, phase: float, size: int = 5, at=(2.0, 2.0)
) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size].astype(float)
    x, y = columns - at[1], at[0] - rows
    along = x * np.cos(np.radians(angle)) + y * np.sin(np.radians(angle))
    return np.exp(-(x**2 + y**2) / (2 * sigma**2)) * np.cos(2 * np.pi * along / wavelength + phase)


def angle_between(a: float, b: float) -> float:
    return abs((a - b + 90) % 180 - 90)


@pytest.mark.parametrize("angle", [0, 25, 60, 90, 133, 170])
@pytest.mark.parametrize(("wavelength", "size"), [(3.3, 5), (4.4, 5), (5.5, 7)])
def test_that_a_gabor_function_is_found_with_its_direction_and_wavelength(angle, wavelength, size):
    middle = size / 2 - 0.5
    known = 0.3 * gabor(angle, wavelength, 1.8, 0.7, size, (middle + 0.2, middle - 0.3)) + 0.05
    found = filter_kind(known[None])
    assert found.kind == "gabor"
    assert found.gabor > 0.98
    assert angle_between(found.orientation, angle) < 3
    assert found.wavelength == pytest.approx(wavelength, rel=0.1)


def test_that_noise_is_neither():
    random = np.random.default_rng(0)
    kinds = [filter_kind(random.normal(size=(1, 5, 5))).kind for _ in range(100)]
    assert kinds.count("neither") >= 85


@pytest.mark.parametrize("missing", [None, (1, 2), (2, 3)])
@pytest.mark.parametrize("sign", [1, -1])
def test_that_a_centre_with_four_or_three_neighbours_is_found(missing, sign):
    known = np.full((5, 5), 0.02)
    for row, column in ((1, 2), (3, 2), (2, 1), (2, 3)):
        if (row, column) != missing:
            known[row, column] = 0.35
    known[2, 2] = 0.8
    known += np.random.default_rng(1).normal(scale=0.02, size=(5, 5))
    found = filter_kind(sign * known[None])
    assert found.kind == "neighbours"
    assert found.neighbours > 0.95
    assert found.centre == (2, 2)


def test_that_a_centre_off_the_middle_is_found_where_it_is():
    known = np.zeros((5, 5))
    known[1, 3] = 1.0
    for row, column in ((0, 3), (2, 3), (1, 2), (1, 4)):
        known[row, column] = 0.6
    assert filter_kind(known[None]).centre == (1, 3)


def test_that_colours_with_one_pattern_are_fitted_together():
    pattern = gabor(40, 4.0, 1.8, 0.2)
    found = filter_kind(np.stack([0.5 * pattern, -0.2 * pattern, 0.1 * pattern]))
    assert found.kind == "gabor"
    assert angle_between(found.orientation, 40) < 3


@pytest.mark.parametrize("weights", [np.zeros((1, 5, 5)), np.full((1, 5, 5), np.nan), np.ones((3, 1, 1))])
def test_that_constant_broken_and_tiny_filters_are_neither(weights):
    assert filter_kind(weights).kind == "neither"


def test_that_scipy_finds_no_better_gabor_from_many_starts():
    random = np.random.default_rng(4)
    known = gabor(70, 3.8, 1.5, 1.0) + random.normal(scale=0.1, size=(5, 5))

    def residual(p):
        return (p[5] + p[6] * gabor(p[0], p[1], p[2], p[7], 5, (p[3], p[4])) - known).ravel()

    low, high = [-360, 2, 0.5, -0.5, -0.5, -9, -9, -9], [360, 12.5, 7.5, 4.5, 4.5, 9, 9, 9]
    starts = [[a, w, 1.5, 2, 2, 0, 1, 0.5] for a in (0.0, 45.0, 90.0, 135.0) for w in (3.0, 5.0)]
    best = min(2 * least_squares(residual, start, bounds=(low, high)).cost for start in starts)
    total = ((known - known.mean()) ** 2).sum()
    by_scipy = 1 - best / (25 - 7) / (total / 24)
    assert filter_kind(known[None]).gabor >= by_scipy - 0.01


def test_that_a_filter_is_judged_with_little_enough_work_for_the_pointer():
    weights = np.random.default_rng(2).normal(size=(1, 5, 5))
    filter_kind(weights)
    # All starting points are tried at once: one by one they would take some thousand calls in each round.
    assert count_calls(lambda: filter_kind(weights)) < 4000
