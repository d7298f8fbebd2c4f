"""Tensors that wait in a file until somebody asks for them, so that they take no memory meanwhile."""

import logging
import weakref
from collections.abc import Iterator, Mapping
from threading import Lock
from typing import IO, Any, NamedTuple

import numpy as np

from engine.tensor.kept_files import nameless_file

_log = logging.getLogger(__name__)


class _Entry(NamedTuple):
    start: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class Shelf:
    """A nameless file in the user's cache; what is put there stays as long as somebody holds what `put` returned.

    The file goes with the last of them, or with the process.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._lock = Lock()
        self._end = 0
        self._free: list[tuple[int, int]] = []
        """Places that were given back, and their sizes."""

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._end

    def put(self, tensors: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """The same tensors, each read from the file when it is asked for; in memory where no file takes them."""
        size = sum(tensor.nbytes for tensor in tensors.values())
        place = next((place for place, room in self._free if room == size), None)
        start = self._end if place is None else place
        try:
            shelved = self._written(tensors, start)
        except OSError as error:
            _log.info("checkpoints are kept in memory: %s", error)
            return tensors
        if place is None:
            self._end += size
        else:
            self._free.remove((place, size))
        weakref.finalize(shelved, self._free.append, (start, size))
        return shelved

    def _written(self, tensors: Mapping[str, np.ndarray], start: int) -> "_ShelvedTensors":
        entries = {}
        with self._lock:
            if self._file is None:
                self._file = nameless_file()
                weakref.finalize(self, self._file.close)
            self._file.seek(start)
            for name, tensor in tensors.items():
                entries[name] = _Entry(start, tensor.shape, tensor.dtype)
                _write(self._file, np.ascontiguousarray(tensor))
                start += tensor.nbytes
        return _ShelvedTensors(self, entries)

    def read(self, entry: _Entry) -> np.ndarray:
        """A tensor anew; OSError where the file cannot be read."""
        array = np.empty(entry.shape, entry.dtype)
        left = array.reshape(-1).view(np.uint8).data
        with self._lock:
            assert self._file is not None
            self._file.seek(entry.start)
            while left:
                count = self._file.readinto(left)  # type: ignore[attr-defined]
                if not count:
                    raise OSError("a checkpoint that was set aside is cut off")
                left = left[count:]
        array.flags.writeable = False
        return array


def _write(file: IO[bytes], array: np.ndarray) -> None:
    """All of an array: one call may take a part."""
    left = array.reshape(-1).view(np.uint8).data
    while left:
        left = left[file.write(left) :]


class _ShelvedTensors(Mapping[str, np.ndarray]):
    """What lies on a shelf; another process gets it as a dictionary."""

    def __init__(self, shelf: Shelf, entries: dict[str, _Entry]) -> None:
        self._shelf, self._entries = shelf, entries

    def __getitem__(self, name: str) -> np.ndarray:
        return self._shelf.read(self._entries[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __reduce__(self) -> tuple[type, tuple[dict[str, np.ndarray]]]:
        return dict, (dict(self),)
