"""Averages of the weights over the steps, and answers averaged over an image and its mirror."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ProjectFileError
from engine.inspection.trained import TrainedNetwork, classify_images
from engine.project_file import load, save
from engine.tensor.numpy_ops import CpuDevice
from engine.training.events import Evaluated
from engine.training.run import Checkpoint
from engine.training.trainer import Trainer
from tests.engine.small_networks import compile_network, eager_step
from tests.engine.training.small_runs import assert_same_run, data, graph, project, trained


@pytest.mark.parametrize("threads", [1, 2])
def test_that_averages_follow_the_weights_and_states_by_the_stated_rule(threads: int) -> None:
    compiled = compile_network(graph(), data(), device=CpuDevice(threads), averaging=0.5, learning_rate=0.05)
    store = compiled.store
    assert store.average is not None
    expected = {key: store.view(store.parameters, key).copy() for key in store.places}
    kept_states = {key: state.copy() for key, state in store.states.items()}
    np.testing.assert_array_equal(store.average, store.parameters)
    for step in range(1, 8):
        compiled.step()
        memory = min(0.5, (1 + step) / (10 + step))
        for key, average in expected.items():
            average += (1 - memory) * (store.view(store.parameters, key) - average)
        for key, kept in kept_states.items():
            kept += (1 - memory) * (store.states[key] - kept)
    for key, average in expected.items():
        np.testing.assert_allclose(store.view(store.average, key), average, rtol=1e-12, atol=1e-14)
        assert np.abs(average - store.view(store.parameters, key)).max() > 0
    for key, kept in kept_states.items():
        np.testing.assert_allclose(store.predicting_states[key], kept, rtol=1e-12)


def test_that_training_itself_does_not_notice_the_averages() -> None:
    runs = []
    for settings in ({}, {"averaging": 0.9}):
        trainer = Trainer(project(**settings), data())
        trained(trainer)
        runs.append(trainer.run())
    plain, averaged = runs
    np.testing.assert_array_equal(plain.history["train_loss"], averaged.history["train_loss"])
    assert (plain.history["validation_loss"] != averaged.history["validation_loss"]).any()
    assert plain.checkpoint is not None
    assert averaged.checkpoint is not None
    for key, tensor in plain.checkpoint.tensors.items():
        np.testing.assert_array_equal(averaged.checkpoint.tensors[key], tensor, err_msg=key)
    kinds = {key.partition("/")[0] for key in averaged.checkpoint.tensors} - {"optimizer"}
    assert kinds == {"parameter", "state", "average", "average_state"}


def test_that_validation_and_tests_go_by_the_averages() -> None:
    prepared = data()
    averaged = compile_network(graph(), prepared, averaging=0.9, learning_rate=0.05)
    for _ in range(5):
        averaged.step()
    averaged.validate()
    tensors = averaged.tensors()
    # A network whose weights and states are those averages answers alike.
    plain = compile_network(graph(), prepared)
    plain.set_tensors(
        {
            key.replace("average_state/", "state/").replace("average/", "parameter/"): tensor
            for key, tensor in tensors.items()
            if key.startswith("average")
        }
    )
    plain.store.clock[...] = averaged.store.clock
    plain.validate()
    np.testing.assert_array_equal(plain.history(5, 5)[0, 2:4], averaged.history(5, 5)[0, 2:4])
    for mine, others in zip(averaged.classify("test"), plain.classify("test"), strict=True):
        np.testing.assert_array_equal(mine.probabilities, others.probabilities)


@pytest.mark.parametrize("optimizer", ["sgd", "adam_decoupled"])
def test_that_a_resumed_run_with_averages_equals_one_never_stopped(optimizer: str, tmp_path: Path) -> None:
    settings = {"averaging": 0.97, "test_averaging": "mirror", "optimizer": optimizer}
    whole = Trainer(project(**settings), data())
    trained(whole)
    run = None
    for number, stop in enumerate((2, 7, 15)):
        part = Trainer(project(**settings), data(), resume=run)
        trained(part, until=stop)
        path = tmp_path / f"{number}.netproj"
        save(path, part.project, [part.run()])
        (run,) = load(path).runs
    last = Trainer(project(**settings), data(), resume=run)
    trained(last)
    assert_same_run(last.run(), whole.run())


def test_that_averages_begin_with_the_weights_of_a_checkpoint_without_them() -> None:
    part = Trainer(project(), data())
    trained(part, until=5)
    later = Trainer(project(averaging=0.9), data(), resume=part.run())
    store = later.compiled.store
    np.testing.assert_array_equal(store.average, store.parameters)
    np.testing.assert_array_equal(store.average_states, store.state_arena)


def test_that_a_checkpoint_that_lacks_some_averages_is_refused(tmp_path: Path) -> None:
    trainer = Trainer(project(averaging=0.9), data())
    trained(trainer, until=3)
    run = trainer.run()
    assert run.checkpoint is not None
    tensors = {k: v for k, v in run.checkpoint.tensors.items() if k != "average/convolution-1/weight"}
    torn = replace(run, checkpoint=Checkpoint(3, tensors))
    with pytest.raises(ProjectFileError, match="lacks 'average/convolution-1/weight'"):
        save(tmp_path / "torn.netproj", trainer.project, [torn])


def test_that_a_mirrored_test_averages_both_answers() -> None:
    prepared = data()
    compiled = compile_network(graph(), prepared, test_averaging="mirror")
    labels, images = prepared.test_labels, prepared.test_images
    views = [
        eager_step(compiled, prepared.apply(view, np.float64), labels, training=False).outputs[
            compiled.network.classifier.id
        ]
        for view in (images, images[:, :, ::-1])
    ]
    expected = (views[0] + views[1]).reshape(len(images), -1) / 2
    found = list(compiled.classify("test"))
    np.testing.assert_allclose(np.concatenate([f.probabilities for f in found]), expected, rtol=1e-12)
    np.testing.assert_array_equal(np.concatenate([f.predictions for f in found]), expected.argmax(axis=1))
    losses = -np.log(expected[np.arange(len(labels)), labels])
    np.testing.assert_allclose(np.concatenate([f.losses for f in found]), losses, rtol=1e-12)


def test_that_what_is_looked_at_later_answers_as_the_test_did() -> None:
    design = project(averaging=0.9, test_averaging="mirror", precision="float64")
    trainer = Trainer(design, data())
    events = trained(trainer)
    run = trainer.run()
    assert run.checkpoint is not None
    network = TrainedNetwork(design, run.checkpoint.tensors, data())
    answers = classify_images(network, data().test_images)
    assert answers is not None
    accuracy = (answers.argmax(axis=1) == data().test_labels).mean()
    told = [event for event in events if isinstance(event, Evaluated) and event.part == "test"][-1]
    assert accuracy == pytest.approx(told.accuracy)
    loss = -np.log(answers[np.arange(len(answers)), data().test_labels]).mean()
    assert loss == pytest.approx(told.loss, rel=1e-9)
