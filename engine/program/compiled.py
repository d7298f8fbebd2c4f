"""A network compiled for a device, a batch size and a set of data: what a trainer drives."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from engine.data.augmentation import augmentation_of
from engine.data.batches import steps_per_epoch
from engine.data.preparation import PreparedData
from engine.program.executable import Executable
from engine.program.mixed_precision import lower
from engine.program.network import Network
from engine.program.passes import fuse
from engine.program.store import HISTORY_ROWS, NetworkStore, initial_parameters
from engine.program.trace import (
    DataSizes,
    Program,
    UpdateRule,
    slots_of,
    trace_evaluation,
    trace_training,
    trace_validation,
)
from engine.settings import TrainingSettings
from engine.tensor.device import Device
from engine.tensor.ops import Array, Clock, Rates

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Classified:
    """The network's answers on consecutive images of one part of the data."""

    first: int
    losses: np.ndarray
    predictions: np.ndarray
    probabilities: np.ndarray


class CompiledNetwork:
    """Arrays and programs of one network on one device. Steps are run by `step()`; nothing is read back meanwhile."""

    def __init__(
        self, network: Network, device: Device, settings: TrainingSettings, data: PreparedData
    ) -> None:
        self.network = network
        self.device = device
        self.batch = settings.batch_size
        self.dtype = "float64" if settings.precision == "float64" else "float32"
        self.store = NetworkStore(
            network, device, self.dtype, slots_of(settings.optimizer, settings.momentum)
        )
        self.steps_per_epoch = steps_per_epoch(len(data.train_labels), self.batch)
        self._data = data
        self._arrays = {**self._store_arrays(), **self._data_arrays(data)}
        self._evaluations: dict[str, Executable] = {}
        rule = UpdateRule(
            settings.optimizer,
            nesterov=settings.nesterov,
            momentum=settings.momentum,
            arena=len(self.store.parameters),
            decaying=self.store.decaying,
            places=self.store.places,
        )
        sizes = DataSizes(len(data.train_labels), len(data.validation_labels), self.steps_per_epoch)
        augmentation = augmentation_of(data.recipe, network.image_shape[0])
        self._training = self._bound(
            trace_training(network, self.dtype, self.batch, sizes, rule, augmentation)
        )
        self._validation = self._bound(trace_validation(network, self.dtype, self.batch, sizes))
        self.step = self._training.run
        """Advance by one step: batch, forward, backward, update."""
        self.validate = self._validation.run
        """Record how the network does on the validation batch that is paired with this step."""

    def _bound(self, program: Program, **arrays: Array) -> Executable:
        program = fuse(program, self.device.kernels)
        program = lower(program) if self.device.is_mixed else program
        return Executable(program, self.device, {**self._arrays, **arrays})

    def _store_arrays(self) -> dict[str, Array]:
        store = self.store
        arrays: dict[str, Array] = {
            "parameters": store.parameters,
            "gradients": store.gradients,
            "rates": store.rates,
            "clock": store.clock,
            "history": store.history,
            "healthy": store.healthy,
        }
        for slot, moment in enumerate(store.moments):
            arrays[f"moment-{slot}"] = moment
        if store.rounded is not None:
            arrays["rounded"] = store.rounded
            arrays.update(
                {f"rounded/{key}": store.view(store.rounded, key) for key in self.network.parameters}
            )
        for key in self.network.parameters:
            arrays[f"parameter/{key}"] = store.view(store.parameters, key)
            arrays[f"gradient/{key}"] = store.view(store.gradients, key)
        arrays.update({f"state/{key}": state for key, state in store.states.items()})
        arrays.update({f"live/{key}": value for key, value in store.live.items()})
        return arrays

    def _data_arrays(self, data: PreparedData) -> dict[str, Array]:
        channels, height, width = self.network.image_shape
        put = self.device.to_device
        arrays: dict[str, Array] = {}
        for part in PARTS:
            arrays[f"{part}_images"] = put(getattr(data, f"{part}_images"))
            arrays[f"{part}_labels"] = put(getattr(data, f"{part}_labels"))
        for name in ("scale", "offset"):
            whole = np.broadcast_to(getattr(data, name), (height, width, channels))
            arrays[name] = put(np.ascontiguousarray(whole.astype(self.dtype)))
        classes, batch = self.network.classes, self.batch
        arrays["order"] = self.device.zeros((len(data.train_labels),), "int32")
        arrays["starts"] = self.device.zeros((self.steps_per_epoch,), "int32")
        arrays["schedule"] = self.device.zeros((self.steps_per_epoch,), "float64")
        arrays["losses"] = self.device.zeros((batch,), self.dtype)
        arrays["predictions"] = self.device.zeros((batch,), "int32")
        arrays["probabilities"] = self.device.zeros((batch, 1, 1, classes), self.dtype)
        return arrays

    def initialise(self, seed: int) -> None:
        """Draw the first parameters; everything else starts at zero."""
        self.store.set_tensors(self.store.parameters, initial_parameters(self.network, seed))
        self._set_clock(Clock.SEED, seed)

    @property
    def training_program(self) -> Program:
        """What a training step consists of."""
        return self._training.program

    def begin_epoch(self, order: np.ndarray, starts: np.ndarray, *, step: int, position: int) -> None:
        """Set the epoch's permutation and validation starts; the next step is number `step` + 1 at `position`."""
        self._arrays["order"][...] = self.device.to_device(order)
        self._arrays["starts"][...] = self.device.to_device(starts)
        self._set_clock(Clock.STEP, step)
        self._set_clock(Clock.POSITION, position - 1)

    def _set_clock(self, place: int, value: int) -> None:
        self.store.clock[place] = value

    def set_rates(self, settings: TrainingSettings) -> None:
        """Put the numbers of the learning rule on the device; the learning rate is then the same at every step."""
        rates = np.zeros(Rates.SIZE)
        rates[Rates.LEARNING_RATE] = settings.learning_rate
        rates[Rates.WEIGHT_DECAY] = settings.weight_decay
        rates[Rates.BETA1], rates[Rates.BETA2] = settings.beta1, settings.beta2
        rates[Rates.EPSILON], rates[Rates.MOMENTUM] = settings.epsilon, settings.momentum
        self.store.rates[...] = self.device.to_device(rates)
        self.set_learning_rates(np.full(self.steps_per_epoch, settings.learning_rate))

    def set_learning_rates(self, rates: np.ndarray) -> None:
        """Set the learning rate of every position in an epoch, float64 [steps_per_epoch], from the next step on."""
        self._arrays["schedule"][...] = self.device.to_device(rates)

    def history(self, first: int, last: int) -> np.ndarray:
        """Rows of History of the steps first..last (counted from 1, inclusive), at most HISTORY_ROWS back."""
        rows = self.device.to_host(self.store.history)
        return rows[np.arange(first - 1, last) % HISTORY_ROWS]

    def is_healthy(self) -> bool:
        """False once a loss was not finite; parameters have not changed since."""
        return bool(self.device.to_host(self.store.healthy)[0])

    def classify(self, part: str) -> Iterator[Classified]:
        """Classify all of a part of the data, batch by batch; the last batch may be smaller."""
        count = len(getattr(self._data, f"{part}_labels"))
        if part not in self._evaluations:
            clock = self.device.zeros((Clock.SIZE,), "int64")
            program = trace_evaluation(self.network, self.dtype, self.batch, part, count)
            self._evaluations[part] = self._bound(program, clock=clock)
            self._arrays[f"{part}_clock"] = clock
        evaluation, clock = self._evaluations[part], self._arrays[f"{part}_clock"]
        for first in range(0, count, self.batch):
            clock[Clock.VALIDATION_START] = first
            evaluation.run()
            kept = min(self.batch, count - first)
            host = {
                n: self.device.to_host(self._arrays[n]) for n in ("losses", "predictions", "probabilities")
            }
            probabilities = host["probabilities"][:kept, 0, 0]
            yield Classified(first, host["losses"][:kept], host["predictions"][:kept], probabilities)

    def implementations(self) -> dict[str, str]:
        """`node name: operation` -> what computes it, for every operation of a training step."""
        names = {node.id: node.name for node in self.network.nodes}
        found = {}
        for operation in self._training.program.operations:
            owner = names.get(operation.node, "training")
            found[f"{owner}: {operation.name}"] = self.device.implementation(
                operation.name, operation.attributes, (*operation.outputs, *operation.inputs)
            )
        return found

    def tensors(self) -> dict[str, np.ndarray]:
        """Everything that a checkpoint holds, canonical (see `engine.training.run.Checkpoint`)."""
        store = self.store
        found = {f"parameter/{key}": tensor for key, tensor in store.tensors(store.parameters).items()}
        for slot, moment in enumerate(store.moments):
            found.update({f"optimizer/{slot}/{key}": t for key, t in store.tensors(moment).items()})
        found.update({f"state/{key}": self.device.to_host(state) for key, state in store.states.items()})
        return found

    def set_tensors(self, tensors: Mapping[str, np.ndarray]) -> None:
        """Put a checkpoint's tensors back; those that it lacks keep their values."""
        store = self.store
        for prefix, arena in [
            ("parameter", store.parameters),
            *((f"optimizer/{slot}", moment) for slot, moment in enumerate(store.moments)),
        ]:
            known = {key: tensors[f"{prefix}/{key}"] for key in store.places if f"{prefix}/{key}" in tensors}
            store.set_tensors(arena, {**store.tensors(arena), **known})
        for key, state in store.states.items():
            if f"state/{key}" in tensors:
                state[...] = self.device.to_device(tensors[f"state/{key}"].astype(self.dtype))

    def memory(self) -> dict[str, int]:
        """Bytes by kind: parameters, gradients, optimizer, activations, data."""
        store = self.store
        evaluations = sum(e.plan.size for e in self._evaluations.values()) + self._validation.plan.size
        return {
            "parameters": store.parameters.nbytes + (0 if store.rounded is None else store.rounded.nbytes),
            "gradients": store.gradients.nbytes,
            "optimizer": sum(moment.nbytes for moment in store.moments),
            "activations": self._training.plan.size + evaluations,
            "data": sum(self._arrays[f"{part}_images"].nbytes for part in PARTS),
        }
