"""What a design will cost is what it then costs."""

from dataclasses import replace

import msgspec

from engine.data.datasets import load_dataset
from engine.data.preparation import prepare
from engine.program.compiled import CompiledNetwork
from engine.program.cost import cost_of
from engine.templates import TEMPLATES
from engine.tensor.numpy_ops import CpuDevice
from tests.engine.small_networks import network_of


def test_that_multiply_adds_of_the_mnist_network_are_those_of_its_layers() -> None:
    cost = cost_of(TEMPLATES["mnist-sample"].build())
    layers = (28 * 28 * 32 * 25, 14 * 14 * 64 * 32 * 25, 3136 * 1024, 1024 * 10)
    assert cost.forward == sum(layers)
    # Images do not learn: the first convolution needs no gradient by its input.
    assert cost.backward == 2 * sum(layers) - layers[0]


def test_that_the_memory_told_before_is_the_memory_taken_then() -> None:
    project = TEMPLATES["mnist-sample"].build()
    settings = msgspec.structs.replace(project.training, batch_size=20, device="cpu")
    project = replace(project, training=settings)
    data = prepare(load_dataset("mnist-sample"), project.data)
    compiled = CompiledNetwork(network_of(project.graph, data), CpuDevice(1), settings, data)
    assert cost_of(project).memory == compiled.memory()
    assert compiled.memory()["optimizer"] == 2 * compiled.memory()["parameters"]
