"""Where a user's pictures lie: a folder or a zip, listed and read without ever leaving it."""

import os
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from engine.data.image_rules import ENDINGS
from engine.data.streams import told_as_data_error
from engine.errors import DataError

MOST_FILES = 2_000_000
LARGEST_FILE = 2**28
"""Bytes of one picture; what is larger counts as broken."""

_TABLE = ".csv"


@dataclass(frozen=True)
class StoredFile:
    """A picture or table: its path below the root with forward slashes, and what changes when it changes."""

    name: str
    size: int
    version: int
    """Time of the last change in nanoseconds, or the checksum in a zip."""


class ImageStore(Protocol):
    """Files by name. `read` may be called from several threads."""

    path: Path
    files: dict[str, StoredFile]

    def find(self, name: str) -> StoredFile | None:
        """The file of that name; DataError when the name leads out of the store."""
        ...

    def read(self, name: str) -> bytes:
        """The whole file; OSError or ValueError in words when it is missing, damaged or too large."""
        ...

    def close(self) -> None:
        """Let go of open files."""
        ...


class FolderStore:
    """The pictures and tables below a folder; hidden files and folders are passed over."""

    def __init__(self, path: Path, *, most: int = MOST_FILES) -> None:
        self.path = path
        self._root = path.resolve()
        self.files: dict[str, StoredFile] = {}
        with told_as_data_error(path):
            self._list(most)

    def _list(self, most: int) -> None:
        open_folders, looked_at = [self._root], 0
        while open_folders:
            with os.scandir(open_folders.pop()) as entries:
                for entry in entries:
                    looked_at += 1
                    if looked_at > most:
                        raise DataError(
                            f"{self.path} holds more than {most} files and folders: choose the folder of the "
                            "images alone."
                        )
                    if entry.name.startswith("."):
                        continue
                    if self._is_folder(entry):
                        open_folders.append(Path(entry.path))
                    elif is_listed(entry.name):
                        self._add(entry)

    def _is_folder(self, entry: os.DirEntry[str]) -> bool:
        try:
            is_folder = entry.is_dir()
        except OSError:
            return False
        if is_folder and entry.is_symlink():
            raise DataError(
                f"{entry.path} is a link to a folder: links are not followed; put the folder itself there."
            )
        return is_folder

    def _add(self, entry: os.DirEntry[str]) -> None:
        # Unlike Path.resolve, this ends without an error where links run in a circle.
        if entry.is_symlink() and not Path(os.path.realpath(entry.path)).is_relative_to(self._root):
            raise DataError(
                f"{entry.path} is a link that leads out of {self.path}: put the file itself there."
            )
        try:
            state = entry.stat()
        except OSError:
            state = entry.stat(follow_symlinks=False)  # a link to nothing: told when it is read
        if stat.S_ISREG(state.st_mode) or stat.S_ISLNK(state.st_mode):
            name = Path(entry.path).relative_to(self._root).as_posix()
            self.files[name] = StoredFile(name, state.st_size, state.st_mtime_ns)

    def find(self, name: str) -> StoredFile | None:
        """The file of that name."""
        return self.files.get(name)

    def read(self, name: str) -> bytes:
        """The whole file."""
        return _content(self._root / name)

    def close(self) -> None:
        """Nothing is held open."""


class TableStore:
    """The table at `path`, and the pictures below its folder that it names; others are not looked at."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._root = path.parent.resolve()
        with told_as_data_error(path):
            state = path.stat()
        self.files = {path.name: StoredFile(path.name, state.st_size, state.st_mtime_ns)}

    def find(self, name: str) -> StoredFile | None:
        """The file of that name, relative to the table; DataError when it leads out of the table's folder."""
        try:
            place = Path(os.path.realpath(self._root / name))
        except (OSError, ValueError):  # names that no file can have
            return None
        if not place.is_relative_to(self._root):
            raise DataError(
                f"{self.path} names {name[:200]!r}, which leads out of its folder: put the images beside the table."
            )
        try:
            state = place.stat()
        except (OSError, ValueError):
            return None
        return StoredFile(name, state.st_size, state.st_mtime_ns) if stat.S_ISREG(state.st_mode) else None

    def read(self, name: str) -> bytes:
        """The whole file."""
        return _content(self._root / name)

    def close(self) -> None:
        """Nothing is held open."""


