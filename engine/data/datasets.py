"""Data sets by name or by the path of a user's own images, and how their files are found."""

import hashlib
import os
import threading
from collections import OrderedDict
from functools import partial
from pathlib import Path

import numpy as np
import platformdirs

from engine.data.dataset import Dataset, DatasetSummary
from engine.data.formats import (
    Parts,
    read_npz,
)
from engine.data.image_folders import images_summary, load_images
from engine.data.image_rules import ImageRules
from engine.data.known_sets import PUBLISHED, SAMPLE_SUMMARY, Source
from engine.data.progress import Cancelled, Report, never, no_report
from engine.data.publishers import PUBLICATIONS
from engine.errors import DataError
from engine.resource_files import resource_path

DATA_FOLDER_VARIABLE = "GABOR_DATA_DIR"

_MOST_CACHED = 2
_OWN_ENDINGS = (".csv", ".npz", ".zip")
_PICKLED = ("cifar-10-python.tar.gz", "cifar-10-batches-py")
_USUAL = ImageRules()


class MissingFilesError(DataError):
    """The files of a known data set are in none of the folders that were searched."""


def dataset_names() -> tuple[str, ...]:
    """Names that `load_dataset` takes; the first is always there, the others need the official files."""
    return ("mnist-sample", *PUBLISHED)


def is_own(name: str) -> bool:
    """Whether the name of a data set is the path of a user's own images."""
    return name not in dataset_names() and (
        any(mark in name for mark in ("/", os.sep))
        or name.startswith(("~", "."))
        or name.lower().endswith(_OWN_ENDINGS)
    )


def dataset_summary(name: str, folder: Path | None = None, rules: ImageRules = _USUAL) -> DatasetSummary:
    """Shape, classes and counts of a data set: of a known one without its files, of own images without decoding.

    Raises DataError for an unknown name, and when own images are missing or have no classes.
    """
    check_known(name)
    if is_own(name):
        return images_summary(own_path(name, folder), rules)
    return SAMPLE_SUMMARY if name == "mnist-sample" else PUBLISHED[name].summary


def load_dataset(
    name: str,
    folder: Path | None = None,
    rules: ImageRules = _USUAL,
    *,
    report: Report = no_report,
    cancelled: Cancelled = never,
) -> Dataset:
    """The data set of that name; the two known ones used last stay in memory and are shared between calls.

    Official files are found by name under `folder`, else under $GABOR_DATA_DIR, else under the user's data
    folder; the path of own images, when it is not absolute, is looked for there too. `rules` say how own images
    are read; the first time that takes a while, which `report` hears of. Raises DataError when the name is
    unknown, files are missing, or what they hold is damaged.
    """
    check_known(name)
    if is_own(name):
        return load_images(own_path(name, folder), rules, report=report, cancelled=cancelled)
    source = _sample_source() if name == "mnist-sample" else _find(name, search_folders(folder))
    return _CACHE.load(name, source)


def own_path(name: str, folder: Path | None = None) -> Path:
    """Where own images lie: a path that is not absolute is looked for below the folders of data, then from here.

    An absolute one that is not there any more is looked for by its last name below the folders of data.
    """
    try:
        path = Path(name).expanduser()
    except RuntimeError:  # "~somebody" whom this system does not know
        path = Path(name)
    if path.is_absolute():
        moved = [] if _is_there(path) else [place / path.name for place in search_folders(folder)]
        return next((place for place in moved if _is_there(place)), path)
    places = [place / path for place in (*search_folders(folder), Path.cwd())]
    return next((place for place in places if _is_there(place)), places[-1])


def search_folders(folder: Path | None = None) -> list[Path]:
    """The folders that `load_dataset` searches, first choice first."""
    folders = [] if folder is None else [folder.expanduser()]
    variable = os.environ.get(DATA_FOLDER_VARIABLE)
    if variable:
        folders.append(Path(variable).expanduser())
    folders.append(user_data_folder())
    # Someone who picks the archive itself means the folder that holds it.
    return [place.parent if place.is_file() else place for place in folders]


def user_data_folder() -> Path:
    """Where data sets are kept that Gabor fetched for this user."""
    return Path(platformdirs.user_data_dir("gabor"))


