"""Longer looks at a network in training: all of a part of the data classified, and what is drawn of the network."""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.data.preparation import PreparedData
from engine.inspection.confusion import confusion_matrix
from engine.inspection.snapshot_look import look_at
from engine.layers.convolution import Convolution
from engine.program.compiled import Classified, CompiledNetwork
from engine.training.events import EpochDone, Evaluated, Evaluating, Event, Snapshot

PUBLISH_SECONDS = 0.05
"""Work between two events: pause and stop bite within it."""


@dataclass
class Look:
    """What a look at one part of the data has found so far; `is_whole` once it has seen all of it."""

    part: str
    loss: float
    """Sum over the examples (NLL)."""
    confusion: np.ndarray
    answers: list[Classified] = field(default_factory=list)
    is_whole: bool = False

    @property
    def accuracy(self) -> float:
        """Share of right answers, 0 to 1."""
        return float(np.trace(self.confusion)) / max(1, int(self.confusion.sum()))

    @property
    def mean_loss(self) -> float:
        """Mean NLL of an example."""
        return self.loss / max(1, int(self.confusion.sum()))

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
    compiled: CompiledNetwork, data: PreparedData, part: str, run: str, step: int, stops: Callable[[], bool]
) -> Generator[Event, None, Look]:
    """Classify a part of the data, telling how far that is, until all is seen or `stops` says True."""
    labels: np.ndarray = getattr(data, f"{part}_labels")
    classes = data.dataset.classes
    found = Look(part, 0.0, np.zeros((classes, classes), np.int64))
    told = time.perf_counter()
    for answer in compiled.classify(part):
        done = answer.first + len(answer.predictions)
        found.answers.append(answer)
        found.confusion += confusion_matrix(answer.predictions, labels[answer.first : done], classes)
        found.loss += float(answer.losses.sum(dtype=np.float64))
        if time.perf_counter() - told >= PUBLISH_SECONDS:
            told = time.perf_counter()
            yield Evaluating(run, step, part, done, len(labels))
        if stops():
            return found
    found.is_whole = True
    return found


def snapshot(compiled: CompiledNetwork, data: PreparedData, run: str, step: int, seen: Look) -> Snapshot:
    """Filters, answers to the validation images and unit activity as they are now."""
    store, node = compiled.store, _first_convolution(compiled)
    look = look_at(store, data, compiled.batch)
    return Snapshot(
        run,
        step,
        store.tensor(store.predicting, f"{node}/weight").astype(np.float32) if node else None,
        node,
        seen.confusion,
        answers=_predictions(seen.answers, len(seen.confusion)),
        confidence=_confidence(seen.answers),
        fires=look.fires,
        fires_in=look.fires_in,
        unit_states=look.unit_states,
        points=look.points,
    )


def _first_convolution(compiled: CompiledNetwork) -> str:
    nodes = compiled.network.nodes
    return next((n.id for n in nodes if isinstance(n.layer, Convolution) and not n.muted), "")


def _predictions(answers: Sequence[Classified], classes: int) -> np.ndarray:
    return np.concatenate([a.predictions for a in answers]).astype(np.min_scalar_type(classes - 1))


def _confidence(answers: Sequence[Classified]) -> np.ndarray:
    highest = np.concatenate([answer.probabilities.max(axis=1) for answer in answers])
    return np.asarray(np.rint(255 * np.nan_to_num(highest)), np.uint8)
