"""Steps that a device is given several at a time."""

import numpy as np
import pytest

from engine.program.compiled import STRIDE
from engine.tensor.numpy_ops import CpuDevice
from engine.training.run import Run
from engine.training.trainer import Trainer
from tests.engine.training.small_runs import assert_same_run, blocks, data, project, trained

EXAMPLES = 140
"""105 of them are trained on: 26 steps an epoch."""


def run_of(**settings: object) -> tuple[Run, list[int], int]:
    """The run, the steps of its blocks, and how many strides it took."""
    trainer = Trainer(project(epochs=2, **settings), data(EXAMPLES))
    stride, taken = trainer.compiled.stride, 0

    def counted() -> None:
        nonlocal taken
        stride()
        taken += 1

    trainer.compiled.stride = counted
    events = trained(trainer)
    return trainer.run(), [len(block.train_loss) for block in blocks(events)], taken


def test_that_strides_of_a_device_that_queues_are_the_steps_that_they_stand_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain, _, none = run_of()
    # However slow this computer is, several strides fit into a block.
    monkeypatch.setattr("engine.training.stepping.PUBLISH_SECONDS", 60.0)
    monkeypatch.setattr(CpuDevice, "is_asynchronous", True)
    strided, lengths, taken = run_of()
    assert none == 0
    assert taken >= 2
    assert max(lengths) > STRIDE
    assert_same_run(strided, plain)


def test_that_no_stride_is_taken_where_not_every_step_is_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CpuDevice, "is_asynchronous", True)
    run, _, taken = run_of(validate_every=3)
    assert taken == 0
    validated = run.history["validation_loss"]
    assert len(np.unique(validated)) <= -(-len(validated) // 3)


@pytest.mark.parametrize("is_asynchronous", [False, True])
def test_that_a_trainer_tells_once_a_block_that_it_is_about_to_wait_for_a_device(
    monkeypatch: pytest.MonkeyPatch, is_asynchronous: bool
) -> None:
    monkeypatch.setattr(CpuDevice, "is_asynchronous", is_asynchronous)
    trainer = Trainer(project(epochs=1), data(EXAMPLES))
    read, order = trainer.compiled.history, []

    def history(first: int, last: int) -> np.ndarray:
        order.append("reads")
        return read(first, last)

    trainer.compiled.history = history
    expected: list[float] = []
    trainer.tell_of_waits(lambda seconds: expected.append(seconds) or order.append("waits"))
    told = blocks(trained(trainer))
    assert order == (["waits", "reads"] if is_asynchronous else ["reads"]) * len(told)
    assert all(0 <= seconds < 1 for seconds in expected)


@pytest.mark.gpu
def test_that_a_captured_stride_is_the_steps_that_it_stands_for(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"device": "cuda:0", "deterministic": True, "precision": "float32"}
    strided, _, taken = run_of(**settings)
    assert taken >= 2
    monkeypatch.setattr("engine.training.stepping.STRIDE", 1000)
    plain, _, none = run_of(**settings)
    assert none == 0
    assert_same_run(strided, plain)
