"""A training that diverges says so in words, and keeps everything finite that it has."""

import numpy as np
import pytest

from engine.training.events import Snapshot
from engine.training.trainer import Trainer
from tests.engine.small_networks import chain, layer
from tests.engine.training.small_runs import SHAPE, data, ended, linear_graph, project, trained

DIVERGING = {
    "sgd": {"optimizer": "sgd", "learning_rate": 100.0, "momentum": 0.0},
    "momentum": {"optimizer": "sgd", "learning_rate": 100.0, "momentum": 0.99},
    "adam": {"optimizer": "adam", "learning_rate": 100.0},
    "decay": {"optimizer": "adam_decoupled", "learning_rate": 100.0, "weight_decay": 100.0},
    "sgd decay": {"optimizer": "sgd", "learning_rate": 100.0, "weight_decay": 100.0},
}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("how", DIVERGING)
def test_that_divergence_ends_in_words_with_finite_tensors_and_the_history_kept(
    how: str, threads: int
) -> None:
    deep = chain(
        layer("input", shape=SHAPE),
        layer("convolution", filters=4, size=3),
        layer("batch_normalisation"),
        layer("convolution", filters=4, size=3),
        layer("relu"),
        layer("fully_connected", outputs=8),
        layer("leaky_relu"),
        layer("fully_connected", outputs=8),
        layer("fully_connected", outputs=3),
        layer("softmax_classifier"),
    )
    settings = {"epochs": 25, "threads": threads, **DIVERGING[how]}
    trainer = Trainer(project(deep, **settings), data())
    events = trained(trainer)
    end = ended(events)
    if how != "adam":
        # Adam's steps are bounded by the learning rate: it may end without any overflow.
        assert end.reason == "failed"
        assert "learning rate" in end.message
        assert "100" in end.message
    for key, tensor in trainer.checkpoint().tensors.items():
        assert np.isfinite(tensor).all(), key
    run = trainer.run()
    assert run.status == end.reason
    assert run.step == trainer.step
    finite = np.isfinite(run.history["train_loss"])
    assert finite[0]
    if end.reason == "failed":
        snapshot = [event for event in events if isinstance(event, Snapshot)]
        assert snapshot


def test_that_a_failed_run_keeps_the_parameters_of_before() -> None:
    trainer = Trainer(project(linear_graph(), optimizer="sgd", learning_rate=0.1, epochs=3), data())
    step = trainer.compiled.step
    kept: list[dict[str, np.ndarray]] = []

    def poison() -> None:
        step()
        if trainer.compiled.store.clock[1] == 4:
            kept.append(trainer.checkpoint().tensors)  # type: ignore[arg-type]
            trainer.compiled.store.history[:] = 0.5
            trainer.compiled._arrays["offset"][:] = np.nan

    trainer.compiled.step = poison
    end = ended(trained(trainer))
    assert end.reason == "failed"
    for key, tensor in kept[0].items():
        np.testing.assert_array_equal(trainer.checkpoint().tensors[key], tensor)
