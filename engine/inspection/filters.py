"""Orders and spectra of filters, and the parts of images that excite one most."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.design.graph import Graph, Node
from engine.design.inference import infer
from engine.design.receptive_field import ReceptiveField, receptive_fields
from engine.inspection.trained import TrainedNetwork
from engine.program.initialisation import initial_parameter

Floats = npt.NDArray[np.float64]
Order = npt.NDArray[np.int64]

SPECTRUM = 32
"""Side of a spectrum, to which filters are filled up with zeros."""


def filter_norms(filters: npt.ArrayLike) -> Floats:
    """√Σ w² of each filter, for filters [K, C, h, w]."""
    values = np.asarray(filters, np.float64)
    return np.asarray(np.sqrt((values**2).sum(axis=(1, 2, 3))))


def filter_changes(filters: npt.ArrayLike, before: npt.ArrayLike) -> Floats:
    """‖w − w₀‖ / ‖w₀‖ of each filter against what it was; the plain distance where it was zero."""
    start = filter_norms(before)
    moved = filter_norms(np.asarray(filters, np.float64) - np.asarray(before, np.float64))
    return np.asarray(moved / np.where(start > 0, start, 1.0))


def order_by(values: npt.ArrayLike) -> Order:
    """Numbers of the filters, the one with the greatest value first; ties in their order, NaN last."""
    numbers = np.nan_to_num(np.asarray(values, np.float64), nan=-np.inf)
    return np.argsort(-numbers, kind="stable").astype(np.int64)


def similarity_order(filters: npt.ArrayLike) -> Order:
    """Numbers of the filters so that alike ones stand side by side.

    A chain: it begins with the filter of the greatest norm, and each step goes to the filter not yet taken whose
    cosine similarity (each filter's mean taken away) to the last one is greatest; ties go to the lower number.
    """
    values = np.nan_to_num(np.asarray(filters, np.float64)).reshape(len(np.asarray(filters)), -1)
    values = values - values.mean(axis=1, keepdims=True)
    sizes = np.sqrt((values**2).sum(axis=1))
    likeness = (values @ values.T) / np.maximum(np.outer(sizes, sizes), np.finfo(float).tiny)
    left = np.ones(len(values), bool)
    order: list[int] = []
    while left.any():
        wanted = likeness[order[-1]] if order else sizes
        order.append(int(np.where(left, wanted, -np.inf).argmax()))
        left[order[-1]] = False
    return np.array(order, np.int64)


def filter_spectrum(weights: npt.ArrayLike, size: int = SPECTRUM) -> Floats:
    """Magnitudes of the two-dimensional Fourier transform of a filter [C, h, w], [size, size].

    The filter is filled up with zeros; the channels' powers are added. Frequency zero stands at [size/2, size/2],
    columns are horizontal frequencies from −½ to ½ a pixel, rows vertical ones.
    """
    values = np.nan_to_num(np.asarray(weights, np.float64))
    transformed = np.fft.fft2(values, s=(size, size), axes=(1, 2))
    return np.asarray(np.fft.fftshift(np.sqrt((np.abs(transformed) ** 2).sum(axis=0))))


def filter_nodes(graph: Graph) -> tuple[Node, ...]:
    """The nodes of a design that learn filters [K, C, h, w], in order; muted ones are left out."""
    shapes = infer(graph).shapes
    found = (graph.nodes[node_id] for node_id in graph.order if node_id in shapes)
    return tuple(
        node
        for node in found
        if not node.muted
        and "weight" in shapes[node.id].parameters
        and len(shapes[node.id].parameters["weight"].shape) == 4
    )


def initial_filters(trained: TrainedNetwork, node: str) -> Floats:
    """The filters [K, C, h, w] with which a training of the network from its beginning starts."""
    return initial_parameter(trained.network, f"{node}/weight", trained.project.training.seed)


@dataclass(frozen=True, eq=False)
class Patch:
    """The part of an image that a channel sees where it answers most strongly."""

    image: int
    """Number of the image."""
    value: float
    """The channel's answer there."""
    row: int
    column: int
    """Where the part begins in the image; negative in the padding."""
    pixels: npt.NDArray[np.uint8]
    """[h, w, C]; black beyond the image."""


def exciting_patches(
    trained: TrainedNetwork,
    node: str,
    channel: int,
    images: npt.NDArray[np.uint8],
    count: int = 12,
    stopped: Callable[[], bool] = lambda: False,
) -> tuple[Patch, ...] | None:
    """The parts of raw images [n, H, W, C] to which a channel of a node answers most, one an image, strongest first.

    Each is as large as what one value of the node depends on. None when `stopped` said so.
    """
    best: list[tuple[float, int, int, int]] = []
    for look in trained.looks(images):
        if stopped():
            return None
        answers = np.asarray(look.outputs[node][..., channel], np.float64)
        flat = np.nan_to_num(answers.reshape(len(answers), -1), nan=-np.inf)
        places = flat.argmax(axis=1)
        for number, place in enumerate(places.tolist()):
            row, column = divmod(place, answers.shape[2])
            best.append((float(flat[number, place]), look.first + number, row, column))
        best = sorted(best, key=lambda found: (-found[0], found[1]))[:count]
    field = _field(trained, node)
    return tuple(
        Patch(image, value, top, left, _cut(images[image], field.size, top, left))
        for value, image, row, column in best
        for top, left in [
            (field.offset[0] + row * field.stride[0], field.offset[1] + column * field.stride[1])
        ]
    )


def _field(trained: TrainedNetwork, node: str) -> ReceptiveField:
    graph = trained.project.graph
    return receptive_fields(graph, infer(graph))[node]


def _cut(image: npt.NDArray[Any], size: tuple[int, int], top: int, left: int) -> npt.NDArray[np.uint8]:
    part = np.zeros((*size, image.shape[2]), np.uint8)
    rows = slice(max(top, 0), max(min(top + size[0], image.shape[0]), 0))
    columns = slice(max(left, 0), max(min(left + size[1], image.shape[1]), 0))
    inside = image[rows, columns]
    y, x = rows.start - top, columns.start - left
    part[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    return part
