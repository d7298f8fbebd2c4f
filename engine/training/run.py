"""A run: what training made of a project, in host memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from engine.project import Project
from engine.training.events import (
    EpochDone,
    Evaluated,
    Event,
    RunEnded,
    RunStarted,
    Sampled,
    SettingChanged,
    Snapshot,
    StepsDone,
)
from engine.training.growing import GrowingArray
from engine.training.samples import GrowingSamples, Samples
from engine.training.snapshots import MEGABYTE, snapshot_bytes, thinned
from engine.training.steering import project_at
from engine.training.timeline import Stretch, Timeline

HISTORY_COLUMNS = (
    "train_loss", "train_total", "validation_loss", "validation_total", "train_accuracy", "validation_accuracy",
    "learning_rate",
)  # fmt: skip
"""What the history keeps of every step; the fields of `StepsDone`."""


@dataclass(frozen=True)
class Checkpoint:
    """Everything that training needs to go on after `step` updates as if it had never stopped.

    Tensors are in canonical layout, float32 or float64: `parameter/<node>/<name>`, `state/<node>/<name>` and
    `optimizer/<slot>/<node>/<name>`; `average/<node>/<name>` and `average_state/<node>/<name>` where the settings ask
    for averages. Random numbers are functions of the seed and the step, so they need no state.
    """

    step: int
    tensors: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Run:
    """One training of a project: its settings and design as they were, and all that came of it."""

    id: str
    project: Project
    """The project that was trained; later edits do not change it."""
    created: str
    """ISO 8601 time of the start, UTC."""
    device: str = ""
    threads: int = 0
    steps_per_epoch: int = 0
    """Of the last epochs, where a batch size was changed in mid-training; `timeline` knows all of them."""
    class_names: tuple[str, ...] = ()
    implementations: Mapping[str, str] = field(default_factory=dict)
    parent: str = ""
    """Id of the run that this one forked from, or ""."""
    status: str = "running"
    """"running", "paused", "finished", "stopped" or "failed"."""
    message: str = ""
    seconds: float = 0.0
    preparation: Mapping[str, np.ndarray] = field(default_factory=dict)
    """What was fitted on the training images (see `PreparedData.preparation`); {} in files of older versions."""
    history: Mapping[str, np.ndarray] = field(default_factory=dict)
    """float64 [steps] for each of HISTORY_COLUMNS."""
    samples: Samples = field(default_factory=Samples)
    """Norms of each layer's weights, gradients and updates, a few times a second."""
    snapshots: tuple[Snapshot, ...] = ()
    evaluations: tuple[Evaluated, ...] = ()
    epochs: tuple[EpochDone, ...] = ()
    changes: tuple[SettingChanged, ...] = ()
    """What was changed while training, by step; `project` has the settings as they were at the start.

    After a resume from an earlier checkpoint the later ones are still to come: they are repeated.
    """
    stretches: tuple[Stretch, ...] = ()
    """Where epochs of another length begin; () when all have the same."""
    checkpoint: Checkpoint | None = None
    """Of the last step, to go on from."""
    checkpoints: tuple[Checkpoint, ...] = ()
    """Earlier ones that were kept, by step."""
    fork_step: int = 0
    """Step at which this run left its parent."""
    result_step: int = -1
    """Step of the kept checkpoint whose weights are the run's result; -1 for the last one."""
    name: str = ""
    """As the user calls it, or ""."""
    notes: str = ""

    @property
    def step(self) -> int:
        """Parameter updates whose history is kept."""
        return len(self.history["train_loss"]) if self.history else 0

    @property
    def result(self) -> Checkpoint | None:
        """The checkpoint whose weights are what the run came to: the last, or that of its best epoch."""
        return self.at(self.result_step) if self.result_step >= 0 else self.checkpoint

    def at(self, step: int) -> Checkpoint | None:
        """The checkpoint after `step` updates, if there is one."""
        last = () if self.checkpoint is None else (self.checkpoint,)
        return next((kept for kept in (*last, *self.checkpoints) if kept.step == step), None)

    @property
    def result_project(self) -> Project:
        """The project with the settings, such as a dropout's keep probability, that the result was trained with."""
        return (
            self.project if self.result is None else project_at(self.project, self.changes, self.result.step)
        )

    @property
    def timeline(self) -> Timeline:
        """Where the epochs begin and end."""
        same = (Stretch(0, 0, self.steps_per_epoch),) if self.steps_per_epoch else ()
        return Timeline(self.stretches or same)

    def test_accuracy(self) -> float | None:
        """Accuracy of the last look at the test set, 0 to 1."""
        found = [event.accuracy for event in self.evaluations if event.part == "test"]
        return found[-1] if found else None


