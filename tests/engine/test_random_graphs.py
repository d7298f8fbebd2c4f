"""Whatever valid network is drawn: it infers, compiles, learns, and compiled equals eager."""

import numpy as np
from hypothesis import given

from engine.design.graph import Graph
from engine.design.inference import infer
from engine.program.cost import multiply_adds
from engine.tensor.numpy_ops import CpuDevice
from engine.tensor.step_ops import History
from tests.engine.random_graphs import graphs
from tests.engine.small_networks import (
    batch_of,
    compile_network,
    data_for,
    eager_step,
    gradients_of,
    parameters_of,
    still,
)


@given(graphs())
def test_that_a_random_network_computes_the_shapes_it_declares(graph: Graph) -> None:
    inference = infer(graph)
    data = data_for(graph)
    compiled = compile_network(graph, data)
    outputs = eager_step(compiled, *batch_of(compiled, data, 0)).outputs
    for node_id, output in outputs.items():
        declared = inference.shapes[node_id].output
        assert output.shape == (4, int(declared.height), int(declared.width), int(declared.channels))


@given(graphs())
def test_that_a_random_network_takes_training_steps(graph: Graph) -> None:
    compiled = compile_network(graph, data_for(graph), device=CpuDevice(2), precision="float32")
    before = parameters_of(compiled)
    for _ in range(3):
        compiled.step()
        compiled.validate()
    assert np.isfinite(compiled.history(1, 3)).all()
    assert compiled.is_healthy()
    after = parameters_of(compiled)
    assert any((after[key] != before[key]).any() for key in before)
    for _, tensor in sorted(compiled.tensors().items()):
        assert np.isfinite(tensor).all()


@given(graphs())
def test_that_the_compiled_random_network_equals_the_eager_one(graph: Graph) -> None:
    data = data_for(graph)
    compiled = compile_network(graph, data)
    still(compiled)
    expected = eager_step(compiled, *batch_of(compiled, data, 0))
    compiled.step()
    np.testing.assert_allclose(compiled.history(1, 1)[0, History.TRAIN_LOSS], expected.loss, rtol=1e-14)
    found = gradients_of(compiled)
    assert set(found) == set(expected.gradients)
    for key, gradient in expected.gradients.items():
        # Fused kernels may add up in another order.
        scale = max(1.0, float(np.abs(gradient).max()))
        np.testing.assert_allclose(found[key], gradient, rtol=1e-12, atol=1e-13 * scale, err_msg=key)
    for key, state in expected.states.items():
        np.testing.assert_array_equal(compiled.store.states[key], state, err_msg=key)


@given(graphs())
def test_that_the_declared_cost_of_a_random_network_is_the_counted_one(graph: Graph) -> None:
    compiled = compile_network(graph, data_for(graph))
    counted = {"forward": 0, "backward": 0, "step": 0}
    for (_, phase), count in compiled._training.program.multiply_adds().items():
        counted[phase] += count
    forward, backward = multiply_adds(compiled.network)
    assert (counted["forward"], counted["backward"]) == (4 * forward, 4 * backward)
