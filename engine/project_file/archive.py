"""The zip around a project: written the same way each time, and read with nothing taken on trust."""

import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable
from typing import BinaryIO

from engine.project_file.refusal import RefusedError, shortened
from engine.project_file.tensors import TensorFile

MEBIBYTE = 2**20
JSON_LIMIT = 16 * MEBIBYTE
"""Most bytes of one JSON member; with tensors apart, a project of 10,000 nodes has about 5 MB."""
JSON_TOTAL_LIMIT = 64 * MEBIBYTE
TOTAL_LIMIT = 4 * 1024 * MEBIBYTE
"""Most bytes of all members together, uncompressed: about ten runs of the largest network of the thesis."""
RUN_LIMIT = 1000
RATIO_LIMIT = 200
"""Most bytes that one compressed byte may become."""

PROJECT_MEMBER = "project.json"
RUN_MEMBERS = (
    "run.json",
    *(
        f"{n}.safetensors"
        for n in ("preparation", "history", "samples", "snapshots", "evaluations", "epochs", "checkpoint")
    ),
)
KEPT_LIMIT = 24
"""Most checkpoints of one run that are kept beside its last."""
RUN_ID = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"

KEPT_MEMBER = r"checkpoint-(0|[1-9]\d{0,15})\.safetensors"
"""Name of a kept checkpoint's member, with its step."""
_NAME = re.compile(
    rf"project\.json|runs/({RUN_ID})/({'|'.join(re.escape(name) for name in RUN_MEMBERS)}|{KEPT_MEMBER})"
)
_MEMBER_LIMIT = 1 + RUN_LIMIT * (len(RUN_MEMBERS) + KEPT_LIMIT)
_DIRECTORY_LIMIT = _MEMBER_LIMIT * 256
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)
# What the zip library raises on damaged input, depending on where the damage lies.
_ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError, EOFError, OSError,
    ValueError, OverflowError, LookupError,
)  # fmt: skip


def write_archive(stream: BinaryIO, members: Iterable[tuple[str, bytes | TensorFile]]) -> None:
    """Write members in order; JSON deflated, tensors stored. The same members give the same bytes."""
    total = 0
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members:
            total += data.size if isinstance(data, TensorFile) else len(data)
            if total > TOTAL_LIMIT:
                raise RefusedError(
                    f"it would hold more than the {TOTAL_LIMIT // MEBIBYTE} MiB that a project file may have",
                    "Delete runs that are no longer needed",
                )
            info = zipfile.ZipInfo(name, _FIXED_TIME)
            info.create_system = 3
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            if isinstance(data, TensorFile):
                info.file_size = data.size
                with archive.open(info, "w") as member:
                    data.write(member)
                continue
            # What deflates too well would look like a zip bomb when it is read again.
            dense = name.endswith(".json") and len(data) < RATIO_LIMIT // 2 * max(1, len(zlib.compress(data)))
            info.compress_type = zipfile.ZIP_DEFLATED if dense else zipfile.ZIP_STORED
            archive.writestr(info, data)


