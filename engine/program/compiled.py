"""A network compiled for a device, a batch size and a set of data: what a trainer drives."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from engine.data.augmentation import augmentation_of
from engine.data.batches import steps_per_epoch
from engine.data.filtering import lit_channels
from engine.data.preparation import PreparedData
from engine.program.answering import Answers
from engine.program.choosing import chosen_kernels
from engine.program.cost import memory_of, told_of_memory
from engine.program.executable import Executable
from engine.program.held import HeldTensors
from engine.program.mixed_precision import lower
from engine.program.network import Network
from engine.program.passes import fuse
from engine.program.plan import MemoryPlan, plan_memory
from engine.program.programs import evaluation_program, number_type, programs_of, training_program
from engine.program.shelf import Shelf
from engine.program.store import HISTORY_ROWS, NetworkStore
from engine.program.trace import DataSizes, Program, slots_of
from engine.settings import TrainingSettings
from engine.tensor.device import Announce, Device, nobody
from engine.tensor.ops import Array
from engine.tensor.step_ops import Clock, Rates

PARTS = ("train", "validation", "test")
_BATCHES_AT_ONCE = 16
"""Batches that a GPU classifies before their answers are read."""
STRIDE = 8
"""Steps in one launch, where launching costs."""


@dataclass(frozen=True, slots=True)
class Classified:
    """The network's answers on consecutive images of one part of the data."""

    first: int
    losses: np.ndarray
    predictions: np.ndarray
    probabilities: np.ndarray


