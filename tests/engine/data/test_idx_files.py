import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from engine.data.formats import read_idx
from engine.errors import DataError

MEBIBYTE = 2**20


@pytest.mark.parametrize("shape", [(5,), (3, 4), (6, 28, 28)])
@pytest.mark.parametrize("gzipped", [False, True])
def test_that_an_idx_file_gives_back_its_array(tmp_path, random, idx_bytes, shape, gzipped):
    array = random.integers(0, 256, shape, dtype=np.uint8)
    path = tmp_path / "train-images-idx3-ubyte"
    content = idx_bytes(array)
    path.write_bytes(gzip.compress(content) if gzipped else content)
    np.testing.assert_array_equal(read_idx(path, len(shape)), array)


def test_that_a_file_named_gz_may_be_unpacked_already(tmp_path, idx_bytes):
    path = tmp_path / "train-labels-idx1-ubyte.gz"
    path.write_bytes(idx_bytes(np.arange(9, dtype=np.uint8)))
    assert read_idx(path, 1).tolist() == list(range(9))


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"", "not an IDX file"),
        (b"\0\0\x08", "not an IDX file"),
        (b"PK\x03\x04", "not an IDX file"),
        (b"\0\0\x0d\x03" + struct.pack(">3I", 1, 2, 2), "0x0d"),
        (b"\0\0\x08\x01" + struct.pack(">I", 4), "1 axes where 3"),
        (b"\0\0\x08\x03" + b"\0\0\0\x05", "ends after 4 of 12 bytes"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 0, 28, 28), "empty"),
    ],
)
def test_that_a_wrong_header_is_refused_with_the_name_of_the_file(tmp_path, header, words):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(header)
    with pytest.raises(DataError, match=words) as refusal:
        read_idx(path, 3)
    assert str(path) in str(refusal.value)


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("change", [-1, 1])
def test_that_content_must_be_as_long_as_the_header_tells(tmp_path, random, idx_bytes, gzipped, change):
    content = idx_bytes(random.integers(0, 256, (7, 28, 28), dtype=np.uint8))
    content = content[:change] if change < 0 else content + b"\0" * change
    path = tmp_path / "t10k-images-idx3-ubyte"
    path.write_bytes(gzip.compress(content) if gzipped else content)
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte"):
        read_idx(path, 3)


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("shape", [(2**32 - 1,) * 3, (10**6, 28, 28), (2**20, 32, 32)])
def test_that_an_absurd_header_takes_no_memory(tmp_path, within_memory, gzipped, shape):
    content = b"\0\0\x08\x03" + struct.pack(">3I", *shape) + bytes(100)
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(gzip.compress(content) if gzipped else content)
    with within_memory(MEBIBYTE), pytest.raises(DataError, match="claims to hold"):
        read_idx(path, 3)


def test_that_a_gzip_bomb_is_not_unpacked_beyond_its_header(tmp_path, within_memory):
    path = tmp_path / "train-labels-idx1-ubyte.gz"
    packer = zlib.compressobj(1, wbits=31)
    zeros = bytes(MEBIBYTE)
    parts = [packer.compress(b"\0\0\x08\x01" + struct.pack(">I", 1000))]
    parts += [packer.compress(zeros) for _ in range(64)]
    path.write_bytes(b"".join(parts) + packer.flush())
    with within_memory(8 * MEBIBYTE), pytest.raises(DataError, match="longer than the 1000 values"):
        read_idx(path, 1)


def test_that_every_truncation_and_every_flipped_byte_of_a_gzip_is_told(tmp_path, random, idx_bytes):
    whole = gzip.compress(idx_bytes(random.integers(0, 256, (3, 5, 5), dtype=np.uint8)), mtime=0)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError):
            read_idx(path, 3)
    # The first ten bytes are gzip's own header: time, system and flags may change without harm.
    for place in range(10, len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with pytest.raises(DataError):
            read_idx(path, 3)


def test_that_a_missing_file_and_a_folder_are_told_in_words(tmp_path: Path):
    with pytest.raises(DataError, match="does not exist"):
        read_idx(tmp_path / "train-images-idx3-ubyte", 3)
    with pytest.raises(DataError, match="Is a directory"):
        read_idx(tmp_path, 3)
