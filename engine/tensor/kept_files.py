"""Files in the user's cache: that spare the next run some work, or that spare a training memory.

Any of those that are kept may be lost, or be wrong, at any time.
"""

import contextlib
import hashlib
import logging
import os
import tempfile
from pathlib import Path
from typing import IO

import platformdirs

_log = logging.getLogger(__name__)


def cache_folder(name: str) -> Path:
    """Where this user's files of a kind are kept; it may not exist yet."""
    return Path(platformdirs.user_cache_dir("gabor")) / name


def keep_whole(file: Path, content: bytes) -> bool:
    """Write a file so that it is there whole or not at all; False where that is not possible, and the log says so."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as part:
                part.write(content)
            Path(name).replace(file)
        except OSError:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        _log.info("%s is not kept for the next run: %s", file.name, error)
        return False
    return True


def nameless_file() -> IO[bytes]:
    """A file that goes with the process or when it is closed, on the disk of the user's cache; OSError without one.

    Not where the system keeps its temporary files: those may lie in memory. Nothing of it is buffered.
    """
    folder = cache_folder("waiting")
    folder.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryFile(dir=folder, buffering=0)


class SealedFiles:
    """Contents by key, a file each, with a seal that tells whether a file still holds what was written.

    A key says everything that the content depends on. Of more than `most` files those written first are removed.
    """

    def __init__(self, folder: Path, suffix: str, *, most: int = 1000) -> None:
        self._folder, self._suffix, self._most = folder, suffix, most

    def find(self, key: str) -> bytes | None:
        """What was kept; None where nothing was, or where it is damaged, which is then removed."""
        file = self._file(key)
        try:
            seal, content = file.read_bytes().split(b"\n", 1)
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            self.drop(key)
            return None
        if seal != _seal(key, content):
            self.drop(key)
            return None
        return content

    def keep(self, key: str, content: bytes) -> None:
        """Keep what a key stands for, where the folder can be written."""
        keep_whole(self._file(key), _seal(key, content) + b"\n" + content)
        self._prune()

    def drop(self, key: str) -> None:
        """Forget what turned out to be of no use."""
        _log.info("%s is of no use and is made anew", self._file(key))
        with contextlib.suppress(OSError):
            self._file(key).unlink()

    def _file(self, key: str) -> Path:
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()}{self._suffix}"

    def _prune(self) -> None:
        with contextlib.suppress(OSError):
            files = list(self._folder.glob(f"*{self._suffix}"))
            if len(files) > self._most:
                by_age = sorted(files, key=lambda file: file.stat().st_mtime)
                for file in by_age[: len(files) - self._most]:
                    file.unlink()


def _seal(key: str, content: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\0" + content).hexdigest().encode()
