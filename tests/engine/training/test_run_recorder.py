"""What is recorded of a training, and how much memory that takes."""

import tracemalloc
from dataclasses import replace

import numpy as np

from engine.training.events import Sampled, StepsDone
from engine.training.run import HISTORY_COLUMNS, Checkpoint, Run, RunRecorder
from tests.engine.training.small_runs import project

NODES = ("Convolution 1", "Convolution 2", "Fully connected 1", "Fully connected 2")


def steps(last: int, count: int = 1) -> StepsDone:
    """The block of `count` steps that ends with `last`: its losses are the numbers of the steps."""
    rows = np.arange(last - count + 1, last + 1, dtype=np.float64)[:, None] * np.ones(8)
    columns = {name: rows[:, place] for place, name in enumerate(HISTORY_COLUMNS)}
    return StepsDone("a", last, last - count + 1, examples_per_second=1.0, seconds=last / 10, **columns)


def sample(step: int) -> Sampled:
    return Sampled("a", step, step / 10, NODES, *(np.full(4, float(step)) for _ in range(3)))


def recorder(run: Run | None = None) -> RunRecorder:
    return RunRecorder(run or Run("a", project(), ""))


def test_that_a_step_and_a_sample_take_little_more_memory_than_their_numbers():
    count, often = 20_000, 3
    ours = recorder()
    tracemalloc.start()
    try:
        for step in range(1, count + 1):
            ours.receive(steps(step))
            if step % often == 0:
                ours.receive(sample(step))
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    numbers = 8 * len(HISTORY_COLUMNS) * count + 8 * (2 + 3 * len(NODES)) * (count // often)
    assert used < 2.2 * numbers


def test_that_a_run_stays_as_it_was_while_its_training_goes_on():
    ours = recorder()
    ours.receive(steps(3, 3))
    ours.receive(sample(3))
    run = ours.run()
    for step in range(4, 3000):
        ours.receive(steps(step))
        ours.receive(sample(step))
    assert run.step == 3
    assert run.history["train_total"].tolist() == [1, 2, 3]
    assert run.samples.steps.tolist() == [3]
    later = ours.run()
    assert later.history["learning_rate"].tolist() == list(range(1, 3000))
    assert later.samples.steps.tolist() == list(range(3, 3000))
    assert later.samples.nodes == NODES
    np.testing.assert_array_equal(later.samples.update, np.arange(3.0, 3000)[:, None] * np.ones(4))


def test_that_what_came_after_the_checkpoint_is_recorded_anew():
    first = recorder()
    first.receive(steps(10, 10))
    for step in (2, 6, 10):
        first.receive(sample(step))
    run = replace(first.run(), checkpoint=Checkpoint(6, {}))
    again = recorder(run)
    again.receive(replace(steps(7), train_loss=np.array([70.0])))
    again.receive(replace(sample(7), seconds=0.1))
    found = again.run()
    assert found.history["train_loss"].tolist() == [1, 2, 3, 4, 5, 6, 70]
    assert found.samples.steps.tolist() == [2, 6, 7]
    assert found.samples.seconds[-1] == run.seconds + 0.1
    assert first.run().history["train_loss"].tolist() == list(range(1, 11))
