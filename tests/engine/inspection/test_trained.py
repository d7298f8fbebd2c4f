import numpy as np
import pytest

from engine.errors import TrainingError
from engine.inspection import trained as trained_module
from engine.inspection.trained import TrainedNetwork, classify_images
from engine.project import Project
from tests.engine.inspection.trained_networks import NODES, by_pytorch, data, graph, tensors, trained


def test_that_every_node_answers_as_pytorch_does():
    images = data().validation_images
    look = trained().look(images)
    expected = by_pytorch(tensors(), images)
    assert set(look.outputs) == set(NODES)
    for node in NODES:
        ours = np.stack([look.maps(node, number) for number in range(len(images))])
        np.testing.assert_allclose(
            ours.reshape(expected[node].shape), expected[node], atol=1e-12, err_msg=node
        )


def test_that_probabilities_of_many_batches_stand_in_the_order_of_the_images(monkeypatch):
    monkeypatch.setattr(trained_module, "_KEPT_BYTES", 20_000)
    images = data().test_images
    network = trained()
    assert len(list(network.looks(images))) > 2
    expected = by_pytorch(tensors(), images)["softmax_classifier-1"]
    np.testing.assert_allclose(classify_images(network, images), expected, atol=1e-12)


def test_that_classifying_ends_when_it_is_told_to(monkeypatch):
    monkeypatch.setattr(trained_module, "_KEPT_BYTES", 1)
    asked: list[int] = []

    def stopped() -> bool:
        asked.append(1)
        return len(asked) == 3

    assert classify_images(trained(), data().test_images, stopped) is None
    assert len(asked) == 3


def test_that_tensors_of_another_design_are_refused_in_words():
    values = tensors()
    del values["parameter/fully_connected-2/weight"]
    with pytest.raises(
        TrainingError, match=r"holds no trained values of fully_connected-2: train the network"
    ):
        TrainedNetwork(Project(graph=graph()), values, data())


def test_that_running_statistics_of_a_checkpoint_are_used():
    from tests.engine.small_networks import chain, compile_network, layer

    design = chain(
        layer("input", shape=(2, 6, 6)),
        layer("batch_normalisation"),
        layer("fully_connected", outputs=3),
        layer("softmax_classifier"),
    )
    compiled = compile_network(design, data())
    values = dict(compiled.tensors())
    mean, variance = (f"state/batch_normalisation-1/{name}" for name in ("mean", "variance"))
    values[mean], values[variance] = np.array([0.5, -2.0]), np.array([4.0, 0.25])
    images = data().test_images
    shown = TrainedNetwork(Project(graph=design), values, data()).look(images)
    expected = (data().apply(images, np.float64) - values[mean]) / np.sqrt(values[variance] + 1e-5)
    np.testing.assert_allclose(shown.outputs["batch_normalisation-1"], expected, atol=1e-9)
