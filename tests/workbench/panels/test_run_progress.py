import numpy as np
import pytest

from engine.api import RunEnded, RunStarted, StepsDone
from workbench.panels.run_progress import RunProgress, duration

STARTED = RunStarted("a", 0, "cpu: CPU", 100, 1000, 50, ("0", "1"), {})


def steps(first: int, count: int, seconds: float) -> StepsDone:
    values = np.ones(count)
    return StepsDone(
        "a", first + count - 1, first, values, values, values, values, values, values, 2400.0, seconds, values
    )


def test_that_place_pace_and_share_are_told():
    progress = RunProgress().after([STARTED, steps(1, 150, 15.0)])
    assert progress.place() == "Epoch 2 of 10 · step 150 of 1,000"
    assert progress.pace() == "2,400 examples/s · 1:25 left"
    assert progress.share == 0.15


def test_that_the_time_left_counts_the_whole_step_and_no_pause():
    progress = RunProgress().after([STARTED, steps(1, 100, 10.0), steps(101, 100, 20.0)])
    assert progress.step_seconds == pytest.approx(0.1)
    assert progress.pace().endswith("1:20 left")


def test_that_a_run_that_goes_on_begins_where_it_stopped():
    resumed = RunStarted("a", 400, "cpu: CPU", 100, 1000, 50, ("0", "1"), {})
    progress = RunProgress().after([resumed, steps(401, 10, 1.0)])
    assert progress.place() == "Epoch 5 of 10 · step 410 of 1,000"
    assert progress.pace().endswith("0:59 left")


def test_that_the_last_step_stays_in_the_last_epoch():
    ended = RunEnded("a", 1000, "finished", "Done.")
    progress = RunProgress().after([STARTED, steps(1, 1000, 9.0), ended])
    assert progress.place() == "Epoch 10 of 10 · step 1,000 of 1,000"
    assert progress.ended == ended
    assert progress.share == 1.0


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0:00"), (65, "1:05"), (3725, "1:02:05"), (-3, "0:00")])
def test_that_durations_read_like_a_clock(seconds: float, text: str):
    assert duration(seconds) == text
