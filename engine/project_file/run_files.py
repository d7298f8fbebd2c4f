"""A run <-> the files of its folder: run.json, and tensors for all that has many numbers."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, BinaryIO, Literal

import msgspec
import numpy as np

from engine.project_file.archive import KEPT_LIMIT, KEPT_MEMBER, RUN_ID
from engine.project_file.checkpoint_check import check_checkpoint
from engine.project_file.design_json import Line
from engine.project_file.project_json import (
    SCHEMA,
    Migration,
    Text,
    converted,
    decode_json,
    encode_json,
    migrated,
    project_document,
    project_from,
)
from engine.project_file.refusal import RefusedError, shortened
from engine.project_file.run_course import (
    ChangeRecord,
    Count,
    change_documents,
    changes_from,
    check_course,
    decode_epochs,
    encode_epochs,
    stretches_from,
)
from engine.project_file.run_preparation import MEMBER as PREPARATION
from engine.project_file.run_preparation import check_preparation, decode_preparation
from engine.project_file.sample_files import check_samples, decode_samples, encode_samples
from engine.project_file.snapshot_files import PARTS, check_pictures, decode_snapshots, snapshot_tensors
from engine.project_file.tensors import TensorFile, Tensors, column, decode_tensors
from engine.training.events import Evaluated
from engine.training.run import HISTORY_COLUMNS, Checkpoint, Run, epochs_of_history
from engine.training.samples import Samples

RUN_MIGRATIONS: dict[int, Migration] = {1: dict}
"""As `MIGRATIONS`, for run.json apart from the project in it."""

_FORMAT = "gabor-run"
_STEP = "step"
_FACTS = (
    "id", "created", "device", "threads", "steps_per_epoch", "parent", "status", "message", "seconds", "name", "notes",
    "fork_step", "result_step",
)  # fmt: skip


class _RunRecord(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    schema: int
    id: Line
    project: dict[str, Any]
    created: Line
    device: Line
    threads: Count
    steps_per_epoch: Count
    class_names: Annotated[list[Line], msgspec.Meta(max_length=100_000)]
    implementations: dict[str, Line]
    parent: Line
    status: Literal["running", "paused", "finished", "stopped", "failed"]
    message: Text
    seconds: Annotated[float, msgspec.Meta(ge=0)]
    filters_node: Line
    name: Line = ""
    notes: Text = ""
    changes: Annotated[list[ChangeRecord], msgspec.Meta(max_length=100_000)] = []
    stretches: Annotated[list[tuple[Count, Count, Count]], msgspec.Meta(max_length=100_000)] = []
    fork_step: Count = 0
    result_step: Annotated[int, msgspec.Meta(ge=-1, le=2**53)] = -1


def encode_run(run: Run) -> Iterator[tuple[str, Callable[[], bytes | TensorFile]]]:
    """File names in the run's folder and what makes their contents; RefusedError when the run is not valid."""
    check_run(run)
    yield "run.json", lambda: _encode_facts(run)
    if run.preparation:
        yield PREPARATION, lambda: TensorFile(run.preparation)
    if run.history:
        yield "history.safetensors", lambda: TensorFile(run.history)
    if len(run.samples.steps):
        yield "samples.safetensors", lambda: encode_samples(run.samples)
    if run.snapshots:
        yield "snapshots.safetensors", lambda: TensorFile(snapshot_tensors(run.snapshots))
    if run.evaluations:
        yield "evaluations.safetensors", lambda: TensorFile(_evaluation_tensors(run.evaluations))
    if run.epochs:
        yield "epochs.safetensors", lambda: TensorFile(encode_epochs(run.epochs))
    if run.checkpoint is not None:
        checkpoint = run.checkpoint
        yield "checkpoint.safetensors", lambda: encode_checkpoint(checkpoint)
    for kept in run.checkpoints:
        yield kept_name(kept.step), partial(encode_checkpoint, kept)


def kept_name(step: int) -> str:
    """Name of the file of a kept checkpoint."""
    return f"checkpoint-{step}.safetensors"


