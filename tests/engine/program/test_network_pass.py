import gc
import weakref
from collections.abc import Iterator

import numpy as np
import pytest

from engine.design.findings import DataShape
from engine.program.eager import EagerBindings
from engine.program.network import Network, NetworkPass
from engine.tensor.device import EagerOps
from engine.tensor.numpy_ops import CpuDevice
from engine.training.trainer import Trainer
from tests.engine.training.small_runs import SHAPE, data, graph, project, trained


@pytest.fixture
def nothing_is_collected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


@pytest.mark.parametrize("training", [True, False])
def test_that_the_arrays_of_a_pass_go_with_it(nothing_is_collected, training):
    network = Network.of(graph(), DataShape(SHAPE, 3))
    random, device = np.random.default_rng(1), CpuDevice(1)
    parameters = {key: random.random(tuple(map(int, s.shape))) for key, s in network.parameters.items()}
    bindings = EagerBindings(network, device, parameters)
    run = NetworkPass(network, EagerOps(device), bindings, np.zeros(4, np.int32), training=training)
    run.forward(random.random((4, *SHAPE[1:], SHAPE[0])))
    if training:
        run.backward()
    assert run.losses.shape == run.predictions.shape == (4,)
    outputs = [weakref.ref(output) for output in run.outputs.values()]
    del run
    assert [output() for output in outputs] == [None] * len(outputs)


def test_that_a_training_leaves_no_arrays_for_the_garbage_collector(nothing_is_collected):
    trainer = Trainer(project(epochs=4, snapshots_per_epoch=3), data())
    gc.collect()
    trained(trainer)
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    held = [found for left in gc.garbage for found in gc.get_referents(left)]
    assert not [found.shape for found in held if isinstance(found, np.ndarray)]
