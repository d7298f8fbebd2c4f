"""Compiled networks: muted nodes, branches that meet again, parts that lead nowhere, classification, tensors."""

import numpy as np
import pytest

from engine.design import edits
from engine.design.graph import Graph
from engine.program.initialisation import initial_parameters
from engine.program.network import Network
from engine.program.passes import fuse
from engine.tensor.devices import open_device
from engine.tensor.numpy_ops import CpuDevice
from engine.tensor.step_ops import History
from tests.engine.small_networks import (
    batch_of,
    chain,
    compile_network,
    data_for,
    eager_step,
    gradients_of,
    layer,
    parameters_of,
    still,
)


def network(*middle: object, shape: tuple[int, int, int] = (2, 5, 5)) -> Graph:
    return chain(
        layer("input", shape=shape),
        layer("convolution", filters=3, size=3, padding=1),
        *middle,  # type: ignore[arg-type]
        layer("fully_connected", outputs=3),
        layer("softmax_classifier"),
    )


def step_of(
    graph: Graph, tensors: dict[str, np.ndarray] | None = None
) -> tuple[float, dict[str, np.ndarray]]:
    """(loss, gradients) of the first batch."""
    compiled = compile_network(graph, data_for(graph))
    if tensors is not None:
        compiled.set_tensors({f"parameter/{key}": value for key, value in tensors.items()})
    compiled.step()
    return float(compiled.history(1, 1)[0, History.TRAIN_LOSS]), gradients_of(compiled)


def assert_same_step(a: tuple[float, dict[str, np.ndarray]], b: tuple[float, dict[str, np.ndarray]]) -> None:
    assert a[0] == b[0]
    assert set(a[1]) == set(b[1])
    for key, gradient in a[1].items():
        np.testing.assert_array_equal(gradient, b[1][key], err_msg=key)


@pytest.mark.parametrize("middle", ["tanh", "dropout", "batch_normalisation"])
def test_that_a_muted_node_computes_as_if_it_were_not_there(middle: str) -> None:
    with_node = network(layer(middle))
    muted = edits.set_muted(with_node, [f"{middle}-1"], True)
    without = edits.remove_and_reconnect(with_node, f"{middle}-1")
    assert_same_step(step_of(muted), step_of(without))
    assert step_of(with_node)[0] != step_of(muted)[0]


def test_that_what_leads_nowhere_is_neither_computed_nor_counted() -> None:
    graph = network()
    loose, node = edits.add_layer(graph, layer("convolution", filters=7))
    loose = edits.connect(loose, "convolution-1", node.id)
    assert_same_step(step_of(loose), step_of(graph))
    compiled = compile_network(loose, data_for(loose))
    assert not any(key.startswith(node.id) for key in compiled.network.parameters)
    assert not any(node.id == operation.node for operation in compiled._training.program.operations)


def test_that_a_node_that_feeds_two_ports_gets_the_sum_of_their_errors() -> None:
    doubled = network(layer("add"))
    doubled = edits.connect(doubled, "convolution-1", "add-1")
    plain = network()
    weights = initial_parameters(Network.of(plain), 3)
    twice = dict(weights)
    # 2·(x·w) = x·(2w), so the gradient by what is before is that of doubled weights.
    twice["fully_connected-1/weight"] = 2 * weights["fully_connected-1/weight"]
    loss, gradients = step_of(doubled, weights)
    expected_loss, expected = step_of(plain, twice)
    assert loss == pytest.approx(expected_loss, rel=1e-14)
    for key in ("convolution-1/weight", "convolution-1/bias"):
        np.testing.assert_allclose(gradients[key], expected[key], rtol=1e-11, atol=1e-14)


def test_that_errors_of_three_branches_are_summed() -> None:
    graph = network(layer("add"))
    for name in ("tanh", "sigmoid"):
        graph, node = edits.add_layer(graph, layer(name))
        graph = edits.connect(graph, "convolution-1", node.id)
        graph = edits.connect(graph, node.id, "add-1")
    data = data_for(graph)
    compiled = compile_network(graph, data)
    key = "convolution-1/weight"
    start = parameters_of(compiled)[key]
    compiled.step()
    gradient = gradients_of(compiled)[key]
    losses = []
    for sign in (1, -1):
        changed = start.copy()
        changed[1, 0, 2, 1] += sign * 1e-5
        losses.append(step_of(graph, {**initial_parameters(compiled.network, 1), key: changed})[0])
    assert gradient[1, 0, 2, 1] == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=1e-6)


def test_that_fused_kernels_give_what_single_ones_give() -> None:
    graph = network(
        layer("relu"),
        layer("max_pooling", size=3, stride=2, padding=1),
        layer("convolution", filters=4, size=2, padding=1),
        layer("relu"),
        layer("max_pooling"),
        layer("fully_connected", outputs=6),
        layer("relu"),
    )
    data = data_for(graph)
    compiled = compile_network(graph, data, device=CpuDevice(2))
    names = {operation.name for operation in compiled._training.program.operations}
    assert {"convolution_relu_max_pooling", "pooled_convolution_gradients", "linear_relu"} <= names
    assert fuse(compiled._training.program, ()) == compiled._training.program
    still(compiled)
    expected = eager_step(compiled, *batch_of(compiled, data, 0))
    compiled.step()
    assert compiled.history(1, 1)[0, History.TRAIN_LOSS] == pytest.approx(expected.loss, rel=1e-14)
    for key, gradient in gradients_of(compiled).items():
        np.testing.assert_allclose(gradient, expected.gradients[key], rtol=1e-11, atol=1e-14, err_msg=key)


