"""A small trained-looking network, and the same computed by PyTorch from the same canonical tensors."""

import numpy as np
import torch
from torch.nn import functional

from engine.data.preparation import PreparedData
from engine.design.graph import Graph
from engine.inspection.trained import TrainedNetwork
from engine.project import Project
from tests.engine.small_networks import chain, compile_network, layer, small_data

SHAPE = (2, 6, 6)
NODES = (
    "input-1", "convolution-1", "relu-1", "max_pooling-1", "fully_connected-1", "sigmoid-1", "dropout-1",
    "fully_connected-2", "softmax_classifier-1",
)  # fmt: skip


def graph() -> Graph:
    return chain(
        layer("input", shape=SHAPE),
        layer("convolution", filters=4, size=3, padding=1),
        layer("relu"),
        layer("max_pooling"),
        layer("fully_connected", outputs=8),
        layer("sigmoid"),
        layer("dropout", keep=0.8),
        layer("fully_connected", outputs=3),
        layer("softmax_classifier"),
    )


def data() -> PreparedData:
    return small_data(SHAPE, 3, 60, 11)


def tensors(seed: int = 3, *, dtype: str = "float64") -> dict[str, np.ndarray]:
    compiled = compile_network(graph(), data(), seed=seed, precision=dtype)
    return {key: value for key, value in compiled.tensors().items() if key.startswith("parameter/")}


def trained(values: dict[str, np.ndarray] | None = None) -> TrainedNetwork:
    return TrainedNetwork(Project(graph=graph()), tensors() if values is None else values, data())


def by_pytorch(values: dict[str, np.ndarray], images: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs [n, C, H, W] (or [n, features]) of each node by PyTorch, dropout as in prediction."""
    t = {key.removeprefix("parameter/"): torch.from_numpy(value) for key, value in values.items()}
    prepared = torch.from_numpy(data().apply(images, np.float64)).permute(0, 3, 1, 2)
    found = {"input-1": prepared}
    found["convolution-1"] = functional.conv2d(
        prepared, t["convolution-1/weight"], t["convolution-1/bias"], padding=1
    )
    found["relu-1"] = found["convolution-1"].relu()
    found["max_pooling-1"] = functional.max_pool2d(found["relu-1"], 2)
    flat = found["max_pooling-1"].flatten(1)
    found["fully_connected-1"] = functional.linear(
        flat, t["fully_connected-1/weight"], t["fully_connected-1/bias"]
    )
    found["sigmoid-1"] = found["fully_connected-1"].sigmoid()
    found["dropout-1"] = found["sigmoid-1"] * 0.8
    scores = functional.linear(found["dropout-1"], t["fully_connected-2/weight"], t["fully_connected-2/bias"])
    found["fully_connected-2"] = scores
    found["softmax_classifier-1"] = scores.softmax(1)
    return {key: value.numpy() for key, value in found.items()}