class CompiledNetwork:
    """Arrays and programs of one network on one device. Steps are run by `step()`; nothing is read back meanwhile.

    What it will take of the device is known before it takes it: raises DeviceError, with a batch size that fits, where
    there is less. `announce` is told what takes long.
    """

    def __init__(
        self, network: Network, device: Device, settings: TrainingSettings, data: PreparedData,
        announce: Announce = nobody,
    ) -> None:  # fmt: skip
        self.network = network
        self.device = device
        self.batch = settings.batch_size
        self.dtype = number_type(settings)
        self.steps_per_epoch = steps_per_epoch(len(data.train_labels), self.batch)
        self._data, self._settings = data, settings
        train, validation, test = (len(getattr(data, f"{part}_labels")) for part in PARTS)
        sizes = DataSizes(train, validation, self.steps_per_epoch, test)
        augmentation = augmentation_of(data.recipe, lit_channels(data.recipe, data.dataset.image_shape[0]))
        recorded = training_program(network, settings, sizes)
        self._kernels = chosen_kernels(recorded, device, settings, announce)
        programs = programs_of(
            network, settings, sizes, self._kernels, is_mixed=device.is_mixed, augmentation=augmentation
        )
        device.tune(programs.operations, announce)
        announce("Preparing the first step")
        with told_of_memory(network, device, settings, sizes) as planned:
            workspaces = device.reserve(programs.operations)
            self._memory = memory_of(network, settings, sizes, programs, workspaces, is_mixed=device.is_mixed)
            planned(self._memory)
            slots = slots_of(settings.optimizer, settings.momentum)
            self.store = NetworkStore(network, device, self.dtype, slots, averaging=settings.averaging > 0)
            self._arrays = {**self._store_arrays(), **self._data_arrays(data)}
            self._arena = device.empty((programs.arena,), "uint8")
            self._training = self._bound(programs.training, programs.plans[0])
            self.step = self._training.run
            """Advance by one step: batch, forward, backward, update."""
            looks = self._predicting_arrays()
            self._validation = self._bound(programs.validation, programs.plans[1], **looks)
            device.compile_ahead(self._call_all)
        self._evaluations: dict[str, Executable] = {}
        self._answering: dict[str, Answers] = {}
        self._sizes = sizes
        self.validate = self._validation.run
        """Record how the network does on the validation batch that is paired with this step."""
        self.stride = device.prepare(self._call_stride)
        """Advance by STRIDE steps, each with its validation: one launch, where a device captures what is called."""

    def _call_all(self) -> None:
        self._training.call()
        self._validation.call()

    def _call_stride(self) -> None:
        for _ in range(STRIDE):
            self._call_all()

    def _bound(self, program: Program, plan: MemoryPlan | None = None, **arrays: Array) -> Executable:
        plan = plan or plan_memory(program)
        # What was not planned for may need more than the arena.
        memory = self._arena if plan.size <= self._arena.nbytes else None
        return Executable(program, self.device, {**self._arrays, **arrays}, plan=plan, memory=memory)

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
        if store.average is not None:
            arrays |= {
                "states": store.state_arena, "average": store.average, "average-states": store.average_states,
                "rounded-average": store.rounded_average,
            }  # fmt: skip
        for key in self.network.parameters:
            arrays[f"parameter/{key}"] = store.view(store.parameters, key)
            arrays[f"gradient/{key}"] = store.view(store.gradients, key)
        arrays.update({f"state/{key}": state for key, state in store.states.items()})
        arrays.update({f"live/{key}": value for key, value in store.live.items()})
        return arrays

    def _predicting_arrays(self) -> dict[str, Array]:
        """What validation and tests read in place of the arrays that learn: the averages, where there are any."""
        store = self.store
        if store.average is None:
            return {}
        arrays = {f"parameter/{key}": store.view(store.average, key) for key in self.network.parameters}
        arrays |= {f"state/{key}": state for key, state in store.predicting_states.items()}
        if store.rounded_average is not None:
            rounded = store.rounded_average
            arrays |= {f"rounded/{key}": store.view(rounded, key) for key in self.network.parameters}
        return arrays

    def _data_arrays(self, data: PreparedData) -> dict[str, Array]:
        channels, height, width = self.network.image_shape
        put = self.device.to_device
        arrays: dict[str, Array] = {}
        for part in PARTS:
            arrays[f"{part}_images"] = put(data.inputs[part])
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
        self.store.draw(seed)
        self.store.start_average()
        self._set_clock(Clock.SEED, seed)

    @property
    def training_program(self) -> Program:
        """What a training step consists of."""
        return self._training.program

    def begin_epoch(self, order: np.ndarray, starts: np.ndarray, *, step: int, position: int) -> None:
        """Set the epoch's permutation and validation starts; the next step is number `step` + 1 at `position`."""
        self.device.put(self._arrays["order"], order)
        self.device.put(self._arrays["starts"], starts)
        self._set_clock(Clock.STEP, step)
        self._set_clock(Clock.POSITION, position - 1)

    def _set_clock(self, place: int, value: int) -> None:
        self.device.put(self.store.clock[place : place + 1], value)

    def set_rates(self, settings: TrainingSettings) -> None:
        """Put the numbers of the learning rule on the device; the learning rate is then the same at every step."""
        rates = np.zeros(Rates.SIZE)
        rates[Rates.LEARNING_RATE] = settings.learning_rate
        rates[Rates.WEIGHT_DECAY] = settings.weight_decay
        rates[Rates.BETA1], rates[Rates.BETA2] = settings.beta1, settings.beta2
        rates[Rates.EPSILON], rates[Rates.MOMENTUM] = settings.epsilon, settings.momentum
        self.device.put(self.store.rates, rates)
        self.set_learning_rates(np.full(self.steps_per_epoch, settings.learning_rate))

    def set_learning_rates(self, rates: np.ndarray) -> None:
        """Set the learning rate of every position in an epoch, float64 [steps_per_epoch], from the next step on."""
        self.device.put(self._arrays["schedule"], rates)

    def set_live(self, key: str, value: float) -> None:
        """Set the live setting `node/name` of a layer, from the next step on."""
        self.device.put(self.store.live[key], value)

    def history(self, first: int, last: int) -> np.ndarray:
        """Rows of History of the steps first..last (counted from 1, inclusive), at most HISTORY_ROWS back."""
        rows = self.device.to_host(self.store.history)
        return rows[np.arange(first - 1, last) % HISTORY_ROWS]

    def is_healthy(self) -> bool:
        """False once a loss was not finite; parameters have not changed since."""
        return bool(self.device.to_host(self.store.healthy)[0])

    def classifier(self, part: str) -> tuple[Callable[[], None], tuple[Array, Array]]:
        """What classifies the first batch of a part, and where it leaves its answers.

        These are predictions [n] and probabilities [n, 1, 1, classes].
        """
        return self._evaluation(part).run, (self._arrays["predictions"], self._arrays["probabilities"])

    def _evaluation(self, part: str) -> Executable:
        if part not in self._evaluations:
            count = len(getattr(self._data, f"{part}_labels"))
            clock = self.device.zeros((Clock.SIZE,), "int64")
            program = fuse(evaluation_program(self.network, self._settings, part, count), self._kernels)
            program = lower(program) if self.device.is_mixed else program
            self._evaluations[part] = self._bound(program, **self._predicting_arrays(), clock=clock)
            self.device.compile_ahead(self._evaluations[part].call)
            self._arrays[f"{part}_clock"] = clock
        return self._evaluations[part]

    def classify(self, part: str, most: int | None = None) -> Iterator[Classified]:
        """Classify a part of the data, all or its first `most` images, batch by batch; the last may be smaller."""
        count = len(getattr(self._data, f"{part}_labels")[:most])
        firsts = np.arange(0, count, self.batch, dtype=np.int64)
        # A device that queues its work is asked for several batches before it is waited for.
        together = _BATCHES_AT_ONCE if self.device.is_asynchronous else 1
        answers = self._answers(part, together)
        for start in range(0, len(firsts), together):
            run = firsts[start : start + together]
            answers.classify(run)
            losses, predictions, probabilities = (self.device.to_host(rows) for rows in answers.rows)
            for place, first in enumerate(run.tolist()):
                here = min(self.batch, count - first)
                own = probabilities[place][:here, 0, 0]
                yield Classified(first, losses[place][:here], predictions[place][:here], own)

    def _answers(self, part: str, together: int) -> Answers:
        if part not in self._answering:
            evaluation = self._evaluation(part)
            left = [self._arrays[name] for name in ("losses", "predictions", "probabilities")]
            place = self._arrays[f"{part}_clock"][Clock.VALIDATION_START : Clock.VALIDATION_START + 1]
            self._answering[part] = Answers(self.device, evaluation, place, left, together)
        return self._answering[part]

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
        return self.store.canonical(self.store.kept())

    def hold(self, shelf: Shelf) -> HeldTensors:
        """The same, copied on the device or to a shelf, and read back when it is asked for."""
        return HeldTensors(self.store, shelf)

    def checkpoint_bytes(self) -> int:
        """Size of what a checkpoint holds."""
        return sum(int(array.nbytes) for array in self.store.kept().values())

    def set_tensors(self, tensors: Mapping[str, np.ndarray]) -> None:
        """Put a checkpoint's tensors back; those that it lacks keep their values, averages begin with the weights."""
        store = self.store
        arenas = [("parameter", store.parameters)]
        arenas += [(f"optimizer/{slot}", moment) for slot, moment in enumerate(store.moments)]
        for kind, arena in arenas:
            self._set_arena(arena, kind, tensors)
        self._set_states(store.states, "state", tensors)
        store.start_average()
        if store.average is not None:
            self._set_arena(store.average, "average", tensors)
            self._set_states(store.predicting_states, "average_state", tensors)

    def _set_arena(self, arena: Array, kind: str, tensors: Mapping[str, np.ndarray]) -> None:
        store = self.store
        known = {key: tensors[f"{kind}/{key}"] for key in store.places if f"{kind}/{key}" in tensors}
        store.set_tensors(arena, {**store.tensors(arena), **known})

    def _set_states(self, states: Mapping[str, Array], kind: str, tensors: Mapping[str, np.ndarray]) -> None:
        for key, state in states.items():
            if f"{kind}/{key}" in tensors:
                self.device.put(state, tensors[f"{kind}/{key}"])

    def memory(self) -> dict[str, int]:
        """Bytes by kind: parameters, gradients, optimizer, activations, workspaces, data; known before training."""
        return dict(self._memory)
