"""Takes samples of norms while a network trains, within a small share of its time."""

import time
from collections.abc import Mapping, Sequence

import numpy as np

from engine.design.graph import Node
from engine.program.compiled import CompiledNetwork
from engine.training.events import Sampled

_SECONDS = 0.25
"""Between two samples at least: no eye follows more."""
_MOST_SHARE = 0.01
"""Part of the time that samples of a large network may take."""
_RUN = 1 << 16
"""Values whose squares are added in their own precision; their sums are added in float64."""


class Sampler:
    """Takes a sample of one step at a time: `begin` before it, `end` after it."""

    def __init__(self) -> None:
        self._due = 0.0
        self._took = 0.0
        self._before: np.ndarray | None = None

    def begin(self, compiled: CompiledNetwork) -> bool:
        """Whether the next step is one that is sampled; it must then be taken alone."""
        if time.perf_counter() < self._due:
            return False
        begun = time.perf_counter()
        self._before = compiled.device.to_host(compiled.store.parameters)
        self._took = time.perf_counter() - begun
        return True

    def end(self, compiled: CompiledNetwork, run: str, step: int, seconds: float) -> Sampled | None:
        """What the step before which `begin` was asked did; None when that was no sampled one."""
        if self._before is None:
            return None
        begun = time.perf_counter()
        before, self._before = self._before, None
        store, device = compiled.store, compiled.device
        after, gradients = (
            arena if isinstance(arena, np.ndarray) else device.to_host(arena)
            for arena in (store.parameters, store.gradients)
        )
        parts = _parts_of_nodes(store.places, compiled.network.nodes)
        weight = norms(before, parts)
        np.subtract(after, before, out=before)
        update = np.divide(norms(before, parts), weight, out=np.zeros(len(parts)), where=weight > 0)
        sample = Sampled(run, step, seconds, tuple(parts), norms(gradients, parts), weight, update)
        self._took += time.perf_counter() - begun
        self._due = time.perf_counter() + max(_SECONDS, self._took / _MOST_SHARE)
        return sample


def norms(arena: np.ndarray, parts: Mapping[str, Sequence[slice]]) -> np.ndarray:
    """Euclidean norm over each node's parts of a flat arena, float64 [nodes]."""
    return np.sqrt([sum(_squares(arena[part]) for part in own) for own in parts.values()])


def _squares(values: np.ndarray) -> float:
    runs = (values[start : start + _RUN] for start in range(0, len(values), _RUN))
    return sum(float(run @ run) for run in runs)


def _parts_of_nodes(places: Mapping[str, slice], nodes: Sequence[Node]) -> dict[str, list[slice]]:
    """Name of each node that learns -> where its tensors lie; a name that came before has the node's id behind it."""
    found: dict[str, list[slice]] = {}
    for node in nodes:
        parts = [place for key, place in places.items() if key.rsplit("/", 1)[0] == node.id]
        if parts:
            found[f"{node.name} ({node.id})" if node.name in found else node.name] = parts
    return found
