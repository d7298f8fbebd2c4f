"""One file from its publisher: resumed after a break, recognised by length and checksum, renamed when whole.

What goes wrong at one address is an `_AddressError` and the next address is tried; what goes wrong on this
machine (no space, no permission) or is wanted (a stop) ends the download at once. Bytes arrive in `NAME.part`
and stay there for the next try unless their checksum is wrong.
"""

import errno
import hashlib
import http.client
import os
import re
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from urllib.parse import urlsplit

from engine.data.progress import Cancelled, DataStoppedError
from engine.data.publishers import RemoteFile
from engine.errors import DataError

try:
    import fcntl
except ImportError:  # not on this system; the checksum still tells two writers of one file
    fcntl = None  # type: ignore[assignment]

_CHUNK = 2**18
_MOST_BREAKS = 20
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class _AddressError(Exception):
    """This address cannot give the file; says what it did, to follow its name."""


class _BrokenOffError(_AddressError):
    """The bytes ended early: those that came are good, and asking for the rest may help."""


def is_whole(path: Path, file: RemoteFile) -> bool:
    """Whether the file is there with the published length and checksum."""
    try:
        return path.is_file() and path.stat().st_size == file.size and _md5(path) == file.md5
    except OSError:
        return False


def download(
    file: RemoteFile,
    addresses: Sequence[str],
    folder: Path,
    *,
    received: Callable[[int], None],
    cancelled: Cancelled,
    timeout: float,
) -> str:
    """Put the file whole into the folder; the address that gave it. An incomplete earlier try is gone on with.

    `received` hears how many of the file's bytes are there; `timeout` is the longest silence of a server, in
    seconds. Raises DataError in words; DataStoppedError when `cancelled` says so.
    """
    target = folder / file.name
    part = target.with_name(f"{file.name}.part")
    troubles = []
    with _told_of_disk(part), _only_writer(part) as sink:
        for address in addresses:
            transfer = _Transfer(address + file.name, file, sink, received, cancelled, timeout)
            try:
                transfer.complete()
            except _AddressError as trouble:
                troubles.append(f"{urlsplit(address).hostname} {trouble}")
                continue
            os.fsync(sink.fileno())
            part.replace(target)
            return address
        if not os.fstat(sink.fileno()).st_size:
            part.unlink()
    raise DataError(
        f"{file.name} could not be fetched: {'; '.join(troubles)}. Check the network and try again: what has "
        f"arrived is kept. Files that you got in another way are taken from {folder}."
    )


