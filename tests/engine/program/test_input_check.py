"""Every layer's backward alone: right ones pass, a wrong one is found at its own node."""

import numpy as np
import pytest

from engine.api import GRADIENT_TOLERANCE, check_inputs, edits
from engine.design.findings import DataShape
from engine.layers import REGISTRY
from engine.program.gradient_check import GradientChecker
from engine.program.input_check import probed_places
from engine.program.network import Network
from engine.tensor.devices import open_device
from tests.engine.inspection.trained_networks import SHAPE, graph


def checker_of(design) -> GradientChecker:
    random = np.random.default_rng(1)
    network = Network.of(design, DataShape(SHAPE, 3))
    channels, height, width = network.image_shape
    images = random.normal(size=(2, height, width, channels))
    return GradientChecker(network, open_device("cpu", threads=1), images, np.array([0, 1]))


def test_that_right_layers_pass_each_at_its_own_node():
    checker = checker_of(graph())
    results = {check.node: check for check in check_inputs(checker)}
    learning = checker.network.learning()
    expected = [
        node.id
        for node in checker.network.nodes
        if any(source in learning for source in checker.network.sources[node.id])
    ]
    assert list(results) == expected
    assert len(expected) >= 3
    for check in results.values():
        assert check.checked >= 6
        assert check.max_relative_error < GRADIENT_TOLERANCE


@pytest.mark.parametrize("type_name", ["relu", "max_pooling"])
def test_that_a_wrong_backward_is_found_at_its_node_alone(monkeypatch, type_name):
    layer = REGISTRY[type_name]
    right = layer.forward

    def wrong(self, run, *xs):
        y, backward = right(self, run, *xs)
        return y, lambda dy: tuple(1.01 * part for part in backward(dy))

    monkeypatch.setattr(layer, "forward", wrong)
    checks = list(check_inputs(checker_of(graph())))
    found = {check.node for check in checks if check.max_relative_error > GRADIENT_TOLERANCE}
    there = {n.id for n in checker_of(graph()).network.nodes if n.layer.type_name == type_name}
    assert found == there & {check.node for check in checks}


def test_that_muted_layers_are_left_out():
    design = graph()
    relu = next(node.id for node in design.nodes.values() if node.layer.type_name == "relu")
    design = edits.set_muted(design, [relu], True)
    assert relu not in {check.node for check in check_inputs(checker_of(design))}


def test_that_places_are_looked_at_where_something_is_handed_back():
    gradient = np.zeros(1000)
    gradient[[3, 500, 999]] = 1.0
    places = probed_places(gradient, np.random.default_rng(1))
    assert {3, 500, 999} <= set(places[:6].tolist())
    assert len(set(places.tolist())) == 1000
    assert sorted(probed_places(np.zeros(5), np.random.default_rng(1))) == [0, 1, 2, 3, 4]