def epochs_of_history(run: Run) -> tuple[EpochDone, ...]:
    """The epochs of a run that does not tell them: means of its history, without a look at the whole validation set."""
    found = []
    ends = run.timeline.epoch_ends(run.step)
    for number, (first, end) in enumerate(zip((0, *ends), ends, strict=False), start=1):
        means = {
            name: _mean(run.history[name][first:end])
            for name in ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy")
        }
        found.append(EpochDone(run.id, end, number, **means, whole_loss=np.nan, whole_accuracy=np.nan))
    return tuple(found)


def _mean(values: np.ndarray) -> float:
    measured = values[~np.isnan(values)]
    return float(measured.mean()) if measured.size else float("nan")


def within_limit(runs: Sequence[Run], limit: int) -> tuple[Run, ...]:
    """Runs whose snapshots together take at most `limit` bytes: each keeps the same share of its own."""
    sizes = [sum(map(snapshot_bytes, run.snapshots)) for run in runs]
    total = sum(sizes)
    if total <= limit:
        return tuple(runs)
    return tuple(
        replace(run, snapshots=thinned(run.snapshots, limit * size // total))
        for run, size in zip(runs, sizes, strict=True)
    )


class RunRecorder:
    """Collects the events of a running training into a `Run`; begins empty, or where an earlier run stopped."""

    def __init__(self, run: Run) -> None:
        start = run.checkpoint.step if run.checkpoint else 0
        # Steps after the checkpoint are trained again, so what was recorded of them is dropped.
        self._run = replace(
            run,
            status="running",
            message="",
            snapshots=tuple(event for event in run.snapshots if event.step <= start),
            evaluations=tuple(event for event in run.evaluations if event.step <= start),
            epochs=tuple(event for event in run.epochs if event.step <= start),
            checkpoints=tuple(kept for kept in run.checkpoints if kept.step <= start),
            result_step=-1,
        )
        self._history = {name: GrowingArray() for name in HISTORY_COLUMNS}
        for name in self._history.keys() & run.history.keys():
            self._history[name].append(run.history[name][:start])
        self._samples = GrowingSamples(run.samples.until(start))
        self._seconds_before = run.seconds

    def receive(self, event: Event) -> None:
        """Take in one event."""
        if isinstance(event, RunStarted):
            self._follow_length(event.step, event.steps_per_epoch)
            self._run = replace(
                self._run,
                device=event.device,
                class_names=event.class_names,
                implementations=event.implementations,
            )
        elif isinstance(event, StepsDone):
            for name, column in self._history.items():
                column.append(getattr(event, name))
            self._run = replace(self._run, seconds=self._seconds_before + event.seconds)
        elif isinstance(event, Sampled):
            self._samples.append(event, self._seconds_before)
        elif isinstance(event, Snapshot):
            limit = self._run.project.training.snapshot_megabytes * MEGABYTE
            # A run that goes on may tell once more of the moment where it stopped.
            before = (shot for shot in self._run.snapshots if shot.step < event.step)
            self._run = replace(self._run, snapshots=thinned((*before, event), limit))
        elif isinstance(event, Evaluated):
            self._run = replace(self._run, evaluations=(*self._run.evaluations, event))
        elif isinstance(event, EpochDone):
            self._run = replace(self._run, epochs=(*self._run.epochs, event))
        elif isinstance(event, SettingChanged):
            self._follow_length(event.step, event.steps_per_epoch)
            self._run = replace(self._run, changes=_with_change(self._run.changes, event))
        elif isinstance(event, RunEnded):
            self._run = replace(
                self._run, status=event.reason, message=event.message, result_step=event.result
            )

    def _follow_length(self, step: int, steps_per_epoch: int) -> None:
        stretches = self._run.timeline.with_length(step, steps_per_epoch).stretches
        self._run = replace(self._run, stretches=stretches, steps_per_epoch=steps_per_epoch)

    @property
    def epochs(self) -> tuple[EpochDone, ...]:
        """The epochs that were told so far."""
        return self._run.epochs

    def history(self) -> dict[str, np.ndarray]:
        """What was told of every step so far, as a run has it; read-only."""
        return {name: column.values for name, column in self._history.items()}

    def run(self, checkpoint: Checkpoint | None = None, kept: Sequence[Checkpoint] | None = None) -> Run:
        """The run so far, with this checkpoint and these earlier ones when they are given."""
        last = checkpoint or self._run.checkpoint
        earlier = self._run.checkpoints if kept is None else kept
        others = tuple(one for one in earlier if last is None or one.step != last.step)
        return replace(
            self._run,
            history=self.history(),
            samples=self._samples.all(),
            checkpoint=last,
            checkpoints=others,
        )


def _with_change(changes: tuple[SettingChanged, ...], event: SettingChanged) -> tuple[SettingChanged, ...]:
    """A change that was still to come has come; another one takes the place of all later ones of its setting."""
    repeated = any(
        (c.step, c.node, c.name, c.new) == (event.step, event.node, event.name, event.new) for c in changes
    )
    if repeated:
        return changes
    kept = [c for c in changes if c.step <= event.step or (c.node, c.name) != (event.node, event.name)]
    return tuple(sorted((*kept, event), key=lambda change: change.step))
