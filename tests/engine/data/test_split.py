import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data.split import stratified_split
from engine.errors import DataError

labels_of_some_classes = st.lists(st.integers(0, 4), min_size=4, max_size=120)
fractions = st.decimals("0.2", "0.8", places=3).map(float)
seeds = st.integers(0, 2**63 - 1)


@given(labels_of_some_classes, fractions, seeds)
def test_that_a_split_is_disjoint_complete_stratified_and_repeatable(values, fraction, seed):
    labels = np.array(values, dtype=np.int32)
    train, validation = stratified_split(labels, 5, fraction, seed)
    assert sorted([*train, *validation]) == list(range(len(labels)))
    assert abs(len(validation) - fraction * len(labels)) <= 0.5 + 1e-9
    for label in range(5):
        quota = fraction * np.count_nonzero(labels == label)
        assert abs(np.count_nonzero(labels[validation] == label) - quota) < 1 + 1e-9
    again = stratified_split(labels, 5, fraction, seed)
    np.testing.assert_array_equal(train, again[0])
    np.testing.assert_array_equal(validation, again[1])


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.3, 0.7])
def test_that_a_fraction_which_divides_the_classes_is_met_exactly(fraction):
    labels = np.repeat(np.arange(10, dtype=np.int32), 500)
    train, validation = stratified_split(labels, 10, fraction, 0)
    assert np.bincount(labels[validation]).tolist() == [round(500 * fraction)] * 10
    assert len(train) + len(validation) == 5000


def test_that_another_seed_gives_another_split():
    labels = np.repeat(np.arange(10, dtype=np.int32), 50)
    first, second = (set(stratified_split(labels, 10, 0.25, seed)[1].tolist()) for seed in (0, 1))
    assert first != second


def test_that_consecutive_validation_examples_are_about_balanced():
    labels = np.repeat(np.arange(10, dtype=np.int32), 500)
    _, validation = stratified_split(labels, 10, 0.5, 3)
    for start in range(0, 2500, 500):
        counts = np.bincount(labels[validation[start : start + 500]], minlength=10)
        # 50 are expected; five standard deviations (about 6.1) never happen by chance.
        assert np.abs(counts - 50).max() < 31


@pytest.mark.parametrize("fraction", [0.001, 0.999])
def test_that_an_empty_part_is_refused_in_words(fraction):
    with pytest.raises(DataError, match="at least one"):
        stratified_split(np.array([0, 1, 0, 1], dtype=np.int32), 2, fraction, 0)
