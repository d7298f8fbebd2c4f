import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from engine.data.batches import epoch_order, steps_per_epoch, validation_starts
from engine.errors import DataError

seeds = st.integers(0, 2**64 - 1)


@given(seeds, st.integers(0, 10_000), st.integers(1, 500))
def test_that_an_epoch_visits_every_example_once_in_an_order_fixed_by_seed_and_epoch(seed, epoch, count):
    order = epoch_order(seed, epoch, count)
    assert order.dtype == np.int32
    assert sorted(order.tolist()) == list(range(count))
    np.testing.assert_array_equal(order, epoch_order(seed, epoch, count))


def test_that_orders_differ_between_epochs_and_seeds():
    orders = {tuple(epoch_order(seed, epoch, 50).tolist()) for seed in range(4) for epoch in range(4)}
    assert len(orders) == 16


def test_that_orders_stay_the_same_from_version_to_version():
    # A run that was saved by an older version must go on with the same data.
    assert epoch_order(0, 0, 8).tolist() == [3, 4, 0, 6, 1, 7, 2, 5]
    assert epoch_order(2024, 3, 8).tolist() == [4, 3, 2, 0, 1, 5, 6, 7]
    assert validation_starts(2024, 0, 5, 1250).tolist() == [277, 624, 961, 167, 12]


def test_that_every_place_in_an_epoch_is_equally_likely():
    first = np.bincount([epoch_order(1, epoch, 10)[0] for epoch in range(2000)], minlength=10)
    assert stats.chisquare(first).pvalue > 1e-4


@given(seeds, st.integers(0, 10**9), st.integers(1, 40), st.integers(1, 10**6))
def test_that_a_block_of_validation_starts_equals_the_single_ones(seed, first, steps, count):
    starts = validation_starts(seed, first, steps, count)
    assert starts.dtype == np.int32
    assert starts.tolist() == [
        validation_starts(seed, step, 1, count)[0] for step in range(first, first + steps)
    ]
    assert starts.min() >= 0
    assert starts.max() < count


def test_that_validation_starts_are_spread_evenly():
    counts = np.bincount(validation_starts(5, 0, 5000, 20), minlength=20)
    assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize(
    ("count", "batch", "steps"), [(45_000, 100, 450), (3750, 100, 37), (7, 7, 1), (7, 4, 1)]
)
def test_that_a_last_partial_batch_is_dropped(count, batch, steps):
    assert steps_per_epoch(count, batch) == steps


def test_that_a_batch_larger_than_the_training_set_names_the_largest_possible():
    with pytest.raises(DataError, match="only 100 examples: set the batch size to 100 or less"):
        steps_per_epoch(100, 101)
    with pytest.raises(DataError, match="at least 1"):
        steps_per_epoch(100, 0)


def test_that_an_empty_validation_set_is_told():
    with pytest.raises(DataError, match="validation set is empty"):
        validation_starts(0, 0, 1, 0)
