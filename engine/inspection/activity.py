"""How often the units of a network fire: what is dead, what is saturated, and what is in use."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.design.graph import Node
from engine.inspection.trained import Look, TrainedNetwork
from engine.program.network import Network

END_SHARE = 0.01
"""Within this part of its range a bounded activation is at its end; a unit that varies by less is dead."""
SATURATED_SHARE = 0.95
"""A unit that is at an end so often is saturated."""


@dataclass(frozen=True, eq=False)
class NodeActivity:
    """Activity of the units of one activation: of a map's channels, or of a vector's features.

    A unit fires where its output is above 0, or above the middle of its range (sigmoid: ½). It is dead when its output
    never changes over all images and places: a ReLU that never fires. It is saturated when its output lies within
    1 % of an end of its range for at least 95 % of images and places (sigmoid and tanh alone have such ends).
    """

    node: str
    name: str
    is_map: bool
    fires: npt.NDArray[np.float64]
    """Share of images and places where each unit fires, [units]."""
    fires_in: npt.NDArray[np.float64]
    """Share of images in which each unit fires at one place at least, [units]."""
    dead: npt.NDArray[np.bool_]
    saturated: npt.NDArray[np.bool_]
    """Saturated and not dead."""

    @property
    def in_use(self) -> int:
        """Units that are neither dead nor saturated."""
        return int(np.count_nonzero(~(self.dead | self.saturated)))


@dataclass(frozen=True, eq=False)
class Activity:
    """Activity of every activation of a network over a set of images."""

    images: int
    nodes: tuple[NodeActivity, ...]

    @property
    def units(self) -> int:
        """Units of all nodes."""
        return sum(len(node.fires) for node in self.nodes)

    @property
    def dead(self) -> int:
        """Dead units of all nodes."""
        return sum(int(node.dead.sum()) for node in self.nodes)

    @property
    def saturated(self) -> int:
        """Saturated units of all nodes."""
        return sum(int(node.saturated.sum()) for node in self.nodes)

    @property
    def share_in_use(self) -> float:
        """Units that are neither dead nor saturated, as a share of all, 0 to 1; 1 for a network without any."""
        return sum(node.in_use for node in self.nodes) / self.units if self.units else 1.0


class UnitCounts:
    """Counts over all images seen so far, of the units of one activation."""

    def __init__(self, node: Node, is_map: bool) -> None:
        self._node, self._is_map = node, is_map
        self._bounds = node.layer.bounds
        self._images = self._values = 0
        self._fired: Any = 0
        self._fired_in: Any = 0
        self._at_end: Any = 0
        self._low: Any = None
        self._high: Any = None

    def add(self, output: Any) -> None:
        """Count an output [n, H, W, C], of NumPy or of a device."""
        flat = output.reshape(len(output), -1, output.shape[-1])
        low, high = self._bounds or (0.0, 0.0)
        fires = flat > (low + high) / 2
        self._images += len(flat)
        self._values += flat.shape[0] * flat.shape[1]
        per_image = fires.sum(axis=1, dtype=np.int32)
        self._fired = self._fired + per_image.sum(axis=0)
        self._fired_in = self._fired_in + (per_image > 0).sum(axis=0)
        if self._bounds:
            end = END_SHARE * (high - low)
            self._at_end = self._at_end + ((flat <= low + end) | (flat >= high - end)).sum(axis=(0, 1))
        least, most = flat.min(axis=(0, 1)), flat.max(axis=(0, 1))
        self._low = least if self._low is None else np.minimum(self._low, least)
        self._high = most if self._high is None else np.maximum(self._high, most)

    def result(self, to_host: Callable[[Any], npt.NDArray[Any]] = np.asarray) -> NodeActivity:
        """Shares of what was counted."""
        low, high = self._bounds or (0.0, 0.0)
        # A network that diverged gives infinities and NaN: such a unit says nothing either.
        with np.errstate(invalid="ignore"):
            dead = ~(to_host(self._high) - to_host(self._low) > END_SHARE * (high - low))
        at_end = to_host(self._at_end) if self._bounds else np.zeros(dead.shape)
        return NodeActivity(
            node=self._node.id,
            name=self._node.name,
            is_map=self._is_map,
            fires=to_host(self._fired) / self._values,
            fires_in=to_host(self._fired_in) / self._images,
            dead=dead,
            saturated=(at_end >= SATURATED_SHARE * self._values) & ~dead,
        )


def counts_of(network: Network) -> dict[str, UnitCounts]:
    """Empty counts for every activation of a network, by node id."""
    return {
        node.id: UnitCounts(node, network.shapes[node.id].output.is_map)
        for node in network.nodes
        if node.layer.is_activation and not node.muted
    }


def measure_activity(
    trained: TrainedNetwork, images: npt.NDArray[np.uint8], stopped: Callable[[], bool] = lambda: False
) -> Activity | None:
    """Activity of every activation over raw images, uint8 [n, H, W, C] with n ≥ 1; None when `stopped` said so."""
    counts = counts_of(trained.network)
    for look in trained.looks(images):
        if stopped():
            return None
        _count(counts, look)
    return Activity(len(images), tuple(count.result() for count in counts.values()))


def _count(counts: dict[str, UnitCounts], look: Look) -> None:
    for node_id, count in counts.items():
        count.add(look.outputs[node_id])


def dead_since(measured: Sequence[tuple[int, Activity]]) -> dict[str, npt.NDArray[np.int64]]:
    """For each node and unit the step since which it has been dead in every measurement; −1 for living units.

    `measured` holds (step, activity) of one network in the order of the steps.
    """
    if not measured:
        return {}
    since = {node.node: np.full(len(node.dead), -1, np.int64) for node in measured[-1][1].nodes}
    for step, activity in measured:
        for node in activity.nodes:
            known = since[node.node]
            known[node.dead & (known < 0)] = step
            known[~node.dead] = -1
    return since
