"""One image as a trained network sees it: every node's feature maps and the class probabilities."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.inspection.trained import TrainedNetwork


@dataclass(frozen=True, eq=False)
class NodeMaps:
    """The output of one node for one image, [C, H, W]."""

    node: str
    name: str
    values: npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Observation:
    """What a network makes of one image."""

    image: npt.NDArray[np.uint8]
    """[H, W, C], as it was before preparation."""
    label: int | None
    """The true class, where it is known."""
    probabilities: npt.NDArray[Any]
    """[classes]."""
    nodes: tuple[NodeMaps, ...]
    """Every node that computes something, in order; the input and the classifier are left out."""


def observe(trained: TrainedNetwork, image: npt.NDArray[np.uint8], label: int | None = None) -> Observation:
    """Look at one raw image, uint8 [H, W, C]."""
    look = trained.look(image[None])
    network = trained.network
    shown = [n for n in network.nodes if network.sources[n.id] and not n.layer.terminal and not n.muted]
    nodes = tuple(NodeMaps(node.id, node.name, look.maps(node.id)) for node in shown)
    return Observation(image, label, look.probabilities[0], nodes)
