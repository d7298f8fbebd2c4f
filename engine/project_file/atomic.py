"""Puts a whole new file in the place of an old one, or leaves the old one as it is."""

import contextlib
import errno
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from engine.errors import ProjectFileError

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space, or save to another disk",
    errno.EDQUOT: "the disk quota is used up; free some space, or save to another disk",
    errno.EACCES: "there is no permission to write there; save to another folder",
    errno.EPERM: "there is no permission to write there; save to another folder",
    errno.EROFS: "the disk is read-only; save to another folder",
    errno.ENOENT: "the folder does not exist; create it, or save to another one",
    errno.ENOTDIR: "a part of the path is not a folder; save to another one",
    errno.EISDIR: "that is a folder; give a file name",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}


def reason_in_words(error: OSError) -> str:
    """Why writing failed and what to do, as a clause."""
    known = _REASONS.get(error.errno or 0)
    return known or f"{(error.strerror or 'the system gave an error').lower()}; save to another place"


def replace_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a new file, flush it to disk and rename it to `path`.

    Raises ProjectFileError in words; then the old file is untouched and no temporary file is left.
    """
    _replace(path, write)


def _replace(path: Path, write: Callable[[BinaryIO], object], *, commit: bool = True) -> None:
    # A link is followed: the user means the file that it points to.
    try:
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        temporary = target.parent / f".gabor-{secrets.token_hex(8)}.tmp"
        try:
            _write_through(temporary, write)
            if not commit:
                temporary.unlink()
                return
            _keep_mode(target, temporary)
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        _flush_folder(target.parent)
    except OSError as error:
        message = f"“{path}” cannot be saved: {reason_in_words(error)}. Nothing was changed."
        raise ProjectFileError(message) from error
    except ValueError as error:
        message = f"“{path!s}” cannot be saved: that is not a possible file name; choose another one."
        raise ProjectFileError(message) from error


def check_place(path: Path) -> None:
    """Raise the ProjectFileError that `replace_file` would raise for this path, as far as that is known beforehand."""
    _replace(path, lambda _: None, commit=False)


def _write_through(temporary: Path, write: Callable[[BinaryIO], object]) -> None:
    with open(temporary, "xb") as stream:
        write(stream)
        stream.flush()
        os.fsync(stream.fileno())


def _keep_mode(target: Path, temporary: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.chmod(temporary, target.stat().st_mode & 0o777)


def _flush_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    # The new file is already in place: a file system that cannot flush a folder is no failure.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