def decode_run(names: Iterable[str], read: Callable[[str], bytes], run_id: str) -> Run:
    """The run whose folder has these files, whose bytes `read` gives; RefusedError when not valid.

    A run that was saved while it trained comes back as paused.
    """
    present = set(names)

    def part(name: str, decode: Callable[[bytes], Any], otherwise: Any) -> Any:
        if name not in present:
            return otherwise
        data = read(name)
        try:
            return decode(data)
        except RefusedError as error:
            raise RefusedError(f"in {name}, {error.reason}", error.advice) from error

    facts = part("run.json", _decode_facts, None)
    if facts is None:
        raise RefusedError("run.json is missing")
    record, project = facts
    if record.id != run_id:
        raise RefusedError(f"run.json is of another run, '{shortened(record.id)}'")
    run = Run(
        id=run_id,
        project=project,
        created=record.created,
        device=record.device,
        threads=record.threads,
        steps_per_epoch=record.steps_per_epoch,
        class_names=tuple(record.class_names),
        implementations=record.implementations,
        parent=record.parent,
        status="paused" if record.status == "running" else record.status,
        message=record.message,
        seconds=record.seconds,
        preparation=part(PREPARATION, decode_preparation, {}),
        history=part("history.safetensors", _decode_history, {}),
        samples=part("samples.safetensors", decode_samples, Samples()),
        snapshots=part(
            "snapshots.safetensors", lambda d: decode_snapshots(d, run_id, record.filters_node), ()
        ),
        evaluations=part("evaluations.safetensors", lambda d: _evaluations(d, run_id), ()),
        epochs=part("epochs.safetensors", lambda d: decode_epochs(d, run_id), ()),
        changes=changes_from(record.changes, run_id),
        stretches=stretches_from(record.stretches),
        checkpoint=part("checkpoint.safetensors", decode_checkpoint, None),
        checkpoints=tuple(part(name, decode_checkpoint, None) for name in _kept_names(present)),
        fork_step=record.fork_step,
        result_step=record.result_step,
        name=record.name,
        notes=record.notes,
    )
    run = _with_later_parts(run)
    check_run(run)
    return run


def _kept_names(names: Iterable[str]) -> list[str]:
    """The files of kept checkpoints, by step."""
    found = (re.fullmatch(KEPT_MEMBER, name) for name in names)
    return [match[0] for match in sorted(filter(None, found), key=lambda match: int(match[1]))]


def _with_later_parts(run: Run) -> Run:
    """What files of older versions do not hold: the learning rate, which was the same at every step, and the epochs."""
    if not run.history:
        return run
    if set(HISTORY_COLUMNS) - set(run.history) == {"learning_rate"}:
        rates = np.full(run.step, run.project.training.learning_rate)
        run = replace(run, history={**run.history, "learning_rate": rates})
    tells_epochs = bool(run.stretches) or set(HISTORY_COLUMNS) != set(run.history)
    return run if tells_epochs else replace(run, epochs=epochs_of_history(run))


def check_run(run: Run) -> None:
    """RefusedError unless a run is one that a file may hold: the same rules when written and when read."""
    if re.fullmatch(RUN_ID, run.id) is None:
        raise RefusedError(f"'{shortened(run.id)}' is not a possible id of a run")
    check_preparation(run.preparation)
    if run.history:
        _check_history(run.history)
    check_samples(run.samples, run.step)
    _check_checkpoints(run)
    check_pictures(run)
    check_course(run)


def _check_checkpoints(run: Run) -> None:
    steps = [kept.step for kept in run.checkpoints]
    if len(steps) > KEPT_LIMIT:
        raise RefusedError(f"it keeps more than {KEPT_LIMIT} checkpoints")
    if sorted(set(steps)) != steps or (run.checkpoint is not None and run.checkpoint.step in steps):
        raise RefusedError("its checkpoints do not follow each other")
    for checkpoint in (*run.checkpoints, *(() if run.checkpoint is None else (run.checkpoint,))):
        check_checkpoint(run.project.graph, checkpoint)
        if run.history and checkpoint.step > run.step:
            raise RefusedError(
                f"its checkpoint is of step {checkpoint.step}, but its history ends at step {run.step}",
            )
    if run.result_step >= 0 and run.result is None:
        raise RefusedError(f"its result is of step {run.result_step}, of which it has no checkpoint")


