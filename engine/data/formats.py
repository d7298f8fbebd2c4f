"""Readers for the formats in which image sets are published: IDX, CIFAR-10's binary version and .npz."""

import re
import struct
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from engine.data.batches import Purpose
from engine.data.split import stratified_split
from engine.data.streams import (
    DEFLATE_LIMIT,
    open_maybe_gzipped,
    read_array,
    read_exactly,
    tar_files,
    told_as_data_error,
)
from engine.errors import DataError

CIFAR10_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
CIFAR10_TRAIN_FILES = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
CIFAR10_TEST_FILE = "test_batch.bin"
CIFAR10_NAMES_FILE = "batches.meta.txt"

_NPY_WHOLE_NUMBERS = re.compile(rb"[<>|=]?[iu][1248]")
_NPY_TEXT = re.compile(rb"[<>]U\d{1,3}")
_NPY_HEADER = re.compile(
    rb"\{'descr': '(?P<type>[ -&(-~]+)', 'fortran_order': (?P<fortran>True|False), "
    rb"'shape': \((?P<shape>(?:\d{1,19}, ?)*(?:\d{1,19})?)\), \} *\n"
)
_KEYS = ("train_images", "train_labels", "test_images", "test_labels")
_KERAS_KEYS = ("x_train", "y_train", "x_test", "y_test")
_MOST_CLASSES = 10_000
_MOST_NAMED = 8
_CIFAR10_RECORD = 1 + 3 * 32 * 32
_LARGEST_CIFAR10_FILE = 10_000 * _CIFAR10_RECORD
_LARGEST_CIFAR10_ARCHIVE = 6 * _LARGEST_CIFAR10_FILE + 2**20


@dataclass(frozen=True, eq=False)
class Parts:
    """What was read: images uint8 [n, H, W, C], labels int32 [n], and class names if the files give any."""

    train_images: npt.NDArray[np.uint8]
    train_labels: npt.NDArray[np.int32]
    test_images: npt.NDArray[np.uint8]
    test_labels: npt.NDArray[np.int32]
    class_names: tuple[str, ...] | None = None


def read_idx(path: Path, axes: int) -> npt.NDArray[np.uint8]:
    """The uint8 array with that many axes in an IDX file, plain or gzipped."""
    with told_as_data_error(path), open_maybe_gzipped(path) as (file, capacity):
        magic = file.read(4)
        if len(magic) < 4 or magic[:2] != b"\0\0":
            raise DataError(f"{path} is not an IDX file: it does not start with the IDX mark.")
        if magic[2] != 0x08:
            raise DataError(f"{path} has values of IDX type 0x{magic[2]:02x}: only bytes (0x08) can be read.")
        if magic[3] != axes:
            raise DataError(f"{path} has an array with {magic[3]} axes where {axes} are expected.")
        shape = struct.unpack(f">{axes}I", read_exactly(file, 4 * axes, f"The header of {path}"))
        return read_array(file, str(path), shape, capacity)


def read_mnist(train_images: Path, train_labels: Path, test_images: Path, test_labels: Path) -> Parts:
    """The four IDX files of MNIST, or of a set published like it; images get one channel."""
    return Parts(
        train_images=read_idx(train_images, 3)[..., np.newaxis],
        train_labels=read_idx(train_labels, 1).astype(np.int32),
        test_images=read_idx(test_images, 3)[..., np.newaxis],
        test_labels=read_idx(test_labels, 1).astype(np.int32),
    )


def read_cifar10_folder(folder: Path) -> Parts:
    """CIFAR-10's binary version from the unpacked folder `cifar-10-batches-bin`."""
    contents = {}
    for name in (*CIFAR10_TRAIN_FILES, CIFAR10_TEST_FILE, CIFAR10_NAMES_FILE):
        path = folder / name
        if name == CIFAR10_NAMES_FILE and not path.exists():
            continue
        with told_as_data_error(path), path.open("rb") as file:
            size = path.stat().st_size
            if size > _LARGEST_CIFAR10_FILE:
                raise DataError(
                    f"{path} has {size} bytes where {_LARGEST_CIFAR10_FILE} are possible: get the file again."
                )
            contents[name] = read_exactly(file, size, str(path))
    return _cifar10_parts(contents, str(folder))


def read_cifar10_archive(path: Path) -> Parts:
    """CIFAR-10's binary version from `cifar-10-binary.tar.gz`, read without unpacking it to disk."""
    wanted = {*CIFAR10_TRAIN_FILES, CIFAR10_TEST_FILE, CIFAR10_NAMES_FILE}
    contents: dict[str, bytearray] = {}
    with told_as_data_error(path), open_maybe_gzipped(path) as (file, _):
        for name, content in tar_files(
            file, str(path), wanted, largest=_LARGEST_CIFAR10_FILE, total=_LARGEST_CIFAR10_ARCHIVE
        ):
            if name in contents:
                raise DataError(f"{path} holds {name} twice: get the official archive again.")
            contents[name] = content
    return _cifar10_parts(contents, str(path))


