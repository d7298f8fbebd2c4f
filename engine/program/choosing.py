"""Ways to compute the same that only a clock can tell apart: timed once on the device, and remembered by it."""

import logging
from collections import Counter
from collections.abc import Callable, Collection
from functools import partial

import numpy as np

from engine.program.first_layer_passes import FIRST_LAYERS, kernels_for
from engine.program.mixed_precision import lower
from engine.program.passes import fuse
from engine.program.trace import Buffer, Operation, Program
from engine.program.update_passes import JOINED_GRADIENTS
from engine.settings import TrainingSettings
from engine.tensor.bfloat import NAME as LOW
from engine.tensor.bfloat import rounded_to_bfloat
from engine.tensor.device import Device
from engine.tensor.ops import Array, Clock, Rates

OWN, CUDNN = "own kernel", "cuDNN"
_JOINS_RIGHT = "error of linear_weight_update"
_MOST_ERROR = 1e-2
_log = logging.getLogger(__name__)
_ROUNDS, _RUNS = 3, 20


def chosen_kernels(program: Program, device: Device, settings: TrainingSettings) -> Collection[str]:
    """The kernels that a training's programs are fused for: own ones for first layers where they win against cuDNN.

    `program` is a training step as recorded. A device that times nothing takes its own.
    """
    kernels = kernels_for(settings, device.kernels.keys())
    if device.kernels.keys() >= JOINED_GRADIENTS and not joins_right(device):
        _log.warning("The joined update of weights is off on %s, and not used.", device.description)
        kernels = frozenset(kernels) - JOINED_GRADIENTS
    if not device.is_tuning or settings.convolutions != "auto":
        return kernels
    others = frozenset(kernels) - FIRST_LAYERS
    own, plain = _finished(program, kernels, device), _finished(program, others, device)
    first = _only_in(own, plain)
    if not first:
        return kernels
    what = "; ".join(_told(operation) for operation in first)
    times = device.times(what)
    if not {OWN, CUDNN} <= times.keys():
        times = {OWN: microseconds(first, device), CUDNN: microseconds(_only_in(plain, own), device)}
        device.keep_times(what, times)
    _log.debug("%s: %s", what, times)
    return kernels if times[OWN] <= times[CUDNN] else others


def joins_right(device: Device) -> bool:
    """Whether `linear_weight_update` gives on the device what the gradient and the update give one after the other.

    Tried once a device, on weights of odd sizes: it is written for matrix units, of which new ones come every year.
    """
    known = device.times(_JOINS_RIGHT)
    if _JOINS_RIGHT not in known:
        known = {_JOINS_RIGHT: float(_joined_error(device))}
        device.keep_times(_JOINS_RIGHT, known)
    return known[_JOINS_RIGHT] <= _MOST_ERROR


def _joined_error(device: Device) -> float:
    """Relative difference of what the weights learn."""
    examples, outputs, features = 37, 68, 132
    generator = np.random.default_rng(0)
    given = [
        generator.standard_normal((examples, 1, 1, size), dtype=np.float32) for size in (features, outputs)
    ]
    x, dy = (
        device.to_device(rounded_to_bfloat(np, values) if device.is_mixed else values) for values in given
    )
    start = generator.standard_normal(outputs * features, dtype=np.float32)
    rates = np.zeros(Rates.SIZE)
    rates[Rates.LEARNING_RATE], rates[Rates.BETA1], rates[Rates.BETA2] = 100.0, 0.9, 0.999
    # So large that the step is in proportion to the gradient: else the first one of Adam tells its sign alone.
    rates[Rates.EPSILON] = 1e4
    clock = np.zeros(Clock.SIZE, np.int64)
    clock[Clock.STEP] = 1
    shared = [device.to_device(array) for array in (rates, clock, np.ones(1, np.int32))]
    learned = []
    for joined in (True, False):
        weights = device.to_device(start.copy())
        m, v = (device.zeros(start.shape, "float32") for _ in range(2))
        if joined:
            squares = device.zeros((1,), "float64")
            device.kernels["linear_weight_update"](
                device, squares, x, dy, weights, m, v, *shared, None, None, decoupled=True, place=(0, start.size)
            )  # fmt: skip
        else:
            gradient = device.zeros((outputs, 1, 1, features), "float32")
            device.kernels["linear_weight_gradient"](device, gradient, x, dy)
            device.kernels["adam_update"](
                device, weights, gradient.reshape(-1), m, v, *shared, decaying=start.size, decoupled=True
            )
        learned.append(device.to_host(weights) - start)
    return float(np.linalg.norm(learned[0] - learned[1]) / np.linalg.norm(learned[1]))


def microseconds(operations: Collection[Operation], device: Device) -> float:
    """How long a device takes for operations, one after the other, on noise; what they name is made for the trial."""
    arrays: dict[int, Array] = {}
    calls: list[Callable[[], None]] = []
    for operation in operations:
        for buffer in (*operation.outputs, *operation.inputs):
            if buffer is not None and buffer.number not in arrays:
                arrays[buffer.number] = _noise(buffer, device)
        operands = [None if b is None else arrays[b.number] for b in (*operation.outputs, *operation.inputs)]
        calls.append(partial(device.kernels[operation.name], device, *operands, **operation.attributes))

    def run() -> None:
        for call in calls:
            call()

    device.reserve(operations)
    device.compile_ahead(run)
    prepared = device.prepare(run)
    for _ in range(3):
        prepared()
    times = []
    for _ in range(_ROUNDS):
        first = device.mark()
        for _ in range(_RUNS):
            prepared()
        last = device.mark()
        device.synchronize()
        times.append(device.seconds_between(first, last) / _RUNS)
    return min(times) * 1e6


def _finished(program: Program, kernels: Collection[str], device: Device) -> Program:
    program = fuse(program, kernels)
    return lower(program) if device.is_mixed else program


def _only_in(program: Program, other: Program) -> list[Operation]:
    """Layers' operations that the other program has not, by what they do and for whom."""
    left = Counter(_key(operation) for operation in other.operations)
    found = []
    for operation in program.operations:
        if left[_key(operation)]:
            left[_key(operation)] -= 1
        elif operation.node:
            found.append(operation)
    return found


def _key(operation: Operation) -> tuple[str, str, str]:
    return operation.name, operation.node, operation.phase


def _told(operation: Operation) -> str:
    shapes = [tuple(b.shape) for b in (*operation.outputs, *operation.inputs) if b is not None]
    types = sorted({b.dtype for b in operation.inputs if b is not None})
    return f"{operation.name}{shapes} {' '.join(types)} {dict(operation.attributes)}"


def _noise(buffer: Buffer, device: Device) -> Array:
    generator = np.random.default_rng(buffer.number)
    if buffer.dtype in ("float32", LOW):
        values = generator.standard_normal(buffer.shape, dtype=np.float32)
        return device.to_device(rounded_to_bfloat(np, values) if buffer.dtype == LOW else values)
    # Which of four pixels won, where a device pools.
    top = 4 if buffer.dtype == "uint8" else 1
    return device.to_device(generator.integers(0, top, buffer.shape).astype(buffer.dtype))
