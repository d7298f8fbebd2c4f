"""What a snapshot tells of a network in training: how its units fire, and where it puts images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from engine.data.preparation import PreparedData
from engine.inspection.activity import Activity, NodeActivity, counts_of
from engine.inspection.principal_components import principal_components
from engine.program.network import Network, NetworkPass
from engine.program.store import NetworkStore
from engine.project import Project
from engine.tensor.device import EagerOps
from engine.tensor.numpy_ops import ONE_THREAD_OF_BLAS
from engine.tensor.ops import Array

IN_USE, DEAD, SATURATED = range(3)


@dataclass(frozen=True, eq=False)
class SnapshotLook:
    """Arrays for the fields of `Snapshot` with the same names."""

    fires: npt.NDArray[np.float32]
    fires_in: npt.NDArray[np.float32]
    unit_states: npt.NDArray[np.uint8]
    points: npt.NDArray[np.float32]
    probabilities: npt.NDArray[Any]
    """Of each class for each image, [images, classes]."""


class Looked(Protocol):
    """What is read of a `Snapshot`, which belongs to the room beside this one."""

    @property
    def fires(self) -> npt.NDArray[Any] | None:
        """See `Snapshot`, as for the others."""

    @property
    def fires_in(self) -> npt.NDArray[Any] | None:
        """Likewise."""

    @property
    def unit_states(self) -> npt.NDArray[Any] | None:
        """Likewise."""

    @property
    def points(self) -> npt.NDArray[Any] | None:
        """Likewise."""


class _StoreBindings:
    """The parameters of a network in training by which it predicts, where they lie."""

    def __init__(self, store: NetworkStore) -> None:
        self._store, self._states = store, store.predicting_states
        self.clock: Array = store.clock

    def parameter(self, key: str) -> Array:
        return self._store.view(self._store.predicting, key)

    def state(self, key: str) -> Array:
        return self._states[key]

    def live(self, key: str) -> Array:
        return self._store.live[key]

    def gradient(self, key: str, value: Array) -> None:
        raise AssertionError("to look is not to learn")


def look_at(store: NetworkStore, data: PreparedData, batch: int, count: int) -> SnapshotLook:
    """Look at the first `count` validation images, layer by layer, with the network as it is on its device.

    They go through it in parts of about `batch`, at most half as many more: one part costs least.
    """
    network, device = store.network, store.device
    images = data.validation_images[:count]
    counts, hidden = counts_of(network), last_hidden(network)
    features, probabilities = [], []
    # The device's threads share the work: those of the matrix library would only be in their way.
    with np.errstate(all="ignore"), ONE_THREAD_OF_BLAS:
        for part_of in np.array_split(images, max(1, round(len(images) / batch))):
            part = data.apply(part_of, store.dtype)
            labels = device.to_device(np.zeros(len(part), np.int32))
            run = NetworkPass(network, EagerOps(device), _StoreBindings(store), labels, training=False)
            run.forward(device.to_device(part))
            for node, units in counts.items():
                units.add(run.outputs[node])
            features.append(device.to_host(run.outputs[hidden]).reshape(len(part), -1))
            answers = device.to_host(run.outputs[network.classifier.id])
            probabilities.append(answers.reshape(len(part), -1))
        activity = [units.result(device.to_host) for units in counts.values()]
    points, _ = principal_components(np.concatenate(features))
    return SnapshotLook(
        fires=_joined([node.fires for node in activity], np.float32),
        fires_in=_joined([node.fires_in for node in activity], np.float32),
        unit_states=_joined([np.where(n.dead, DEAD, SATURATED * n.saturated) for n in activity], np.uint8),
        points=points.astype(np.float32),
        probabilities=np.concatenate(probabilities),
    )


def _joined(parts: list[Any], dtype: type[np.generic]) -> npt.NDArray[Any]:
    return np.concatenate([np.zeros(0), *parts]).astype(dtype)


def last_hidden(network: Network) -> str:
    """Id of the node whose output the last layer with parameters takes: what the network tells classes apart by."""
    node = network.classifier.id
    while not network.shapes[node].parameters and network.sources[node]:
        node = network.sources[node][0]
    return network.sources[node][0] if network.sources[node] else node


def activities_of(project: Project, snapshots: Sequence[Looked]) -> list[Activity | None]:
    """The activity that each snapshot of a project's training tells of; None where it tells of none."""
    network = Network.of(project.graph)
    return [_activity_of(network, snapshot) for snapshot in snapshots]


def _activity_of(network: Network, snapshot: Looked) -> Activity | None:
    fires, fires_in, states = snapshot.fires, snapshot.fires_in, snapshot.unit_states
    if fires is None or fires_in is None or states is None:
        return None
    nodes, first = [], 0
    for node_id in counts_of(network):
        node = next(node for node in network.nodes if node.id == node_id)
        output = network.shapes[node_id].output
        part = slice(first, first := first + int(output.channels))
        nodes.append(
            NodeActivity(
                node_id, node.name, output.is_map, fires[part].astype(np.float64),
                fires_in[part].astype(np.float64), states[part] == DEAD, states[part] == SATURATED,
            )
        )  # fmt: skip
    if first != len(fires):
        return None
    return Activity(0 if snapshot.points is None else len(snapshot.points), tuple(nodes))
