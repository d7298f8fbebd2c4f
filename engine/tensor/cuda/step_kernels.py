"""What surrounds the network in a step, computed by own kernels: batches, losses, records, learning rules."""

from typing import TYPE_CHECKING, Any

from engine.tensor.augmentation import STREAM, Augmentation
from engine.tensor.cuda.launching import BLOCK, launch, type_code
from engine.tensor.step_ops import Clock, History, Rates

if TYPE_CHECKING:
    from engine.tensor.cuda.cuda_device import CudaDevice

Array = Any
_MOST_GROUPS = 1024
"""Bound on the partial sums of the squared weights."""
_BLOCKS_ASIDE, _THREADS_ASIDE = 64, 1024
"""Of an update beside other work: such a block has a multiprocessor for itself, and leaves the rest to the others.

Measured on an H100 in TF32, models B and C: no update aside 1.015 and 1.630 ms, with 32 blocks 1.094 and 1.667, with
48 0.944 and 1.579, with 64 0.953 and 1.579, with 96 1.010 and 1.631. In bfloat16 48 are too few.
"""


# Classification


def cross_entropy(
    device: "CudaDevice",
    losses: Array,
    probabilities: Array,
    predictions: Array,
    scores: Array,
    labels: Array,
    *,
    smoothing: float = 0.0,
) -> None:
    """Softmax and its loss, a warp an example."""
    examples = int(scores.shape[0])
    launch(
        device, "classification", "cross_entropy_rows", losses, probabilities, predictions, scores, labels,
        float(smoothing), scores.size // examples, examples, count=examples * 32, like=scores,
        grid=(-(-examples * 32 // BLOCK),),
    )  # fmt: skip


def cross_entropy_gradient(
    device: "CudaDevice", dz: Array, probabilities: Array, labels: Array, *, smoothing: float = 0.0
) -> None:
    """(p − q)/N."""
    examples = int(dz.shape[0])
    launch(
        device, "classification", "cross_entropy_errors", dz, probabilities, labels, float(smoothing),
        dz.size // examples, examples, dz.size, count=dz.size, like=dz,
    )  # fmt: skip


def cross_entropy_step(
    device: "CudaDevice", losses: Array, probabilities: Array, predictions: Array, dz: Array, scores: Array,
    labels: Array, history: Array, healthy: Array, clock: Array, *, column: int, smoothing: float = 0.0,
) -> None:  # fmt: skip
    """Loss, gradient and record; the block that is done last writes the record."""
    examples = int(scores.shape[0])
    launch(
        device, "classification", "cross_entropy_step", losses, probabilities, predictions, dz, device.tickets, scores,
        labels, history, healthy, clock, Clock.STEP, column, *history.shape, float(smoothing), scores.size // examples,
        examples, count=examples * 32, like=scores, grid=(-(-examples * 32 // BLOCK),),
    )  # fmt: skip


def average_answers(
    device: "CudaDevice", losses: Array, probabilities: Array, predictions: Array, first: Array, second: Array,
    labels: Array,
) -> None:  # fmt: skip
    """The mean of two answers."""
    examples = int(first.shape[0])
    launch(
        device, "classification", "average_answers", losses, probabilities, predictions, first, second, labels,
        first.size // examples, examples, count=examples, like=first,
    )  # fmt: skip


# Steps of training


def advance(device: "CudaDevice", clock: Array, starts: Array, rates: Array, schedule: Array) -> None:
    """One step on."""
    device.functions.launch(
        "batches", "advance_clock", clock, starts, type_code(starts), Clock.STEP, Clock.POSITION,
        Clock.VALIDATION_START, starts.size, rates, schedule, Rates.LEARNING_RATE, count=1,
    )  # fmt: skip


def gather(
    device: "CudaDevice", x: Array, y: Array, images: Array, labels: Array, order: Array, clock: Array, scale: Array,
    offset: Array, *, augmentation: Augmentation | None = None,
) -> None:  # fmt: skip
    """Images by index, changed at random where that is asked for, prepared."""
    if augmentation is not None:
        _prepare_at_random(
            device, x, y, images, labels, order, clock, scale, offset, (None,) * 3, augmentation
        )
        return
    head = (order, type_code(order), order.size, clock, Clock.POSITION)
    _prepare(device, "gather_ordered", head, x, y, images, labels, scale, offset)


def gather_next(
    device: "CudaDevice", x: Array, y: Array, images: Array, labels: Array, order: Array, clock: Array, scale: Array,
    offset: Array, starts: Array, rates: Array, schedule: Array, *, augmentation: Augmentation | None = None,
) -> None:  # fmt: skip
    """One step on, and the images there."""
    if augmentation is not None:
        tables = (starts, rates, schedule)
        _prepare_at_random(device, x, y, images, labels, order, clock, scale, offset, tables, augmentation)
        return
    head = (
        order, type_code(order), order.size, clock, Clock.STEP, Clock.POSITION, Clock.VALIDATION_START, starts,
        type_code(starts), starts.size, rates, schedule, Rates.LEARNING_RATE, device.tickets,
    )  # fmt: skip
    pixels = int(x.size) // len(x)
    if scale.size == offset.size == pixels and pixels % 4 == 0:
        launch(
            device, "batches", "gather_next_images", *head, x, y, images, labels, len(images), len(x), scale, offset,
            pixels, count=x.size, like=x, grid=(len(x),), PIXEL=str(images.dtype),
        )  # fmt: skip
        return
    _prepare(device, "gather_next", head, x, y, images, labels, scale, offset)


def gather_run(
    device: "CudaDevice",
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
    head = (clock, Clock.VALIDATION_START, int(mirrored))
    _prepare(device, "gather_consecutive", head, x, y, images, labels, scale, offset)


def _prepare_at_random(
    device: "CudaDevice", x: Array, y: Array, images: Array, labels: Array, order: Array, clock: Array, scale: Array,
    offset: Array, tables: tuple[Array | None, Array | None, Array | None], how: Augmentation,
) -> None:  # fmt: skip
    """A block an image; with `tables` (starts, rates, schedule) the clock goes one step on first."""
    starts, rates, schedule = tables
    shape = tuple(int(size) for size in images.shape[1:])
    counters = (clock, Clock.SEED, Clock.STEP, Clock.POSITION, Clock.VALIDATION_START)
    moves = (how.crop, int(how.reflect), int(how.mirror), float(how.rotation), float(how.shift))
    light = (float(how.brightness), float(how.contrast), how.lit if how.changes_light else 0)
    launch(
        device, "augmentation", "gather_at_random", x, y, images, labels, len(images), order, type_code(order),
        order.size, *counters, starts, 0 if starts is None else type_code(starts),
        0 if starts is None else starts.size, rates, schedule, Rates.LEARNING_RATE, device.tickets, scale,
        *_element_strides(scale, shape), offset, *_element_strides(offset, shape), *shape, STREAM, *moves,
        int(how.between_pixels), *light, how.cutout,
        count=x.size, like=x, grid=(len(x),), PIXEL=str(images.dtype),
    )  # fmt: skip


def _prepare(
    device: "CudaDevice", name: str, head: tuple[Any, ...], x: Array, y: Array, images: Array, labels: Array,
    scale: Array, offset: Array,
) -> None:  # fmt: skip
    shape = tuple(int(size) for size in images.shape[1:])
    launch(
        device, "batches", name, *head, x, y, images, labels, len(images), len(x), scale,
        *_element_strides(scale, shape), offset, *_element_strides(offset, shape), shape[1], shape[2],
        x.size // len(x), x.size, count=x.size, like=x, PIXEL=str(images.dtype),
    )  # fmt: skip


def _element_strides(array: Array, shape: tuple[int, ...]) -> list[int]:
    """Distances in elements along height, width and channels; 0 along axes that broadcast."""
    strides = [0] * (len(shape) - array.ndim)
    step = [1] * array.ndim
    for axis in range(array.ndim - 2, -1, -1):
        step[axis] = step[axis + 1] * int(array.shape[axis + 1])
    return strides + [0 if size == 1 else stride for size, stride in zip(array.shape, step, strict=True)]


def record_outcome(
    device: "CudaDevice", history: Array, healthy: Array, clock: Array, losses: Array, predictions: Array,
    labels: Array, *, column: int,
) -> None:  # fmt: skip
    """Mean loss and right answers into this step's row."""
    launch(
        device, "classification", "record_mean", history, healthy, clock, losses, predictions, labels, Clock.STEP,
        column, *history.shape, losses.size, count=losses.size, like=losses, grid=(1,),
    )  # fmt: skip


def record_squared_weights(
    device: "CudaDevice", history: Array, clock: Array, parameters: Array, *, decaying: int
) -> None:
    """Σ w² of the decaying parameters into this step's row."""
    groups = max(1, min(_MOST_GROUPS, -(-decaying // (BLOCK * 8))))
    partial = device.workspace(groups * 8).view("float64")[:groups]
    launch(
        device, "reductions", "square_blocks", partial, parameters, decaying, count=max(1, parameters.size),
        like=parameters, grid=(groups,),
    )  # fmt: skip
    launch(
        device, "reductions", "record_squares", history, clock, partial, groups, Clock.STEP,
        History.SQUARED_WEIGHTS, *history.shape, count=1, like=parameters, grid=(1,),
    )  # fmt: skip


def sgd_update(
    device: "CudaDevice", parameters: Array, gradients: Array, velocity: Array | None, rates: Array, healthy: Array,
    *, decaying: int, nesterov: bool,
) -> None:  # fmt: skip
    """One pass over the arena."""
    launch(
        device, "updates", "sgd_step", parameters, gradients, velocity, rates, healthy, decaying, int(nesterov),
        parameters.size, count=parameters.size, like=parameters,
    )  # fmt: skip


def average_in(device: "CudaDevice", average: Array, values: Array, clock: Array, *, memory: float) -> None:
    """One pass over the arena."""
    launch(
        device, "updates", "average_step", average, values, clock, Clock.STEP, float(memory), average.size,
        count=average.size, like=average,
    )  # fmt: skip


def adam_update(
    device: "CudaDevice", parameters: Array, gradients: Array, m: Array, v: Array, rates: Array, clock: Array,
    healthy: Array, *, decaying: int, decoupled: bool,
) -> None:  # fmt: skip
    """One pass over the arena."""
    launch(
        device, "updates", "adam_step", parameters, gradients, m, v, rates, clock, healthy, Clock.STEP, decaying,
        int(decoupled), parameters.size, count=parameters.size, like=parameters,
    )  # fmt: skip


def adam_update_recorded(
    device: "CudaDevice", history: Array, parameters: Array, gradients: Array, m: Array, v: Array, rates: Array,
    clock: Array, healthy: Array, squares: Array | None, rounded: Array | None, *, decaying: int, decoupled: bool,
    early: tuple[int, int],
) -> None:  # fmt: skip
    """One pass over the arena, four values at a time, in which the squared weights are summed."""
    if squares is not None:
        device.join()
    packs = (int(parameters.size) - (early[1] - early[0])) // 4
    blocks = max(1, min(_MOST_GROUPS, -(-packs // BLOCK)))
    partial = device.workspace(blocks * 8).view("float64")[:blocks]
    launch(
        device, "updates", "adam_step_recorded", history, partial, device.tickets, parameters, gradients, m, v, rounded,
        rates, clock, healthy, Clock.STEP, History.SQUARED_WEIGHTS, *history.shape, decaying, int(decoupled), squares,
        *early, parameters.size, count=max(1, packs), like=parameters, grid=(blocks,),
    )  # fmt: skip


def adam_update_early(
    device: "CudaDevice", squares: Array, parameters: Array, gradients: Array, m: Array, v: Array, rates: Array,
    clock: Array, healthy: Array, rounded: Array | None, *, decaying: int, decoupled: bool, early: tuple[int, int],
) -> None:  # fmt: skip
    """On a stream beside the others and on few multiprocessors: it waits for memory, they do not."""
    first, last = early
    parts = [None if arena is None else arena[first:last] for arena in (parameters, gradients, m, v, rounded)]
    decaying, size = min(max(decaying - first, 0), last - first), last - first
    with device.aside():
        launch(
            device, "updates", "adam_step_recorded", squares, device.partial_aside, device.tickets_aside, *parts, rates,
            clock, healthy, Clock.STEP, 0, 1, 1, decaying, int(decoupled), None, 0, 0, size, count=max(1, size // 4),
            like=parameters, grid=(_BLOCKS_ASIDE,), block=(_THREADS_ASIDE,),
        )  # fmt: skip


KERNELS = {
    function.__name__: function
    for function in (
        cross_entropy, cross_entropy_gradient, advance, gather, gather_run, record_outcome, record_squared_weights,
        average_answers, average_in, sgd_update, adam_update, cross_entropy_step, gather_next, adam_update_recorded,
        adam_update_early,
    )
}  # fmt: skip
