"""In what runs differ: results by epoch, settings, data recipe and design."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.design.graph import Graph
from engine.layers.layer import settings_of
from engine.training import best_epoch as training
from engine.training.run import Run, epochs_of_history


@dataclass(frozen=True)
class BestEpoch:
    """The best epoch by validation, counted from 1, its last step, its loss (NLL) and its accuracy 0 to 1."""

    epoch: int
    step: int
    loss: float
    accuracy: float


def epoch_means(run: Run, column: str) -> npt.NDArray[np.float64]:
    """Mean of a history column over each complete epoch; NaN for an epoch without a measurement."""
    ends = run.timeline.epoch_ends(run.step)
    if not ends:
        return np.zeros(0)
    values = run.history[column][: ends[-1]]
    firsts = np.array([0, *ends[:-1]])
    measured = ~np.isnan(values)
    count = np.add.reduceat(measured.astype(np.int64), firsts)
    total = np.add.reduceat(np.where(measured, values, 0.0), firsts)
    means = np.full(len(ends), np.nan)
    np.divide(total, count, out=means, where=count > 0)
    return means


def best_epoch(run: Run) -> BestEpoch | None:
    """The best epoch of a run by what its settings call the best; None before one is complete."""
    # A fork with another design has none yet, although its history begins with that of the run that it left.
    epochs = run.epochs or (() if run.parent else epochs_of_history(run))
    best = training.best_epoch(epochs, run.project.training.best_by)
    if best is None:
        return None
    return BestEpoch(
        best.epoch, best.step, training.validation_loss(best), training.validation_accuracy(best)
    )


def differing_settings(runs: Sequence[Run]) -> frozenset[str]:
    """Names of the settings of training (`learning_rate`) and data (`data.scaling`) that are not alike in all runs."""
    found = set()
    for prefix, parts in (
        ("", [run.project.training for run in runs]),
        ("data.", [run.project.data for run in runs]),
    ):
        for name in parts[0].__struct_fields__ if parts else ():
            if len({repr(getattr(part, name)) for part in parts}) > 1:
                found.add(prefix + name)
    return frozenset(found)


def setting_changes(before: Run, after: Run) -> tuple[tuple[str, Any, Any], ...]:
    """(name, value before, value after) of every setting of training and data in which two runs differ."""
    changes = []
    for name in sorted(differing_settings((before, after))):
        part, _, field = name.rpartition(".")
        owners = [run.project.data if part else run.project.training for run in (before, after)]
        changes.append((name, getattr(owners[0], field), getattr(owners[1], field)))
    return tuple(changes)


def design_changes(before: Graph, after: Graph) -> tuple[str, ...]:
    """In what a design differs from an earlier one, a few words each: `Convolution 1: filters 32 → 64`."""
    words = [f"without {node.name}" for key, node in before.nodes.items() if key not in after.nodes]
    for key, node in after.nodes.items():
        old = before.nodes.get(key)
        if old is None:
            words.append(f"with {node.name}")
        elif type(old.layer) is not type(node.layer):
            words.append(f"{old.name} became {node.name}")
        else:
            for declared in settings_of(type(node.layer)):
                was, now = getattr(old.layer, declared.name), getattr(node.layer, declared.name)
                if was != now:
                    words.append(f"{node.name}: {declared.label.lower()} {_short(was)} → {_short(now)}")
            if old.muted != node.muted:
                words.append(f"{node.name} {'muted' if node.muted else 'no longer muted'}")
    both = before.nodes.keys() & after.nodes.keys()
    wires = [{e for e in graph.edges if e.source in both and e.target in both} for graph in (before, after)]
    rewired = sorted({edge.target for edge in wires[0] ^ wires[1]})
    words += [f"{after.nodes[target].name} connected otherwise" for target in rewired]
    return tuple(words)


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        sizes = list(dict.fromkeys(value))
        return str(sizes[0]) if len(sizes) == 1 else "×".join(str(size) for size in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