def read_npz(path: Path) -> Parts:
    """A NumPy archive with train_images, train_labels, test_images and test_labels.

    Images are uint8 [n, H, W] or [n, H, W, C], labels whole numbers [n]; other keys are left alone.
    """
    with told_as_data_error(path), zipfile.ZipFile(path) as archive:
        return Parts(
            train_images=_npz_images(archive, path, "train_images"),
            train_labels=_npz_labels(archive, path, "train_labels"),
            test_images=_npz_images(archive, path, "test_images"),
            test_labels=_npz_labels(archive, path, "test_labels"),
        )


def read_labelled_npz(path: Path, test_fraction: float) -> Parts:
    """A user's NumPy archive: the arrays of `read_npz`, or `images` and `labels` of which a part is held back.

    The arrays may be called as Keras does (`x_train` and so on), and `val_images` join the training images.

    `class_names`, text [classes], may come with them. The part for testing is stratified and always the same.
    """
    with told_as_data_error(path), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if "images.npy" not in names:
            keys = _KERAS_KEYS if f"{_KERAS_KEYS[0]}.npy" in names else _KEYS
            parts = Parts(
                train_images=_npz_images(archive, path, keys[0]),
                train_labels=_npz_labels(archive, path, keys[1]),
                test_images=_npz_images(archive, path, keys[2]),
                test_labels=_npz_labels(archive, path, keys[3]),
            )
            if "val_images.npy" in names:
                parts = _joined(
                    path,
                    parts,
                    _npz_images(archive, path, "val_images"),
                    _npz_labels(archive, path, "val_labels"),
                )
        else:
            images, labels = _npz_images(archive, path, "images"), _npz_labels(archive, path, "labels")
            parts = _held_back(path, images, labels, test_fraction)
        if "class_names.npy" in archive.namelist():
            return replace(parts, class_names=_npz_names(archive, path))
    return parts


def _joined(path: Path, parts: Parts, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int32]) -> Parts:
    if images.shape[1:] != parts.train_images.shape[1:] or len(images) != len(labels):
        raise DataError(
            f"{path}: val_images has the shape {list(images.shape)}, with {len(labels)} labels, but train_images "
            f"{list(parts.train_images.shape)}: both must have images of one size, and one label an image."
        )
    return replace(
        parts,
        train_images=np.concatenate([parts.train_images, images]),
        train_labels=np.concatenate([parts.train_labels, labels]),
    )


def _held_back(
    path: Path, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int32], fraction: float
) -> Parts:
    if len(images) != len(labels):
        raise DataError(
            f"{path} has {len(images)} images but {len(labels)} labels: there must be one label an image."
        )
    if labels.max() >= _MOST_CLASSES:
        raise DataError(
            f"{path} has the label {labels.max()}: labels count classes from 0 to {_MOST_CLASSES - 1} at most."
        )
    train, test = stratified_split(labels, int(labels.max()) + 1, fraction, 0, Purpose.TEST_SPLIT)
    test = np.sort(test)
    return Parts(images[train], labels[train], images[test], labels[test])


def _npz_names(archive: zipfile.ZipFile, path: Path) -> tuple[str, ...]:
    place = f"{path}: class_names"
    names = _npz_array(archive, path, "class_names", _NPY_TEXT)
    if names.ndim != 1 or len(names) > _MOST_CLASSES:
        raise DataError(
            f"{place} has the shape {list(names.shape)}: it must be a list of at most {_MOST_CLASSES} names."
        )
    try:
        return tuple(str(name) for name in names)
    except (ValueError, UnicodeError) as error:
        raise DataError(f"{place} holds what is no text: save it again.") from error


def _cifar10_parts(contents: dict[str, bytearray], place: str) -> Parts:
    missing = [name for name in (*CIFAR10_TRAIN_FILES, CIFAR10_TEST_FILE) if name not in contents]
    if missing:
        raise DataError(f"{place} lacks {', '.join(missing)}: get CIFAR-10's binary version again.")
    batches = [_cifar10_records(contents[name], f"{place}: {name}") for name in CIFAR10_TRAIN_FILES]
    counts = [len(batch) for batch in batches]
    if len(set(counts)) > 1:
        raise DataError(
            f"{place} has training batches of {', '.join(map(str, counts))} images where all should have the "
            "same number: get the files again."
        )
    test = _cifar10_records(contents[CIFAR10_TEST_FILE], f"{place}: {CIFAR10_TEST_FILE}")
    names = None
    if CIFAR10_NAMES_FILE in contents:
        names = _cifar10_names(contents[CIFAR10_NAMES_FILE], f"{place}: {CIFAR10_NAMES_FILE}")
    return Parts(
        train_images=_cifar10_images(*batches),
        train_labels=np.concatenate([batch[:, 0] for batch in batches]).astype(np.int32),
        test_images=_cifar10_images(test),
        test_labels=test[:, 0].astype(np.int32),
        class_names=names,
    )


