"""Bounded reading of files from anywhere: gzip, tar members and arrays of a promised shape.

Files are taken as hostile. Sizes in a header are checked against what the file can hold before memory is
taken, and every failure is a DataError that names the file.
"""

import gzip
import math
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from engine.errors import DataError

DEFLATE_LIMIT = 1032
"""No deflated stream unpacks to more than this many times its size."""

_LARGEST_ARRAY = 2**30
_CHUNK = 2**20
_TAR_BLOCK = 512
# zipfile raises the last two for names that are not text, offsets below zero and versions to come.
_DAMAGE = (OSError, EOFError, zlib.error, struct.error, zipfile.BadZipFile, ValueError, NotImplementedError)


class Readable(Protocol):
    """A stream of bytes that is only read forwards."""

    def read(self, size: int, /) -> bytes:
        """At most that many of the next bytes; none only at the end."""
        ...


@contextmanager
def told_as_data_error(path: Path) -> Iterator[None]:
    """Turn what goes wrong while reading the file into a DataError that names it."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist: point to the folder that holds it.") from error
    except PermissionError as error:
        raise DataError(f"{path} may not be read: check the permissions of the file.") from error
    except _DAMAGE as error:
        raise DataError(f"{path} is damaged or was copied only in part ({error}): get it again.") from error


@contextmanager
def open_maybe_gzipped(path: Path) -> Iterator[tuple[Readable, int]]:
    """The uncompressed stream of a file, and the number of bytes that it can hold at most.

    Content tells whether the file is gzipped, not its name: browsers like to unpack and keep the name.
    """
    with path.open("rb") as raw:
        size = path.stat().st_size
        gzipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if not gzipped:
            yield raw, size
            return
        with gzip.GzipFile(fileobj=raw, mode="rb") as file:
            yield file, size * DEFLATE_LIMIT


def read_array(
    file: Readable,
    place: str,
    shape: tuple[int, ...],
    capacity: int,
    *,
    dtype: npt.DTypeLike = np.uint8,
    order: Literal["C", "F"] = "C",
) -> npt.NDArray[Any]:
    """The rest of the stream as an array of exactly that shape.

    `capacity` is the number of bytes that the stream can hold at most. `place` names the file in errors.
    """
    kind = np.dtype(dtype)
    expected = math.prod(shape) * kind.itemsize
    sizes = "×".join(str(size) for size in shape)
    if any(size < 1 for size in shape):
        raise DataError(f"{place} holds an empty array ({sizes} values): get the file again.")
    if expected > _LARGEST_ARRAY:
        raise DataError(
            f"{place} claims to hold {sizes} values, which is {expected} bytes: "
            f"at most {_LARGEST_ARRAY} bytes can be read from one file."
        )
    if expected > capacity:
        raise DataError(f"{place} claims to hold {sizes} values but is too short for that: get it again.")
    content = read_exactly(file, expected, place)
    if file.read(1):
        raise DataError(f"{place} is longer than the {sizes} values that its header tells: get it again.")
    return np.frombuffer(content, dtype=kind).reshape(shape, order=order)


def read_exactly(file: Readable, size: int, place: str) -> bytearray:
    """That many bytes; memory grows only with what the stream yields. DataError when it ends before."""
    content = bytearray()
    while len(content) < size:
        chunk = file.read(min(_CHUNK, size - len(content)))
        if not chunk:
            raise DataError(f"{place} ends after {len(content)} of {size} bytes: get the file again.")
        content += chunk
    return content


def tar_files(
    file: Readable, place: str, wanted: set[str], *, largest: int, total: int
) -> Iterator[tuple[str, bytearray]]:
    """The regular files of a tar stream whose last path component is wanted, with their contents.

    Nothing is unpacked to disk and links are not followed. DataError when a wanted file is larger than
    `largest` bytes or the stream than `total`.
    """
    # Python's tarfile holds extended headers of any size in memory and recurses on chains of them. Names as
    # short as those wanted here need no extended header, so these blocks are passed over like any other.
    passed = 0
    while header := file.read(_TAR_BLOCK):
        if not header.strip(b"\0"):
            # Only the end of a gzip stream tells whether all of it was undamaged.
            while passed <= total and (chunk := file.read(_CHUNK)):
                passed += len(chunk)
            return
        size = _tar_member_size(header, place)
        padded = -(-size // _TAR_BLOCK) * _TAR_BLOCK
        passed += _TAR_BLOCK + padded
        name = PurePosixPath(header[:100].split(b"\0")[0].decode("utf-8", "replace")).name
        if passed > total:
            raise DataError(f"{place} unpacks to more than the {total} bytes it can have: get it again.")
        if name not in wanted or header[156:157] not in b"0\0":
            _pass_over(file, padded, place)
            continue
        if size > largest:
            raise DataError(f"{place}: {name} has {size} bytes where {largest} are possible: get it again.")
        content = read_exactly(file, size, f"{place}: {name}")
        _pass_over(file, padded - size, place)
        yield name, content


def _tar_member_size(header: bytes, place: str) -> int:
    checksum = sum(header[:148]) + sum(b" " * 8) + sum(header[156:])
    if len(header) == _TAR_BLOCK and _octal(header[148:156]) == checksum:
        size = _octal(header[124:136])
        if size is not None:
            return size
    raise DataError(f"{place} is damaged or not a tar archive: get the file again.")


def _octal(field: bytes) -> int | None:
    digits = field.strip(b" \0")
    return int(digits, 8) if digits and all(digit in b"01234567" for digit in digits) else None


def _pass_over(file: Readable, size: int, place: str) -> None:
    while size > 0:
        skipped = len(file.read(min(_CHUNK, size)))
        if not skipped:
            raise DataError(f"{place} ends within one of its members: get the file again.")
        size -= skipped