class _Transfer:
    """The file from one address into the open `.part` file."""

    def __init__(
        self,
        url: str,
        file: RemoteFile,
        sink: FileIO,
        received: Callable[[int], None],
        cancelled: Cancelled,
        timeout: float,
    ) -> None:
        self._url, self._file, self._sink = url, file, sink
        self._received, self._cancelled, self._timeout = received, cancelled, timeout
        self._have = 0

    def complete(self) -> None:
        """All bytes, with the right checksum; _AddressError when this address does not give them."""
        self._have = self._sink.seek(0, os.SEEK_END)
        if self._have > self._file.size:
            self._restart()
        resumed = self._have > 0
        self._all_bytes()
        if self._checksum() == self._file.md5:
            return
        self._restart()
        if resumed:
            # The beginning may have come from elsewhere or from an older file: once more, all of it from here.
            self._all_bytes()
            if self._checksum() == self._file.md5:
                return
            self._restart()
        raise _AddressError("sent a file whose checksum is not the published one")

    def _all_bytes(self) -> None:
        breaks = 0
        while self._have < self._file.size:
            before = self._have
            try:
                self._receive()
            except _BrokenOffError:
                breaks += 1
                if self._have <= before or breaks > _MOST_BREAKS:
                    raise

    def _receive(self) -> None:
        """One request: from here to the end of the file."""
        self._stop_if_wanted()
        headers = {"User-Agent": "gabor-workbench", "Accept-Encoding": "identity"}
        if self._have:
            headers["Range"] = f"bytes={self._have}-"
        with _told_of_network(self._timeout):
            request = urllib.request.Request(self._url, headers=headers)
            try:
                response = urllib.request.urlopen(request, timeout=self._timeout)
            except urllib.error.HTTPError as answer:
                answer.close()
                if answer.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and self._have:
                    self._restart()
                    return
                raise _AddressError(f"answered “{answer.code} {answer.reason}”") from answer
        with response:
            if self._begins_well(response):
                self._take(response)

    def _begins_well(self, response: http.client.HTTPResponse) -> bool:
        """Whether what follows continues the bytes that are there; a server may ignore or mistake the range."""
        if response.status == http.client.PARTIAL_CONTENT:
            answer = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if answer is None or int(answer[1]) != self._have:
                if not self._have:
                    raise _AddressError("answered with a part of the file where all of it was asked for")
                self._restart()
                return False
            offered = None if answer[3] == "*" else int(answer[3])
        elif response.status == http.client.OK:
            if self._have:
                self._restart()
            length = response.headers.get("Content-Length", "")
            offered = int(length) if length.isdecimal() else None
        else:
            raise _AddressError(f"answered “{response.status} {response.reason}”")
        if offered not in (None, self._file.size):
            raise _AddressError(f"offers {offered:,} bytes where the file has {self._file.size:,}")
        return True

    def _take(self, response: http.client.HTTPResponse) -> None:
        while True:
            self._stop_if_wanted()
            with _told_of_network(self._timeout):
                chunk = response.read1(_CHUNK)
            if not chunk:
                break
            if self._have + len(chunk) > self._file.size:
                self._restart()
                raise _AddressError(f"sends more than the {self._file.size:,} bytes of the file")
            _write(self._sink, chunk)
            self._have += len(chunk)
            self._received(self._have)
        if self._have < self._file.size:
            raise _BrokenOffError(f"broke off after {self._have:,} of {self._file.size:,} bytes")

    def _stop_if_wanted(self) -> None:
        if self._cancelled():
            raise DataStoppedError(
                f"Fetching {self._file.name} was stopped: what has arrived is kept, and the next try goes on "
                "from there."
            )

    def _restart(self) -> None:
        self._sink.truncate(0)
        self._sink.seek(0)
        self._have = 0
        self._received(0)

    def _checksum(self) -> str:
        return _md5(Path(self._sink.name))


def _write(sink: FileIO, content: bytes) -> None:
    view = memoryview(content)
    while view:
        # Without a buffer nothing is left to be written when the disk is full, and what is counted is there.
        view = view[sink.write(view) :]


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


@contextmanager
def _only_writer(part: Path) -> Iterator[FileIO]:
    """The `.part` file, open at its end; DataError while another process fetches the same file."""
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("ab", buffering=0) as sink:
        if fcntl is not None:
            try:
                fcntl.flock(sink, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DataError(
                    f"{part.name} is being written by another Gabor: wait until that has fetched it."
                ) from error
        yield sink


@contextmanager
def _told_of_disk(part: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise DataError(
                f"The disk of {part.parent} is full: make space and try again; what has arrived is kept. Another "
                "folder can be named with --data."
            ) from error
        raise DataError(
            f"{part} cannot be written ({error.strerror or error}): fetch into another folder (`gabor fetch --data`)."
        ) from error


@contextmanager
def _told_of_network(timeout: float) -> Iterator[None]:
    """What a socket or a server does wrong, as what the address did."""
    try:
        yield
    except (TimeoutError, urllib.error.URLError, http.client.HTTPException, OSError) as error:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(cause, TimeoutError):
            raise _BrokenOffError(f"sent nothing for {timeout:g} seconds") from error
        if isinstance(cause, socket.gaierror):
            raise _AddressError("was not found (there may be no network)") from error
        if isinstance(cause, ConnectionRefusedError):
            raise _AddressError("refused the connection") from error
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise _AddressError("could not prove who it is (its certificate is not valid)") from error
        if isinstance(cause, ConnectionError | ssl.SSLError | http.client.HTTPException):
            raise _BrokenOffError(f"broke the connection ({type(cause).__name__})") from error
        words = getattr(cause, "strerror", None) or str(cause)
        raise _AddressError(f"could not be reached ({words})") from error
