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
from engine.settings import TrainingSettings
from engine.tensor.bfloat import NAME as LOW
from engine.tensor.bfloat import rounded_to_bfloat
from engine.tensor.device import Announce, Device, nobody
from engine.tensor.ops import Array

OWN, CUDNN = "own kernel", "cuDNN"
_log = logging.getLogger(__name__)
_ROUNDS, _RUNS = 3, 20


def chosen_kernels(
    program: Program, device: Device, settings: TrainingSettings, announce: Announce = nobody
) -> Collection[str]:
    """The kernels that a training's programs are fused for: own ones for first layers where they win against cuDNN.

    `program` is a training step as recorded. A device that times nothing takes its own.
    """
    kernels = kernels_for(settings, device.kernels.keys())
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
        # All that either way may need at once: what tunes takes its time to begin.
        device.tune((*own.operations, *plain.operations), announce)
        times = {OWN: microseconds(first, device), CUDNN: microseconds(_only_in(plain, own), device)}
        device.keep_times(what, times)
    _log.debug("%s: %s", what, times)
    return kernels if times[OWN] <= times[CUDNN] else others


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
