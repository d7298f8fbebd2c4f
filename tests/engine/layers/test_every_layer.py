"""What holds for every registered layer type, whatever it computes."""

import json

import numpy as np
import pytest

from engine.layers import REGISTRY, Layer, make_layer, settings_of, settings_values
from engine.tensor.numpy_ops import CpuDevice
from engine.tensor.spec import TensorSpec
from engine.tensor.step_ops import History
from tests.engine.layers.layer_cases import CASES, cases
from tests.engine.layers.layer_run import LayerRun, numeric_gradient, worst_relative_error
from tests.engine.small_networks import (
    around,
    batch_of,
    compile_network,
    data_for,
    eager_step,
    gradients_of,
    still,
)

every_layer = pytest.mark.parametrize(("layer", "specs"), cases())


def test_that_every_registered_layer_type_is_covered() -> None:
    covered = {type(case.values[0]).type_name for case in cases()}
    assert covered == set(REGISTRY)
    assert set(CASES) <= set(REGISTRY)


@every_layer
def test_that_the_declared_shape_is_the_computed_one(layer: Layer, specs: tuple[TensorSpec, ...]) -> None:
    given = specs if layer.most_inputs != 0 else ()
    declared = layer.output(*given)
    for training in (True, False):
        y, _ = LayerRun(layer, specs, batch=3, training=training).forward()
        assert y.shape == (3, int(declared.height), int(declared.width), int(declared.channels))
        assert y.dtype == np.float64


@every_layer
def test_that_gradients_match_central_differences(layer: Layer, specs: tuple[TensorSpec, ...]) -> None:
    run = LayerRun(layer, specs)
    _, by_inputs = run.backward()
    assert set(run.gradients) == set(run.parameters)
    for name, gradient in run.gradients.items():
        error = worst_relative_error(gradient, numeric_gradient(run, run.parameters[name]))
        assert error <= 1e-6, f"{name}: {error}"
    assert len(by_inputs) == len(run.inputs)
    for x, gradient in zip(run.inputs, by_inputs, strict=True):
        if layer.most_inputs == 0:
            assert gradient is None
            continue
        assert gradient.shape == x.shape
        error = worst_relative_error(gradient, numeric_gradient(run, x))
        assert error <= 1e-6, f"input: {error}"


@every_layer
def test_that_settings_survive_a_round_trip_through_json(layer: Layer, specs: tuple[TensorSpec, ...]) -> None:
    stored = json.loads(json.dumps(settings_values(layer)))
    assert make_layer(layer.type_name, stored) == layer
    assert set(stored) == {declared.name for declared in settings_of(type(layer))}


def network_shapes(specs: tuple[TensorSpec, ...]) -> list[tuple[int, int, int]]:
    return [(int(spec.channels), int(spec.height), int(spec.width)) for spec in specs]


@every_layer
def test_that_the_declared_cost_is_the_counted_one(layer: Layer, specs: tuple[TensorSpec, ...]) -> None:
    graph, node_id = around(layer, network_shapes(specs))
    compiled = compile_network(graph, data_for(graph))
    counted = compiled._training.program.multiply_adds()
    cost = layer.cost(*(specs if layer.most_inputs != 0 else ()))
    assert counted.get((node_id, "forward"), 0) == compiled.batch * cost.forward
    assert counted.get((node_id, "backward"), 0) == compiled.batch * cost.backward


@every_layer
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_that_compiled_equals_eager_bit_for_bit(
    layer: Layer, specs: tuple[TensorSpec, ...], dtype: str
) -> None:
    graph, _ = around(layer, network_shapes(specs))
    data = data_for(graph)
    compiled = compile_network(graph, data, device=CpuDevice(2), precision=dtype)
    still(compiled)
    for step in range(2):
        expected = eager_step(compiled, *batch_of(compiled, data, step), step=step + 1)
        compiled.step()
        assert compiled.history(step + 1, step + 1)[0, History.TRAIN_LOSS] == expected.loss
        found = gradients_of(compiled)
        assert set(found) == set(expected.gradients)
        for key, gradient in expected.gradients.items():
            np.testing.assert_array_equal(found[key], gradient, err_msg=key)
        for key, state in expected.states.items():
            np.testing.assert_array_equal(compiled.store.states[key], state, err_msg=key)


def outcome(layer: Layer, specs: tuple[TensorSpec, ...], **how: object) -> list[np.ndarray]:
    """Output, gradients by inputs and parameters, and states of one run, over five examples."""
    run = LayerRun(layer, specs, batch=5, **how)  # type: ignore[arg-type]
    y, by_inputs = run.backward()
    found = [y, *by_inputs, *run.gradients.values(), *run.states.values()]
    return [array for array in found if array is not None]


@every_layer
def test_that_the_number_of_threads_hardly_matters(layer: Layer, specs: tuple[TensorSpec, ...]) -> None:
    one = outcome(layer, specs, device=CpuDevice(1))
    for threads in (2, 3):
        for a, b in zip(one, outcome(layer, specs, device=CpuDevice(threads)), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


@every_layer
def test_that_single_precision_stays_close_to_double(layer: Layer, specs: tuple[TensorSpec, ...]) -> None:
    for a, b in zip(outcome(layer, specs, dtype="float32"), outcome(layer, specs), strict=True):
        assert a.dtype == np.float32
        assert b.dtype == np.float64
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5 * max(1.0, float(np.abs(b).max())))
