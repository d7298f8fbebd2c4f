"""Where the snapshots of a training wait until they are looked at: in files, so that hours of them take no memory."""

import logging
import mmap
import weakref
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from engine.tensor.kept_files import nameless_file
from engine.training.events import Snapshot
from engine.training.snapshots import PICTURES, snapshot_bytes

_log = logging.getLogger(__name__)

_IN_MEMORY = 2**20
"""Bytes of the first snapshots, for which no file is opened."""
_PAGES = 2**24
"""Bytes of a file; it takes no more of the disk than was written."""
_ALIGNMENT = 8
_CAN_FORGET = hasattr(mmap, "MADV_DONTNEED")
"""Whether the system can be told that what was read need not stay in memory."""


class Album:
    """Puts the arrays of snapshots into nameless files that are mapped into memory.

    What was put there is read like any array, and what was read is forgotten with the next snapshot. A place is used
    again once nobody holds what lay there. Where no file can be had, snapshots stay in memory.
    """

    def __init__(self) -> None:
        self._in_memory = 0
        self._files: list[_File] = []
        self._free: list[tuple[_File, int, int]] = []
        """Places that were given back: file, start and size."""

    @property
    def size(self) -> int:
        """Bytes of the files that are or were in use."""
        return sum(file.end for file in self._files)

    def keep(self, snapshot: Snapshot) -> Snapshot:
        """The same snapshot, whose arrays take no memory while nobody reads them."""
        if self._in_memory < _IN_MEMORY or not _CAN_FORGET:
            self._in_memory += snapshot_bytes(snapshot)
            return snapshot
        arrays = {name: found for name in PICTURES if (found := getattr(snapshot, name)) is not None}
        try:
            return replace(snapshot, **self._kept(arrays))
        except (OSError, ValueError) as error:
            _log.info("a snapshot stays in memory: %s", error)
            return snapshot

    def _kept(self, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
        size = sum(_room(array) for array in arrays.values())
        place = next((place for place in self._free if place[2] == size), None)
        if place is None:
            if not self._files or self._files[-1].end + size > self._files[-1].size:
                self._files.append(_File(max(_PAGES, size)))
            place = self._files[-1], self._files[-1].end, size
        file, start, _ = place
        block = file.write(start, b"".join(_padded(array) for array in arrays.values()))
        if start == file.end:
            file.end += size
        else:
            self._free.remove(place)
        weakref.finalize(block, self._free.append, place)
        kept: dict[str, Any] = {}
        at = 0
        for name, array in arrays.items():
            kept[name] = block[at : at + array.nbytes].view(array.dtype).reshape(array.shape)
            at += _room(array)
        return kept


class _File:
    """A nameless file of `size` bytes, of which the first `end` are in use."""

    def __init__(self, size: int) -> None:
        self.size, self.end = size, 0
        self._file = nameless_file()
        weakref.finalize(self, self._file.close)
        self._file.truncate(size)
        self._mapped = mmap.mmap(self._file.fileno(), size, access=mmap.ACCESS_READ)

    def write(self, start: int, content: bytes) -> np.ndarray:
        """Put it there; returns a read-only view, uint8. OSError when the disk does not take it."""
        # Not by way of the mapping: a full disk would end the process, and what was written would take memory.
        self._file.seek(start)
        if self._file.write(content) < len(content):
            raise OSError("the disk is full")
        self._mapped.madvise(mmap.MADV_DONTNEED)
        return np.frombuffer(self._mapped, np.uint8, len(content), start)


def _room(array: np.ndarray) -> int:
    return -(-array.nbytes // _ALIGNMENT) * _ALIGNMENT


def _padded(array: np.ndarray) -> bytes:
    return array.tobytes().ljust(_room(array), b"\0")
