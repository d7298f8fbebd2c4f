"""The parameters that a training begins with: normal numbers, drawn on all processors and the same on any number."""

import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from engine.program.network import Network
from engine.tensor import native
from engine.tensor.numpy_ops import core_count
from engine.tensor.ops import Array
from engine.tensor.spec import ParameterSpec

Fill = Callable[[np.ndarray], None]
"""Puts a stream's next numbers into float64 values."""

CHUNK = 1 << 20
"""Values that one stream of random numbers gives at most, unless one output has more weights."""
_AT_ONCE = 1 << 15
"""Values drawn before they are scaled and put in their place: few enough for the cache."""
_WORTH = 1 << 23
"""Values from which on a compiled loop saves more than its first compilation takes."""


def initial_parameters(network: Network, seed: int) -> dict[str, np.ndarray]:
    """Canonical float64 tensors by `node/name` (thesis eq. 2.49, A.57), a function of seed, name and shape alone."""
    found = {key: np.empty(_sizes(spec)) for key, spec in network.parameters.items()}
    _fill(network, seed, found)
    return found


def initial_parameter(network: Network, key: str, seed: int) -> np.ndarray:
    """One of them."""
    found = np.empty(_sizes(network.parameters[key]))
    _fill(network, seed, {key: found})
    return found


def draw_parameters(network: Network, seed: int, stored: Mapping[str, Array], *, threads: int = 0) -> None:
    """Put the same into host arrays by `node/name`, of any type and in stored layout; 0 threads take all processors."""
    in_order = {key: _canonical_order(network.parameters[key], array) for key, array in stored.items()}
    _fill(network, seed, in_order, threads)


def _sizes(spec: ParameterSpec) -> tuple[int, ...]:
    return tuple(int(size) for size in spec.shape)


def _canonical_order(spec: ParameterSpec, stored: Array) -> Array:
    """A view as [K, C, h, w] of what is stored as [K, h, w, C]."""
    return stored if spec.places is None else stored.transpose(0, 3, 1, 2)


def _fill(network: Network, seed: int, targets: Mapping[str, Array], threads: int = 0) -> None:
    """Write parameters into arrays in canonical order."""
    before_activation = network.before_activation()
    tasks: list[Callable[[], None]] = []
    drawn = sum(spec.count for key in targets if (spec := network.parameters[key]).init == "he")
    stream_of = _compiled_stream if drawn >= _WORTH and _is_compiled() else _stream
    for key, target in targets.items():
        spec = network.parameters[key]
        if spec.init == "he":
            gain = 1.0 if key.rsplit("/", 1)[0] in before_activation else 2.0
            scale = float(np.sqrt(gain / spec.fan_in))
            tasks += _tasks(partial(stream_of, (seed, zlib.crc32(key.encode()))), scale, target)
        else:
            target[...] = 1.0 if spec.init == "one" else 0.0
    threads = threads or core_count()
    if threads == 1 or drawn <= _AT_ONCE:
        for task in tasks:
            task()
        return
    with ThreadPoolExecutor(min(threads, len(tasks)), "gabor-draw") as pool:
        for future in [pool.submit(task) for task in tasks]:
            future.result()


def _is_compiled() -> bool:
    return native.is_available and native.draws_normals()


def _compiled_stream(key: tuple[int, int], number: int) -> Fill:
    return native.NormalStream(key, number).fill


def _stream(key: tuple[int, int], number: int) -> Fill:
    generator = np.random.Generator(np.random.Philox(key=np.array(key, np.uint64)).jumped(number))

    def fill(values: np.ndarray) -> None:
        generator.standard_normal(out=values)

    return fill


def _tasks(stream: Callable[[int], Fill], scale: float, target: Array) -> Iterator[Callable[[], None]]:
    """One for each chunk of whole outputs. Every chunk has a stream of its own, so that none waits for another."""
    outputs = len(target)
    rows = max(1, CHUNK // max(target[:1].size, 1))
    for number, first in enumerate(range(0, outputs, rows)):
        yield _task(stream(number), scale, target[first : first + rows])


def _task(fill: Fill, scale: float, target: Array) -> Callable[[], None]:
    def draw() -> None:
        size = target[:1].size
        rows = max(1, _AT_ONCE // max(size, 1))
        values = np.empty(min(rows, len(target)) * size)
        for first in range(0, len(target), rows):
            part = target[first : first + rows]
            own = values[: part.size]
            fill(own)
            own *= scale
            part[...] = own.reshape(part.shape)

    return draw
