"""Copies of a network's tensors that take no memory of the host until somebody asks for them."""

from collections.abc import Mapping

import numpy as np

from engine.program.shelf import Shelf
from engine.program.store import NetworkStore
from engine.tensor.ops import Array


class HeldTensors:
    """The tensors of a checkpoint as they were when this was made.

    A copy on a device with memory of its own costs next to nothing beside an epoch, where bringing them to the host in
    canonical layout may take as long as one. Without one, and once they were asked for, they lie on a shelf.
    """

    def __init__(self, store: NetworkStore, shelf: Shelf) -> None:
        self._store, self._shelf = store, shelf
        self._arenas: dict[str, Array] = {}
        self._tensors: Mapping[str, np.ndarray] | None = None
        if store.device.has_own_memory:
            try:
                self._arenas = {name: array.copy() for name, array in store.kept().items()}
                return
            except MemoryError:
                # The device is full; the host may not be.
                self._arenas = {}
        self._tensors = shelf.put(store.canonical(store.kept()))

    def tensors(self) -> Mapping[str, np.ndarray]:
        """Canonical host tensors (see `engine.training.run.Checkpoint`); the copy on the device is given up."""
        if self._tensors is None:
            self._tensors = self._shelf.put(self._store.canonical(self._arenas))
            self._arenas = {}
        return self._tensors
