"""A user's own images: a folder, a table or a zip as a Dataset, and what is quickly known of it."""

import hashlib
import os
import threading
from pathlib import Path

import msgspec

from engine.data.dataset import Dataset, DatasetSummary
from engine.data.formats import read_labelled_npz
from engine.data.image_cache import CachedImages, cache_folder, cached_images
from engine.data.image_listing import Listing, listing
from engine.data.image_rules import ImageRules
from engine.data.image_store import open_store
from engine.data.progress import Cancelled, Report, never, no_report
from engine.errors import DataError

ARRAYS = ".npz"
_MOST_NAMED = 10
_MOST_FOR_SUMMARY = 200_000
"""Files looked through for a summary, which has to be quick."""

_Memo = dict[tuple[str, ...], tuple[int, DatasetSummary]]
_SUMMARIES: _Memo = {}
_LOCK = threading.Lock()


class BrokenImagesError(DataError):
    """Some pictures cannot be read; `broken` names all of them with the reason."""

    def __init__(self, message: str, broken: tuple[tuple[str, str], ...]) -> None:
        super().__init__(message)
        self.broken = broken


class _KeptSummary(msgspec.Struct, frozen=True):
    """A summary on disk, and the change of the folder or file that it was made after."""

    changed: int
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    train_count: int
    test_count: int


def load_images(
    path: Path, rules: ImageRules, *, report: Report = no_report, cancelled: Cancelled = never
) -> Dataset:
    """The images at `path` by the rules, decoded at the first call and mapped from disk ever after.

    An .npz archive is taken as it is: its images have one size already. Raises DataError in words,
    BrokenImagesError when pictures cannot be read and the rules do not skip them.
    """
    if path.suffix.lower() == ARRAYS:
        return _from_arrays(path, rules)
    store = open_store(path)
    try:
        found = listing(store, rules)
        cached = cached_images(store, found, rules, report, cancelled)
    finally:
        store.close()
    if cached.broken and not rules.skip_broken:
        raise BrokenImagesError(_broken(path, cached, len(found.files)), cached.broken)
    train, skipped = cached.train_count, cached.broken
    dataset = Dataset(
        name=path.name,
        train_images=cached.images[:train],
        train_labels=cached.labels[:train],
        test_images=cached.images[train:],
        test_labels=cached.labels[train:],
        class_names=cached.class_names,
        skipped=skipped,
    )
    _keep(path, rules, _summary_of(dataset))
    return dataset


def images_summary(path: Path, rules: ImageRules) -> DatasetSummary:
    """Shape, classes and counts, without decoding; the counts are those of the last time it was looked through.

    Asked again it takes no time, also after a restart, until the folder or file itself changes. Raises
    DataError in words when nothing is there, or no classes can be made out.
    """
    key, changed = _key(path, rules), _changed(path)
    with _LOCK:
        kept = _SUMMARIES.get(key)
    if kept is None or kept[0] != changed:
        summary = _kept_on_disk(key, changed) or _looked_up(path, rules)
        _keep(path, rules, summary)
        return summary
    return kept[1]


def _looked_up(path: Path, rules: ImageRules) -> DatasetSummary:
    if path.suffix.lower() == ARRAYS:
        return _summary_of(_from_arrays(path, rules))
    store = open_store(path, most=_MOST_FOR_SUMMARY)
    try:
        found: Listing = listing(store, rules)
    finally:
        store.close()
    names, count = found.class_names, len(found.files)
    return DatasetSummary(rules.image_shape, len(names), names, found.train_count, count - found.train_count)


def _from_arrays(path: Path, rules: ImageRules) -> Dataset:
    parts = read_labelled_npz(path, rules.test_fraction)
    classes = 1 + int(max(parts.train_labels.max(), parts.test_labels.max()))
    return Dataset(
        name=path.name,
        train_images=parts.train_images,
        train_labels=parts.train_labels,
        test_images=parts.test_images,
        test_labels=parts.test_labels,
        class_names=parts.class_names or tuple(str(label) for label in range(classes)),
    )


def _summary_of(dataset: Dataset) -> DatasetSummary:
    return DatasetSummary(
        dataset.image_shape,
        dataset.classes,
        dataset.class_names,
        len(dataset.train_labels),
        len(dataset.test_labels),
    )


def _broken(path: Path, cached: CachedImages, count: int) -> str:
    named = "; ".join(f"{name} ({reason})" for name, reason in cached.broken[:_MOST_NAMED])
    more = len(cached.broken) - _MOST_NAMED
    rest = f"; and {more} more" if more > 0 else ""
    return (
        f"{len(cached.broken)} of the {count} images in {path} cannot be read: {named}{rest}. Mend or remove them, or "
        "set “skip broken images” to train without them."
    )


def _key(path: Path, rules: ImageRules) -> tuple[str, ...]:
    return (str(path.absolute()), *map(str, rules.image_shape), rules.fit, repr(rules.test_fraction))


def _changed(path: Path) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except (OSError, ValueError):
        open_store(path)  # which says in words what is wrong
        return 0


def _keep(path: Path, rules: ImageRules, summary: DatasetSummary) -> None:
    """Remember a summary, here and on disk; where the disk refuses, it is made anew next time."""
    key, changed = _key(path, rules), _changed(path)
    with _LOCK:
        _SUMMARIES[key] = (changed, summary)
    kept = _KeptSummary(
        changed, summary.image_shape, summary.class_names, summary.train_count, summary.test_count
    )
    place = _place(key)
    aside = place.with_name(f"{place.name}.{os.getpid()}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(msgspec.json.encode(kept))
        aside.replace(place)
    except (OSError, UnicodeEncodeError):
        aside.unlink(missing_ok=True)


def _kept_on_disk(key: tuple[str, ...], changed: int) -> DatasetSummary | None:
    try:
        kept = msgspec.json.decode(_place(key).read_bytes(), type=_KeptSummary)
    except (OSError, ValueError, msgspec.DecodeError):
        return None
    names = kept.class_names
    if kept.changed != changed or not names:
        return None
    return DatasetSummary(kept.image_shape, len(names), names, kept.train_count, kept.test_count)


def _place(key: tuple[str, ...]) -> Path:
    digest = hashlib.sha256("\n".join(key).encode("utf-8", "surrogatepass")).hexdigest()
    return cache_folder().parent / "summaries" / f"{digest[:32]}.json"
