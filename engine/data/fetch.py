"""The known data sets from their publishers, checked and put where `load_dataset` finds them."""

import hashlib
import shutil
from pathlib import Path

import numpy as np

from engine.amounts import bytes_text
from engine.data.datasets import read_published, user_data_folder
from engine.data.download import download, is_whole
from engine.data.progress import Cancelled, DataProgress, Report, never, no_report
from engine.data.publishers import PUBLICATIONS, Publication
from engine.errors import DataError

TIMEOUT = 30.0
"""Seconds of silence after which a server counts as gone."""


def fetchable() -> tuple[str, ...]:
    """Names of the data sets that `fetch` takes."""
    return tuple(PUBLICATIONS)


def fetch(
    name: str,
    folder: Path | None = None,
    *,
    report: Report = no_report,
    cancelled: Cancelled = never,
    timeout: float = TIMEOUT,
) -> Path:
    """Download what is missing of a data set, check all of it, and give the folder with its files.

    Files go below `folder`, else below the user's data folder; `load_dataset` finds them there. `report` hears
    of received bytes. Every failure is a DataError in words that leaves no damaged file, and the next try goes
    on where this one ended; DataStoppedError when `cancelled` says so.
    """
    if name not in PUBLICATIONS:
        raise DataError(f"“{name}” cannot be fetched: choose one of {', '.join(fetchable())}.")
    publication = PUBLICATIONS[name]
    base = user_data_folder() if folder is None else folder.expanduser()
    target = base / publication.folder
    try:
        missing = _missing(publication, target, report)
        _download(publication, missing, target, report, cancelled, timeout)
        _check_values(name, publication, target, report)
    except DataError as error:
        raise type(error)(f"{publication.title}: {error}") from error
    return target


def _missing(publication: Publication, folder: Path, report: Report) -> list[int]:
    """Which files are not there, or damaged."""
    report(DataProgress("Looking at what is there", 0, publication.size, counts_bytes=True))
    return [place for place, file in enumerate(publication.files) if not is_whole(folder / file.name, file)]


def _download(
    publication: Publication,
    missing: list[int],
    folder: Path,
    report: Report,
    cancelled: Cancelled,
    timeout: float,
) -> None:
    needed = sum(publication.files[place].size for place in missing)
    _check_space(folder, needed)
    done = publication.size - needed
    addresses = list(publication.addresses)
    for place in missing:
        file = publication.files[place]

        def received(count: int, before: int = done, what: str = file.name) -> None:
            report(DataProgress(what, before + count, publication.size, counts_bytes=True))

        received(0)
        address = download(file, addresses, folder, received=received, cancelled=cancelled, timeout=timeout)
        # An address that failed would make each further file wait for it again.
        addresses.sort(key=lambda other: other != address)
        done += file.size


def _check_space(folder: Path, needed: int) -> None:
    """DataError before a download that the disk cannot hold; bytes of an earlier try count as free."""
    place = next((place for place in (folder, *folder.parents) if place.is_dir()), None)
    if place is None:
        return
    try:
        free = shutil.disk_usage(place).free + sum(part.stat().st_size for part in folder.glob("*.part"))
    except OSError:
        return
    if free < needed:
        raise DataError(
            f"the download needs {bytes_text(needed)}, but the disk of {folder} has only "
            f"{bytes_text(free)} left: make space, or fetch into another folder (`gabor fetch --data`)."
        )


def _check_values(name: str, publication: Publication, folder: Path, report: Report) -> None:
    """Decode the files and compare each array with its published sum; files that hold something else are removed."""
    report(DataProgress("Checking the images", publication.size, publication.size, counts_bytes=True))
    try:
        parts = read_published(name, folder)
        wrong = [
            field
            for field, digest in publication.digests.items()
            if hashlib.sha256(getattr(parts, field).astype(np.uint8).data).hexdigest() != digest
        ]
    except DataError as error:
        _remove(publication, folder)
        raise DataError(f"What was fetched cannot be read and was removed ({error}) Try again.") from error
    if wrong:
        _remove(publication, folder)
        raise DataError(
            f"What was fetched holds other values than the published ones in {', '.join(wrong)}, and was "
            "removed: try again."
        )


def _remove(publication: Publication, folder: Path) -> None:
    for file in publication.files:
        (folder / file.name).unlink(missing_ok=True)
