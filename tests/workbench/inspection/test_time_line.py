"""The moments of a run: growing while it trains, thinned within the limit, and one of them chosen."""

from dataclasses import replace

import numpy as np
import pytest

from engine.api import Project, Run, RunStarted, Snapshot
from workbench.inspection.time_line import TimeLine


def shot(step: int, run: str = "a") -> Snapshot:
    """A tenth of a megabyte."""
    return Snapshot(run, step, np.zeros((25_000, 1, 1, 1), np.float32), "c", None)


def started(step: int, run: str = "a") -> RunStarted:
    return RunStarted(run, step, "CPU", 10, 100, 32, ("x", "y"), {})


@pytest.fixture
def line(qtbot) -> TimeLine:
    return TimeLine(lambda: 1)


def steps(line: TimeLine) -> list[int]:
    return [snapshot.step for snapshot in line.snapshots]


def test_that_it_grows_with_a_training_and_follows_the_newest(qtbot, line):
    with qtbot.waitSignal(line.grew):
        line.receive((started(0), shot(0), shot(5)))
    line.receive((shot(10),))
    assert steps(line) == [0, 5, 10]
    assert (line.position, line.moment) == (2, None)
    assert line.epoch_of(5) == 0.5


def test_that_a_chosen_moment_stays_while_the_training_goes_on(qtbot, line):
    line.receive((started(0), *map(shot, range(0, 50, 10))))
    with qtbot.waitSignal(line.moved):
        line.go(2)
    line.receive((shot(50),))
    assert line.moment.step == 20
    with qtbot.waitSignal(line.moved):
        line.go(99)
    assert line.moment is None


def test_that_the_latest_moment_that_tells_a_field_is_known(line):
    counts = np.eye(2, dtype=np.int64)
    told = [replace(shot(step), confusion=counts if step in (10, 30) else None) for step in range(0, 50, 10)]
    assert line.known("confusion") is None
    line.receive((started(0), *told))
    assert line.known("confusion").step == 30
    assert line.known("filters").step == 40
    line.go(2)
    assert line.known("confusion").step == 10
    line.go(0)
    assert line.known("confusion") is None


def test_that_moments_are_thinned_within_the_room_that_is_set(line):
    line.receive((started(0),))
    for step in range(0, 400, 10):
        line.receive((shot(step),))
    assert line.size <= 1_000_000
    assert steps(line)[0] == 0
    assert steps(line)[-1] == 390


def test_that_a_chosen_moment_that_is_thinned_away_gives_way_to_its_neighbour(line):
    line.receive((started(0), *map(shot, range(0, 100, 10))))
    line.go(3)
    for step in range(100, 400, 10):
        line.receive((shot(step),))
    assert line.moment in line.snapshots or any(line.moment is one for one in line.snapshots)
    assert abs(line.moment.step - 30) <= 40


def test_that_a_run_that_goes_on_keeps_its_past_and_repeats_no_moment(line):
    run = Run("a", Project(), "2026", steps_per_epoch=10, snapshots=(shot(0), shot(5), shot(9)))
    line.set_run(run)
    line.receive((started(5), shot(5), shot(10)))
    assert steps(line) == [0, 5, 10]


def test_that_another_training_begins_anew(line):
    line.set_run(Run("a", Project(), "2026", snapshots=(shot(0), shot(5))))
    line.go(0)
    line.receive((started(0, "b"), shot(0, "b")))
    assert steps(line) == [0]
    assert line.moment is None
    assert line.run_id == "b"
    line.set_run(None)
    assert (steps(line), line.position) == ([], -1)


def test_that_a_fork_gets_the_past_that_it_shares_with_its_parent(qtbot, line):
    live = (shot(20, "b"), shot(30, "b"))
    line.receive((started(10, "b"), *live))
    line.go(0)
    line.complete(Run("other", Project(), "2026", snapshots=(shot(0), shot(5), shot(9))))
    assert steps(line) == [20, 30]
    with qtbot.waitSignal(line.grew):
        line.complete(Run("b", Project(), "2026", snapshots=(shot(0), shot(10), *live)))
    assert steps(line) == [0, 10, 20, 30]
    assert line.moment is live[0]


def test_that_a_saved_run_shows_its_past(line):
    run = Run("a", Project(), "2026", snapshots=(shot(0), shot(5)), class_names=("x", "y"))
    line.set_run(replace(run, steps_per_epoch=5))
    assert (steps(line), line.class_names, line.epoch_of(5)) == ([0, 5], ("x", "y"), 1.0)