def test_that_a_relu_that_others_need_unfused_is_left_alone() -> None:
    # The convolution's own output goes on too, so it must be there.
    graph = network(layer("relu"), layer("add"))
    graph = edits.connect(graph, "convolution-1", "add-1")
    compiled = compile_network(graph, data_for(graph))
    names = [operation.name for operation in compiled._training.program.operations]
    assert "convolution" in names
    assert "relu" in names
    assert "convolution_relu" not in names


@pytest.mark.parametrize("batch_size", [2, 3, 7])
def test_that_classifying_covers_each_image_once_whatever_the_batch(batch_size: int) -> None:
    graph = network(layer("dropout"), layer("batch_normalisation"))
    data = data_for(graph)
    compiled = compile_network(graph, data, batch_size=batch_size)
    answers = list(compiled.classify("test"))
    assert [answer.first for answer in answers] == list(range(0, 7, batch_size))
    assert sum(len(answer.predictions) for answer in answers) == 7
    images = data.apply(data.test_images, np.float64)
    expected = eager_step(compiled, images, data.test_labels, training=False)
    np.testing.assert_array_equal(np.concatenate([a.predictions for a in answers]), expected.predictions)
    probabilities = np.concatenate([a.probabilities for a in answers])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    last = expected.outputs[compiled.network.classifier.id]
    np.testing.assert_allclose(probabilities, last[:, 0, 0], rtol=1e-12)
    losses = np.concatenate([a.losses for a in answers])
    true = probabilities[np.arange(7), data.test_labels]
    np.testing.assert_allclose(losses, -np.log(true), rtol=1e-9)


@pytest.mark.parametrize("kind", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_that_batches_answered_at_one_launch_are_answered_as_one_by_one(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = network(layer("batch_normalisation"))
    data = data_for(graph)

    def answers() -> list[np.ndarray]:
        compiled = compile_network(
            graph, data, device=open_device(kind, precision="float64", deterministic=True), batch_size=2
        )
        # The first time as it is, then captured, then launched; other images each time.
        found = []
        for _ in range(3):
            for part in ("test", "validation"):
                given = list(compiled.classify(part))
                found += [value for a in given for value in (a.losses, a.predictions, a.probabilities)]
            compiled.step()
        return found

    monkeypatch.setattr("engine.program.compiled._BATCHES_AT_ONCE", 1)
    alone = answers()
    monkeypatch.setattr("engine.program.compiled._BATCHES_AT_ONCE", 3)
    monkeypatch.setattr(CpuDevice, "is_asynchronous", True)
    for found, expected in zip(answers(), alone, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_that_tensors_come_back_as_they_were_set() -> None:
    graph = network(layer("batch_normalisation"), layer("fully_connected", outputs=4))
    compiled = compile_network(graph, data_for(graph), precision="float32", optimizer="adam")
    random = np.random.default_rng(2)
    values = {
        key: random.normal(size=tensor.shape).astype(np.float32) for key, tensor in compiled.tensors().items()
    }
    assert {key.split("/")[0] for key in values} == {"parameter", "optimizer", "state"}
    compiled.set_tensors(values)
    for key, tensor in compiled.tensors().items():
        np.testing.assert_array_equal(tensor, values[key], err_msg=key)
    assert compiled.tensors()["parameter/convolution-1/weight"].shape == (3, 2, 3, 3)
    assert compiled.tensors()["parameter/fully_connected-1/weight"].shape == (4, 75)


def test_that_the_first_layer_starts_by_xavier_and_those_behind_activations_by_he() -> None:
    graph = chain(
        layer("input", shape=(4, 20, 20)),
        layer("convolution", filters=60, size=5),
        layer("relu"),
        layer("convolution", filters=60, size=5),
        layer("fully_connected", outputs=3),
        layer("softmax_classifier"),
    )
    drawn = initial_parameters(Network.of(graph), 1)
    assert drawn["convolution-1/weight"].std() == pytest.approx(np.sqrt(1 / 100), rel=0.03)
    assert drawn["convolution-2/weight"].std() == pytest.approx(np.sqrt(2 / 1500), rel=0.03)
    assert drawn["fully_connected-1/weight"].std() == pytest.approx(np.sqrt(2 / (60 * 144)), rel=0.03)
    assert abs(drawn["convolution-2/weight"].mean()) < 0.001
    assert not drawn["convolution-1/bias"].any()
    again = initial_parameters(Network.of(graph), 1)
    np.testing.assert_array_equal(drawn["convolution-1/weight"], again["convolution-1/weight"])
    other = initial_parameters(Network.of(graph), 2)
    assert (drawn["convolution-1/weight"] != other["convolution-1/weight"]).all()
