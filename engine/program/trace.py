"""Recording: layers run once against symbolic buffers and leave a list of operations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.program.network import Network, NetworkPass
from engine.tensor.augmentation import Augmentation
from engine.tensor.bfloat import storage_type
from engine.tensor.ops import Array, Output
from engine.tensor.step_ops import Clock, History, Rates, StepOps


@dataclass(frozen=True, slots=True, eq=False)
class Buffer:
    """A symbolic array. `name` binds it to an array that outlives the program's run; "" is for intermediate ones."""

    number: int
    shape: tuple[int, ...]
    dtype: str
    name: str = ""

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        count = 1
        for size in self.shape:
            count *= size
        return count * np.dtype(storage_type(self.dtype)).itemsize


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One recorded call. `node` and `phase` ("forward", "backward", "step") say whom it serves."""

    name: str
    inputs: tuple[Buffer | None, ...]
    outputs: tuple[Buffer, ...]
    attributes: Mapping[str, Any]
    multiply_adds: int
    node: str
    phase: str


@dataclass(frozen=True)
class Program:
    """A linear list of operations over symbolic buffers."""

    operations: tuple[Operation, ...]
    buffers: tuple[Buffer, ...]
    storage: Mapping[int, str] = field(default_factory=dict)
    """Number of a computed buffer -> name of the array that it is written straight into (gradients)."""
    places: Mapping[str, slice] = field(default_factory=dict)
    """`node/name` of each parameter -> its place in the flat arrays that an update takes, where that is known."""

    def multiply_adds(self) -> dict[tuple[str, str], int]:
        """(node, phase) -> multiply-adds counted over the operations."""
        found: dict[tuple[str, str], int] = {}
        for operation in self.operations:
            key = (operation.node, operation.phase)
            found[key] = found.get(key, 0) + operation.multiply_adds
        return found


class RecordingOps(StepOps):
    """Records instead of computing; its arrays are `Buffer`s. Also the bindings of a recorded pass."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.operations: list[Operation] = []
        self.buffers: list[Buffer] = []
        self.storage: dict[int, str] = {}
        self.places: Mapping[str, slice] = {}
        self._named: dict[str, Buffer] = {}
        self._computed: set[int] = set()
        self._node, self._phase = "", "step"
        self._specs: dict[str, tuple[int, ...]] = {}

    def visit(self, node: str, phase: str) -> None:
        """Name the node and phase of the operations that follow."""
        self._node, self._phase = node, phase

    def apply(
        self,
        name: str,
        inputs: Sequence[Array | None],
        outputs: Sequence[Output],
        *,
        multiply_adds: int = 0,
        **attributes: Any,
    ) -> tuple[Array, ...]:
        """Append the operation; its results are new buffers."""
        results = tuple(self._new(tuple(int(s) for s in out.shape), out.dtype) for out in outputs)
        self._computed.update(result.number for result in results)
        self.operations.append(
            Operation(name, tuple(inputs), results, attributes, multiply_adds, self._node, self._phase)
        )
        return results

    def _new(self, shape: tuple[int, ...], dtype: str, name: str = "") -> Buffer:
        buffer = Buffer(len(self.buffers), shape, dtype, name)
        self.buffers.append(buffer)
        return buffer

    def named(self, name: str, shape: Sequence[int] = (), dtype: str = "") -> Buffer:
        """The buffer bound to the array of that name."""
        if name not in self._named:
            self._named[name] = self._new(tuple(int(size) for size in shape), dtype or self.dtype, name)
        return self._named[name]

    def declare(self, network: Network) -> None:
        """Know the shapes of a network's parameters and states."""
        for key, parameter in network.parameters.items():
            self._specs[f"parameter/{key}"] = parameter.stored_shape
        for key, state in network.states.items():
            self._specs[f"state/{key}"] = state.shape

    def parameter(self, key: str) -> Array:
        """The buffer of a parameter."""
        return self.named(f"parameter/{key}", self._specs[f"parameter/{key}"])

    def state(self, key: str) -> Array:
        """The buffer of an untrained tensor."""
        return self.named(f"state/{key}", self._specs[f"state/{key}"])

    def live(self, key: str) -> Array:
        """The buffer of a live setting."""
        return self.named(f"live/{key}", (1,), "float64")

    @property
    def clock(self) -> Array:
        """The buffer of the counters."""
        return self.named("clock", (Clock.SIZE,), "int64")

    def gradient(self, key: str, value: Array) -> None:
        """Have the gradient written straight into its arena, or copied where the value serves others too."""
        if value.number not in self._computed or value.number in self.storage:
            value = self.add(value)
        self.storage[value.number] = f"gradient/{key}"

    def finish(self) -> Program:
        """The program recorded so far."""
        return Program(tuple(self.operations), tuple(self.buffers), dict(self.storage), self.places)


@dataclass(frozen=True)
class DataSizes:
    """Numbers of images whose arrays a program reads."""

    train: int
    validation: int
    steps_per_epoch: int
    test: int = 0


def _images(
    ops: RecordingOps, part: str, count: int, network: Network
) -> tuple[Buffer, Buffer, Buffer, Buffer]:
    channels, height, width = network.image_shape
    place = (height, width, channels)
    return (
        ops.named(f"{part}_images", (count, *place), "uint8"),
        ops.named(f"{part}_labels", (count,), "int32"),
        ops.named("scale", place),
        ops.named("offset", place),
    )


