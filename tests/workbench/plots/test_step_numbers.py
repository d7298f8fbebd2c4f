import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.plots import step_numbers
from workbench.plots.series import Series
from workbench.plots.step_numbers import StepNumbers

ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("count"), st.integers(1, 40)),
        st.tuples(st.just("leap"), st.floats(0.25, 1e6)),
        st.tuples(st.just("truncate"), st.integers(0, 60)),
    ),
    max_size=12,
)


@given(first=st.sampled_from([-3.0, 0.0, 1.0, 2.5, 70_000.0]), actions=ACTIONS)
def test_that_steps_come_back_as_they_were_added_whether_they_count_or_leap(first, actions):
    steps, expected = StepNumbers(), np.empty(0)
    for name, amount in actions:
        last = expected[-1] if len(expected) else first - 1
        if name == "truncate":
            steps.truncate(amount)
            expected = expected[:amount]
            continue
        more = last + np.arange(1.0, amount + 1) if name == "count" else np.array([last + amount])
        steps.append(more)
        expected = np.concatenate((expected, more))
        assert len(steps) == len(expected)
        np.testing.assert_array_equal(steps.values, expected)


def test_that_steps_cannot_be_written_to():
    steps = StepNumbers()
    steps.append(np.arange(1.0, 5))
    with pytest.raises(ValueError, match="read-only"):
        steps.values[0] = 3


def test_that_curves_of_every_step_share_the_numbers_of_the_steps(monkeypatch):
    monkeypatch.setattr(step_numbers, "_numbers", step_numbers.GrowingArray())
    count, curves = 2**15, [Series() for _ in range(8)]
    tracemalloc.start()
    try:
        for begin in range(1, count, 64):
            for curve in curves:
                curve.append(np.arange(begin, begin + 64), np.ones(64))
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert all(len(curve) == count for curve in curves)
    # One number a step and curve, and one a step for all.
    assert used < 8 * count * (len(curves) + 2) * 1.05
