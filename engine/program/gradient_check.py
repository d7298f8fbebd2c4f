"""Backpropagated gradients against central differences, in float64 (thesis eq. 3.6, 3.7)."""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from engine.data.preparation import PreparedData
from engine.design.findings import DataShape
from engine.program.eager import EagerBindings
from engine.program.initialisation import initial_parameters
from engine.program.network import Network, NetworkPass
from engine.program.store import to_canonical
from engine.project import Project
from engine.tensor.device import Device, EagerOps
from engine.tensor.devices import open_device
from engine.tensor.ops import Array, Output

GRADIENT_TOLERANCE = 1e-6
"""A larger relative error means a wrong gradient; right ones stay below 1e-7."""
DELTA = 1e-4
SMALLEST = 1e-6
"""Gradients below it are compared absolutely."""
TRIES_A_SAMPLE = 20


@dataclass(frozen=True, slots=True)
class TensorCheck:
    """The result for one parameter tensor."""

    node: str
    parameter: str
    checked: int
    """Values whose gradient was compared."""
    skipped: int
    """Values left out because a side of the difference crossed a kink of ReLU or max pooling."""
    max_relative_error: float


@dataclass(frozen=True, slots=True)
class GradientReport:
    """The results of a whole network."""

    device: str
    tensors: tuple[TensorCheck, ...]

    @property
    def max_relative_error(self) -> float:
        """The largest error of any tensor; 0 for a network without parameters."""
        return max((tensor.max_relative_error for tensor in self.tensors), default=0.0)


class PatternOps(EagerOps):
    """Computes at once and keeps where the piecewise functions stand: signs of ReLUs and winners of pooling."""

    def __init__(self, device: Device) -> None:
        super().__init__(device)
        self.patterns: list[Array] = []

    def apply(
        self,
        name: str,
        inputs: Sequence[Array | None],
        outputs: Sequence[Output],
        *,
        multiply_adds: int = 0,
        **attributes: Any,
    ) -> tuple[Array, ...]:
        """The operation, with its pattern noted when it has kinks."""
        results = super().apply(name, inputs, outputs, multiply_adds=multiply_adds, **attributes)
        arrays: list[Array] = [x for x in inputs if x is not None]
        function = attributes.get("function")
        if name in ("relu", "leaky_relu", "elu") or function in ("abs", "absolute"):
            self.patterns.append(arrays[0] > 0)
        elif name == "max_pooling":
            self.patterns.append(results[1])
        elif function in ("maximum", "minimum"):
            self.patterns.append(arrays[0] > arrays[1])
        return results