def _record(ops: RecordingOps, run: NetworkPass, column: int) -> None:
    ops.visit("", "step")
    ops.record_outcome(
        ops.named("history", (0, History.COLUMNS), "float64"),
        ops.named("healthy", (1,), "int32"),
        ops.clock, run.losses, run.predictions, run.labels, column,
    )  # fmt: skip


def trace_training(
    network: Network, dtype: str, batch: int, data: DataSizes, rule: "UpdateRule",
    augmentation: Augmentation | None = None,
) -> Program:  # fmt: skip
    """One step: the next batch, changed at random where that is asked for, forward, backward, update."""
    ops = RecordingOps(dtype)
    ops.declare(network)
    ops.advance(
        ops.clock,
        ops.named("starts", (data.steps_per_epoch,), "int32"),
        ops.named("rates", (Rates.SIZE,), "float64"),
        ops.named("schedule", (data.steps_per_epoch,), "float64"),
    )
    images, labels, scale, offset = _images(ops, "train", data.train, network)
    order = ops.named("order", (data.train,), "int32")
    x, y = ops.gather(images, labels, order, ops.clock, scale, offset, batch, augmentation)
    run = NetworkPass(network, ops, ops, y, training=True, visit=ops.visit)
    run.forward(x)
    _record(ops, run, History.TRAIN_LOSS)
    run.backward()
    ops.visit("", "step")
    rule.record(ops)
    return ops.finish()


def trace_validation(network: Network, dtype: str, batch: int, data: DataSizes) -> Program:
    """The validation batch that is paired with the step: forward alone, by the rules of prediction."""
    ops = RecordingOps(dtype)
    ops.declare(network)
    images, labels, scale, offset = _images(ops, "validation", data.validation, network)
    x, y = ops.gather_run(images, labels, ops.clock, scale, offset, batch)
    run = NetworkPass(network, ops, ops, y, training=False, visit=ops.visit)
    run.forward(x)
    _record(ops, run, History.VALIDATION_LOSS)
    return ops.finish()


def trace_evaluation(
    network: Network, dtype: str, batch: int, part: str, count: int, *, mirrored: bool = False
) -> Program:
    """A run of consecutive images of `part` from VALIDATION_START of the clock, classified.

    `mirrored`: by the mean of the probabilities for each image and for its mirror.
    """
    ops = RecordingOps(dtype)
    ops.declare(network)
    images, labels, scale, offset = _images(ops, part, count, network)
    x, y = ops.gather_run(images, labels, ops.clock, scale, offset, batch)
    run = NetworkPass(network, ops, ops, y, training=False, visit=ops.visit)
    run.forward(x)
    answers = run.losses, run.outputs[network.classifier.id], run.predictions
    if mirrored:
        ops.visit("", "step")
        x, y = ops.gather_run(images, labels, ops.clock, scale, offset, batch, mirrored=True)
        other = NetworkPass(network, ops, ops, y, training=False, visit=ops.visit)
        other.forward(x)
        ops.visit("", "step")
        answers = ops.average_answers(answers[1], other.outputs[network.classifier.id], y)
    for answer, name in zip(answers, ("losses", "probabilities", "predictions"), strict=True):
        ops.storage[answer.number] = name
    return ops.finish()


class UpdateRule:
    """How an optimiser records its update: the operation on the arenas, and the number of moment arenas.

    With `averaging`, the memory of the average, averages of parameters and states (an arena of `states` values) follow.
    """

    slots: int = 0

    def __init__(
        self, optimizer: str, *, nesterov: bool, momentum: float, arena: int, decaying: int,
        places: Mapping[str, slice] | None = None, averaging: float = 0.0, states: int = 0,
    ) -> None:  # fmt: skip
        self.places = places or {}
        self.averaging = averaging
        self.states = states
        self.optimizer = optimizer
        self.nesterov = nesterov
        self.slots = slots_of(optimizer, momentum)
        self.arena = arena
        self.decaying = decaying

    def record(self, ops: RecordingOps) -> None:
        """Append the squared weights and the update."""
        ops.places = self.places
        parameters, gradients = (ops.named(name, (self.arena,)) for name in ("parameters", "gradients"))
        moments = [ops.named(f"moment-{slot}", (self.arena,)) for slot in range(self.slots)]
        rates = ops.named("rates", (Rates.SIZE,), "float64")
        history = ops.named("history", (0, History.COLUMNS), "float64")
        healthy = ops.named("healthy", (1,), "int32")
        ops.record_squared_weights(history, ops.clock, parameters, self.decaying)
        if self.optimizer == "sgd":
            velocity = moments[0] if moments else None
            ops.sgd_update(
                parameters,
                gradients,
                velocity,
                rates,
                healthy,
                decaying=self.decaying,
                nesterov=self.nesterov,
            )
        else:
            ops.adam_update(
                parameters, gradients, moments[0], moments[1], rates, ops.clock, healthy,
                decaying=self.decaying, decoupled=self.optimizer == "adam_decoupled",
            )  # fmt: skip
        if self.averaging:
            ops.average_in(ops.named("average", (self.arena,)), parameters, ops.clock, self.averaging)
        if self.averaging and self.states:
            kept, states = (ops.named(name, (self.states,)) for name in ("average-states", "states"))
            ops.average_in(kept, states, ops.clock, self.averaging)


def slots_of(optimizer: str, momentum: float) -> int:
    """Moment arenas that an optimiser keeps: Adam two, SGD one with momentum and none without."""
    if optimizer == "sgd":
        return 1 if momentum > 0 else 0
    return 2
