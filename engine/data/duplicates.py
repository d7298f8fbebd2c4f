"""Images that stand in the data more than once: equal byte by byte, or nearly equal to the eye.

An image of the test or validation part that also stands in the training part is learned by heart, and its right
answer says nothing. Two images are nearly equal when their grey values correlate by at least LEAST_CORRELATION, which
a change of light, of colour or of compression leaves as it is.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.data.preparation import PreparedData
from engine.data.progress import Cancelled, DataProgress, DataStoppedError, Report, never, no_report

LEAST_CORRELATION = 0.98
MOST_COMPARED = 200_000
"""With more images near duplicates are not looked for: every image of two parts is compared with every other."""
PARTS = ("train", "validation", "test")
_CELLS = 8
_LEAST_SMALL = 0.97
"""Correlation of the images made 8×8 from which on they are compared in full."""
_BLOCK = 256


@dataclass(frozen=True, slots=True)
class Place:
    """An image of a part of prepared data."""

    part: str
    """"train", "validation" or "test"."""
    index: int


@dataclass(frozen=True, slots=True)
class Twins:
    """Two images that are the same, `first` in the part that comes first in PARTS, or earlier in the same part."""

    first: Place
    second: Place
    exact: bool
    same_class: bool


@dataclass(frozen=True)
class Duplicates:
    """What was found: each image that repeats an earlier one is told once, with its twin."""

    twins: tuple[Twins, ...]
    near_looked_for: bool
    """False where there are too many images, or too small ones."""

    def across(self, *, exact: bool) -> tuple[Twins, ...]:
        """Those whose two images lie in different parts."""
        return tuple(t for t in self.twins if t.exact == exact and t.first.part != t.second.part)

    def within(self, part: str) -> tuple[Twins, ...]:
        """Equal images of one part alone."""
        return tuple(t for t in self.twins if t.first.part == part == t.second.part)

    def contradictions(self) -> tuple[Twins, ...]:
        """Equal images of different classes: no network can answer both rightly."""
        return tuple(twins for twins in self.twins if twins.exact and not twins.same_class)


def find_duplicates(
    data: PreparedData, *, report: Report = no_report, cancelled: Cancelled = never
) -> Duplicates:
    """Every image that equals an earlier one, and those of validation and test that nearly equal one of another part.

    Parts are gone through in the order of PARTS. DataStoppedError when `cancelled` says so.
    """
    found = list(_equal(data, report, cancelled))
    count = sum(len(_images(data, part)) for part in PARTS)
    looks = count <= MOST_COMPARED and min(_images(data, "train").shape[1:3]) >= _CELLS
    if looks:
        told = {twins.second for twins in found if twins.first.part != twins.second.part}
        found += [twins for twins in _nearly_equal(data, report, cancelled) if twins.second not in told]
    return Duplicates(tuple(found), looks)


def _images(data: PreparedData, part: str) -> npt.NDArray[np.uint8]:
    images: npt.NDArray[np.uint8] = getattr(data, f"{part}_images")
    return images


def _twins(data: PreparedData, first: Place, second: Place, *, exact: bool) -> Twins:
    one, other = (getattr(data, f"{place.part}_labels")[place.index] for place in (first, second))
    return Twins(first, second, exact, bool(one == other))


def _equal(data: PreparedData, report: Report, cancelled: Cancelled) -> Iterator[Twins]:
    seen: dict[bytes, Place] = {}
    for part in PARTS:
        images = _images(data, part)
        for index, image in enumerate(images):
            if index % _BLOCK == 0:
                _go_on(report, cancelled, "Looking for equal images", index, len(images))
            here = Place(part, index)
            content = hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()
            if content in seen:
                yield _twins(data, seen[content], here, exact=True)
            else:
                seen[content] = here


def _nearly_equal(data: PreparedData, report: Report, cancelled: Cancelled) -> Iterator[Twins]:
    """The first twin in an earlier part of each image of validation and test."""
    small = {part: _small(_images(data, part), cancelled) for part in PARTS}
    for place, part in enumerate(PARTS[1:], 1):
        count = len(small[part])
        for first in range(0, count, _BLOCK):
            _go_on(report, cancelled, f"Comparing the {part} part", first, count)
            block = small[part][first : first + _BLOCK]
            told: set[int] = set()
            for other in PARTS[:place]:
                rows, columns = np.nonzero(block @ small[other].T >= _LEAST_SMALL)
                for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
                    index = first + row
                    if index not in told and _look_alike(
                        _images(data, other)[column], _images(data, part)[index]
                    ):
                        told.add(index)
                        yield _twins(data, Place(other, column), Place(part, index), exact=False)


def _go_on(report: Report, cancelled: Cancelled, what: str, done: int, count: int) -> None:
    if cancelled():
        raise DataStoppedError("Stopped.")
    report(DataProgress(what, done, count))


def _small(images: npt.NDArray[np.uint8], cancelled: Cancelled) -> npt.NDArray[np.float32]:
    """Each image's grey values made 8×8, without their mean and of length 1, [n, 64]; a plain image gives zeros."""
    height, width = images.shape[1:3]
    rows, columns = (np.linspace(0, size, _CELLS + 1).astype(np.int64) for size in (height, width))
    cells = (np.diff(rows)[:, None] * np.diff(columns)[None, :]).astype(np.float32)
    result = np.empty((len(images), _CELLS * _CELLS), np.float32)
    for first in range(0, len(images), _BLOCK):
        if cancelled():
            raise DataStoppedError("Stopped.")
        grey = images[first : first + _BLOCK].mean(axis=3, dtype=np.float32)
        sums = np.add.reduceat(np.add.reduceat(grey, rows[:-1], axis=1), columns[:-1], axis=2)
        result[first : first + _BLOCK] = (sums / cells).reshape(len(grey), -1)
    result -= result.mean(axis=1, keepdims=True)
    result /= np.maximum(np.linalg.norm(result, axis=1, keepdims=True), 1e-3)
    return result


def _look_alike(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> bool:
    """Whether the grey values of two images correlate."""
    a, b = (image.mean(axis=2, dtype=np.float64).ravel() for image in (one, other))
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return size > 0 and float(a @ b) >= LEAST_CORRELATION * size