class ZipStore:
    """The pictures and tables of a zip archive, read in place: nothing is unpacked to disk."""

    def __init__(self, path: Path, *, most: int = MOST_FILES) -> None:
        self.path = path
        self.files: dict[str, StoredFile] = {}
        with told_as_data_error(path):
            self._archive = zipfile.ZipFile(path)
            try:
                for member in self._archive.infolist():
                    self._add(member)
            except BaseException:
                self._archive.close()
                raise
        if len(self.files) > most:
            self._archive.close()
            raise DataError(f"{path} holds more than {most} files: pack the images alone.")

    def _add(self, member: zipfile.ZipInfo) -> None:
        name = member.filename
        parts = PurePosixPath(name).parts
        if name.startswith("/") or "\\" in name or ":" in parts[0] or ".." in parts:
            raise DataError(
                f"{self.path} has an entry that leads out of the archive ({name[:80]!r}): pack the folder of "
                "the images anew."
            )
        if stat.S_ISLNK(member.external_attr >> 16):
            raise DataError(f"{self.path} has a link in it ({name[:80]!r}): pack the files themselves.")
        if member.is_dir() or _is_hidden(parts) or not is_listed(name):
            return
        if name in self.files:
            raise DataError(f"{self.path} holds {name[:80]!r} twice: pack the folder of the images anew.")
        if member.flag_bits & 1:
            raise DataError(f"{self.path} is locked with a password: pack the images without one.")
        self.files[name] = StoredFile(name, member.file_size, member.CRC)

    def find(self, name: str) -> StoredFile | None:
        """The file of that name."""
        return self.files.get(name)

    def read(self, name: str) -> bytes:
        """The whole file."""
        try:
            with self._archive.open(name) as file:
                content = file.read(LARGEST_FILE + 1)
        except KeyError as error:
            raise FileNotFoundError(name) from error
        _check_size(len(content))
        return content

    def close(self) -> None:
        """Close the archive."""
        self._archive.close()


def open_store(path: Path, *, most: int = MOST_FILES) -> ImageStore:
    """The folder, the zip, or the folder of the table at `path`; DataError in words when it cannot be listed."""
    mode = _mode(path)
    if stat.S_ISDIR(mode):
        return FolderStore(path, most=most)
    if stat.S_ISREG(mode) and path.suffix.lower() == ".zip":
        return ZipStore(path, most=most)
    if stat.S_ISREG(mode) and is_table(path.name):
        return TableStore(path)
    raise DataError(
        f"{path} is no set of images: choose a folder with one sub-folder for each class, a .csv table of "
        "paths and labels, an .npz archive, or a .zip of images."
    )


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(
            f"{path} does not exist: it may have been moved or renamed. Choose the images again in the Data panel; "
            "on the command line, --data names the folder that holds it."
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(
            f"{str(path)[:200]!r} cannot be opened ({reason}): choose the images again."
        ) from error


def is_listed(name: str) -> bool:
    """Whether the name is that of a picture or a table."""
    ending = PurePosixPath(name).suffix.lower()
    return ending in ENDINGS or ending == _TABLE


def is_table(name: str) -> bool:
    """Whether the name is that of a table."""
    return PurePosixPath(name).suffix.lower() == _TABLE


def shown(text: str) -> str:
    """The text as it can be shown and written down: what is no character, or none to print, as its code."""
    plain = text.encode("utf-8", "backslashreplace").decode("utf-8")
    if plain.isprintable():
        return plain
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in plain)


def _is_hidden(parts: tuple[str, ...]) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        _check_size(os.fstat(file.fileno()).st_size)
        return file.read()


def _check_size(size: int) -> None:
    if size > LARGEST_FILE:
        raise ValueError(f"is larger than {LARGEST_FILE} bytes")
