import numpy as np
import pytest

from engine.inspection.principal_components import principal_components, turned_to

RANDOM = np.random.default_rng(4)


@pytest.mark.parametrize("shape", [(40, 7), (20, 60), (5, 5)])
def test_that_components_are_those_of_the_singular_value_decomposition(shape):
    values = RANDOM.normal(size=shape) * np.linspace(3, 0.2, shape[1]) + 5
    points, shares = principal_components(values)
    centred = values - values.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(shares, sizes[:3] ** 2 / (sizes**2).sum(), rtol=1e-9)
    for axis in range(3):
        expected = left[:, axis] * sizes[axis]
        sign = 1 if expected[np.abs(expected).argmax()] > 0 else -1
        np.testing.assert_allclose(points[:, axis], sign * expected, atol=1e-9)


def test_that_missing_components_are_zero():
    values = np.outer(np.arange(6.0), [1.0, 2.0])
    points, shares = principal_components(values)
    assert np.abs(points[:, 1:]).max() < 1e-6
    assert shares == pytest.approx([1, 0, 0], abs=1e-9)
    assert not principal_components(np.full((4, 9), np.nan))[0].any()
    assert not principal_components(np.ones((4, 9)))[0].any()
    assert principal_components(RANDOM.normal(size=(3, 1)))[0].shape == (3, 3)


def test_that_points_are_turned_back_to_where_they_were():
    before = RANDOM.normal(size=(30, 3))
    turn, _ = np.linalg.qr(RANDOM.normal(size=(3, 3)))
    np.testing.assert_allclose(turned_to(before @ turn, before), before, atol=1e-12)
    noisy = before @ turn + 0.01 * RANDOM.normal(size=(30, 3))
    found = turned_to(noisy, before)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), np.linalg.norm(noisy, axis=1))
    assert np.abs(found - before).max() < 0.1
