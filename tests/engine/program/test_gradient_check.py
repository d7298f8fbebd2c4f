"""The gradient checker finds what is wrong, and is not fooled by kinks."""

from collections.abc import Iterator

import numpy as np
import pytest

from engine.data.datasets import load_dataset
from engine.data.preparation import prepare
from engine.data.recipe import DataRecipe
from engine.design.graph import Graph
from engine.layers import REGISTRY, Layer, layer_type, make_layer
from engine.layers.context import Backward, Context
from engine.program.gradient_check import (
    GRADIENT_TOLERANCE,
    GradientChecker,
    GradientReport,
    TensorCheck,
    check_gradients,
    relative_error,
    sample_error,
)
from engine.program.network import Network
from engine.templates import TEMPLATES
from engine.tensor.numpy_ops import CpuDevice
from engine.tensor.ops import Array
from engine.tensor.spec import TensorSpec
from tests.engine.small_networks import chain, layer


@pytest.fixture
def nearly_tanh() -> Iterator[str]:
    """A layer type whose gradient is one percent too large."""

    @layer_type("nearly_tanh", group="Activation", is_activation=True)
    class NearlyTanh(Layer):
        """Wrong on purpose."""

        def output(self, *xs: TensorSpec) -> TensorSpec:
            return xs[0]

        def forward(self, run: Context, *xs: Array) -> tuple[Array, Backward]:
            y = run.ops.tanh(xs[0])

            def backward(dy: Array) -> tuple[Array | None, ...]:
                right = run.ops.tanh_gradient(dy, y)
                return (run.ops.scale(right, np.array([1.01])),)

            return y, backward

    yield "nearly_tanh"
    del REGISTRY["nearly_tanh"]


def network(activation: str, *more: Layer) -> Graph:
    return chain(
        layer("input", shape=(2, 5, 5)),
        layer("convolution", filters=3, size=3),
        make_layer(activation),
        *more,
        layer("fully_connected", outputs=3),
        layer("softmax_classifier"),
    )


def check(graph: Graph, *, samples: int | None = None, decay: float = 0.01) -> dict[str, TensorCheck]:
    random = np.random.default_rng(8)
    checker = GradientChecker(
        Network.of(graph),
        CpuDevice(1),
        random.normal(size=(2, 5, 5, 2)),
        np.array([0, 2], np.int32),
        weight_decay=decay,
    )
    return {f"{found.node}/{found.parameter}": found for found in checker.check(samples)}


def test_that_a_gradient_that_is_off_by_one_percent_is_found_where_it_is(nearly_tanh: str) -> None:
    found = check(network(nearly_tanh))
    assert found["convolution-1/weight"].max_relative_error > 1e-3
    assert found["convolution-1/bias"].max_relative_error > 1e-3
    assert found["fully_connected-1/weight"].max_relative_error < 1e-7
    assert GradientReport("cpu", tuple(found.values())).max_relative_error > 1e-3


def test_that_smooth_networks_pass_with_nothing_skipped() -> None:
    found = check(network("tanh", layer("batch_normalisation"), layer("dropout", keep=0.6)))
    assert len(found) == 6
    for result in found.values():
        assert result.skipped == 0
        assert result.max_relative_error < GRADIENT_TOLERANCE
    assert found["convolution-1/weight"].checked == 54


def test_that_the_decay_term_is_part_of_what_is_checked() -> None:
    for decay in (0.0, 5.0):
        assert (
            check(network("tanh"), decay=decay)["convolution-1/weight"].max_relative_error
            < GRADIENT_TOLERANCE
        )


def test_that_a_sample_that_crosses_a_kink_is_skipped_and_counted() -> None:
    graph = network("relu")
    checker = GradientChecker(
        Network.of(graph), CpuDevice(1), np.zeros((2, 5, 5, 2)), np.array([0, 2], np.int32)
    )
    found = {f"{result.node}/{result.parameter}": result for result in checker.check(None)}
    # On black images every unit stands at 0: each bias of the convolution moves it across the kink, no weight does.
    assert (found["convolution-1/bias"].checked, found["convolution-1/bias"].skipped) == (0, 3)
    assert (found["convolution-1/weight"].checked, found["convolution-1/weight"].skipped) == (54, 0)


def test_that_so_many_samples_a_tensor_are_checked() -> None:
    found = check(network("tanh"), samples=10)
    assert [result.checked for result in found.values()] == [10, 3, 10, 3]


def test_that_a_right_gradient_passes_where_the_loss_bends_and_a_wrong_one_does_not() -> None:
    def difference(delta: float) -> float:
        # Of a loss with slope 3e-4 and third derivative 6.
        return 3e-4 + delta**2

    assert abs(difference(1e-4) - 3e-4) / 6e-4 > GRADIENT_TOLERANCE
    error = sample_error(3e-4, difference)
    assert error is not None
    assert error < 1e-9
    wrong = sample_error(3.03e-4, difference)
    assert wrong is not None
    assert wrong > 1e-3
    assert sample_error(1.0, lambda delta: None) is None


@pytest.mark.parametrize(
    ("analytic", "numeric", "error"),
    [(1.0, 1.0, 0.0), (1.0, 3.0, 0.5), (1e-7, 3e-7, 2e-7), (0.0, 0.0, 0.0), (1.0, -1.0, float("inf"))],
)
def test_that_the_error_is_relative_and_absolute_for_tiny_gradients(
    analytic: float, numeric: float, error: float
) -> None:
    assert relative_error(analytic, numeric) == pytest.approx(error, rel=1e-9)


def test_that_the_mnist_network_passes() -> None:
    project = TEMPLATES["mnist-sample"].build()
    data = prepare(load_dataset("mnist-sample"), DataRecipe())
    found = list(check_gradients(project, data, samples=10))
    assert len(found) == 8
    for result in found:
        assert result.checked == 10
        assert result.max_relative_error <= 1e-7
