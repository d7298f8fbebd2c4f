"""Arrays written one by one against the library that writes them at once."""

import io

import numpy as np
import pytest

from engine.project_file.refusal import RefusedError
from engine.project_file.tensors import TensorFile, decode_tensors, encode_tensors


def written(tensors: dict[str, np.ndarray]) -> bytes:
    stream = io.BytesIO()
    file = TensorFile(tensors)
    file.write(stream)
    assert len(stream.getvalue()) == file.size
    return stream.getvalue()


def test_that_arrays_written_one_by_one_are_the_librarys_bytes() -> None:
    rng = np.random.default_rng(1)
    tensors = {
        "b/weight": rng.random((3, 2, 5)).astype(np.float32),
        "a/weight": rng.random((4, 1)).astype(np.float32).T,
        "z": rng.random(3),
        "step": np.array(7, np.int64),
        "bytes": np.arange(5, dtype=np.uint8),
        "halves": np.arange(3, dtype=np.uint16),
        "nothing": np.zeros((0, 4), np.float32),
        "swapped": np.arange(4, dtype=">f8"),
        "ünïcode": np.ones(1),
    }
    assert written(tensors) == encode_tensors(tensors)
    again, _ = decode_tensors(written(tensors))
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(again[name], tensor)


def test_that_no_arrays_and_wrong_types_are_told_alike() -> None:
    assert written({}) == encode_tensors({})
    for write in (written, encode_tensors):
        with pytest.raises(RefusedError, match="'x' holds complex128"):
            write({"x": np.zeros(2, complex)})