def read_published(name: str, folder: Path) -> Parts:
    """What the official files in one folder hold; DataError when some are missing or damaged."""
    entry = PUBLISHED[name]
    source = entry.find(folder)
    if source is None:
        raise DataError(f"{folder} lacks files of {entry.title}: {entry.files} are needed.")
    return source.read()


def check_known(name: str) -> None:
    """Raise DataError when there is no data set of that name, and it is no path either."""
    if name not in dataset_names() and not is_own(name):
        raise DataError(unknown_dataset(name))


def unknown_dataset(name: str) -> str:
    """The sentence that says that a name is unknown and which names there are."""
    return (
        f"There is no data set named “{name}”: choose one of {', '.join(dataset_names())}, or the path of your own "
        "images (./name for a folder beside the others)."
    )


def _sample_source() -> Source:
    path = resource_path("mnist-sample", "mnist-sample.npz")
    return Source((path,), partial(read_npz, path))


def _find(name: str, folders: list[Path]) -> Source:
    entry = PUBLISHED[name]
    for folder in folders:
        for subfolder in entry.subfolders:
            source = entry.find(folder / subfolder)
            if source is not None:
                return source
    pickled = [place / kind for place in folders for kind in _PICKLED if _is_there(place / kind)]
    if name == "cifar10" and pickled:
        raise DataError(
            f"{pickled[0]} is CIFAR-10's Python version, whose pickles could run any program and are not read: fetch "
            "the binary version by “gabor fetch cifar10”."
        )
    places = "; ".join(str(folder) for folder in folders)
    below = ", ".join(f"{subfolder}/" for subfolder in entry.subfolders if subfolder)
    raise MissingFilesError(
        f"The files of {entry.title} were not found. Looked for {entry.files} in these folders and in "
        f"{below} below them: {places}. "
        f"Fetch them by “gabor fetch {name}”, or point to the folder that holds them with --data or in the Data panel."
    )


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


class _Cache:
    """The data sets used last. A changed file counts as another data set."""

    def __init__(self) -> None:
        self._datasets: OrderedDict[tuple[object, ...], Dataset] = OrderedDict()
        self._lock = threading.Lock()

    def load(self, name: str, source: Source) -> Dataset:
        # The lock is held while reading: a second caller waits for the arrays instead of reading them again.
        with self._lock:
            key = (name, *((path, *_version(path)) for path in source.files))
            if key not in self._datasets:
                self._datasets[key] = _read(name, source)
            self._datasets.move_to_end(key)
            while len(self._datasets) > _MOST_CACHED:
                self._datasets.popitem(last=False)
            return self._datasets[key]


def _version(path: Path) -> tuple[int, int]:
    try:
        state = path.stat()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}): it may have been moved; look whether it is there."
        ) from error
    return state.st_mtime_ns, state.st_size


def _read(name: str, source: Source) -> Dataset:
    parts, summary = source.read(), dataset_summary(name)
    dataset = Dataset(
        name=name,
        train_images=parts.train_images,
        train_labels=parts.train_labels,
        test_images=parts.test_images,
        test_labels=parts.test_labels,
        class_names=parts.class_names or summary.class_names,
    )
    if dataset.image_shape != summary.image_shape:
        raise DataError(
            f"{source.files[0]} holds images of {_times(dataset.image_shape)}, but those of {name} have "
            f"{_times(summary.image_shape)}: these files are not that data set."
        )
    _check_identity(name, parts, source)
    return dataset


def _check_identity(name: str, parts: Parts, source: Source) -> None:
    """DataError for the files of another known set: those of Fashion-MNIST are named as MNIST's."""
    digest = hashlib.sha256(np.ascontiguousarray(parts.test_labels, dtype=np.uint8).data).hexdigest()
    for other, publication in PUBLICATIONS.items():
        if other != name and publication.digests["test_labels"] == digest and name in PUBLICATIONS:
            raise DataError(
                f"{source.files[0].parent} holds the files of {publication.title}, not those of "
                f"{PUBLICATIONS[name].title}: choose {other}, or keep the two in folders of their own."
            )


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(str(size) for size in shape)


_CACHE = _Cache()
