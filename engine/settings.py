"""How a network is trained: everything that a run repeats when it is run again."""

import math
from typing import Annotated, Literal

import msgspec

Positive = Annotated[int, msgspec.Meta(ge=1)]


class TrainingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a run. Rates are those of `spec`'s learning rules; `check` says in words what is not valid."""

    optimizer: Literal["sgd", "adam", "adam_decoupled"] = "adam_decoupled"
    learning_rate: float = 0.001
    weight_decay: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    momentum: float = 0.9
    nesterov: bool = False
    averaging: float = 0.0
    """Memory of an average of the weights over the steps, by which validation and tests go; 0: the weights themselves.

    0.999 remembers about a thousand steps. Running statistics of batch normalisation are averaged with the weights.
    """
    test_averaging: Literal["single", "mirror"] = "single"
    """What classifies the whole validation and test sets: each image, or the mean of its and its mirror's answers."""
    batch_size: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 100
    epochs: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 10
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**62)] = 1
    device: str = "auto"
    precision: Literal["float32", "tf32", "bfloat16", "float64"] = "tf32"
    """Of a GPU's matrix units; bfloat16 is mixed precision, with float32 parameters. A CPU computes both as float32."""
    deterministic: bool = False
    convolutions: Literal["auto", "cudnn"] = "auto"
    """On a GPU: whatever is fastest, which for a first layer may be an own kernel, or cuDNN throughout."""
    threads: Annotated[int, msgspec.Meta(ge=0, le=1024)] = 0
    """Threads of the CPU; 0: as many as there are cores."""
    validate_every: Positive = 1
    """Steps of which the first is followed by a validation batch; for the others the last one's loss stands."""
    evaluate_every: Positive = 1
    """Epochs between looks at the validation confusion matrix and the test accuracy."""
    snapshots_per_epoch: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 2
    """Times an epoch that a snapshot is taken: filters, answers, unit activity (see `SnapshotPlan`)."""
    snapshot_megabytes: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 50
    """Room for the snapshots of all runs of a project; they are thinned evenly when it is reached."""
    schedule: Literal["constant", "step", "linear", "cosine", "one_cycle", "plateau"] = "constant"
    """How the learning rate changes while training; see `engine.training.schedules`."""
    warm_up: float = 0.0
    """Epochs at the start over which the learning rate rises from nothing; a one-cycle schedule rises by itself."""
    decay_every: Positive = 10
    """Epochs between two drops of a step schedule."""
    decay_factor: float = 0.1
    """What a drop multiplies the learning rate by, of a step schedule or on a plateau."""
    final_rate: float = 0.0
    """Share of the learning rate that is left at the end of a linear, cosine or one-cycle schedule."""
    plateau_patience: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 5
    """Epochs without a lower validation loss that are borne before a drop on a plateau."""
    best_by: Literal["accuracy", "loss"] = "accuracy"
    """What makes an epoch the best: its accuracy or its loss (NLL) on the whole validation set."""
    patience: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    """Epochs without a better one after which training ends early; 0: never."""
    restore_best: bool = False
    """Whether the result of a run that came to its end has the weights of its best epoch, not of its last step."""
    checkpoint_every: Positive = 1
    """Epochs between two checkpoints that are kept beside the best and the last one."""
    checkpoint_megabytes: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 50
    """Room for them; when it is reached, they are thinned evenly. The best and the last one are always kept."""


_RANGES: dict[str, tuple[str, float, float]] = {
    "learning_rate": ("Learning rate", 0.0, 100.0),
    "weight_decay": ("Weight decay", 0.0, 100.0),
    "beta1": ("β₁", 0.0, 0.999999),
    "beta2": ("β₂", 0.0, 0.9999999),
    "epsilon": ("ε", 1e-15, 1.0),
    "averaging": ("Memory of the weights' average", 0.0, 0.999999),
    "momentum": ("Momentum", 0.0, 0.999999),
    "warm_up": ("Warm-up", 0.0, 1e6),
    "decay_factor": ("Drop to", 1e-6, 1.0),
    "final_rate": ("Final share", 0.0, 1.0),
}


def check_settings(settings: TrainingSettings) -> list[str]:
    """Sentences about settings out of range; empty when all are fine."""
    problems = []
    for name, (label, least, most) in _RANGES.items():
        value = getattr(settings, name)
        if not math.isfinite(value) or not least <= value <= most:
            problems.append(f"{label} must lie between {least:g} and {most:g}, not {value:g}.")
    return problems
