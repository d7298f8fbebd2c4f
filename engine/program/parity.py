"""The same network computed in two ways, node by node: how far the results lie apart, and how long each takes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from engine.data.preparation import PreparedData
from engine.design.findings import DataShape
from engine.errors import DeviceError
from engine.program.eager import EagerBindings
from engine.program.initialisation import initial_parameters
from engine.program.network import Network, NetworkPass
from engine.program.store import to_canonical
from engine.project import Project
from engine.tensor.device import Device, EagerOps
from engine.tensor.devices import open_device
from engine.tensor.ops import Array

PRECISIONS = ("float32", "tf32", "float64")
_TOLERANCES = {"float64": 1e-9, "float32": 1e-4, "tf32": 2e-2}
_REPEATS = 3


@dataclass(frozen=True, slots=True)
class Way:
    """A device and a precision: `cpu/float32`, `cuda:0/tf32`."""

    device: str
    precision: str = "float32"

    def __str__(self) -> str:
        """As users write it."""
        return f"{self.device}/{self.precision}"

    @classmethod
    def of(cls, text: str) -> "Way":
        """`cpu`, `cpu/float64`, `cuda:0/tf32`; without a precision it is float32. DeviceError for anything else."""
        device, _, precision = text.partition("/")
        if (precision or "float32") not in PRECISIONS:
            raise DeviceError(
                f"There is no precision '{precision}' to compare: choose {', '.join(PRECISIONS)}."
            )
        return cls(device, precision or "float32")


@dataclass(frozen=True, slots=True)
class NodeParity:
    """One node in both ways. A difference is the largest of any value, as a share of the largest value there is."""

    node: str
    output: float
    """Difference of the outputs."""
    gradient: float | None
    """Largest difference of any parameter's gradient, as a share of the largest gradient of the node's parameters.

    So a gradient that is nothing but rounding, as that of a bias before a batch normalisation, is told as such. None
    without parameters.
    """
    seconds: tuple[float, float]
    """Of forward and backward, first way and second; the fastest of a few passes."""

    @property
    def largest(self) -> float:
        """The larger of both differences."""
        return max(self.output, self.gradient or 0.0)


def tolerance(first: Way, second: Way) -> float:
    """A larger difference than that is more than rounding; of the coarser of two precisions."""
    return max(_TOLERANCES[way.precision] for way in (first, second))


def compare_ways(
    project: Project,
    data: PreparedData,
    first: Way,
    second: Way,
    *,
    batch_size: int = 32,
    parameters: Mapping[str, np.ndarray] | None = None,
) -> Iterator[NodeParity]:
    """Run one training pass in both ways on the same batch and parameters, and compare every node that computes.

    `parameters` are canonical by `node/name`; left out, they are drawn from the project's seed. Layers run one by one,
    unfused. Raises DesignError or DeviceError in words.
    """
    channels, height, width = data.dataset.image_shape
    network = Network.of(project.graph, DataShape((channels, height, width), data.dataset.classes))
    start = initial_parameters(network, project.training.seed) if parameters is None else parameters
    passes = [_Pass(network, way, data, start, batch_size) for way in (first, second)]
    for one in passes:
        one.run()
    for node in network.nodes:
        if node.muted or not network.sources[node.id]:
            continue
        a, b = (one.outputs[node.id] for one in passes)
        keys = [key for key in network.parameters if key.rpartition("/")[0] == node.id]
        gradients = (
            [np.concatenate([one.gradients[key].ravel() for key in keys]) for one in passes] if keys else []
        )
        yield NodeParity(
            node.id,
            _difference(a, b),
            _difference(*gradients) if gradients else None,
            (passes[0].seconds[node.id], passes[1].seconds[node.id]),
        )


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    """max |a − b| / max |b|, in float64; infinite where one has a number and the other has none."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    if not (np.isfinite(a) == np.isfinite(b)).all():
        return float("inf")
    gap = np.abs(np.where(np.isfinite(a), a - b, 0.0)).max(initial=0.0)
    scale = np.abs(np.where(np.isfinite(b), b, 0.0)).max(initial=0.0)
    return float(gap / scale) if scale else float(gap)


class _Pass:
    """One way's results on the host, and its times."""

    def __init__(
        self, network: Network, way: Way, data: PreparedData, parameters: Mapping[str, np.ndarray], batch: int
    ) -> None:
        self._network = network
        self._device: Device = open_device(way.device, precision=way.precision)
        dtype = np.float64 if way.precision == "float64" else np.float32
        self._parameters = {key: np.asarray(value, dtype) for key, value in parameters.items()}
        self._images = self._device.to_device(data.apply(data.train_images[:batch], dtype))
        self._labels = self._device.to_device(data.train_labels[:batch].astype(np.int32))
        self.outputs: dict[str, np.ndarray] = {}
        self.gradients: dict[str, np.ndarray] = {}
        self.seconds: dict[str, float] = {}

    def run(self) -> None:
        """A few passes, of which the last gives the results and the fastest the times."""
        for _ in range(_REPEATS):
            bindings = EagerBindings(self._network, self._device, self._parameters)
            timed = self._timed(bindings)
            for node, seconds in timed.items():
                self.seconds[node] = min(seconds, self.seconds.get(node, float("inf")))
        specs = self._network.parameters
        self.gradients = {
            key: to_canonical(specs[key], self._device.to_host(value))
            for key, value in bindings.gradients.items()
        }

    def _timed(self, bindings: EagerBindings) -> dict[str, float]:
        marks: list[tuple[str, object]] = []
        run = NetworkPass(
            self._network,
            EagerOps(self._device),
            bindings,
            self._labels,
            training=True,
            visit=lambda node, _: marks.append((node, self._device.mark())),
        )
        with np.errstate(all="ignore"):
            run.forward(self._images)
            marks.append(("", self._device.mark()))
            run.backward()
        marks.append(("", self._device.mark()))
        self._device.synchronize()
        seconds = {node.id: 0.0 for node in self._network.nodes}
        for (node, begun), (_, ended) in pairwise(marks):
            if node:
                seconds[node] += self._device.seconds_between(begun, ended)
        self.outputs = {node: self._host(value) for node, value in run.outputs.items()}
        return seconds

    def _host(self, value: Array) -> np.ndarray:
        return self._device.to_host(value)
