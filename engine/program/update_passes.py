"""Passes over the learning rule of a step on a GPU.

- adam_update_recorded: the update and the sum of squared weights for the record, in one launch.
- adam_update_early: the update of products' weights, aside, while convolutions still hand errors back.
"""

from dataclasses import replace
from itertools import pairwise

from engine.program.rewriting import Pass, replacing
from engine.program.store import ALIGNMENT
from engine.program.trace import Buffer, Operation, Program

SMALLEST_EARLY = 1 << 20
"""Parameters from which on an early update is worth its launch."""


def _join_recorded(program: Program) -> Program:
    """record_squared_weights and the adam_update behind it."""
    replaced: dict[int, Operation | None] = {}
    for record, update in pairwise(program.operations):
        if (record.name, update.name) == ("record_squared_weights", "adam_update"):
            joined = _recorded_update(record, update)
            if joined is not None:
                replaced[id(record)], replaced[id(update)] = None, joined
    return replacing(program, replaced)


def _recorded_update(record: Operation, update: Operation) -> Operation | None:
    history, clock, parameters = record.inputs
    decaying = update.attributes["decaying"]
    same = update.inputs[0] is parameters and update.inputs[5] is clock
    size = 0 if parameters is None else parameters.shape[0]
    if not same or record.attributes["decaying"] != decaying or size % 4 or decaying % 4:
        return None
    given = {**update.attributes, "early": (0, 0)}
    inputs = (history, *update.inputs, None, None)
    return replace(update, name="adam_update_recorded", inputs=inputs, attributes=given)


def _last_update(program: Program) -> tuple[int, Operation]:
    return next(
        (i, op)
        for i, op in reversed(list(enumerate(program.operations)))
        if i == 0 or op.name.endswith(("_update", "_recorded"))
    )


def _update_early(program: Program) -> Program:
    """Products' weights, most of all parameters, learn while convolutions still hand errors back.

    `adam_update_early` is put where nothing reads those weights or writes their gradients any more; the update at the
    end leaves them out, and adds its squared weights to those that the early one left.
    """
    place, update = _last_update(program)
    last_use = _last_uses(program)
    late = [i for i, op in enumerate(program.operations) if op.name == "convolution_weight_gradient"]
    after = [
        index for op in program.operations if op.name == "linear_weight_gradient"
        for index in [last_use.get(program.storage.get(op.outputs[0].number, "").removeprefix("gradient/"))]
        if index is not None
    ]  # fmt: skip
    if (
        update.name != "adam_update_recorded"
        or update.attributes["early"] != (0, 0)
        or not after
        or not late
        or max(after) >= max(late)
    ):
        return program
    ready = [
        place
        for key, place in program.places.items()
        if last_use.get(key, len(program.operations)) <= max(after)
    ]
    first, last = _longest_run(ready)
    last = min(last, update.attributes["decaying"])
    if last - first < SMALLEST_EARLY:
        return program
    squares = Buffer(len(program.buffers), (1,), "float64")
    given = {**update.attributes, "early": (first, last)}
    early = replace(
        update,
        name="adam_update_early",
        inputs=(*update.inputs[1:-2], None),
        outputs=(squares,),
        attributes=given,
    )
    rest = replace(update, inputs=(*update.inputs[:-2], squares, None), attributes=given)
    cut = max(after) + 1
    behind = program.operations[place + 1 :]
    operations = (*program.operations[:cut], early, *program.operations[cut:place], rest, *behind)
    return replace(program, operations=operations, buffers=(*program.buffers, squares))


def _last_uses(program: Program) -> dict[str, int]:
    """Parameter -> the last operation, of those before the update, that reads it or writes its gradient."""
    found: dict[str, int] = {}
    for index, operation in enumerate(program.operations):
        names = [buffer.name for buffer in operation.inputs if buffer is not None]
        names += [program.storage.get(buffer.number, "") for buffer in operation.outputs]
        for name in names:
            if name.startswith(("parameter/", "gradient/")):
                found[name.partition("/")[2]] = index
    return found


def _longest_run(places: list[slice]) -> tuple[int, int]:
    """(start, stop) of the longest stretch that neighbouring places cover; gaps of alignment count as covered."""
    best = (0, 0)
    start = stop = 0
    for place in sorted(places, key=lambda place: place.start):
        if place.start - stop >= ALIGNMENT:
            start = place.start
        stop = place.stop
        aligned = -(-stop // ALIGNMENT) * ALIGNMENT
        if aligned - start > best[1] - best[0]:
            best = (start, aligned)
    return best


JOINS: dict[str, Pass] = {
    "adam_update_recorded": _join_recorded,
    "adam_update_early": _update_early,
}
"""Name of an operation that a device has -> the pass that makes it, in order."""
