"""Decoded pictures on disk: made once on all cores, then mapped into memory, so that only a first start decodes.

A cache holds one set by one set of rules under a name made of both; what changes in either gives another
name. Files are written aside and renamed when whole, so that a killed process leaves nothing that is read.
"""

import errno
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import platformdirs
from PIL import Image, UnidentifiedImageError

from engine.amounts import bytes_text
from engine.data.image_listing import Listing
from engine.data.image_rules import ImageRules, decoded
from engine.data.image_store import ImageStore, shown
from engine.data.npy_rows import close_gaps, write_at, write_header
from engine.data.progress import Cancelled, DataProgress, DataStoppedError, Report
from engine.errors import DataError

_VERSION = 1
_BLOCK_BYTES = 2**22
_BLOCK_FILES = 32
_MOST_THREADS = 16
_MOST_KEPT = 8
_MOST_KEPT_BYTES = 20 * 2**30
_STALE = 24 * 3600.0
_IMAGES, _LABELS, _HEADER = "images.npy", "labels.npy", "header.json"


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    shape: tuple[int, int, int, int]
    train_count: int
    class_names: tuple[str, ...]
    broken: tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class CachedImages:
    """Images uint8 [n, H, W, C], mapped from disk, with labels int32 [n]; training part first."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int32]
    train_count: int
    class_names: tuple[str, ...]
    broken: tuple[tuple[str, str], ...]
    """Pictures that could not be read, left out here: name and reason."""


def cache_folder() -> Path:
    """Where decoded images of this user are kept; all of it may be deleted at any time."""
    return Path(platformdirs.user_cache_dir("gabor")) / "images"


def cached_images(
    store: ImageStore, found: Listing, rules: ImageRules, report: Report, cancelled: Cancelled
) -> CachedImages:
    """The decoded pictures of a listing: from the cache, else decoded into it first.

    Raises DataError in words when the disk cannot hold them, DataStoppedError when `cancelled` says so.
    """
    folder = cache_folder() / found.key(store.path.resolve(), rules)
    cached = _opened(folder)
    if cached is None:
        with _told_of_disk(folder.parent):
            _make(folder, store, found, rules, report, cancelled)
            cached = _opened(folder)
        if cached is None:
            raise DataError(
                f"The decoded images in {folder} cannot be read back: delete that folder and try again."
            )
    return cached


def _opened(folder: Path) -> CachedImages | None:
    """What the cache holds; None when it is not there or damaged, which are mended alike."""
    try:
        header = msgspec.json.decode((folder / _HEADER).read_bytes(), type=_Header)
        images = np.load(folder / _IMAGES, mmap_mode="r", allow_pickle=False)
        labels = np.load(folder / _LABELS, allow_pickle=False)
        os.utime(folder / _HEADER)
    except (OSError, ValueError, EOFError, msgspec.DecodeError):
        return None
    whole = (header.version, header.shape, np.uint8, np.int32, header.shape[:1]) == (
        _VERSION, images.shape, images.dtype, labels.dtype, labels.shape
    )  # fmt: skip
    if not whole or (labels.size and not 0 <= labels.min() <= labels.max() < len(header.class_names)):
        return None
    return CachedImages(images, labels, header.train_count, header.class_names, header.broken)


def _make(
    folder: Path, store: ImageStore, found: Listing, rules: ImageRules, report: Report, cancelled: Cancelled
) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    _tidy(folder.parent)
    needed = len(found.files) * rules.height * rules.width * rules.channels
    free = shutil.disk_usage(folder.parent).free
    if free < needed:
        raise DataError(
            f"The {len(found.files)} decoded images need {bytes_text(needed)}, but the disk of {folder.parent} has "
            f"only {bytes_text(free)} left: make space, or choose a smaller image size."
        )
    aside = Path(tempfile.mkdtemp(prefix="part-", dir=folder.parent))
    try:
        _decode_all(aside, store, found, rules, report, cancelled)
        if folder.exists():
            shutil.rmtree(folder)  # it could not be opened
        # Another process may have made the same meanwhile.
        with _already_there():
            aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _decode_all(
    aside: Path, store: ImageStore, found: Listing, rules: ImageRules, report: Report, cancelled: Cancelled
) -> None:
    count, place = len(found.files), (rules.height, rules.width, rules.channels)
    broken: dict[int, str] = {}
    with (aside / _IMAGES).open("w+b", buffering=0) as sink:
        start = write_header(sink.fileno(), (count, *place))
        for done, failed in _blocks(sink.fileno(), start, store, found, rules, cancelled):
            broken.update(failed)
            report(DataProgress("Reading images", done, count))
        kept = np.setdiff1d(np.arange(count), np.fromiter(broken, np.int64, len(broken)))
        if not kept.size:
            name, reason = shown(found.files[0].name), broken[0]
            raise DataError(
                f"None of the {count} images in {store.path} can be read, as little as {name} ({reason}): look "
                "whether they are pictures."
            )
        if broken:
            close_gaps(sink.fileno(), start, kept, int(np.prod(place)))
            write_header(sink.fileno(), (len(kept), *place))
    labels = np.array(found.labels, dtype=np.int32)[kept]
    np.save(aside / _LABELS, labels)
    names = tuple(sorted((shown(found.files[index].name), reason) for index, reason in broken.items()))
    header = _Header(
        _VERSION,
        (len(kept), *place),
        int(np.count_nonzero(kept < found.train_count)),
        found.class_names,
        names,
    )
    (aside / _HEADER).write_bytes(msgspec.json.encode(header))


def _blocks(
    sink: int, start: int, store: ImageStore, found: Listing, rules: ImageRules, cancelled: Cancelled
) -> Iterator[tuple[int, dict[int, str]]]:
    """Decode on threads, a few blocks of files ahead; (files done, reasons of broken ones by index) as they come."""
    row = rules.height * rules.width * rules.channels
    step = max(1, min(_BLOCK_FILES, _BLOCK_BYTES // row))

    def decode(first: int) -> tuple[int, dict[int, str]]:
        files = found.files[first : first + step]
        pixels = np.zeros((len(files), rules.height, rules.width, rules.channels), dtype=np.uint8)
        failed = {}
        for index, file in enumerate(files):
            try:
                pixels[index] = decoded(store.read(file.name), rules)
            except Exception as error:  # decoders raise anything when a file is damaged
                failed[first + index] = _reason(error)
        write_at(sink, pixels, start + first * row)
        return len(files), failed

    threads = min(_MOST_THREADS, _cores())
    waiting = iter(range(0, len(found.files), step))
    done = 0
    with _quiet_decoders(), ThreadPoolExecutor(threads, "gabor-decode") as pool:
        running: set[Future[tuple[int, dict[int, str]]]] = set()
        while True:
            # A short queue: a stop need not wait for what has only been planned.
            while len(running) < 2 * threads and (first := next(waiting, None)) is not None:
                running.add(pool.submit(decode, first))
            if not running:
                return
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for block in finished:
                count, failed = block.result()
                done += count
                yield done, failed
            if cancelled():
                pool.shutdown(cancel_futures=True)
                raise DataStoppedError("Reading the images was stopped.")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return "claims more pixels than are read"
    if isinstance(error, UnidentifiedImageError):
        return "is no picture of a known kind"
    if isinstance(error, MemoryError):
        return "is too large for the memory"
    said = error.strerror.lower() if isinstance(error, OSError) and error.strerror else str(error)
    return shown(" ".join(said.split()))[:200] or type(error).__name__


@contextmanager
def _quiet_decoders() -> Iterator[None]:
    """What Pillow warns of on odd files is no news to the user; a picture of absurd size is refused."""
    Image.init()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
        yield


def _tidy(folder: Path) -> None:
    """Remove what killed processes left, and the sets used longest ago when there are many."""
    caches = []
    for place in folder.iterdir():
        try:
            if place.name.startswith("part-"):
                if time.time() - place.stat().st_mtime > _STALE:
                    shutil.rmtree(place, ignore_errors=True)
            elif place.is_dir():
                used = (place / _HEADER).stat().st_mtime
                caches.append((used, (place / _IMAGES).stat().st_size, place))
        except OSError:
            continue
    total = 0
    for number, (_, size, place) in enumerate(sorted(caches, reverse=True), start=1):
        total += size
        if number >= _MOST_KEPT or total > _MOST_KEPT_BYTES:
            shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _already_there() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


@contextmanager
def _told_of_disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DataError(
                f"The disk of {folder} filled up while images were decoded: make space, or choose a smaller image size."
            ) from error
        raise DataError(
            f"Decoded images cannot be kept in {folder} ({error.strerror or error}): make that folder writable."
        ) from error
