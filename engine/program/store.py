"""The memory of a network on a device: parameters, gradients and moments in flat arenas, and the counters."""

import math
from collections.abc import Mapping

import numpy as np

from engine.program.initialisation import draw_parameters
from engine.program.network import Network
from engine.tensor.device import Device
from engine.tensor.ops import Array
from engine.tensor.spec import ParameterSpec
from engine.tensor.step_ops import Clock, History, Rates

ALIGNMENT = 64
"""Every tensor starts at a multiple of this many values."""
HISTORY_ROWS = 1024
"""Steps whose outcome a device keeps before they must have been read."""


def to_stored(spec: ParameterSpec, canonical: np.ndarray) -> np.ndarray:
    """A tensor in the layout that kernels take: [K, C, h, w] becomes [K, h, w, C]."""
    if spec.places is None:
        return canonical
    return np.ascontiguousarray(canonical.reshape(spec.places).transpose(0, 2, 3, 1))


def to_canonical(spec: ParameterSpec, stored: np.ndarray) -> np.ndarray:
    """A tensor as users and files see it."""
    if spec.places is None:
        return np.array(stored)
    return np.ascontiguousarray(stored.transpose(0, 3, 1, 2)).reshape(tuple(int(size) for size in spec.shape))


def arena_layout(network: Network) -> tuple[dict[str, slice], int, int]:
    """`node/name` -> its place in an arena; how many values from the start decay; the arena's length."""
    specs = network.parameters
    places: dict[str, slice] = {}
    end = decaying = 0
    for key in sorted(specs, key=lambda key: not specs[key].decays):
        places[key] = slice(end, end + specs[key].count)
        end += -(-specs[key].count // ALIGNMENT) * ALIGNMENT
        decaying = end if specs[key].decays else decaying
    return places, decaying, end


def state_layout(network: Network) -> tuple[dict[str, slice], int]:
    """`node/name` -> its place in an arena of untrained tensors; the arena's length."""
    places, end = {}, 0
    for key, spec in network.states.items():
        count = math.prod(int(size) for size in spec.shape)
        places[key] = slice(end, end + count)
        end += -(-count // ALIGNMENT) * ALIGNMENT
    return places, end


class NetworkStore:
    """Arrays of one network on one device. Decaying parameters come first in each arena.

    Attributes are device arrays: `parameters`, `gradients` and each of `moments` are flat and of one length;
    `rounded` holds the parameters as bfloat16 on a device of mixed precision; `rates` is float64 (see Rates), `clock`
    int64 (see Clock), `history` float64 (see History), `healthy` int32 [1]. `states` are views of `state_arena`. With
    `averaging` there are averages of parameters and states over the steps, else None.
    """

    def __init__(
        self, network: Network, device: Device, dtype: str, slots: int, *, averaging: bool = False
    ) -> None:
        self.network = network
        self.device = device
        self.dtype = dtype
        self.places, self.decaying, end = arena_layout(network)
        self.parameters = device.zeros((end,), dtype)
        self.rounded = device.zeros((end,), "uint16") if device.is_mixed else None
        self.gradients = device.zeros((end,), dtype)
        self.moments = tuple(device.zeros((end,), dtype) for _ in range(slots))
        self._state_places, state_end = state_layout(network)
        self.state_arena = device.zeros((state_end,), dtype)
        self.states = self._views(self.state_arena)
        self.average = device.zeros((end,), dtype) if averaging else None
        self.average_states = device.zeros((state_end,), dtype) if averaging else None
        self.rounded_average = device.zeros((end,), "uint16") if averaging and device.is_mixed else None
        self.live = {key: device.to_device(np.array([value])) for key, value in network.live.items()}
        self.clock = device.zeros((Clock.SIZE,), "int64")
        self.rates = device.zeros((Rates.SIZE,), "float64")
        self.history = device.zeros((HISTORY_ROWS, History.COLUMNS), "float64")
        self.healthy = device.to_device(np.ones(1, np.int32))
        for key, state in network.states.items():
            device.put(self.states[key], state.fill)

    def _views(self, arena: Array) -> dict[str, Array]:
        specs = self.network.states
        return {key: arena[place].reshape(specs[key].shape) for key, place in self._state_places.items()}

    @property
    def predicting(self) -> Array:
        """The arena of the parameters that predict: the averages, where there are any."""
        return self.parameters if self.average is None else self.average

    @property
    def predicting_states(self) -> dict[str, Array]:
        """The untrained tensors that belong to them, by `node/name`."""
        return self.states if self.average_states is None else self._views(self.average_states)

    def start_average(self) -> None:
        """Let the averages begin with what the network is now."""
        if self.average is not None and self.average_states is not None:
            self.device.put(self.average, self.parameters)
            self.device.put(self.average_states, self.state_arena)
            self.round()

    def round(self) -> None:
        """Bring the bfloat16 copies up to date, where there are any."""
        for rounded, exact in ((self.rounded, self.parameters), (self.rounded_average, self.average)):
            if rounded is not None:
                self.device.kernels["change_type"](self.device, rounded, exact)

    def view(self, arena: Array, key: str) -> Array:
        """One tensor's view of an arena, in stored layout."""
        return arena[self.places[key]].reshape(self.network.parameters[key].stored_shape)

    def set_tensors(self, arena: Array, tensors: Mapping[str, np.ndarray]) -> None:
        """Fill an arena from canonical tensors by `node/name`."""
        host = np.zeros(arena.shape, dtype=self.dtype)
        for key, spec in self.network.parameters.items():
            host[self.places[key]] = to_stored(spec, tensors[key]).astype(self.dtype).reshape(-1)
        self.device.put(arena, host)
        self.round()

    def draw(self, seed: int) -> None:
        """Let the parameters be those that a training begins with."""
        device = self.device
        host = np.zeros(self.parameters.shape, self.dtype) if device.has_own_memory else self.parameters
        stored = {key: self.view(host, key) for key in self.places}
        draw_parameters(self.network, seed, stored, threads=device.threads)
        if device.has_own_memory:
            device.put(self.parameters, host)
        self.round()

    def tensors(self, arena: Array) -> dict[str, np.ndarray]:
        """Canonical host tensors of an arena by `node/name`."""
        host = self.device.to_host(arena)
        return {
            key: to_canonical(spec, host[self.places[key]].reshape(spec.stored_shape))
            for key, spec in self.network.parameters.items()
        }

    def tensor(self, arena: Array, key: str) -> np.ndarray:
        """One canonical host tensor of an arena."""
        return to_canonical(self.network.parameters[key], self.device.to_host(self.view(arena, key)))

    def kept(self) -> dict[str, Array]:
        """The arrays that a checkpoint is made of.

        They are the arenas `parameter`, `optimizer/<slot>` and `average`, `state/<key>` and `average_state/<key>`.
        """
        arrays: dict[str, Array] = {"parameter": self.parameters}
        arrays |= {f"optimizer/{slot}": moment for slot, moment in enumerate(self.moments)}
        arrays |= {f"state/{key}": state for key, state in self.states.items()}
        if self.average is not None:
            arrays["average"] = self.average
            arrays |= {f"average_state/{key}": state for key, state in self.predicting_states.items()}
        return arrays

    def canonical(self, kept: Mapping[str, Array]) -> dict[str, np.ndarray]:
        """Host tensors, named as a checkpoint has them, of arrays as `kept` has them."""
        found: dict[str, np.ndarray] = {}
        for name, array in kept.items():
            if "state/" in name:
                found[name] = np.array(self.device.to_host(array))
            else:
                found.update({f"{name}/{key}": tensor for key, tensor in self.tensors(array).items()})
        return found
