"""Groups of seeds, and Welch's test against SciPy."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from scipy import special, stats

from engine.api import HISTORY_COLUMNS, Evaluated, Project, Run, compare_groups, edits, seed_groups
from engine.inspection.seed_noise import incomplete_beta, student_tail, welch
from tests.engine.inspection.trained_networks import graph


def run_of(
    name: str, accuracy: float | None, project: Project | None = None, parent: str = "", **settings
) -> Run:
    project = project or Project(graph=graph())
    project = replace(project, training=msgspec.structs.replace(project.training, **settings))
    tested = (
        () if accuracy is None else (Evaluated(name, 8, "test", 0.1, accuracy, np.eye(3, dtype=np.int64)),)
    )
    history = {column: np.linspace(1, 0.5, 8) for column in HISTORY_COLUMNS}
    return Run(name, project, "2026", steps_per_epoch=4, history=history, evaluations=tested, parent=parent)


def test_that_runs_of_the_same_settings_are_a_group_whatever_their_seed_and_device():
    changed = Project(graph=edits.set_settings(graph(), "convolution-1", filters=6))
    runs = (
        run_of("a", 0.9, seed=1), run_of("b", 0.9, seed=2, device="cpu", threads=1),
        run_of("c", 0.9, learning_rate=0.5),
        run_of("d", 0.9, changed, seed=3), run_of("e", 0.9, seed=4), run_of("f", 0.9, seed=1, parent="a"),
    )  # fmt: skip
    assert [group.places for group in seed_groups(runs)] == [(0, 1, 4), (2,), (3,), (5,)]
    assert seed_groups(()) == ()


@pytest.mark.parametrize("seed", range(8))
def test_that_welchs_test_is_scipys(seed):
    random = np.random.default_rng(seed)
    a = random.normal(0.9, 0.01 * random.random() + 1e-4, random.integers(2, 9))
    b = random.normal(0.9 + 0.02 * random.random(), 0.02 * random.random() + 1e-4, random.integers(2, 9))
    expected = stats.ttest_ind(a, b, equal_var=False)
    t, freedom, p = welch(a, b)
    assert t == pytest.approx(expected.statistic, rel=1e-10)
    assert freedom == pytest.approx(expected.df, rel=1e-10)
    assert p == pytest.approx(expected.pvalue, rel=1e-9)


def test_that_tails_are_scipys_from_tiny_to_large():
    for t in (0.0, 1e-6, 0.3, 1.0, 2.7, 12.0, 500.0):
        for freedom in (1.0, 1.7, 4.0, 30.0, 5000.0):
            assert student_tail(t, freedom) == pytest.approx(2 * stats.t.sf(t, freedom), rel=1e-8, abs=1e-300)
    for x in (0.0, 1e-9, 0.2, 0.5, 0.97, 1.0):
        for a, b in ((0.5, 0.5), (2.0, 0.5), (7.5, 3.0), (60.0, 0.5)):
            assert incomplete_beta(x, a, b) == pytest.approx(special.betainc(a, b, x), rel=1e-10, abs=1e-14)


def test_that_groups_without_spread_are_alike_or_differ_for_certain():
    same = np.array([0.5, 0.5])
    assert welch(same, same)[2] == 1
    assert welch(same, same + 0.1)[2] == 0


def test_that_two_groups_are_compared_by_their_test_accuracy():
    runs = [run_of(f"a{n}", 0.90 + 0.001 * n, seed=n) for n in range(3)]
    runs += [run_of(f"b{n}", 0.95 + 0.001 * n, seed=n, learning_rate=0.5) for n in range(3)]
    found = compare_groups(*seed_groups(runs))
    assert (found.measure, found.counts, found.is_larger) == ("test accuracy", (3, 3), True)
    assert found.means == pytest.approx((0.901, 0.951))
    assert found.deviations == pytest.approx((0.001, 0.001))
    assert found.difference == pytest.approx(-0.05)


def test_that_one_run_cannot_tell_its_noise_and_validation_stands_in_for_a_missing_test():
    one = compare_groups(*seed_groups([run_of("a", 0.9), run_of("b", 0.95, learning_rate=0.5)]))
    assert one.is_larger is None
    untested = compare_groups(*seed_groups([run_of("a", None), run_of("b", 0.95, learning_rate=0.5)]))
    assert untested.measure == "best validation accuracy"
