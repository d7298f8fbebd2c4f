"""The same network in two ways: differences against plain NumPy, times, and words for what does not exist."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from engine.api import DeviceError, Project, Way, compare_ways, edits, make_layer, parity_tolerance
from tests.engine.inspection.trained_networks import data, graph

CPU, DOUBLE = Way("cpu"), Way("cpu", "float64")


def compare(first=CPU, second=DOUBLE):
    project = Project(graph=graph())
    return list(compare_ways(project, data(), first, second, batch_size=8))


def test_that_both_ways_agree_within_rounding_and_take_time():
    found = compare()
    assert [parity.node for parity in found][-1].startswith("softmax")
    for parity in found:
        assert 0 <= parity.largest < parity_tolerance(CPU, DOUBLE)
        assert all(seconds > 0 for seconds in parity.seconds)
    assert any(parity.output > 0 for parity in found)
    assert {parity.node for parity in found if parity.gradient is not None} == {
        node.id
        for node in graph().nodes.values()
        if node.layer.type_name in ("convolution", "fully_connected")
    }


def test_that_a_bias_whose_gradient_is_only_rounding_is_no_difference():
    # Batch normalisation subtracts the mean, and with it the bias before it.
    normalised = edits.insert_layers(
        graph(),
        next(edge for edge in graph().edges if edge.source == "convolution-1"),
        make_layer("batch_normalisation"),
    )
    found = list(compare_ways(Project(graph=normalised), data(), CPU, DOUBLE, batch_size=8))
    assert max(parity.largest for parity in found) < parity_tolerance(CPU, DOUBLE)


def test_that_the_same_way_twice_differs_in_nothing():
    assert {parity.largest for parity in compare(CPU, CPU)} == {0.0}


def test_that_the_difference_is_a_share_of_the_largest_value():
    from engine.program import parity

    a, b = np.array([1.0, -4.0, 2.0]), np.array([1.5, -5.0, 2.0])
    assert parity._difference(a, b) == pytest.approx(1.0 / 5.0)
    assert parity._difference(np.zeros(3), np.zeros(3)) == 0
    assert parity._difference(np.array([np.nan]), np.array([1.0])) == np.inf


def test_that_a_kernel_that_computes_otherwise_is_found_at_its_node(monkeypatch):
    from engine.tensor.numpy_ops import KERNELS

    right = KERNELS["relu"]

    def coarse(device, y, x, **attributes):
        right(device, y, x, **attributes)
        if y.dtype == np.float32:
            y *= np.float32(1.001)

    monkeypatch.setitem(KERNELS, "relu", coarse)
    found = compare()
    first_wrong = next(parity.node for parity in found if parity.output > parity_tolerance(CPU, DOUBLE))
    assert graph().nodes[first_wrong].layer.type_name == "relu"


def test_that_ways_are_written_in_one_word():
    assert Way.of("cpu") == CPU
    assert Way.of("cpu/float64") == DOUBLE
    assert str(Way.of("cuda:1/tf32")) == "cuda:1/tf32"
    with pytest.raises(DeviceError, match="no precision 'half'"):
        Way.of("cpu/half")


@pytest.mark.gpu
def test_that_the_gpu_agrees_with_the_cpu():
    project = Project(graph=graph())
    project = replace(project, training=msgspec.structs.replace(project.training, seed=2))
    for precision in ("float32", "tf32"):
        way = Way("cuda:0", precision)
        for parity in compare_ways(project, data(), way, CPU, batch_size=8):
            assert parity.largest < parity_tolerance(way, CPU), parity
            assert all(seconds > 0 for seconds in parity.seconds)
