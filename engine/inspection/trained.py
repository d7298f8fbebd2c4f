"""A trained network to look into: what every node answers to given images."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.data.preparation import PreparedData
from engine.design.findings import DataShape
from engine.errors import TrainingError
from engine.program.eager import EagerBindings
from engine.program.network import Network, NetworkPass
from engine.project import Project
from engine.tensor.device import EagerOps
from engine.tensor.devices import open_device
from engine.tensor.ops import Array

_KEPT_BYTES = 64 << 20
"""Memory for the outputs of one batch."""


@dataclass(frozen=True)
class Look:
    """What the network made of consecutive images, the first of which has the number `first`."""

    first: int
    outputs: Mapping[str, Array]
    """Node id -> its output [n, H, W, C], on the device."""
    probabilities: npt.NDArray[Any]
    """[n, classes], on the host."""

    def maps(self, node_id: str, image: int = 0) -> npt.NDArray[Any]:
        """One image's output of a node as [C, H, W]."""
        return np.ascontiguousarray(np.asarray(self.outputs[node_id][image]).transpose(2, 0, 1))


class TrainedNetwork:
    """The network of a project with the tensors of a checkpoint, computing layer by layer, as in prediction.

    `tensors` are named as in `Checkpoint.tensors`. DesignError or TrainingError say in words why it cannot be.
    Where training kept averages of the weights, they are what is looked at. With one thread nothing is held back for
    the whole process, so it may work beside a training.
    """

    def __init__(
        self,
        project: Project,
        tensors: Mapping[str, np.ndarray],
        data: PreparedData,
        *,
        threads: int = 1,
    ) -> None:
        """`threads` of the CPU: one leaves the others to a training beside it, 0 takes all."""
        channels, height, width = data.image_shape
        shape = DataShape((channels, height, width), data.dataset.classes)
        self.project = project
        self.network = Network.of(project.graph, shape)
        self.data = data
        self._device = open_device("cpu", threads=threads)
        self._mirrors = project.training.test_averaging == "mirror"
        parameters = _part(tensors, "average") or _part(tensors, "parameter")
        missing = [key for key in self.network.parameters if key not in parameters]
        if missing:
            node = self.network.parameters and missing[0].rsplit("/", 1)[0]
            raise TrainingError(
                f"The run holds no trained values of {node}: train the network, then look again."
            )
        self._dtype = next((value.dtype for value in parameters.values()), np.dtype(np.float32))
        states = _part(tensors, "average_state") or _part(tensors, "state")
        self._bindings = EagerBindings(self.network, self._device, parameters, states)

    def look(self, images: npt.NDArray[np.uint8], *, first: int = 0) -> Look:
        """Every node's output for raw images, uint8 [n, H, W, C]; all of them at once."""
        run = self.passed(self.prepared(images))
        answers = self._device.to_host(run.outputs[self.network.classifier.id])
        return Look(first, run.outputs, answers.reshape(len(images), -1))

    def answer(self, images: npt.NDArray[np.uint8]) -> Iterator[npt.NDArray[Any]]:
        """Class probabilities [n, classes] of runs of raw images, by the rules by which the run was tested."""
        for look in self.looks(images):
            if self._mirrors:
                part = images[look.first : look.first + len(look.probabilities)]
                yield (look.probabilities + self.look(part[:, :, ::-1]).probabilities) / 2
            else:
                yield look.probabilities

    def passed(self, prepared: npt.NDArray[Any], scores: npt.NDArray[Any] | None = None) -> NetworkPass:
        """A forward pass over prepared images [n, H, W, C]; with `scores` [n, classes] also back to the images.

        `scores` is the gradient by the classes' scores, before the softmax, that is handed back.
        """
        labels = np.zeros(len(prepared), np.int32)
        run = NetworkPass(
            self.network, EagerOps(self._device), self._bindings, labels, training=False,
            to_images=scores is not None,
        )  # fmt: skip
        with np.errstate(all="ignore"):
            run.forward(self._device.to_device(prepared))
            if scores is not None:
                run.backward(self._device.to_device(scores.astype(prepared.dtype)[:, None, None]))
        return run

    def prepared(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """Raw images as the network takes them, in the type that it computes in."""
        return self.data.apply(images, self._dtype)

    def looks(self, images: npt.NDArray[np.uint8]) -> Iterator[Look]:
        """`look` over many images, in batches whose outputs fit into little memory."""
        values = sum(int(shape.output.features) for shape in self.network.shapes.values())
        batch = int(min(max(_KEPT_BYTES // (values * self._dtype.itemsize), 1), 256))
        for first in range(0, len(images), batch):
            yield self.look(images[first : first + batch], first=first)


def classify_images(
    trained: TrainedNetwork, images: npt.NDArray[np.uint8], stopped: Callable[[], bool] = lambda: False
) -> npt.NDArray[Any] | None:
    """Class probabilities [n, classes] of raw images; None when `stopped` said so in between."""
    answers = []
    for answer in trained.answer(images):
        if stopped():
            return None
        answers.append(answer)
    return np.concatenate(answers)


def _part(tensors: Mapping[str, np.ndarray], kind: str) -> dict[str, np.ndarray]:
    return {key.partition("/")[2]: value for key, value in tensors.items() if key.startswith(f"{kind}/")}
