"""Events <-> records of an append-only file, each with its length and checksum, so that a torn end is noticed."""

import dataclasses
import struct
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, get_type_hints

import msgspec
import numpy as np

from engine.project_file.project_json import decode_json, encode_json
from engine.project_file.refusal import RefusedError
from engine.project_file.tensors import Tensors, decode_tensors, encode_tensors
from engine.training.events import (
    EpochDone,
    Evaluated,
    Event,
    RunEnded,
    RunStarted,
    Sampled,
    SettingChanged,
    Snapshot,
    StepsDone,
)

_HEAD = struct.Struct("<4sII")
_MAGIC = b"GabR"
_LONGEST = 2**28
_LATER_COLUMNS = ("learning_rate",)
"""Columns of `StepsDone` that older versions did not record."""
_KINDS: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (RunStarted, StepsDone, Sampled, Snapshot, Evaluated, EpochDone, SettingChanged, RunEnded)
}


def is_recorded(event: Event) -> bool:
    """False for events that only repeat what others say."""
    return type(event).__name__ in _KINDS


def encode_record(event: Event) -> bytes:
    """One record. Numbers are kept as tensors, bit for bit (a loss may be infinite); words as JSON."""
    tensors: Tensors = {}
    words: dict[str, Any] = {}
    for field in dataclasses.fields(event):
        value = getattr(event, field.name)
        if isinstance(value, np.ndarray | int | float):
            tensors[field.name] = _as_tensor(value)
        elif value is not None:
            words[field.name] = value
    note = encode_json({"event": type(event).__name__, "words": words}).decode()
    payload = encode_tensors(tensors, note)
    return _HEAD.pack(_MAGIC, len(payload), zlib.crc32(payload)) + payload


def _as_tensor(value: np.ndarray | float) -> np.ndarray:
    if isinstance(value, np.ndarray):
        return value
    return np.array(value, np.int64 if isinstance(value, int) else np.float64)


def read_records(stream: BinaryIO) -> Iterator[Event]:
    """The events of a log, in order, up to its end or to the first record that is torn or damaged."""
    while True:
        head = stream.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return
        magic, length, checksum = _HEAD.unpack(head)
        if magic != _MAGIC or length > _LONGEST:
            return
        payload = stream.read(length)
        if len(payload) < length or zlib.crc32(payload) != checksum:
            return
        try:
            yield _decode(payload)
        except RefusedError:
            return


def _decode(payload: bytes) -> Event:
    tensors, note = decode_tensors(payload)
    for name in _LATER_COLUMNS:
        if "train_loss" in tensors:
            tensors.setdefault(name, np.full(tensors["train_loss"].shape, np.nan))
    facts = decode_json(note.encode())
    kind, words = _KINDS.get(str(facts.get("event"))), facts.get("words")
    if kind is None or not isinstance(words, dict):
        raise RefusedError("it is of an unknown kind")
    hints = get_type_hints(kind)
    values = {}
    for field in dataclasses.fields(kind):
        # What a version did not know when it wrote has its default.
        is_later = field.default is not dataclasses.MISSING and field.name not in (*tensors, *words)
        if not is_later:
            values[field.name] = _value(field.name, hints[field.name], tensors, words)
    return kind(**values)


def _value(name: str, hint: Any, tensors: Tensors, words: dict[str, Any]) -> Any:
    if hint in (np.ndarray, np.ndarray | None):
        if name not in tensors and hint is np.ndarray:
            raise RefusedError(f"'{name}' is missing")
        return tensors.get(name)
    value = tensors[name].item() if name in tensors and tensors[name].size == 1 else words.get(name)
    try:
        return msgspec.convert(value, hint)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RefusedError(f"'{name}' is of the wrong type") from error
