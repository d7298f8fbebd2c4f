"""Named arrays <-> bytes in the safetensors format, with every number of the header checked first."""

import math
from collections.abc import Mapping
from typing import IO, Any

import msgspec
import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from engine.project_file.refusal import RefusedError, shortened

Tensors = dict[str, np.ndarray]

_DTYPES: dict[str, np.dtype[Any]] = {
    name: np.dtype(code)
    for name, code in (("F32", "<f4"), ("F64", "<f8"), ("I64", "<i8"), ("U8", "u1"), ("U16", "<u2"))
}
_ORDER = ("I64", "F64", "F32", "U16", "U8")
"""Of arrays in a file, as the library has it: wide types first, so that every array is aligned."""
_KNOWN = "F32, F64, I64, U8 and U16"
_HEADER_LIMIT = 16 * 2**20
_METADATA = "__metadata__"
_NOTE = "gabor"


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


def encode_tensors(tensors: Mapping[str, np.ndarray], note: str = "") -> bytes:
    """The arrays and a note as one safetensors blob, the same each time.

    RefusedError for types other than float32, float64, int64, uint8 and uint16.
    """
    try:
        # One entry only: the library writes several in a random order.
        return safetensors.numpy.save(_plain(tensors), {_NOTE: note} if note else None)
    except (SafetensorError, ValueError) as error:
        raise RefusedError(f"the arrays cannot be stored ({error})") from error


class TensorFile:
    """What `encode_tensors` gives without a note, to be written array by array.

    The library copies everything twice and holds the interpreter's lock meanwhile, a second for the checkpoint of a
    large network: a window would stand still. Here the lock is free while an array is written, and nothing is copied.
    RefusedError for types that are not kept.
    """

    def __init__(self, tensors: Mapping[str, np.ndarray]) -> None:
        plain = _plain(tensors)
        codes = {dtype: code for code, dtype in _DTYPES.items()}
        names = sorted(plain, key=lambda name: (_ORDER.index(codes[plain[name].dtype]), name))
        header: dict[str, Any] = {}
        position = 0
        for name in names:
            array = plain[name]
            offsets = [position, position + array.nbytes]
            header[name] = {"dtype": codes[array.dtype], "shape": list(array.shape), "data_offsets": offsets}
            position += array.nbytes
        text = msgspec.json.encode(header)
        text += b" " * (-len(text) % 8)
        self._head = len(text).to_bytes(8, "little") + text
        self._arrays = [plain[name] for name in names]
        self.size = len(self._head) + position
        """Bytes of the file."""

    def write(self, stream: IO[bytes]) -> None:
        """Write all of it."""
        stream.write(self._head)
        for array in self._arrays:
            stream.write(array.reshape(-1).view(np.uint8).data)


def _plain(tensors: Mapping[str, np.ndarray]) -> Tensors:
    """The arrays as they lie in a file; RefusedError for types that none has."""
    plain = {}
    for name, tensor in tensors.items():
        array = np.asarray(tensor)
        stored = array.dtype.newbyteorder("<")
        if stored not in _DTYPES.values():
            raise RefusedError(f"the array '{name}' holds {array.dtype}; only {_KNOWN} are kept")
        # `ascontiguousarray` makes a vector of a single number; its shape is put back.
        plain[name] = np.ascontiguousarray(array, dtype=stored).reshape(array.shape)
    return plain


def decode_tensors(data: bytes) -> tuple[Tensors, str]:
    """Read-only arrays in the memory of `data`, and the note; RefusedError when anything does not fit.

    The library's own reader copies every tensor twice; hundreds of megabytes are better left where they are.
    """
    header, start = _header(data)
    note = _note(header.pop(_METADATA, {}))
    entries = {name: _entry(name, raw, len(data) - start) for name, raw in header.items()}
    _check_tiling(entries, len(data) - start)
    tensors: Tensors = {}
    for name, entry in entries.items():
        dtype, shape = _DTYPES[entry.dtype], tuple(entry.shape)
        count = math.prod(shape)
        if count == 0:
            array = np.zeros(shape, dtype)
        else:
            array = np.frombuffer(data, dtype, count, start + entry.data_offsets[0]).reshape(shape)
            array = array if array.flags.aligned else array.copy()
        array.flags.writeable = False
        tensors[name] = array
    return tensors, note


def _header(data: bytes) -> tuple[dict[str, Any], int]:
    if len(data) < 8:
        raise RefusedError("it is cut off before its header")
    length = int.from_bytes(data[:8], "little")
    if length > _HEADER_LIMIT or length > len(data) - 8:
        raise RefusedError(f"its header claims {length} bytes, more than there are or may be")
    try:
        header = msgspec.json.decode(data[8 : 8 + length], type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RefusedError(f"its header is not valid JSON ({shortened(str(error))})") from error
    return header, 8 + length


def _note(raw: object) -> str:
    try:
        return msgspec.convert(raw, dict[str, str]).get(_NOTE, "")
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RefusedError("the metadata of its header is not text") from error


def _entry(name: str, raw: object, available: int) -> _Entry:
    place = f"the array '{shortened(name)}'"
    try:
        entry = msgspec.convert(raw, _Entry)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RefusedError(f"{place} is described wrongly ({shortened(str(error))})") from error
    if entry.dtype not in _DTYPES:
        raise RefusedError(f"{place} has the type '{shortened(entry.dtype)}'; only {_KNOWN} are known")
    begin, end = entry.data_offsets
    if len(entry.shape) > 8 or any(not 0 <= size < 2**40 for size in entry.shape):
        raise RefusedError(f"{place} has a shape that is not possible")
    if not 0 <= begin <= end <= available:
        raise RefusedError(f"{place} lies outside of the file")
    if math.prod(entry.shape) * _DTYPES[entry.dtype].itemsize != end - begin:
        raise RefusedError(f"{place} has the shape {entry.shape}, which does not fit its {end - begin} bytes")
    return entry


def _check_tiling(entries: Mapping[str, _Entry], available: int) -> None:
    position = 0
    for begin, end in sorted(entry.data_offsets for entry in entries.values()):
        if begin != position:
            raise RefusedError("its arrays overlap or leave gaps")
        position = end
    if position != available:
        raise RefusedError(f"it has {available} bytes of values where its header describes {position}")


def column(tensors: Mapping[str, np.ndarray], name: str, dtype: type[np.generic]) -> np.ndarray:
    """The vector of that name and type; RefusedError when there is none."""
    found = tensors.get(name)
    if found is None or found.ndim != 1 or found.dtype != dtype:
        raise RefusedError(f"the column '{name}' is missing or of the wrong type")
    return found
