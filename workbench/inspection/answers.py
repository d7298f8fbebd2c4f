"""What a network answers to a whole part of the data, computed once for all panels that ask. No Qt."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from engine.api import (
    AttributionMethod,
    Observation,
    TrainedNetwork,
    classify_images,
    draw_digit,
    draw_plain,
    grad_cam,
    gradient_times_input,
    mistakes,
    observe,
    occlusion,
)

Part = Literal["test", "validation"]
Stopped = Callable[[], bool]
DIGITS = ("mnist", "mnist-sample")
"""Data sets whose images are centred by their mass."""

_KNOWN: "WeakKeyDictionary[TrainedNetwork, dict[str, npt.NDArray[Any]]]" = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Seen:
    """One image that was looked at: what the network makes of it, and where it comes from."""

    observation: Observation
    names: tuple[str, ...]
    index: int
    """Number of the image in its part, or -1 for a drawing."""
    place: int
    """Its place among `count` images to choose from."""
    count: int
    is_digit: bool = False
    """Whether it is a drawing that was scaled and centred."""


def probabilities_of(network: TrainedNetwork, part: Part, stopped: Stopped) -> npt.NDArray[Any] | None:
    """Class probabilities [n, classes] of a part of the data; None when `stopped` said so meanwhile."""
    known = _KNOWN.setdefault(network, {})
    if part not in known:
        found = classify_images(network, images_of(network, part), stopped)
        if found is None:
            return None
        known[part] = found
    return known[part]


def images_of(network: TrainedNetwork, part: Part) -> npt.NDArray[np.uint8]:
    """Raw images of a part of the data."""
    return network.data.test_images if part == "test" else network.data.validation_images


def labels_of(network: TrainedNetwork, part: Part) -> npt.NDArray[np.int32]:
    """True classes of a part of the data."""
    return network.data.test_labels if part == "test" else network.data.validation_labels


def see_image(network: TrainedNetwork, part: Part, index: int) -> Seen:
    """Look at the image of that number, or the last one of the part."""
    images, labels = images_of(network, part), labels_of(network, part)
    index = min(max(index, 0), len(images) - 1)
    seen = observe(network, images[index], int(labels[index]))
    return Seen(seen, network.data.dataset.class_names, index, index, len(images))


def see_mistake(network: TrainedNetwork, place: int, stopped: Stopped) -> Seen | None:
    """Look at a wrongly answered test image, counted from the most confident mistake; None without any."""
    probabilities = probabilities_of(network, "test", stopped)
    if probabilities is None:
        return None
    wrong = mistakes(probabilities, network.data.test_labels)
    if not len(wrong):
        return None
    place = min(max(place, 0), len(wrong) - 1)
    index = int(wrong[place])
    seen = observe(network, network.data.test_images[index], int(network.data.test_labels[index]))
    return Seen(seen, network.data.dataset.class_names, index, place, len(wrong))


def see_drawing(network: TrainedNetwork, strokes: list[list[tuple[float, float]]]) -> Seen:
    """Look at a drawing; a digit is scaled and centred as MNIST's are, anything else is taken as it was drawn."""
    channels, height, width = network.data.dataset.image_shape
    is_digit = network.data.recipe.dataset in DIGITS and channels == 1 and height == width
    image = (
        draw_digit(strokes, height)[:, :, None] if is_digit else draw_plain(strokes, height, width, channels)
    )
    seen = observe(network, image)
    return Seen(seen, network.data.dataset.class_names, index=-1, place=0, count=0, is_digit=is_digit)


def explained(
    network: TrainedNetwork,
    image: npt.NDArray[np.uint8],
    target: int,
    method: AttributionMethod,
    stopped: Stopped,
) -> npt.NDArray[np.float64] | None:
    """The map of a method for a raw image and a class; None when `stopped` said so, or without one."""
    if method == "gradient":
        return gradient_times_input(network, image, target)
    if method == "grad_cam":
        return grad_cam(network, image, target)
    return occlusion(network, image, target, stopped=stopped)
