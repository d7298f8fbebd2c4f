"""Which parts of an image speak for a class: occlusion, gradient × input and Grad-CAM."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from engine.inspection.trained import TrainedNetwork

Floats = npt.NDArray[np.float64]
Method = Literal["occlusion", "gradient", "grad_cam"]
_BATCH = 64


def gradient_times_input(trained: TrainedNetwork, image: npt.NDArray[np.uint8], target: int) -> Floats:
    """Σ over channels of x · ∂s/∂x, [H, W], for a raw image [H, W, C].

    s is the score of the class `target` before the softmax, x the prepared pixels (Shrikumar et al. 2016). Places
    above 0 raise the score, places below 0 lower it.
    """
    prepared = trained.prepared(image[None])
    run = trained.passed(prepared, _one_score(trained, target))
    first = next(node for node in trained.network.nodes if not trained.network.sources[node.id])
    product = np.asarray(run.errors[first.id], np.float64)[0] * prepared[0]
    return np.asarray(product.sum(axis=2), np.float64)


def grad_cam(
    trained: TrainedNetwork, image: npt.NDArray[np.uint8], target: int, node: str = ""
) -> Floats | None:
    """Class activation map by gradients (Selvaraju et al. 2017), [H, W] of the image.

    ReLU(Σ over channels k of α[k] · A[k]), where A are the maps of `node` (by default of `cam_node`) and α[k] the mean
    over places of ∂s/∂A[k]; spread to the image's size, linearly between the maps' places. None without maps.
    """
    node = node or cam_node(trained)
    if not node:
        return None
    run = trained.passed(trained.prepared(image[None]), _one_score(trained, target))
    maps = np.asarray(run.outputs[node], np.float64)[0]
    weights = np.asarray(run.errors[node], np.float64)[0].mean(axis=(0, 1))
    return _spread(np.maximum(maps @ weights, 0.0), image.shape[0], image.shape[1])


def cam_node(trained: TrainedNetwork) -> str:
    """Id of the last node whose output still has places, where what was found still lies where it is seen; or ""."""
    network = trained.network
    maps = (node.id for node in reversed(network.nodes) if network.shapes[node.id].output.is_map)
    return next((node for node in maps if network.sources[node]), "")


def occlusion(
    trained: TrainedNetwork,
    image: npt.NDArray[np.uint8],
    target: int,
    *,
    patch: int = 0,
    stride: int = 0,
    stopped: Callable[[], bool] = lambda: False,
) -> Floats | None:
    """How much the probability of the class `target` falls where a square covers the image, [H, W].

    A square of `patch` pixels (a quarter of the shorter side by default) of the prepared value 0, the mean of the
    training pixels in most preparations, stands at every `stride` pixels (half of a quarter of it by default); a
    pixel's value is the mean fall over all squares that cover it (Zeiler and Fergus 2014). None when `stopped`.
    """
    height, width, _ = image.shape
    patch = min(patch or max(min(height, width) // 4, 1), height, width)
    stride = stride or max(patch // 4, 1)
    places = [(y, x) for y in _starts(height, patch, stride) for x in _starts(width, patch, stride)]
    prepared = trained.prepared(image[None])
    whole = _probability(trained, prepared, target)[0]
    fall, covered = np.zeros((height, width)), np.zeros((height, width))
    for first in range(0, len(places), _BATCH):
        if stopped():
            return None
        part = places[first : first + _BATCH]
        hidden = np.repeat(prepared, len(part), axis=0)
        for picture, (y, x) in zip(hidden, part, strict=True):
            picture[y : y + patch, x : x + patch] = 0
        for (y, x), left in zip(part, _probability(trained, hidden, target), strict=True):
            fall[y : y + patch, x : x + patch] += whole - left
            covered[y : y + patch, x : x + patch] += 1
    return fall / covered


def _starts(size: int, patch: int, stride: int) -> list[int]:
    """Where squares begin along a side; the last one ends at the border, so that every pixel is covered."""
    return sorted({*range(0, size - patch + 1, stride), size - patch})


def _probability(trained: TrainedNetwork, prepared: npt.NDArray[Any], target: int) -> Floats:
    answers = trained.passed(prepared).outputs[trained.network.classifier.id]
    return np.asarray(answers, np.float64).reshape(len(prepared), -1)[:, target]


def _one_score(trained: TrainedNetwork, target: int) -> Floats:
    scores = np.zeros((1, trained.network.classes))
    scores[0, target] = 1.0
    return scores


def _spread(values: Floats, height: int, width: int) -> Floats:
    """Values [h, w] at another size: linear between the middles of the old places, the border's values beyond."""
    for axis, size in ((0, height), (1, width)):
        old = values.shape[axis]
        at = np.clip((np.arange(size) + 0.5) * old / size - 0.5, 0, old - 1)
        low = np.floor(at).astype(int)
        share = (at - low).reshape((-1, 1) if axis == 0 else (1, -1))
        high = np.minimum(low + 1, old - 1)
        values = values.take(low, axis) * (1 - share) + values.take(high, axis) * share
    return values
