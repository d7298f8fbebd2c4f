"""Which checkpoints of a training are kept: the best epoch's, and others, evenly spread, as there is room for."""

from collections.abc import Iterable, Sequence

from engine.program.compiled import CompiledNetwork
from engine.program.held import HeldTensors
from engine.program.shelf import Shelf
from engine.settings import TrainingSettings
from engine.training.best_epoch import best_epoch
from engine.training.events import EpochDone
from engine.training.run import Checkpoint

MEGABYTE = 1_000_000
MOST = 20
"""Checkpoints of a run that are kept at most, however small they are."""


class KeptCheckpoints:
    """The checkpoints of one training beside its last: held on the device or in a file, and read when asked for."""

    def __init__(self, kept: Iterable[Checkpoint] = ()) -> None:
        self._shelf = Shelf()
        self._held: dict[int, HeldTensors | Checkpoint] = {checkpoint.step: checkpoint for checkpoint in kept}

    def after_epoch(
        self, compiled: CompiledNetwork, epochs: Sequence[EpochDone], settings: TrainingSettings
    ) -> None:
        """Keep the network as it is after the last of `epochs` if it is wanted, and let go of what is not any more."""
        wanted = wanted_steps(epochs, settings, compiled.checkpoint_bytes())
        self._held = {step: held for step, held in self._held.items() if step in wanted}
        now = epochs[-1].step
        if now in wanted:
            self._held[now] = compiled.hold(self._shelf)

    def at(self, step: int) -> Checkpoint | None:
        """The checkpoint after `step` updates, if it is kept."""
        held = self._held.get(step)
        if isinstance(held, HeldTensors):
            held = self._held[step] = Checkpoint(step, held.tensors())
        return held

    def all(self) -> tuple[Checkpoint, ...]:
        """Every checkpoint that is kept, by step."""
        found = (self.at(step) for step in sorted(self._held))
        return tuple(checkpoint for checkpoint in found if checkpoint is not None)


def wanted_steps(epochs: Sequence[EpochDone], settings: TrainingSettings, size: int) -> frozenset[int]:
    """Steps of the epochs whose checkpoints, of `size` bytes each, are to be kept.

    Those in between are every so many epochs. When there are more than fit, every second one goes, so that they stay
    evenly spread and only few are taken in vain.
    """
    best = best_epoch(epochs, settings.best_by)
    wanted = set() if best is None else {best.step}
    room = min(settings.checkpoint_megabytes * MEGABYTE // max(size, 1), MOST)
    spacing = settings.checkpoint_every
    if room > 0 and epochs:
        while epochs[-1].epoch // spacing > room:
            spacing *= 2
        wanted |= {epoch.step for epoch in epochs if epoch.epoch % spacing == 0}
    return frozenset(wanted)
