"""Whole small networks against PyTorch: loss, every gradient, and ten steps of each optimiser."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch.nn import functional

from engine.design import edits
from engine.design.graph import Graph
from engine.program.compiled import CompiledNetwork
from engine.tensor.step_ops import History
from tests.engine.small_networks import (
    batch_of,
    chain,
    compile_network,
    data_for,
    gradients_of,
    layer,
    parameters_of,
)

torch.set_num_threads(1)
STEPS = 10
BATCH = 6
RATE = 0.02
DECAY = 0.03
Parameters = dict[str, torch.Tensor]


def thesis_chain() -> Graph:
    """The thesis's network, small and without dropout."""
    return chain(
        layer("input", shape=(1, 10, 10)),
        layer("convolution", filters=4, size=5, padding=2),
        layer("relu"),
        layer("max_pooling"),
        layer("convolution", filters=5, size=5, padding=2),
        layer("relu"),
        layer("max_pooling"),
        layer("fully_connected", outputs=12),
        layer("relu"),
        layer("fully_connected", outputs=3),
        layer("softmax_classifier"),
    )


def chain_in_torch(x: torch.Tensor, p: Parameters) -> torch.Tensor:
    for number in (1, 2):
        name = f"convolution-{number}"
        x = functional.conv2d(x, p[f"{name}/weight"], p[f"{name}/bias"], padding=2)
        x = functional.max_pool2d(torch.relu(x), 2)
    x = torch.relu(
        functional.linear(x.flatten(1), p["fully_connected-1/weight"], p["fully_connected-1/bias"])
    )
    return functional.linear(x, p["fully_connected-2/weight"], p["fully_connected-2/bias"])


def branched() -> Graph:
    """A skip connection and a fork, with batch normalisation."""
    graph = chain(
        layer("input", shape=(2, 7, 8)),
        layer("convolution", filters=4, size=3, padding=1, bias=False),
        layer("batch_normalisation"),
        layer("relu"),
        layer("convolution", filters=4, size=3, padding=1, groups=2),
        layer("add"),
        layer("tanh"),
        layer("average_pooling", size=3, stride=2, padding=1),
        layer("concatenate"),
        layer("leaky_relu", slope=0.1),
        layer("batch_normalisation", momentum=0.3),
        layer("fully_connected", outputs=3),
        layer("softmax_classifier"),
    )
    graph = edits.connect(graph, "relu-1", "add-1")
    graph, pooling = edits.add_layer(graph, layer("max_pooling", size=3, stride=2, padding=1))
    graph = edits.connect(graph, "tanh-1", pooling.id)
    return edits.connect(graph, pooling.id, "concatenate-1")


def branched_in_torch(x: torch.Tensor, p: Parameters) -> torch.Tensor:
    def normalised(x: torch.Tensor, name: str) -> torch.Tensor:
        return functional.batch_norm(x, None, None, p[f"{name}/scale"], p[f"{name}/shift"], True)

    x = functional.conv2d(x, p["convolution-1/weight"], padding=1)
    x = torch.relu(normalised(x, "batch_normalisation-1"))
    x = x + functional.conv2d(x, p["convolution-2/weight"], p["convolution-2/bias"], padding=1, groups=2)
    x = torch.tanh(x)
    x = torch.cat([functional.avg_pool2d(x, 3, 2, 1), functional.max_pool2d(x, 3, 2, 1)], 1)
    x = normalised(functional.leaky_relu(x, 0.1), "batch_normalisation-2")
    return functional.linear(x.flatten(1), p["fully_connected-1/weight"], p["fully_connected-1/bias"])


NETWORKS: dict[str, tuple[Callable[[], Graph], Callable[[torch.Tensor, Parameters], torch.Tensor]]] = {
    "chain": (thesis_chain, chain_in_torch),
    "branched": (branched, branched_in_torch),
}


@dataclass(frozen=True)
class Rule:
    settings: dict[str, object]
    make: Callable[..., torch.optim.Optimizer]


