"""Batches gathered from the data, and what a step has come to."""

import numpy as np

from engine.tensor.array_ops.registry import kernel
from engine.tensor.augmentation import Augmentation, Changes, augmented, cut_out, drawn
from engine.tensor.device import Device
from engine.tensor.ops import Array
from engine.tensor.step_ops import Clock, Rates


@kernel()
def advance(device: Device, clock: Array, starts: Array, rates: Array, schedule: Array) -> None:
    """One step on."""
    clock[Clock.STEP : Clock.POSITION + 1] += 1
    clock[Clock.VALIDATION_START] = starts[clock[Clock.POSITION]]
    rates[Rates.LEARNING_RATE] = schedule[clock[Clock.POSITION]]


@kernel()
def gather(
    device: Device, x: Array, y: Array, images: Array, labels: Array, order: Array, clock: Array, scale: Array,
    offset: Array, *, augmentation: Augmentation | None = None,
) -> None:  # fmt: skip
    """Images by index, changed at random where that is asked for, prepared."""
    index = order[clock[Clock.POSITION] * len(x) + device.xp.arange(len(x))]
    if augmentation is None:
        _prepared(device, x, y, images, labels, index, scale, offset)
        return
    y[...] = labels[index]
    prepared_at_random(
        device, x, images, index, scale, offset, augmentation, changes_of(x, clock, augmentation)
    )


def changes_of(x: Array, clock: Array, augmentation: Augmentation) -> Changes:
    """What becomes of the images of the batch x at the step of the clock."""
    counts = clock if isinstance(clock, np.ndarray) else clock.get()
    return drawn(augmentation, int(counts[Clock.SEED]), int(counts[Clock.STEP]), len(x), x.shape[1:3])


def prepared_at_random(
    device: Device, x: Array, images: Array, index: Array, scale: Array, offset: Array, augmentation: Augmentation,
    changes: Changes,
) -> None:  # fmt: skip
    """Images by index, changed, prepared, with their squares cut out."""
    changed = augmented(device.xp, images, index, augmentation, changes, x.dtype.type)
    device.xp.multiply(changed, scale, out=x)
    x += offset
    cut_out(device.xp, x, augmentation, changes)


@kernel()
def gather_run(
    device: Device,
    x: Array,
    y: Array,
    images: Array,
    labels: Array,
    clock: Array,
    scale: Array,
    offset: Array,
    *,
    mirrored: bool = False,
) -> None:
    """Consecutive images, prepared."""
    index = (clock[Clock.VALIDATION_START] + device.xp.arange(len(x))) % len(images)
    seen = images[:, :, ::-1] if mirrored else images
    _prepared(device, x, y, seen, labels, index, scale, offset)


def _prepared(
    device: Device,
    x: Array,
    y: Array,
    images: Array,
    labels: Array,
    index: Array,
    scale: Array,
    offset: Array,
) -> None:
    device.xp.multiply(images[index], scale, out=x)
    x += offset
    y[...] = labels[index]


@kernel()
def record_outcome(
    device: Device, history: Array, healthy: Array, clock: Array, losses: Array, predictions: Array, labels: Array,
    *, column: int,
) -> None:  # fmt: skip
    """Mean loss and right answers into this step's row."""
    row = history[(int(clock[Clock.STEP]) - 1) % len(history)]
    row[column] = losses.astype("float64").mean()
    row[column + 1] = (predictions == labels).sum()
    healthy *= device.xp.isfinite(row[column])