def _cifar10_records(content: bytearray, place: str) -> npt.NDArray[np.uint8]:
    if not content or len(content) % _CIFAR10_RECORD:
        raise DataError(
            f"{place} has {len(content)} bytes, not a multiple of the {_CIFAR10_RECORD} bytes of one image "
            "with its label: get the file again."
        )
    return np.frombuffer(content, dtype=np.uint8).reshape(-1, _CIFAR10_RECORD)


def _cifar10_images(*batches: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    images = np.empty((sum(len(batch) for batch in batches), 32, 32, 3), dtype=np.uint8)
    first = 0
    for batch in batches:
        # A row holds its label, then three planes.
        for channel in range(3):
            plane = batch[:, 1 + 1024 * channel : 1 + 1024 * (channel + 1)]
            images[first : first + len(batch), :, :, channel] = plane.reshape(-1, 32, 32)
        first += len(batch)
    return images


def _cifar10_names(content: bytearray, place: str) -> tuple[str, ...]:
    names = tuple(line.strip() for line in content.decode("utf-8", "replace").splitlines() if line.strip())
    if len(names) != len(CIFAR10_CLASSES):
        raise DataError(f"{place} names {len(names)} classes where 10 are expected: get the file again.")
    return names


def _npz_images(archive: zipfile.ZipFile, path: Path, key: str) -> npt.NDArray[np.uint8]:
    images = _npz_array(archive, path, key)
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        raise DataError(
            f"{path}: {key} has type {images.dtype} and {images.ndim} axes, it must be uint8 with the axes "
            "[n, height, width] or [n, height, width, channels]."
        )
    if images.ndim == 4 and _channels_are_first(images.shape):
        raise DataError(
            f"{path}: {key} has the shape {list(images.shape)}, that of images with their channels first; it must be "
            "[n, height, width, channels], which images.transpose(0, 2, 3, 1) is in NumPy."
        )
    return np.ascontiguousarray(images if images.ndim == 4 else images[..., np.newaxis])


def _channels_are_first(shape: tuple[int, ...]) -> bool:
    """Grey or RGB images as PyTorch has them; a signal, which has a height of 1, may have many channels."""
    _, first, second, last = shape
    return last > 4 and (first == 3 or (first == 1 and second == last))


def _npz_labels(archive: zipfile.ZipFile, path: Path, key: str) -> npt.NDArray[np.int32]:
    labels = _npz_array(archive, path, key)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise DataError(
            f"{path}: {key} has the shape {list(labels.shape)}: it must be a list with one label an image."
        )
    if labels.min() < 0 or labels.max() > np.iinfo(np.int32).max:
        raise DataError(f"{path}: {key} holds {labels.min()} to {labels.max()}, which cannot all be labels.")
    return labels.astype(np.int32)


def _npz_array(
    archive: zipfile.ZipFile, path: Path, key: str, kind: re.Pattern[bytes] = _NPY_WHOLE_NUMBERS
) -> npt.NDArray[Any]:
    place = f"{path}: {key}"
    try:
        member = archive.getinfo(f"{key}.npy")
    except KeyError as error:
        raise DataError(
            f"{path} has no array {key}: train_images, train_labels, test_images and test_labels are needed, or images "
            f"and labels alone. It holds {_names_in(archive)}."
        ) from error
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.flag_bits & 1:
        raise DataError(f"{place} is packed as NumPy never does: save it with numpy.savez_compressed.")
    # numpy.load takes the memory that a header asks for before it looks at the data: read the header first.
    with archive.open(member) as file:
        shape, fortran, dtype = _npy_header(file, place, kind)
        capacity = min(member.file_size, member.compress_size * DEFLATE_LIMIT)
        return read_array(file, place, shape, capacity, dtype=dtype, order="F" if fortran else "C")


def _names_in(archive: zipfile.ZipFile) -> str:
    names = [ascii(name.removesuffix(".npy")[:40])[1:-1] for name in archive.namelist()]
    more = [f"{len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []
    return ", ".join(names[:_MOST_NAMED] + more) or "nothing"


def _npy_header(
    file: IO[bytes], place: str, kind: re.Pattern[bytes]
) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    # NumPy's own parser evaluates the header as Python; what numpy.save writes has one plain form.
    start = read_exactly(file, 10, place)
    if start[:8] != b"\x93NUMPY\x01\x00":
        raise DataError(f"{place} is not an array in version 1.0 of NumPy's format: save it again.")
    header = read_exactly(file, int.from_bytes(start[8:], "little"), place)
    match = _NPY_HEADER.fullmatch(header)
    if match is None or not kind.fullmatch(match["type"]):
        found = "a damaged header" if match is None else f"values of type {match['type'].decode('ascii')}"
        wanted = "text" if kind is _NPY_TEXT else "whole numbers, images as uint8 from 0 to 255,"
        raise DataError(f"{place} has {found}: only arrays of {wanted} can be read.")
    shape = tuple(int(size) for size in match["shape"].split(b",") if size.strip())
    return shape, match["fortran"] == b"True", np.dtype(match["type"].decode("ascii"))
