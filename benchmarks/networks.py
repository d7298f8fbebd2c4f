"""The four networks of the thesis as the benchmarks train them, in Gabor and in PyTorch, and data of their shape."""

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from engine.data.dataset import Dataset
from engine.data.preparation import PreparedData, prepare
from engine.design.findings import DataShape
from engine.program.compiled import CompiledNetwork
from engine.program.network import Network
from engine.settings import TrainingSettings
from engine.templates import TEMPLATES
from engine.tensor.device import Device

if TYPE_CHECKING:
    import torch

NETWORKS = {"mnist": "mnist", "A": "cifar10-model-a", "B": "cifar10-model-b", "C": "cifar10-model-c"}


def image_shape(name: str) -> tuple[int, int, int]:
    """(C, H, W) of the network's images."""
    return (1, 28, 28) if name == "mnist" else (3, 32, 32)


def random_data(shape: tuple[int, int, int]) -> Dataset:
    """Noise of the data's shape: speed does not depend on what the pixels show."""
    channels, height, width = shape
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (51_000, height, width, channels), dtype=np.uint8)
    labels = (np.arange(51_000) % 10).astype(np.int32)
    names = tuple(str(number) for number in range(10))
    return Dataset("noise", images[:50_000], labels[:50_000], images[50_000:], labels[50_000:], names)


def prepared_data(name: str) -> PreparedData:
    """Noise of the network's images, prepared as the project says."""
    return prepare(random_data(image_shape(name)), TEMPLATES[NETWORKS[name]].build().data)


def compiled_network(
    name: str, device: Device, data: PreparedData, /, **settings: object
) -> tuple[CompiledNetwork, TrainingSettings]:
    """The network ready for its first step, and the settings that it was compiled with."""
    project = TEMPLATES[NETWORKS[name]].build()
    wanted = msgspec.structs.replace(project.training, **settings)
    network = Network.of(project.graph, DataShape(image_shape(name), 10))
    compiled = CompiledNetwork(network, device, wanted, data)
    compiled.initialise(1)
    compiled.set_rates(wanted)
    begin_epoch(compiled, len(data.train_labels))
    return compiled, wanted


def begin_epoch(compiled: CompiledNetwork, examples: int) -> None:
    """The next step takes the first batch, in the order of the data."""
    order, starts = np.arange(examples, dtype=np.int32), np.zeros(compiled.steps_per_epoch, np.int32)
    compiled.begin_epoch(order, starts, step=0, position=0)


def torch_model(name: str, shape: tuple[int, int, int]) -> "torch.nn.Module":
    """The thesis's network in PyTorch."""
    from torch import nn

    plans = {
        "mnist": ([(32,), (64,)], (1024,), 0.25),
        "A": ([(32,), (64,)], (1024,), 0.5),
        "B": ([(96,), (192,)], (2048, 2048), 0.5),
        "C": ([(96, 96), (192, 192)], (2048, 2048), 0.5),
    }
    blocks, hidden, drop = plans[name]
    channels, side, _ = shape
    layers: list[nn.Module] = []
    for filters in blocks:
        for count in filters:
            layers += [nn.Conv2d(channels, count, 5, padding=2), nn.ReLU(inplace=True)]
            channels = count
        layers.append(nn.MaxPool2d(2))
        side //= 2
    layers.append(nn.Flatten())
    features = channels * side * side
    for units in hidden:
        layers += [nn.Linear(features, units), nn.ReLU(inplace=True), nn.Dropout(drop)]
        features = units
    return nn.Sequential(*layers, nn.Linear(features, 10))
