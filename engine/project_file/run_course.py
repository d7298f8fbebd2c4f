"""The course of a run <-> values for its files: its epochs, what was changed meanwhile, where epochs change length."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any

import msgspec
import numpy as np

from engine.project_file.design_json import Line
from engine.project_file.refusal import RefusedError
from engine.project_file.tensors import Tensors, column, decode_tensors
from engine.training.events import EpochDone, SettingChanged
from engine.training.run import Run
from engine.training.timeline import Stretch

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_INTEGERS = ("step", "epoch")
_REALS = (
    "train_loss", "validation_loss", "train_accuracy", "validation_accuracy", "whole_loss", "whole_accuracy",
)  # fmt: skip


class ChangeRecord(msgspec.Struct, forbid_unknown_fields=True):
    """A `SettingChanged` in run.json."""

    step: Count
    node: Line
    name: Line
    old: float
    new: float
    steps_per_epoch: Count


def change_documents(changes: Sequence[SettingChanged]) -> list[dict[str, Any]]:
    """The changes as plain values for JSON."""
    names = ChangeRecord.__struct_fields__
    return [{name: getattr(change, name) for name in names} for change in changes]


def changes_from(records: Sequence[ChangeRecord], run_id: str) -> tuple[SettingChanged, ...]:
    """The changes of a run's records."""
    return tuple(SettingChanged(run_id, **msgspec.structs.asdict(record)) for record in records)


def encode_epochs(epochs: Sequence[EpochDone]) -> Tensors:
    """A column for each number of an epoch."""
    columns = {name: np.array([getattr(e, name) for e in epochs], np.int64) for name in _INTEGERS}
    return columns | {name: np.array([getattr(e, name) for e in epochs], np.float64) for name in _REALS}


def decode_epochs(data: bytes, run_id: str) -> tuple[EpochDone, ...]:
    """The epochs of a run's file; RefusedError when its columns do not fit together."""
    tensors, _ = decode_tensors(data)
    columns = [column(tensors, name, np.int64).tolist() for name in _INTEGERS]
    columns += [column(tensors, name, np.float64).tolist() for name in _REALS]
    if len({len(values) for values in columns}) != 1:
        raise RefusedError("its columns differ in length")
    rows = zip(*columns, strict=True)
    return tuple(EpochDone(run_id, **dict(zip((*_INTEGERS, *_REALS), row, strict=True))) for row in rows)


def check_course(run: Run) -> None:
    """RefusedError unless epochs, changes and stretches follow each other within the run."""
    steps = [event.step for event in run.epochs]
    if any(not 0 < step <= max(run.step, 2**53 * (not run.history)) for step in steps) or _falls(steps):
        raise RefusedError("its epochs do not follow each other within its history")
    if any(not 0 <= event.step < 2**53 for event in run.changes) or _falls(
        [event.step for event in run.changes], repeated=True
    ):
        raise RefusedError("what was changed while it trained does not follow its steps")
    firsts = [stretch.first_step for stretch in run.stretches]
    if run.stretches and (
        firsts[0] != 0 or _falls(firsts) or any(s.steps_per_epoch < 1 for s in run.stretches)
    ):
        raise RefusedError("the lengths of its epochs do not follow each other")


def _falls(steps: Sequence[int], *, repeated: bool = False) -> bool:
    return any(later < earlier or (later == earlier and not repeated) for earlier, later in pairwise(steps))


def stretches_from(records: Sequence[tuple[int, int, int]]) -> tuple[Stretch, ...]:
    """Stretches of their plain numbers."""
    return tuple(Stretch(*record) for record in records)
