import io
import struct
import zipfile

import numpy as np
import pytest

from engine.data.formats import read_labelled_npz, read_npz
from engine.errors import DataError

MEBIBYTE = 2**20


@pytest.fixture
def arrays(random):
    return {
        "train_images": random.integers(0, 256, (12, 5, 6), dtype=np.uint8),
        "train_labels": np.arange(12, dtype=np.uint8) % 3,
        "test_images": random.integers(0, 256, (4, 5, 6), dtype=np.uint8),
        "test_labels": np.arange(4, dtype=np.int64) % 3,
    }


def npy_header(descr, shape):
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def write_with(path, arrays, member, content, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for key, array in arrays.items():
            file = io.BytesIO()
            np.save(file, array)
            archive.writestr(f"{key}.npy", content if key == member else file.getvalue())


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_that_an_archive_gives_back_its_arrays(tmp_path, arrays, save):
    save(tmp_path / "digits.npz", **arrays, extra=np.zeros(3))
    parts = read_npz(tmp_path / "digits.npz")
    np.testing.assert_array_equal(parts.train_images, arrays["train_images"][..., None])
    np.testing.assert_array_equal(parts.test_labels, arrays["test_labels"])
    assert parts.train_images.dtype == np.uint8
    assert parts.train_labels.dtype == parts.test_labels.dtype == np.int32


def test_that_colour_images_in_column_order_keep_their_pixels(tmp_path, arrays, random):
    colour = np.asfortranarray(random.integers(0, 256, (12, 5, 6, 3), dtype=np.uint8))
    np.savez(tmp_path / "digits.npz", **{**arrays, "train_images": colour})
    images = read_npz(tmp_path / "digits.npz").train_images
    np.testing.assert_array_equal(images, colour)
    assert images.flags.c_contiguous


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("train_images", np.zeros((12, 5, 6), dtype=np.float32), "<f4"),
        ("train_images", np.zeros((12, 5), dtype=np.uint8), "2 axes"),
        ("train_images", np.zeros((12, 5, 6), dtype=np.int64), "int64"),
        ("test_labels", np.zeros((4, 2), dtype=np.uint8), "has the shape"),
        ("test_labels", np.array([0, 1, 2, -1]), "-1 to 2"),
        ("test_labels", np.array([0, 1, 2, 2**40]), "0 to 1099511627776"),
        ("test_labels", np.array(["a", "b"]), "<U1"),
        ("test_labels", np.array([{}, {}], dtype=object), "whole numbers"),
    ],
)
def test_that_arrays_of_another_kind_are_refused_by_name(tmp_path, arrays, key, value, words):
    np.savez(tmp_path / "digits.npz", **{**arrays, key: value}, allow_pickle=True)
    with pytest.raises(DataError, match=words) as refusal:
        read_npz(tmp_path / "digits.npz")
    assert key in str(refusal.value)


def test_that_a_missing_array_is_named(tmp_path, arrays):
    del arrays["test_labels"]
    np.savez(tmp_path / "digits.npz", **arrays)
    with pytest.raises(DataError, match="no array test_labels"):
        read_npz(tmp_path / "digits.npz")


@pytest.mark.parametrize("shape", ["(1000000000000, 28, 28)", "(1000000, 28, 28)", "(10000, 28, 28)"])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_that_an_absurd_header_takes_no_memory(tmp_path, arrays, within_memory, shape, compression):
    content = npy_header("|u1", shape) + bytes(100)
    write_with(tmp_path / "digits.npz", arrays, "train_images", content, compression=compression)
    with within_memory(MEBIBYTE), pytest.raises(DataError, match="claims to hold"):
        read_npz(tmp_path / "digits.npz")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + bytes(1000),
        npy_header("|u1", "(-2, -3, 2)") + bytes(12),
        npy_header("|u1", "(0, 28, 28)"),
        npy_header("|u1", "(2, 2, 2)") + bytes(9),
        npy_header("|u1", "'shape'"),
        npy_header("nonsense", "(2, 2, 2)") + bytes(8),
        b"\x93NUMPY\x01\x00" + struct.pack("<H", 9000) + b"(" * 9000,
        b"\x93NUMPY\x01\x00" + struct.pack("<H", 8) + b"{[1]: 2}",
    ],
)
def test_that_a_damaged_array_is_refused_by_name(tmp_path, arrays, content):
    write_with(tmp_path / "digits.npz", arrays, "train_images", content)
    with pytest.raises(DataError, match="train_images"):
        read_npz(tmp_path / "digits.npz")


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_that_compression_of_unbounded_ratio_is_refused(tmp_path, arrays, compression):
    content = npy_header("|u1", "(12, 5, 6)") + bytes(360)
    write_with(tmp_path / "digits.npz", arrays, "train_images", content, compression=compression)
    with pytest.raises(DataError, match="savez_compressed"):
        read_npz(tmp_path / "digits.npz")


def test_that_damaged_bytes_never_end_in_another_error(tmp_path, arrays, random):
    path = tmp_path / "digits.npz"
    np.savez_compressed(path, **arrays)
    whole, refused = path.read_bytes(), 0
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[random.integers(len(whole))] ^= int(random.integers(1, 256))
        path.write_bytes(damaged[: random.integers(len(whole))] if random.random() < 0.3 else damaged)
        try:
            read_npz(path)
        except DataError:
            refused += 1
    assert refused > 150


def test_that_a_damaged_directory_never_ends_in_another_error(tmp_path, arrays):
    path = tmp_path / "digits.npz"
    np.savez(path, **arrays)
    whole, refused = path.read_bytes(), 0
    for place in range(whole.index(b"PK\x01\x02"), len(whole)):
        for value in (0, 9, 0x41, 0xFF):
            path.write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
            try:
                read_npz(path)
            except DataError:
                refused += 1
    assert refused > 100


def test_that_the_names_of_keras_are_known(tmp_path, arrays):
    named = {
        "x_train": "train_images",
        "y_train": "train_labels",
        "x_test": "test_images",
        "y_test": "test_labels",
    }
    np.savez(tmp_path / "set.npz", **{key: arrays[name] for key, name in named.items()})
    parts = read_labelled_npz(tmp_path / "set.npz", 0.2)
    np.testing.assert_array_equal(parts.train_images[..., 0], arrays["train_images"])
    np.testing.assert_array_equal(parts.test_labels, arrays["test_labels"])


def test_that_validation_images_join_the_training_images_and_labels_may_stand_in_a_column(tmp_path, arrays):
    column = {key: value[:, np.newaxis] if "labels" in key else value for key, value in arrays.items()}
    np.savez(
        tmp_path / "set.npz", **column, val_images=arrays["test_images"], val_labels=column["test_labels"]
    )
    parts = read_labelled_npz(tmp_path / "set.npz", 0.2)
    assert (parts.train_images.shape, parts.test_images.shape) == ((16, 5, 6, 1), (4, 5, 6, 1))
    np.testing.assert_array_equal(parts.train_images[12:], parts.test_images)
    np.testing.assert_array_equal(parts.train_labels[12:], arrays["test_labels"])
    np.savez(
        tmp_path / "odd.npz", **arrays, val_images=arrays["test_images"][:2], val_labels=arrays["test_labels"]
    )
    with pytest.raises(DataError, match="one label an image"):
        read_labelled_npz(tmp_path / "odd.npz", 0.2)
    np.savez(tmp_path / "many.npz", **{**arrays, "train_labels": np.zeros((12, 14), np.uint8)})
    with pytest.raises(DataError, match=r"train_labels has the shape \[12, 14\]"):
        read_labelled_npz(tmp_path / "many.npz", 0.2)
