import numpy as np

from engine.api import EpochDone, RunEnded, RunStarted, Snapshot, StepsDone
from workbench.training.mailbox import Mailbox


def steps(first: int, count: int, run: str = "a") -> StepsDone:
    values = np.arange(first, first + count, dtype=np.float64)
    return StepsDone(
        run,
        first + count - 1,
        first,
        values,
        values,
        values,
        values,
        values,
        values,
        100.0 + first,
        1.0,
        values,
    )


def started(step: int = 0) -> RunStarted:
    return RunStarted("a", step, "CPU", 10, 100, 32, ("0", "1"), {})


def test_that_blocks_of_steps_between_two_looks_become_one():
    box = Mailbox()
    for event in (steps(1, 3), steps(4, 2), steps(6, 1)):
        box.put(event)
    (merged,) = box.drain()
    assert isinstance(merged, StepsDone)
    assert (merged.first_step, merged.step) == (1, 6)
    assert merged.train_loss.tolist() == [1, 2, 3, 4, 5, 6]
    assert merged.validation_accuracy.tolist() == [1, 2, 3, 4, 5, 6]
    assert merged.examples_per_second == 106.0
    assert box.drain() == ()


def test_that_every_snapshot_comes_out_as_it_went_in():
    box = Mailbox()
    filters = np.zeros((2, 1, 3, 3), dtype=np.float32)
    shots = (
        Snapshot("a", 5, filters, "conv", np.eye(2, dtype=np.int64)),
        Snapshot("a", 9, filters + 1, "conv", None),
    )
    for shot in shots:
        box.put(shot)
    assert all(one is other for one, other in zip(box.drain(), shots, strict=True))


def test_that_an_epoch_comes_after_its_steps():
    box = Mailbox()
    epoch = EpochDone("a", 3, 1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    for event in (started(), steps(1, 3), epoch, steps(4, 2)):
        box.put(event)
    kinds = [type(event) for event in box.drain()]
    assert kinds == [RunStarted, StepsDone, EpochDone]


def test_that_steps_before_and_after_a_new_start_stay_apart():
    box = Mailbox()
    for event in (steps(1, 5), RunEnded("a", 5, "stopped", "Stopped."), started(3), steps(4, 2)):
        box.put(event)
    blocks = [event for event in box.drain() if isinstance(event, StepsDone)]
    assert [(block.first_step, block.step) for block in blocks] == [(1, 5), (4, 5)]


def test_that_runs_do_not_mix():
    box = Mailbox()
    for event in (steps(1, 2), steps(1, 2, "b"), steps(3, 2)):
        box.put(event)
    assert [(event.run, event.step) for event in box.drain()] == [("a", 4), ("b", 2)]
