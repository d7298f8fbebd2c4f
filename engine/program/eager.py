"""Parameters and states as plain arrays, for passes that run operation by operation."""

from collections.abc import Mapping

import numpy as np

from engine.program.network import Network
from engine.program.store import to_stored
from engine.tensor.device import Device
from engine.tensor.ops import Array
from engine.tensor.step_ops import Clock


class EagerBindings:
    """What a `NetworkPass` needs of a network with given parameters; gradients are left in `gradients`.

    `parameters` are canonical by `node/name`, `states` too; a state that is not given starts as the layer
    declares it. All arrays get the type of the parameters given.
    """

    def __init__(
        self,
        network: Network,
        device: Device,
        parameters: Mapping[str, np.ndarray],
        states: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        specs, known = network.parameters, states or {}
        self.parameters = {
            key: device.to_device(np.ascontiguousarray(to_stored(specs[key], value)).copy())
            for key, value in parameters.items()
        }
        dtype = next((value.dtype for value in parameters.values()), np.dtype(np.float64))
        self.states = {
            key: device.to_device(np.array(known.get(key, np.full(spec.shape, spec.fill)), dtype))
            for key, spec in network.states.items()
        }
        self.lives = {key: device.to_device(np.array([value])) for key, value in network.live.items()}
        self.gradients: dict[str, Array] = {}
        clock = np.zeros(Clock.SIZE, np.int64)
        clock[Clock.STEP] = 1
        self.clock: Array = device.to_device(clock)

    def parameter(self, key: str) -> Array:
        """The parameter `node/name` in stored layout."""
        return self.parameters[key]

    def state(self, key: str) -> Array:
        """The untrained tensor `node/name`."""
        return self.states[key]

    def live(self, key: str) -> Array:
        """The [1] array of a live setting."""
        return self.lives[key]

    def gradient(self, key: str, value: Array) -> None:
        """Keep the gradient of a parameter."""
        self.gradients[key] = value