class GradientChecker:
    """Checks one network on one batch.

    `images` are prepared, float64 [n, H, W, C], `labels` int32 [n]; the loss is the mean NLL plus λ/2 Σ w² (eq. 2.40).
    `parameters` are canonical; left out, they are drawn from `seed`. Dropout masks are held.
    """

    def __init__(
        self,
        network: Network,
        device: Device,
        images: np.ndarray,
        labels: np.ndarray,
        *,
        weight_decay: float = 0.0,
        seed: int = 1,
        parameters: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        self.network = network
        self.device = device
        self.seed = seed
        self._decay = weight_decay
        self._images = device.to_device(images.astype(np.float64))
        self._labels = device.to_device(labels.astype(np.int32))
        start = initial_parameters(network, seed) if parameters is None else parameters
        self._bindings = EagerBindings(
            network, device, {key: np.asarray(value, np.float64) for key, value in start.items()}
        )

    def check(self, samples: int | None = 50) -> Iterator[TensorCheck]:
        """One result a parameter tensor, in the order of the network; `samples` None compares every value."""
        gradients = self.gradients()
        for key, spec in self.network.parameters.items():
            yield self._check_tensor(
                key, gradients[key].reshape(-1), spec.count if samples is None else samples
            )

    def outputs(self) -> dict[str, Array]:
        """Every node's output for the batch, on the device."""
        run = self.new_pass(EagerOps(self.device))
        run.forward(self._images)
        return run.outputs

    def gradients(self) -> dict[str, np.ndarray]:
        """Backpropagated gradients of the total loss by `node/name`, canonical."""
        run = self.new_pass(EagerOps(self.device))
        run.forward(self._images)
        run.backward()
        found = {}
        for key, spec in self.network.parameters.items():
            stored = self.device.to_host(self._bindings.gradients[key])
            if spec.decays:
                stored = stored + self._decay * self.device.to_host(self._bindings.parameters[key])
            found[key] = to_canonical(spec, stored)
        return found

    def new_pass(self, ops: EagerOps) -> NetworkPass:
        """A pass over the network with these operations and the parameters as they are now."""
        return NetworkPass(self.network, ops, self._bindings, self._labels, training=True)

    def _check_tensor(self, key: str, gradient: np.ndarray, samples: int) -> TensorCheck:
        node, name = key.rsplit("/", 1)
        spec = self.network.parameters[key]
        generator = np.random.Generator(
            np.random.Philox(key=[self.seed, zlib.crc32(f"check {key}".encode())])
        )
        order = generator.permutation(spec.count)[: samples * TRIES_A_SAMPLE]
        places = to_canonical(spec, np.arange(spec.count).reshape(spec.stored_shape)).reshape(-1)
        checked = skipped = 0
        worst = 0.0
        for index in order:
            if checked >= samples:
                break
            place = int(places[index])
            error = sample_error(float(gradient[index]), partial(self._central_difference, key, place))
            if error is None:
                skipped += 1
                continue
            checked += 1
            worst = max(worst, error)
        return TensorCheck(node, name, checked, skipped, worst)

    def _central_difference(self, key: str, place: int, delta: float) -> float | None:
        """(L(θ + Δ) − L(θ − Δ)) / 2Δ with Δ = `delta`, or None when the two sides do not lie on one smooth piece.

        The decay term is differenced for the one weight that changes: the rest of its sum cancels exactly,
        and would only add rounding.
        """
        flat = self._bindings.parameters[key].reshape(-1)
        value = float(flat[place])
        sides = []
        for sign in (1.0, -1.0):
            flat[place] = value + sign * delta
            sides.append(self._loss())
        flat[place] = value
        (above, above_patterns), (below, below_patterns) = sides
        same = all(bool((a == b).all()) for a, b in zip(above_patterns, below_patterns, strict=True))
        if not same:
            return None
        difference = float((above - below).mean()) / (2 * delta)
        if self.network.parameters[key].decays:
            difference += 0.5 * self._decay * ((value + delta) ** 2 - (value - delta) ** 2) / (2 * delta)
        return difference

    def _loss(self) -> tuple[np.ndarray, list[Array]]:
        ops = PatternOps(self.device)
        run = self.new_pass(ops)
        run.forward(self._images)
        return self.device.to_host(run.losses), ops.patterns


def sample_error(analytic: float, difference: Callable[[float], float | None]) -> float | None:
    """The relative error of a gradient by central differences over Δ; None where they cross a kink.

    The difference itself is off by Δ²/6 of the third derivative, which is much where a gradient is what is left of
    terms that cancel. Where it is too large, half the step therefore joins (Richardson's extrapolation).
    """
    whole = difference(DELTA)
    if whole is None:
        return None
    error = relative_error(analytic, whole)
    if error > GRADIENT_TOLERANCE and (half := difference(DELTA / 2)) is not None:
        error = min(error, relative_error(analytic, (4 * half - whole) / 3))
    return error


def relative_error(analytic: float, numeric: float) -> float:
    """|f_a − f_n| / |f_a + f_n| (eq. 3.7); the plain difference where both are tiny."""
    difference = abs(analytic - numeric)
    if max(abs(analytic), abs(numeric)) < SMALLEST:
        return difference
    return difference / abs(analytic + numeric) if analytic + numeric else float("inf")


def gradient_checker(
    project: Project,
    data: PreparedData,
    *,
    device: str = "cpu",
    batch_size: int = 2,
    seed: int = 1,
    parameters: Mapping[str, np.ndarray] | None = None,
) -> GradientChecker:
    """A checker of a project's network on the first training examples, in float64.

    Raises DesignError or DeviceError in words when the network or the device cannot be used.
    """
    channels, height, width = data.dataset.image_shape
    network = Network.of(project.graph, DataShape((channels, height, width), data.dataset.classes))
    return GradientChecker(
        network,
        open_device(device, precision="float64"),
        data.apply(data.train_images[:batch_size], np.float64),
        data.train_labels[:batch_size],
        weight_decay=project.training.weight_decay,
        seed=seed,
        parameters=parameters,
    )


def check_gradients(
    project: Project,
    data: PreparedData,
    *,
    device: str = "cpu",
    samples: int | None = 50,
    batch_size: int = 2,
    seed: int = 1,
    parameters: Mapping[str, np.ndarray] | None = None,
) -> Iterator[TensorCheck]:
    """Check every parameter tensor of a project's network, one after the other (see `gradient_checker`)."""
    checker = gradient_checker(
        project, data, device=device, batch_size=batch_size, seed=seed, parameters=parameters
    )
    yield from checker.check(samples)