class Archive:
    """A zip whose directory is checked: only expected members, of bounded sizes, that do not overlap."""

    def __init__(self, stream: BinaryIO) -> None:
        """Raises RefusedError when the stream is not such a zip."""
        try:
            size = stream.seek(0, 2)
            _check_end(stream, size)
            self._zip = zipfile.ZipFile(stream)
        except _ZIP_ERRORS as error:
            raise _not_a_zip(error) from error
        self._members = _checked_members(self._zip.infolist(), size)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the members."""
        return tuple(self._members)

    def run_ids(self) -> frozenset[str]:
        """Ids of the runs that have at least one member."""
        return frozenset(name.split("/")[1] for name in self._members if name.startswith("runs/"))

    def read(self, name: str) -> bytes:
        """The bytes of a member, no more than promised; RefusedError when missing or damaged."""
        info = self._members.get(name)
        if info is None:
            raise RefusedError(f"{name} is missing")
        try:
            with self._zip.open(info) as member:
                # One byte more than promised: reading past the end is what makes the library check the sum.
                data = member.read(info.file_size + 1)
        except _ZIP_ERRORS as error:
            reason = str(error)
            if reason.startswith("Bad CRC-32"):
                # The library names the file once more.
                reason = "its checksum is wrong"
            raise RefusedError(f"{name} is damaged ({shortened(reason)})") from error
        if len(data) != info.file_size:
            raise RefusedError(f"{name} has another length than the file's directory says")
        return data


def _not_a_zip(error: Exception) -> RefusedError:
    if isinstance(error, OSError) and error.strerror:
        return RefusedError(f"it cannot be read ({error.strerror})", "Check the disk, and try again")
    return RefusedError("it is not a project file of Gabor, or it is cut off or damaged")


def _check_end(stream: BinaryIO, size: int) -> None:
    """Bound the directory, which lies at the very end, before the library reads all of it."""
    stream.seek(max(0, size - 98))
    tail = stream.read(98)
    stream.seek(0)
    if len(tail) < 22 or tail[-22:-18] != b"PK\x05\x06":
        raise zipfile.BadZipFile("no end of directory")
    count, length = struct.unpack("<H2xL", tail[-12:-4])[0], struct.unpack("<L", tail[-10:-6])[0]
    if tail[-42:-38] == b"PK\x06\x07":
        (position,) = struct.unpack("<Q", tail[-34:-26])
        if len(tail) < 98 or tail[:4] != b"PK\x06\x06" or position != size - 98:
            raise zipfile.BadZipFile("the large directory is not where it should be")
        count, length = struct.unpack("<2Q", tail[32:48])
    if count > _MEMBER_LIMIT or length > _DIRECTORY_LIMIT:
        raise zipfile.BadZipFile("the directory is too long")


def _checked_members(infos: list[zipfile.ZipInfo], size: int) -> dict[str, zipfile.ZipInfo]:
    members: dict[str, zipfile.ZipInfo] = {}
    if len(infos) > _MEMBER_LIMIT:
        raise RefusedError(f"it holds {len(infos)} parts; at most {_MEMBER_LIMIT} are possible")
    for info in infos:
        if info.filename in members:
            raise RefusedError(f"it holds {info.filename} twice")
        _check_member(info)
        members[info.filename] = info
    total = sum(info.file_size for info in infos)
    json_total = sum(info.file_size for info in infos if info.filename.endswith(".json"))
    if total > TOTAL_LIMIT or json_total > JSON_TOTAL_LIMIT:
        raise RefusedError(f"it would unpack to {total // MEBIBYTE} MiB, more than a project may have")
    if sum(info.compress_size for info in infos) > size:
        raise RefusedError("its parts overlap")
    return members


def _check_member(info: zipfile.ZipInfo) -> None:
    name = info.filename
    if info.orig_filename != name or _NAME.fullmatch(name) is None:
        raise RefusedError(f"it holds '{shortened(name)}', which does not belong in a project")
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        raise RefusedError(f"{name} is not a plain file but a link or a device")
    if info.flag_bits & 0x41:
        raise RefusedError(f"{name} is encrypted", "Save the project without a password")
    is_json = name.endswith(".json")
    allowed = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) if is_json else (zipfile.ZIP_STORED,)
    if info.compress_type not in allowed:
        raise RefusedError(
            f"{name} is compressed in a way that project files are not", "Save it with Gabor again"
        )
    if info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
        raise RefusedError(f"{name} has two different lengths")
    if is_json and info.file_size > JSON_LIMIT:
        found = info.file_size / MEBIBYTE
        raise RefusedError(f"{name} has {found:.1f} MiB; at most {JSON_LIMIT // MEBIBYTE} MiB are possible")
    if info.file_size > RATIO_LIMIT * max(1, info.compress_size):
        raise RefusedError(
            f"{name} would unpack to more than {RATIO_LIMIT} times its size, as a zip bomb does"
        )
