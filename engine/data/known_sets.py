"""The known data sets: what is in them, which files hold them, and how these are found in a folder."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from engine.data.dataset import DatasetSummary
from engine.data.formats import (
    CIFAR10_CLASSES,
    CIFAR10_TEST_FILE,
    CIFAR10_TRAIN_FILES,
    Parts,
    read_cifar10_archive,
    read_cifar10_folder,
    read_mnist,
)

_MNIST_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_CIFAR10_ARCHIVE = "cifar-10-binary.tar.gz"
_DIGITS = tuple("0123456789")
_CLOTHES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


@dataclass(frozen=True)
class Source:
    """Files that were found, and the reader that takes them."""

    files: tuple[Path, ...]
    read: Callable[[], Parts]


@dataclass(frozen=True)
class Entry:
    """A known data set; `summary` is what its authors publish."""

    title: str
    summary: DatasetSummary
    find: Callable[[Path], Source | None]
    """Looks for the files in one folder, not below it."""
    subfolders: tuple[str, ...]
    files: str
    """The files that are looked for, in words."""


def _find_mnist(folder: Path) -> Source | None:
    found = []
    for name in _MNIST_FILES:
        # Some mirrors write a dot where the official names have the second hyphen.
        names = (name, name.replace("-idx", ".idx"))
        candidates = [folder / f"{stem}{ending}" for stem in names for ending in ("", ".gz")]
        path = next((candidate for candidate in candidates if candidate.is_file()), None)
        if path is None:
            return None
        found.append(path)
    return Source(tuple(found), partial(read_mnist, *found))


def _find_cifar10(folder: Path) -> Source | None:
    unpacked = tuple(folder / name for name in (*CIFAR10_TRAIN_FILES, CIFAR10_TEST_FILE))
    if all(path.is_file() for path in unpacked):
        return Source(unpacked, partial(read_cifar10_folder, folder))
    # Browsers like to unpack the outer layer while downloading.
    for archive in (folder / _CIFAR10_ARCHIVE, (folder / _CIFAR10_ARCHIVE).with_suffix("")):
        if archive.is_file():
            return Source((archive,), partial(read_cifar10_archive, archive))
    return None


SAMPLE_SUMMARY = DatasetSummary((1, 28, 28), 10, _DIGITS, 5_000, 1_000)
PUBLISHED = {
    "mnist": Entry(
        title="MNIST",
        summary=DatasetSummary((1, 28, 28), 10, _DIGITS, 60_000, 10_000),
        find=_find_mnist,
        subfolders=("", "mnist", "MNIST", "MNIST/raw", "raw"),
        files=", ".join(f"{name}.gz" for name in _MNIST_FILES) + " (or the same without .gz)",
    ),
    "cifar10": Entry(
        title="CIFAR-10 (binary version)",
        summary=DatasetSummary((3, 32, 32), 10, CIFAR10_CLASSES, 50_000, 10_000),
        find=_find_cifar10,
        # Unpacked files first: they are read faster than the archive that they came in.
        subfolders=("cifar-10-batches-bin", "cifar10/cifar-10-batches-bin", "", "cifar10"),
        files=f"{_CIFAR10_ARCHIVE}, or unpacked data_batch_1.bin to data_batch_5.bin and {CIFAR10_TEST_FILE}",
    ),
    "fashion-mnist": Entry(
        title="Fashion-MNIST",
        summary=DatasetSummary((1, 28, 28), 10, _CLOTHES, 60_000, 10_000),
        find=_find_mnist,
        # The names of its files are those of MNIST, so folders with a name of their own go first.
        subfolders=("fashion-mnist", "FashionMNIST", "FashionMNIST/raw", "fashion", ""),
        files=", ".join(f"{name}.gz" for name in _MNIST_FILES) + " (or the same without .gz)",
    ),
}
