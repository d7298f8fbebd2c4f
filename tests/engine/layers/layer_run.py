"""A single layer run alone, on given inputs: the smallest `Context` there can be."""

from collections.abc import Sequence

import numpy as np

from engine.layers import Layer, settings_of
from engine.layers.context import Backward
from engine.program.store import to_canonical, to_stored
from engine.tensor.device import Device, EagerOps
from engine.tensor.numpy_ops import CpuDevice
from engine.tensor.ops import Array, Ops
from engine.tensor.spec import TensorSpec
from engine.tensor.step_ops import Clock

STREAM = 12345


class LayerRun:
    """Runs one layer eagerly. Inputs and parameters are spread evenly, so that no kink and no tie is near."""

    def __init__(
        self,
        layer: Layer,
        specs: Sequence[TensorSpec],
        *,
        batch: int = 2,
        dtype: str = "float64",
        device: Device | None = None,
        training: bool = True,
        seed: int = 3,
        step: int = 1,
    ) -> None:
        random = np.random.default_rng(seed)
        self.layer = layer
        self.dtype = dtype
        self.device = device or CpuDevice(1)
        self.ops: Ops = EagerOps(self.device)
        self.training = training
        self.inputs = [
            spread(random, (batch, int(s.height), int(s.width), int(s.channels))).astype(dtype) for s in specs
        ]
        self.specs = layer.parameters(*specs)
        self.parameters = {
            name: to_stored(spec, random.uniform(0.4, 1.2, spec.shape) * random.choice((-1, 1), spec.shape))
            for name, spec in self.specs.items()
        }
        self.parameters = {name: value.astype(dtype) for name, value in self.parameters.items()}
        self.states = {
            name: random.uniform(0.5, 1.5, spec.shape).astype(dtype)
            for name, spec in layer.states(*specs).items()
        }
        classes = int(specs[0].channels)
        self.labels: Array = (np.arange(batch) * 2 % classes).astype(np.int32)
        self.clock: Array = np.zeros(Clock.SIZE, np.int64)
        self.clock[Clock.SEED], self.clock[Clock.STEP] = seed, step
        self.gradients: dict[str, Array] = {}
        self.losses: Array = None
        self.predictions: Array = None
        self.weights: Array = None

    def parameter(self, name: str) -> Array:
        return self.parameters[name]

    def state(self, name: str) -> Array:
        return self.states[name]

    def live(self, name: str) -> Array:
        assert name in {declared.name for declared in settings_of(type(self.layer)) if declared.live}
        return np.array([getattr(self.layer, name)])

    def gradient(self, name: str, value: Array) -> None:
        assert value.shape == self.parameters[name].shape
        self.gradients[name] = value

    def wants_gradient(self, index: int = 0) -> bool:
        return True

    def random_stream(self) -> int:
        return STREAM

    def outcome(self, losses: Array, predictions: Array) -> None:
        self.losses, self.predictions = losses, predictions

    def forward(self) -> tuple[Array, Backward]:
        return self.layer.forward(self, *self.inputs)

    def loss(self) -> float:
        """The mean loss of a classifier; of other layers the sum of the output, each element weighted by chance."""
        y, _ = self.forward()
        return self._loss(y)

    def _loss(self, y: Array) -> float:
        if self.losses is not None:
            return float(self.losses.mean())
        if self.weights is None:
            self.weights = np.random.default_rng(11).uniform(0.5, 1.5, y.shape).astype(self.dtype)
            self.weights *= np.random.default_rng(12).choice((-1, 1), y.shape).astype(self.dtype)
        return float((y * self.weights).sum())

    def backward(self) -> tuple[Array, tuple[Array | None, ...]]:
        """(output, gradients of `loss` by the inputs); those by the parameters are in `gradients`."""
        y, backward = self.forward()
        self._loss(y)
        return y, backward(self.weights)

    def canonical(self, name: str, stored: Array) -> np.ndarray:
        """A parameter or its gradient in the shape that users see."""
        return to_canonical(self.specs[name], stored)


def spread(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Values between −2 and 2, all different, none near 0, in random order."""
    count = int(np.prod(shape))
    values = (np.arange(count) + 0.5) * (4.0 / count) - 2.0
    if count % 2:
        values += 1.0 / count
    return random.permutation(values).reshape(shape)


STEP = 2e-3
"""Of the differences; far less than half the gap between any two inputs of the sizes used here."""


def numeric_gradient(run: LayerRun, array: np.ndarray) -> np.ndarray:
    """Central differences of the loss by each value of an array that the run uses, of fourth order."""
    flat = array.reshape(-1)
    found = np.zeros(flat.shape)
    for place, value in enumerate(flat.copy()):
        sides = []
        for steps in (-2, -1, 1, 2):
            flat[place] = value + steps * STEP
            sides.append(run.loss())
        flat[place] = value
        found[place] = (sides[0] - 8 * sides[1] + 8 * sides[2] - sides[3]) / (12 * STEP)
    return found.reshape(array.shape)


def worst_relative_error(analytic: np.ndarray, numeric: np.ndarray) -> float:
    """Largest |a − n| / |a + n|; absolute where both are below 1e-5, which rounding would drown."""
    difference = np.abs(analytic - numeric)
    tiny = np.maximum(np.abs(analytic), np.abs(numeric)) < 1e-5
    errors = difference / np.where(tiny, 1.0, np.maximum(np.abs(analytic + numeric), 1e-12))
    return float(errors.max(initial=0.0))
