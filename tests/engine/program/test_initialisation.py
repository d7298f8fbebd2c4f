"""First parameters: normal numbers of the right spread, the same however many threads draw them."""

import zlib

import numpy as np
import pytest
from scipy import stats

from engine.design.inference import DataShape
from engine.program import initialisation
from engine.program.initialisation import (
    _compiled_stream,
    draw_parameters,
    initial_parameter,
    initial_parameters,
)
from engine.program.network import Network
from engine.program.store import NetworkStore, to_stored
from engine.templates import TEMPLATES
from engine.tensor import native
from engine.tensor.numpy_ops import CpuDevice
from tests.engine.small_networks import chain, layer

KEY = "fully_connected-1/weight"


@pytest.fixture
def network(monkeypatch):
    """A network whose largest tensor is drawn in several chunks, the last of them smaller."""
    monkeypatch.setattr(initialisation, "CHUNK", 50_000)
    graph = chain(
        layer("input", shape=(2, 10, 10)),
        layer("convolution", filters=8, size=3),
        layer("relu"),
        layer("fully_connected", outputs=401),
        layer("softmax_classifier"),
    )
    return Network.of(graph)


def streams(network, key, seed, count):
    """What the chunks of a tensor are cut from, by NumPy alone."""
    first = np.random.Philox(key=[seed, zlib.crc32(key.encode())])
    return [np.random.Generator(first.jumped(number)) for number in range(count)]


def test_that_a_tensor_of_one_chunk_is_what_earlier_versions_drew():
    graph = chain(
        layer("input", shape=(3, 12, 12)),
        layer("convolution", filters=60, size=5),
        layer("fully_connected", outputs=3),
        layer("softmax_classifier"),
    )
    network = Network.of(graph)
    key = "convolution-1/weight"
    spec = network.parameters[key]
    plain = np.random.Generator(np.random.Philox(key=[7, zlib.crc32(key.encode())])).standard_normal(
        spec.shape
    )
    np.testing.assert_array_equal(initial_parameters(network, 7)[key], plain * np.sqrt(1 / 75))


def test_that_every_chunk_is_cut_from_a_stream_of_its_own(network):
    spec = network.parameters[KEY]
    rows = 50_000 // (spec.count // 401)
    drawn = initial_parameters(network, 5)[KEY]
    for number, generator in enumerate(streams(network, KEY, 5, -(-401 // rows))):
        own = drawn[number * rows : (number + 1) * rows]
        np.testing.assert_array_equal(own, generator.standard_normal(own.shape) * np.sqrt(2 / spec.fan_in))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_that_the_number_of_threads_does_not_matter_and_what_is_stored_is_the_same_rounded(network, dtype):
    canonical = initial_parameters(network, 5)
    for threads in (1, 2, 5):
        stored = {k: np.full(s.stored_shape, np.nan, dtype) for k, s in network.parameters.items()}
        draw_parameters(network, 5, stored, threads=threads)
        for key, spec in network.parameters.items():
            wanted = to_stored(spec, canonical[key]).astype(dtype).reshape(spec.stored_shape)
            np.testing.assert_array_equal(stored[key], wanted)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_that_compiled_streams_draw_the_same(network, dtype, monkeypatch):
    stored = [
        {key: np.full(spec.stored_shape, np.nan, dtype) for key, spec in network.parameters.items()}
        for _ in range(2)
    ]
    draw_parameters(network, 5, stored[0])
    used = []
    monkeypatch.setattr(initialisation, "_WORTH", 0)
    monkeypatch.setattr(
        initialisation, "_compiled_stream", lambda *which: used.append(which) or _compiled_stream(*which)
    )
    draw_parameters(network, 5, stored[1])
    assert bool(used) == native.is_available
    for key in network.parameters:
        np.testing.assert_array_equal(stored[1][key], stored[0][key])


def test_that_numpy_draws_where_compiled_streams_would_draw_other_numbers(network, monkeypatch):
    wanted = initial_parameters(network, 5)[KEY]
    monkeypatch.setattr(initialisation, "_WORTH", 0)
    monkeypatch.setattr(initialisation.native, "draws_normals", lambda: False, raising=False)
    monkeypatch.delattr(initialisation.native, "NormalStream", raising=False)
    np.testing.assert_array_equal(initial_parameters(network, 5)[KEY], wanted)


def test_that_a_store_begins_with_them(network):
    for threads in (1, 2):
        store = NetworkStore(network, CpuDevice(threads), "float32", 2)
        store.draw(5)
        for key, tensor in initial_parameters(network, 5).items():
            np.testing.assert_array_equal(store.tensor(store.parameters, key), tensor.astype(np.float32))


def test_that_one_tensor_is_drawn_as_among_all(network):
    np.testing.assert_array_equal(initial_parameter(network, KEY, 5), initial_parameters(network, 5)[KEY])


def test_that_numbers_are_normal_and_chunks_have_nothing_to_do_with_each_other(network):
    spec = network.parameters[KEY]
    drawn = initial_parameters(network, 5)[KEY] / np.sqrt(2 / spec.fan_in)
    assert stats.kstest(drawn.reshape(-1), "norm").pvalue > 1e-3
    rows = 50_000 // (spec.count // 401)
    chunks = [drawn[first : first + rows].reshape(-1) for first in range(0, 401, rows)]
    assert len(chunks) > 4
    for number, chunk in enumerate(chunks):
        assert abs(chunk.mean()) < 5 / np.sqrt(len(chunk))
        assert abs(chunk.std() - 1) < 5 / np.sqrt(2 * len(chunk))
        for other in chunks[:number]:
            shared = min(len(chunk), len(other))
            assert abs(np.corrcoef(chunk[:shared], other[:shared])[0, 1]) < 5 / np.sqrt(shared)


def test_that_seeds_and_names_give_other_numbers(network):
    one, other = initial_parameters(network, 5), initial_parameters(network, 6)
    assert (one[KEY] != other[KEY]).all()
    assert not np.isin(one["convolution-1/weight"], one[KEY]).any()


def test_that_the_largest_network_of_the_thesis_keeps_its_filters_of_earlier_versions():
    project = TEMPLATES["cifar10-model-c"].build()
    network = Network.of(project.graph, DataShape((3, 32, 32), 10))
    filters = [spec for key, spec in network.parameters.items() if len(spec.shape) == 4]
    assert max(spec.count for spec in filters) <= initialisation.CHUNK
