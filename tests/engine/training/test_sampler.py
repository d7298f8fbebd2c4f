"""The norms that a training tells, against PyTorch's gradients and plain NumPy."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from engine.data.batches import epoch_order
from engine.training import sampler
from engine.training.events import Sampled, StepsDone
from engine.training.run import Checkpoint, Run, RunRecorder
from engine.training.trainer import Trainer
from tests.engine.training.small_runs import data, graph, linear_graph, project, trained

torch.set_num_threads(1)


@pytest.fixture
def _every_step(monkeypatch):
    monkeypatch.setattr(sampler, "_SECONDS", 0.0)
    monkeypatch.setattr(sampler, "_MOST_SHARE", np.inf)


def remembering(trainer: Trainer) -> list[dict[str, np.ndarray]]:
    """The parameters before each step, and after the last, once trained."""
    found = []
    step, store = trainer.compiled.step, trainer.compiled.store

    def remember() -> None:
        found.append(store.tensors(store.parameters))
        step()

    trainer.compiled.step = remember
    trained(trainer)
    found.append(store.tensors(store.parameters))
    return found


@pytest.mark.usefixtures("_every_step")
def test_that_gradient_norms_are_those_of_pytorch() -> None:
    prepared = data()
    trainer = Trainer(project(linear_graph(), epochs=1, precision="float64"), prepared)
    parameters = remembering(trainer)
    samples = trainer.run().samples
    assert samples.steps.tolist() == list(range(1, 8))
    assert len(samples.nodes) == 1
    order = epoch_order(9, 0, len(prepared.train_labels))
    for number in range(7):
        index = order[4 * number : 4 * number + 4]
        images = prepared.apply(prepared.train_images[index], np.float64).transpose(0, 3, 1, 2)
        tensors = [
            torch.from_numpy(parameters[number][f"fully_connected-1/{name}"]).requires_grad_()
            for name in ("weight", "bias")
        ]
        scores = torch.from_numpy(images.reshape(4, -1)) @ tensors[0].flatten(1).T + tensors[1]
        functional.cross_entropy(
            scores, torch.from_numpy(prepared.train_labels[index].astype(int))
        ).backward()
        wanted = torch.cat([tensor.grad.flatten() for tensor in tensors]).norm().item()
        assert samples.gradient[number, 0] == pytest.approx(wanted, rel=1e-10)


@pytest.mark.usefixtures("_every_step")
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adam_decoupled"])
def test_that_weight_norms_and_update_ratios_are_those_of_the_parameters(optimizer: str) -> None:
    trainer = Trainer(project(graph(), epochs=1, optimizer=optimizer), data())
    parameters = remembering(trainer)
    samples = trainer.run().samples
    nodes = [
        node
        for node in trainer.compiled.network.nodes
        if any(k.startswith(f"{node.id}/") for k in parameters[0])
    ]
    assert samples.nodes == tuple(node.name for node in nodes)
    for column, node in enumerate(nodes):
        flat = [
            np.concatenate(
                [t.ravel().astype(np.float64) for k, t in one.items() if k.startswith(f"{node.id}/")]
            )
            for one in parameters
        ]
        for number in range(7):
            weight = np.linalg.norm(flat[number])
            assert samples.weight[number, column] == pytest.approx(weight, rel=1e-5)
            wanted = np.linalg.norm(flat[number + 1] - flat[number]) / weight
            assert samples.update[number, column] == pytest.approx(wanted, rel=1e-3)


def test_that_samples_are_few_and_change_nothing_that_is_learned(monkeypatch) -> None:
    def learned(seconds: float) -> tuple[list[object], np.ndarray]:
        monkeypatch.setattr(sampler, "_SECONDS", seconds)
        trainer = Trainer(project(graph(), epochs=2), data())
        events = trained(trainer)
        return events, trainer.compiled.store.parameters

    few, first = learned(1000.0)
    monkeypatch.setattr(sampler, "_MOST_SHARE", np.inf)
    many, second = learned(0.0)
    assert [sum(isinstance(event, Sampled) for event in events) for events in (few, many)] == [1, 14]
    np.testing.assert_array_equal(first, second)
    assert sum(len(event.train_loss) for event in many if isinstance(event, StepsDone)) == 14


def test_that_a_resumed_run_keeps_earlier_samples_and_counts_time_on() -> None:
    norms = (np.ones(2), np.ones(2), np.ones(2))
    begun = Run("a", project(), "2026-01-01T00:00:00")
    recorder = RunRecorder(begun)
    for step in (1, 5, 9):
        recorder.receive(Sampled("a", step, step / 10, ("Convolution 1", "Fully connected 1"), *norms))
    stopped = replace(recorder.run(Checkpoint(5, {})), seconds=0.6)
    again = RunRecorder(stopped)
    again.receive(Sampled("a", 8, 0.2, ("Convolution 1", "Fully connected 1"), *norms))
    samples = again.run().samples
    assert samples.steps.tolist() == [1, 5, 8]
    assert samples.seconds.tolist() == pytest.approx([0.1, 0.5, 0.8])
    assert samples.gradient.shape == (3, 2)