def encode_checkpoint(checkpoint: Checkpoint) -> TensorFile:
    """The checkpoint's tensors, and its step beside them, as one file."""
    return TensorFile({**checkpoint.tensors, _STEP: np.array(checkpoint.step, np.int64)})


def write_checkpoint(checkpoint: Checkpoint, stream: BinaryIO) -> None:
    """The same into a stream; other threads go on meanwhile."""
    encode_checkpoint(checkpoint).write(stream)


def decode_checkpoint(data: bytes) -> Checkpoint:
    """The checkpoint in a blob, not yet compared with a design; RefusedError when it has no step."""
    tensors, _ = decode_tensors(data)
    step = tensors.pop(_STEP, None)
    if step is None or step.shape != () or step.dtype != np.int64:
        raise RefusedError("it does not say after which step it was taken")
    return Checkpoint(int(step), tensors)


def _encode_facts(run: Run) -> bytes:
    facts = {
        "format": _FORMAT,
        "schema": SCHEMA,
        "project": project_document(run.project),
        "class_names": list(run.class_names),
        "implementations": dict(run.implementations),
        "changes": change_documents(run.changes),
        "stretches": [list(stretch) for stretch in run.stretches],
        "filters_node": next((e.filters_node for e in run.snapshots if e.filters is not None), ""),
    }
    facts |= {name: getattr(run, name) for name in _FACTS}
    data = encode_json(facts)
    _decode_facts(data)  # What could not be read back must not be written.
    return data


def _decode_facts(data: bytes) -> tuple[_RunRecord, Any]:
    record = converted(migrated(decode_json(data), _FORMAT, RUN_MIGRATIONS), _RunRecord)
    if not np.isfinite(record.seconds):
        raise RefusedError("its time is not a finite number")
    return record, project_from(record.project)


def _decode_history(data: bytes) -> Tensors:
    return decode_tensors(data)[0]


def _check_history(history: Mapping[str, np.ndarray]) -> None:
    if set(history) != set(HISTORY_COLUMNS):
        raise RefusedError(f"its history must have the columns {', '.join(HISTORY_COLUMNS)}")
    columns = list(history.values())
    if any(c.ndim != 1 or c.dtype != np.float64 for c in columns) or len({len(c) for c in columns}) != 1:
        raise RefusedError("the columns of its history differ in length or type")


def _evaluation_tensors(evaluations: tuple[Evaluated, ...]) -> Tensors:
    return {
        _STEP: np.array([event.step for event in evaluations], np.int64),
        "part": np.array([PARTS.index(event.part) for event in evaluations], np.int64),
        "loss": np.array([event.loss for event in evaluations], np.float64),
        "accuracy": np.array([event.accuracy for event in evaluations], np.float64),
        "confusion": np.stack([event.confusion for event in evaluations]),
    }


def _evaluations(data: bytes, run_id: str) -> tuple[Evaluated, ...]:
    tensors, _ = decode_tensors(data)
    steps, parts = column(tensors, _STEP, np.int64), column(tensors, "part", np.int64)
    losses, accuracies = column(tensors, "loss", np.float64), column(tensors, "accuracy", np.float64)
    matrices = tensors.get("confusion", np.zeros(0))
    lengths = {len(column) for column in (steps, parts, losses, accuracies, matrices)}
    if len(lengths) != 1 or matrices.ndim != 3 or not set(parts.tolist()) <= set(range(len(PARTS))):
        raise RefusedError("its columns differ in length, or name an unknown part of the data")
    columns = (steps.tolist(), parts.tolist(), losses.tolist(), accuracies.tolist(), matrices)
    return tuple(
        Evaluated(run_id, step, PARTS[part], loss, accuracy, matrix)
        for step, part, loss, accuracy, matrix in zip(*columns, strict=True)
    )