RULES = {
    "sgd": Rule({"optimizer": "sgd", "momentum": 0.0}, torch.optim.SGD),
    "momentum": Rule({"optimizer": "sgd", "momentum": 0.8}, lambda p: torch.optim.SGD(p, momentum=0.8)),
    "nesterov": Rule(
        {"optimizer": "sgd", "momentum": 0.8, "nesterov": True},
        lambda p: torch.optim.SGD(p, momentum=0.8, nesterov=True),
    ),
    "adam": Rule(
        {"optimizer": "adam", "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-4},
        lambda p: torch.optim.Adam(p, betas=(0.8, 0.95), eps=1e-4),
    ),
    "adam_decoupled": Rule(
        {"optimizer": "adam_decoupled", "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-4},
        lambda p: torch.optim.AdamW(p, betas=(0.8, 0.95), eps=1e-4),
    ),
}


def same_start(compiled: CompiledNetwork) -> Parameters:
    """Random parameters, biases too, put into the network and returned for PyTorch."""
    random = np.random.default_rng(4)
    drawn = {
        key: random.normal(1.0 if key.endswith("scale") else 0.0, 0.3, tensor.shape)
        for key, tensor in parameters_of(compiled).items()
    }
    compiled.set_tensors({f"parameter/{key}": tensor for key, tensor in drawn.items()})
    return {key: torch.tensor(tensor, requires_grad=True) for key, tensor in drawn.items()}


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("network", NETWORKS)
def test_that_ten_steps_equal_those_of_pytorch(network: str, rule: str, precision: str) -> None:
    build, forward = NETWORKS[network]
    graph = build()
    data = data_for(graph, batch=BATCH, steps=STEPS)
    compiled = compile_network(
        graph, data, batch_size=BATCH, precision=precision, learning_rate=RATE, weight_decay=DECAY,
        **RULES[rule].settings,
    )  # fmt: skip
    parameters = same_start(compiled)
    weights = [tensor for key, tensor in parameters.items() if key.endswith("/weight")]
    others = [tensor for key, tensor in parameters.items() if not key.endswith("/weight")]
    groups = [{"params": weights, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}]
    optimizer = RULES[rule].make(groups)
    for group in optimizer.param_groups:
        group["lr"] = RATE
    close = {"rtol": 1e-9, "atol": 1e-11} if precision == "float64" else {"rtol": 1e-3, "atol": 1e-4}
    for step in range(STEPS):
        images, labels = batch_of(compiled, data, step)
        x = torch.tensor(np.ascontiguousarray(images.astype(np.float64).transpose(0, 3, 1, 2)))
        optimizer.zero_grad()
        scores = forward(x, parameters)
        loss = functional.cross_entropy(scores, torch.tensor(labels.astype(np.int64)))
        loss.backward()
        right = int((scores.argmax(1).numpy() == labels).sum())
        squares = sum(float((weight.detach() ** 2).sum()) for weight in weights)
        optimizer.step()
        compiled.step()
        row = compiled.history(step + 1, step + 1)[0]
        np.testing.assert_allclose(row[History.TRAIN_LOSS], loss.item(), **close)
        np.testing.assert_allclose(row[History.SQUARED_WEIGHTS], squares, **close)
        assert row[History.TRAIN_CORRECT] == right
        for key, gradient in gradients_of(compiled).items():
            expected = parameters[key].grad
            assert expected is not None
            np.testing.assert_allclose(gradient, expected.numpy(), **close, err_msg=f"{step} {key}")
        for key, value in parameters_of(compiled).items():
            np.testing.assert_allclose(
                value, parameters[key].detach().numpy(), **close, err_msg=f"{step} {key}"
            )


@pytest.mark.parametrize("rule", RULES)
def test_that_decay_shrinks_weights_and_nothing_else(rule: str) -> None:
    data = data_for(branched(), batch=BATCH, steps=2)

    def after_a_step(decay: float) -> dict[str, np.ndarray]:
        compiled = compile_network(
            branched(), data, batch_size=BATCH, learning_rate=RATE, weight_decay=decay, **RULES[rule].settings
        )
        same_start(compiled)
        compiled.step()
        return parameters_of(compiled)

    plain, decayed = after_a_step(0.0), after_a_step(1.0)
    for key, value in plain.items():
        assert np.array_equal(value, decayed[key]) == (not key.endswith("/weight")), key
