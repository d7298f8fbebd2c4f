"""Which pictures there are and of which class: from folders named after classes, or from a table."""

import codecs
import csv
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from engine.data.batches import Purpose
from engine.data.image_rules import ENDINGS, ImageRules
from engine.data.image_store import ImageStore, StoredFile, is_table, shown
from engine.data.split import stratified_split
from engine.data.streams import told_as_data_error
from engine.errors import DataError

MOST_CLASSES = 10_000
_LONGEST_NAME = 200
_TEST_SEED = 0
"""Fixed: whatever else is varied, results are compared on the same test images."""

# "val" is a second test set to Gabor, which draws its own validation part from the training images.
_PARTS = {
    "train": "train", "training": "train",
    "test": "test", "testing": "test",
    "val": "val", "valid": "val", "validation": "val",
}  # fmt: skip
_PATH_HEADERS = ("path", "file", "filename", "file_name", "filepath", "image", "img", "name")
_LABEL_HEADERS = ("label", "class", "category", "target", "class_name")
_PART_HEADERS = ("split", "part", "set", "subset")


@dataclass(frozen=True)
class Listing:
    """Pictures with their classes, sorted by name; `labels` index into `class_names`, training part first."""

    class_names: tuple[str, ...]
    files: tuple[StoredFile, ...]
    labels: tuple[int, ...]
    train_count: int

    def key(self, path: Path, rules: ImageRules) -> str:
        """Changes when a file, a class or a rule changes that the decoded images depend on."""
        digest = hashlib.sha256()
        shape = (rules.height, rules.width, rules.mode, rules.fit)
        digest.update(
            repr((str(path), shape, self.class_names, self.train_count)).encode("utf-8", "surrogatepass")
        )
        for file, label in zip(self.files, self.labels, strict=True):
            line = repr((file.name, file.size, file.version, label))
            digest.update(line.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()[:32]


@dataclass(frozen=True)
class _Row:
    file: StoredFile
    name: str
    """Of its class."""
    part: str | None
    """"train", "test", "val", or None where nothing is said."""


def listing(store: ImageStore, rules: ImageRules) -> Listing:
    """The pictures of a store with their classes, in a training and a test part.

    Raises DataError in words when no classes can be made out.
    """
    rows = _rows(store)
    names = _class_names(store, rows)
    labels = {name: label for label, name in enumerate(names)}
    train, test = _parts(rows)
    unknown = sorted({row.name for row in test} - {row.name for row in train})
    if unknown:
        raise DataError(
            f"{store.path} has test images of the class “{unknown[0]}”, but no training images of it: give the "
            "classes the same names in both parts."
        )
    if not test:
        train, test = _held_back(store, train, labels, rules.test_fraction)
    ordered = [*train, *test]
    return Listing(
        names, tuple(row.file for row in ordered), tuple(labels[row.name] for row in ordered), len(train)
    )


def _rows(store: ImageStore) -> list[_Row]:
    """Sorted by name: the order in which a disk lists files must not change a training."""
    tables = sorted(name for name in store.files if is_table(name))
    pictures = sorted(name for name in store.files if not is_table(name))
    if is_table(store.path.name):
        return _table_rows(store, tables[0])
    roots = {parts[0] for parts in map(_parts_of, pictures) if len(parts) > 1}
    top = [name for name in tables if len(_parts_of(name)) <= 1 + (len(roots) == 1)]
    if len(roots) < 2 and len(top) == 1:
        return _table_rows(store, top[0])
    rows = list(_folder_rows(store, pictures))
    if not rows:
        raise DataError(
            f"{store.path} has no sub-folders with images: make one sub-folder for each class and put its images "
            "there, or add a .csv table of paths and labels."
        )
    return rows


def _folder_rows(store: ImageStore, pictures: Sequence[str]) -> Iterator[_Row]:
    paths = [(name, _parts_of(name)) for name in pictures]
    # A set packed or copied with its own folder around it means what is in that folder.
    while paths and len({parts[0] for _, parts in paths}) == 1 and all(len(parts) > 2 for _, parts in paths):
        if paths[0][1][0].lower() in _PARTS:
            break
        paths = [(name, parts[1:]) for name, parts in paths]
    inner = [(name, parts) for name, parts in paths if len(parts) > 1]
    split = bool(inner) and all(parts[0].lower() in _PARTS for _, parts in inner)
    for name, parts in inner:
        if not split:
            yield _Row(store.files[name], shown(parts[0]), None)
        elif len(parts) > 2:
            yield _Row(store.files[name], shown(parts[1]), _PARTS[parts[0].lower()])
        else:
            raise DataError(
                f"{store.path} has the image {name}, but no folders of classes in {parts[0]}: make one sub-folder "
                f"for each class in {parts[0]}."
            )


def _table_rows(store: ImageStore, table: str) -> list[_Row]:
    place = store.path if is_table(store.path.name) else store.path / table
    with told_as_data_error(place):
        text = _decoded(place, store.read(table))
    if "\0" in text:
        raise DataError(f"{place} is no table of paths and labels, but other data: save it as CSV anew.")
    base = PurePosixPath(table).parent
    try:
        cells = list(_cells(place, text))
    except csv.Error as error:
        raise DataError(f"{place} is no table of paths and labels ({error}): save it as CSV anew.") from error
    names_parts = any(part in _PARTS for _, _, _, part in cells)
    rows = []
    said: dict[str, tuple[int, str, str]] = {}
    for number, path, name, word in cells:
        part = word if names_parts else ""
        if not name:
            raise DataError(f"{place}, line {number}: {path} has no label; give each image its class.")
        if part and part not in _PARTS:
            # It must not come among the training images because of a slip of the pen.
            raise DataError(
                f"{place}, line {number}: “{shown(part[:80])}” is no part of the data; write train, test or val."
            )
        file = _found(store, (base / path).as_posix())
        line, *before = said.setdefault(file.name, (number, name, part))
        if before != [name, part]:
            raise DataError(
                f"{place}, line {number}: {path} is “{shown(_class_and_part(name, part))}”, but in line {line} it is "
                f"“{shown(_class_and_part(*before))}”; give each image one class and one part."
            )
        rows.append(_Row(file, shown(name), _PARTS.get(part)))
    if not rows:
        raise DataError(f"{place} names no images: each line needs the path of an image and its label.")
    return sorted(rows, key=lambda row: row.file.name)


def _class_and_part(name: str, part: str) -> str:
    return f"{name}, {part}" if part else name


def _decoded(place: Path, content: bytes) -> str:
    """The text of a table in UTF-8, or in UTF-16 with its mark, as spreadsheets write it; DataError for another."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{place}, line {line}: the table is not in UTF-8, so names with accents cannot be read; save it as "
            "“CSV UTF-8”."
        ) from error


def _cells(place: Path, text: str) -> Iterator[tuple[int, str, str, str]]:
    """(line, path, label, part or "") for each row; columns by the header's names, else path and label come first."""
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    columns: tuple[int, int, int | None] = (0, 1, None)
    for row in reader:
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if reader.line_num == 1 and PurePosixPath(cells[0]).suffix.lower() not in ENDINGS:
            columns = _header(cells)
            if not any(PurePosixPath(cell).suffix.lower() in ENDINGS for cell in cells):
                continue
        path, label, part = columns
        if len(cells) <= max(path, label):
            raise DataError(
                f"{place}, line {reader.line_num}: “{row[0][:80]}” stands alone; a line needs the path of an image "
                "and its label with a comma between them."
            )
        said = cells[part].lower() if part is not None and part < len(cells) else ""
        yield reader.line_num, cells[path].replace("\\", "/"), cells[label], said


def _header(cells: list[str]) -> tuple[int, int, int | None]:
    """Which columns hold path, label and part, by a first row that does not begin with a picture."""
    names = [cell.lower() for cell in cells]

    def column(known: Sequence[str]) -> int | None:
        return next((names.index(name) for name in known if name in names), None)

    path, label, part = (column(known) for known in (_PATH_HEADERS, _LABEL_HEADERS, _PART_HEADERS))
    if path is not None and label is not None:
        return path, label, part
    label_first = len(cells) > 1 and PurePosixPath(cells[1]).suffix.lower() in ENDINGS
    return (1, 0, part) if label_first else (0, 1, part)


def _found(store: ImageStore, name: str) -> StoredFile:
    # A picture that is not there is listed all the same: it is named with the broken ones.
    return store.find(name) or StoredFile(name, -1, 0)


def _class_names(store: ImageStore, rows: Sequence[_Row]) -> tuple[str, ...]:
    names = {row.name for row in rows}
    if len(names) < 2:
        raise DataError(
            f"{store.path} has images of one class only, “{next(iter(names))}”: a network needs at least two to "
            "tell apart."
        )
    if len(names) > MOST_CLASSES:
        raise DataError(
            f"{store.path} has {len(names)} classes, more than the {MOST_CLASSES} possible: choose the folder "
            "above the folders of classes, or the column of labels."
        )
    longest = max(names, key=len)
    if len(longest) > _LONGEST_NAME:
        raise DataError(
            f"{store.path} has a class named “{longest[:40]}…” with {len(longest)} characters: choose a name of "
            f"at most {_LONGEST_NAME}, or another column of labels."
        )
    whole = all(name.isascii() and name.isdecimal() for name in names)
    # "10" comes after "9", and "01" beside "1".
    return tuple(sorted(names, key=lambda name: (int(name), name) if whole else (0, name)))


def _parts(rows: Sequence[_Row]) -> tuple[list[_Row], list[_Row]]:
    """Training and test rows as they are given; a validation folder tests when nothing else does."""
    has_test = any(row.part == "test" for row in rows)
    tests = ("test",) if has_test else ("val",)
    return [row for row in rows if row.part not in tests], [row for row in rows if row.part in tests]


def _held_back(
    store: ImageStore, rows: list[_Row], labels: dict[str, int], fraction: float
) -> tuple[list[_Row], list[_Row]]:
    values = np.array([labels[row.name] for row in rows], dtype=np.int32)
    try:
        train, test = stratified_split(values, len(labels), fraction, _TEST_SEED, Purpose.TEST_SPLIT)
    except DataError as error:
        raise DataError(
            f"{store.path} has {len(rows)} images, too few to hold back {fraction:g} of them for testing: add images, "
            "or change the test fraction."
        ) from error
    return [rows[index] for index in train], [rows[index] for index in np.sort(test)]


def _parts_of(name: str) -> tuple[str, ...]:
    return PurePosixPath(name).parts
