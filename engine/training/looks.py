"""Longer looks at a network in training: all of a part of the data classified, and what is drawn of the network."""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.data.preparation import PreparedData
from engine.inspection.confusion import confusion_matrix
from engine.inspection.snapshot_look import SnapshotLook, look_at
from engine.layers.convolution import Convolution
from engine.program.compiled import Classified, CompiledNetwork
from engine.training.events import EpochDone, Evaluated, Evaluating, Event, Snapshot

PUBLISH_SECONDS = 0.05
"""Work between two events: pause and stop bite within it."""


@dataclass
class Look:
    """What a look at one part of the data has found so far; `is_whole` once it has seen all that was asked for."""

    part: str
    loss: float
    """Sum over the examples (NLL)."""
    confusion: np.ndarray
    answers: list[Classified] = field(default_factory=list)
    is_whole: bool = False

    def take(self, answer: Classified, labels: np.ndarray) -> None:
        """Count answers to further images of a part that has these labels."""
        own = labels[answer.first : answer.first + len(answer.predictions)]
        self.answers.append(answer)
        self.confusion += confusion_matrix(answer.predictions, own, len(self.confusion))
        self.loss += float(answer.losses.sum(dtype=np.float64))

    @property
    def count(self) -> int:
        """Images classified so far."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Share of right answers, 0 to 1."""
        return float(np.trace(self.confusion)) / max(1, self.count)

    @property
    def mean_loss(self) -> float:
        """Mean NLL of an example."""
        return self.loss / max(1, self.count)

    def told(self, run: str, step: int) -> Evaluated:
        """The look as an event."""
        return Evaluated(run, step, self.part, self.mean_loss, self.accuracy, self.confusion)

    def ends_epoch(self, run: str, step: int, epoch: int, history: Mapping[str, np.ndarray]) -> EpochDone:
        """The epoch that ends with this look at the validation set; `history` is that of its steps."""
        means = {
            name: float(history[name].mean())
            for name in ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy")
        }
        return EpochDone(run, step, epoch, **means, whole_loss=self.mean_loss, whole_accuracy=self.accuracy)


def look(
    compiled: CompiledNetwork,
    data: PreparedData,
    part: str,
    run: str,
    step: int,
    stops: Callable[[], bool],
    most: int | None = None,
) -> Generator[Event, None, Look]:
    """Classify a part of the data, or its first `most` images, until that is done or `stops` says True.

    Tells how far it is.
    """
    labels: np.ndarray = getattr(data, f"{part}_labels")[:most]
    classes = data.dataset.classes
    found = Look(part, 0.0, np.zeros((classes, classes), np.int64))
    told = time.perf_counter()
    for answer in compiled.classify(part, most):
        done = answer.first + len(answer.predictions)
        found.take(answer, labels)
        if time.perf_counter() - told >= PUBLISH_SECONDS:
            told = time.perf_counter()
            yield Evaluating(run, step, part, done, len(labels))
        if stops():
            return found
    found.is_whole = True
    return found


def snapshot(
    compiled: CompiledNetwork,
    data: PreparedData,
    run: str,
    step: int,
    images: int = 0,
    seen: Look | None = None,
) -> Snapshot:
    """The filters as they are now; with `images`, also how units fire for so many validation images, and their places.

    The answers are those of `seen`, or to the images that are looked at where these are more.
    """
    filters, node = _filters(compiled), _first_convolution(compiled)
    if not images:
        return Snapshot(run, step, filters, node, None)
    looked = look_at(compiled.store, data, compiled.batch, images)
    if seen is None or seen.count < images:
        seen = _answered(looked, data)
    return Snapshot(
        run,
        step,
        filters,
        node,
        seen.confusion,
        answers=_predictions(seen.answers, len(seen.confusion)),
        confidence=_confidence(seen.answers),
        fires=looked.fires,
        fires_in=looked.fires_in,
        unit_states=looked.unit_states,
        points=looked.points,
    )


def _answered(looked: SnapshotLook, data: PreparedData) -> Look:
    """The answers to images that were looked at layer by layer."""
    classes, probabilities = data.dataset.classes, looked.probabilities
    found = Look("validation", np.nan, np.zeros((classes, classes), np.int64))
    unknown = np.full(len(probabilities), np.nan)
    found.take(Classified(0, unknown, probabilities.argmax(axis=1), probabilities), data.validation_labels)
    return found


def _filters(compiled: CompiledNetwork) -> np.ndarray | None:
    store, node = compiled.store, _first_convolution(compiled)
    return store.tensor(store.predicting, f"{node}/weight").astype(np.float32) if node else None


def _first_convolution(compiled: CompiledNetwork) -> str:
    nodes = compiled.network.nodes
    return next((n.id for n in nodes if isinstance(n.layer, Convolution) and not n.muted), "")


def _predictions(answers: Sequence[Classified], classes: int) -> np.ndarray:
    return np.concatenate([a.predictions for a in answers]).astype(np.min_scalar_type(classes - 1))


def _confidence(answers: Sequence[Classified]) -> np.ndarray:
    highest = np.concatenate([answer.probabilities.max(axis=1) for answer in answers])
    return np.asarray(np.rint(255 * np.nan_to_num(highest)), np.uint8)
