"""What a training run reports: frozen, picklable facts with host numbers, tagged with run and step."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in run `run` after `step` parameter updates."""

    run: str
    step: int


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """Training begins, or goes on from a checkpoint when step > 0."""

    device: str
    steps_per_epoch: int
    total_steps: int
    batch_size: int
    class_names: tuple[str, ...]
    implementations: dict[str, str]
    """Operation (`node: operation`) -> what computes it."""
    epochs_done: int = 0
    """Whole epochs that are done."""
    epoch_step: int = 0
    """Step at which the epoch in hand began."""


@dataclass(frozen=True, slots=True)
class StepsDone(Event):
    """Losses and accuracies of a block of steps, ending with `step`; float64 [n], NaN where not measured."""

    first_step: int
    """Number of the block's first update, counting from 1."""
    train_loss: np.ndarray
    """Negative log likelihood on the training batch, before the update."""
    train_total: np.ndarray
    """NLL plus the decay term λ/2 Σ w²."""
    validation_loss: np.ndarray
    validation_total: np.ndarray
    train_accuracy: np.ndarray
    """Share of right answers, 0 to 1."""
    validation_accuracy: np.ndarray
    examples_per_second: float
    """Training examples a second of training steps alone, the paired validation apart."""
    seconds: float
    """Time of training so far, pauses excluded."""
    learning_rate: np.ndarray
    """Of the update, as the schedule has it."""


@dataclass(frozen=True, slots=True)
class Sampled(Event):
    """What update `step` did to each node that learns; taken a few times a second at most."""

    seconds: float
    """Time of training so far, pauses excluded."""
    nodes: tuple[str, ...]
    """Their names."""
    gradient: np.ndarray
    """Euclidean norm of the gradient of the data's loss by the node's parameters, float64 [nodes]."""
    weight: np.ndarray
    """Norm of the parameters before the update."""
    update: np.ndarray
    """Norm of what the update added, by the norm before it; 0 where that is 0."""


@dataclass(frozen=True, slots=True)
class SettingChanged(Event):
    """A setting got another value while training; the updates after `step` use it."""

    node: str
    """Id of the node whose layer has the setting, or "" for one of `TrainingSettings`."""
    name: str
    old: float
    new: float
    steps_per_epoch: int
    """Of the epochs from here on: a batch size changes it."""


@dataclass(frozen=True, slots=True)
class Notice(Event):
    """Something that does not end the training, in a whole sentence."""

    message: str


@dataclass(frozen=True, slots=True)
class Evaluating(Event):
    """A longer look at the data is under way: `done` of `count` examples of a part are classified."""

    part: str
    done: int
    count: int


@dataclass(frozen=True, slots=True)
class Snapshot(Event):
    """What is drawn of the network as it is now.

    At the end of an epoch, and of a run, it tells of all validation images; in mid-epoch of the first ones, as
    `SnapshotPlan` has it, or of the filters alone. Validation images are in a random order.
    """

    filters: np.ndarray | None
    """First convolution's filters, float32 [K, C, h, w]; None without a convolution."""
    filters_node: str
    confusion: np.ndarray | None
    """Counts M(predicted, true) of `answers`, int64 [classes, classes]; None when nothing was classified."""
    answers: np.ndarray | None = None
    """Answered class of the first n validation images, uint8 [n] (uint16 for more than 256 classes)."""
    confidence: np.ndarray | None = None
    """Probability of that answer in 255ths, uint8 [n]."""
    fires: np.ndarray | None = None
    """`NodeActivity.fires` of all activations one after the other, over the images of `points`, float32 [units]."""
    fires_in: np.ndarray | None = None
    """`NodeActivity.fires_in`, float32 [units]."""
    unit_states: np.ndarray | None = None
    """0: in use, 1: dead, 2: saturated; uint8 [units]."""
    points: np.ndarray | None = None
    """The first m ≤ n validation images on the first principal components of the last hidden layer, float32 [m, 3]."""


@dataclass(frozen=True, slots=True)
class Evaluated(Event):
    """The whole of one part of the data, classified."""

    part: str
    """"validation" or "test"."""
    loss: float
    accuracy: float
    confusion: np.ndarray
    """Counts M(predicted, true), int64 [classes, classes]."""


@dataclass(frozen=True, slots=True)
class EpochDone(Event):
    """An epoch ended; losses (NLL) and accuracies are means over its steps, unless they say otherwise."""

    epoch: int
    """Epochs done, counting from 1."""
    train_loss: float
    validation_loss: float
    train_accuracy: float
    validation_accuracy: float
    whole_loss: float
    """On the whole validation set, with the parameters at the end of the epoch."""
    whole_accuracy: float


@dataclass(frozen=True, slots=True)
class RunEnded(Event):
    """The last event of a run. `reason`: "finished", "stopped" or "failed"; `message` is a whole sentence."""

    reason: str
    message: str
    result: int = -1
    """Step of the checkpoint whose weights are the run's result, where it is not the last; else -1."""
