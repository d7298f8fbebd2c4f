"""Forks: a new run that goes on from a checkpoint of another, with other settings or a partly other design."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from engine.data.augmentation import validated_alike
from engine.design.graph import Graph
from engine.design.inference import infer
from engine.errors import TrainingError
from engine.layers.layer import settings_values
from engine.project import Project
from engine.training.best_epoch import best_epoch
from engine.training.events import SettingChanged
from engine.training.run import Checkpoint, Run
from engine.training.samples import Samples
from engine.training.steering import project_at


@dataclass(frozen=True)
class Fork:
    """A run that is ready to be trained, and what it took over: tensors by `node name: tensor`."""

    run: Run
    kept: tuple[str, ...]
    """Trained values that it goes on with."""
    anew: tuple[str, ...]
    """Trained values of its design that have no fitting ones in the checkpoint: they begin anew."""

    def told(self) -> str:
        """What was kept and what begins anew, in a sentence."""
        if not self.anew:
            return "All weights are kept."
        if not self.kept:
            return "No weights fit the design: all begin anew."
        return f"{len(self.kept)} of {len(self.kept) + len(self.anew)} tensors are kept; anew: {_listed(self.anew)}."


def _listed(names: Sequence[str], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def fork(run: Run, step: int | None = None, project: Project | None = None) -> Fork:
    """A new run that leaves `run` at its checkpoint after `step` updates, or at the last.

    Without a `project` it has the settings that held then, and repeats what was changed later: it equals the run that
    it left. With one, it has its design, data and settings; changes of settings that it does not have are not repeated.
    Raises TrainingError in words when there is no such checkpoint.
    """
    checkpoint = run.checkpoint if step is None else run.at(step)
    if checkpoint is None:
        raise TrainingError(_no_checkpoint(run, step))
    held = project_at(run.project, run.changes, checkpoint.step)
    project = held if project is None else project
    tensors = _fitting(checkpoint, project, same_optimizer=_same_optimizer(held, project))
    kept, anew = _told_tensors(project.graph, tensors)
    same_design, same_data = project.graph == held.graph, project.data == held.data
    # Epochs of another network, or on other images, are nothing that this run's could be better than.
    comparable = same_design and validated_alike(project.data, held.data)
    child = replace(
        run,
        id=uuid.uuid4().hex[:12],
        project=project,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        parent=run.id,
        fork_step=checkpoint.step,
        preparation=run.preparation if same_data else {},
        status="paused",
        message="",
        history={name: values[: checkpoint.step] for name, values in run.history.items()},
        snapshots=tuple(s for s in run.snapshots if s.step <= checkpoint.step and same_design and same_data),
        evaluations=tuple(e for e in run.evaluations if e.step <= checkpoint.step and same_data),
        epochs=tuple(e for e in run.epochs if e.step <= checkpoint.step and comparable),
        samples=run.samples if same_design else Samples(),
        changes=_repeated(run, checkpoint.step, held, project),
        checkpoint=Checkpoint(checkpoint.step, tensors),
        checkpoints=_best_before(run, checkpoint.step, project) if comparable else (),
        result_step=-1,
        name="",
        notes="",
    )
    return Fork(child, kept, anew)


def _no_checkpoint(run: Run, step: int | None) -> str:
    steps = [f"{kept.step:,}" for kept in (*run.checkpoints, *((run.checkpoint,) if run.checkpoint else ()))]
    if not steps:
        return "The run has no checkpoint to go on from: train it first."
    return f"The run has no checkpoint after step {step:,}; there are those after {_listed(steps, 30)}."


def _same_optimizer(before: Project, after: Project) -> bool:
    """Whether the optimiser's memory means the same in both."""

    def memory(project: Project) -> tuple[str, bool]:
        settings = project.training
        return ("sgd" if settings.optimizer == "sgd" else "adam", settings.momentum > 0)

    return memory(before) == memory(after)


def _fitting(checkpoint: Checkpoint, project: Project, *, same_optimizer: bool) -> dict[str, np.ndarray]:
    """The tensors of the checkpoint that the design declares, with the same shape at the same node."""
    shapes = {
        f"{node}/{name}": tuple(int(size) for size in spec.shape)
        for node, shape in infer(project.graph).shapes.items()
        for declared in (shape.parameters, shape.states)
        for name, spec in declared.items()
    }
    found = {}
    for key, tensor in checkpoint.tensors.items():
        kind, _, owner = key.partition("/")
        if kind == "optimizer":
            owner = owner.partition("/")[2]
        fits = shapes.get(owner) == tensor.shape and (same_optimizer or kind != "optimizer")
        if fits and (project.training.averaging > 0 or not kind.startswith("average")):
            found[key] = tensor
    return found


def _told_tensors(graph: Graph, tensors: Mapping[str, np.ndarray]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    kept: list[str] = []
    anew: list[str] = []
    for node, shape in infer(graph).shapes.items():
        for name in shape.parameters:
            told = kept if f"parameter/{node}/{name}" in tensors else anew
            told.append(f"{graph.nodes[node].name}: {name}")
    return tuple(kept), tuple(anew)


def _repeated(run: Run, step: int, held: Project, project: Project) -> tuple[SettingChanged, ...]:
    """The later changes of settings that the fork has as the run had them."""

    def value(of: Project, change: SettingChanged) -> object:
        if not change.node:
            return getattr(of.training, change.name)
        node = of.graph.nodes.get(change.node)
        return None if node is None else settings_values(node.layer).get(change.name)

    later = [change for change in run.changes if change.step > step]
    same_lengths = held.training.batch_size == project.training.batch_size and held.data == project.data
    return tuple(
        change
        for change in later
        if value(held, change) == value(project, change) and (same_lengths or change.name != "batch_size")
    )


def _best_before(run: Run, step: int, project: Project) -> tuple[Checkpoint, ...]:
    """The best epoch's checkpoint, where it lies before the fork: it may remain the best."""
    best = best_epoch([epoch for epoch in run.epochs if epoch.step < step], project.training.best_by)
    kept = None if best is None else run.at(best.step)
    return () if kept is None else (kept,)
