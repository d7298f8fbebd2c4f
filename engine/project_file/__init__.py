"""`.netproj`: a zip with a project as readable JSON and, when trained, its runs with their tensors.

`project.json` is the design, layout, data recipe and training settings; `runs/<id>/` holds `run.json` (the
project as it was trained, and what happened) and safetensors for history, snapshots, evaluations and
checkpoint. Never pickle.
"""

import io
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from engine.errors import DamagedRunsError, ProjectFileError
from engine.project import Project
from engine.project_file.archive import (
    JSON_LIMIT,
    MEBIBYTE,
    PROJECT_MEMBER,
    RUN_LIMIT,
    Archive,
    write_archive,
)
from engine.project_file.atomic import replace_file
from engine.project_file.project_json import (
    MIGRATIONS,
    SCHEMA,
    Document,
    decode_json,
    encode_json,
    project_document,
    project_from,
)
from engine.project_file.refusal import RefusedError, shortened
from engine.project_file.run_files import decode_run, encode_run
from engine.project_file.tensors import TensorFile
from engine.training.run import Run, within_limit
from engine.training.snapshots import MEGABYTE

__all__ = ["MIGRATIONS", "SCHEMA", "ProjectFile", "from_bytes", "load", "save", "to_bytes"]

_RUNS = "runs"
_FROM_ELSEWHERE = "Open a copy that was kept elsewhere, or undo what was changed by hand"


@dataclass(frozen=True)
class ProjectFile:
    """What a file holds: the project, and the runs that were saved with it, in their order."""

    project: Project
    runs: tuple[Run, ...] = ()


def save(path: str | os.PathLike[str], project: Project, runs: Sequence[Run] = ()) -> None:
    """Write a project file in the place of an older one, in one step.

    Raises ProjectFileError in words; then what was there before is still there, unchanged.
    """
    replace_file(Path(path), lambda stream: _write(stream, Path(path).name, project, runs))


def to_bytes(project: Project, runs: Sequence[Run] = ()) -> bytes:
    """The bytes of a project file, always the same for the same content; ProjectFileError when not valid."""
    stream = io.BytesIO()
    _write(stream, project.name, project, runs)
    return stream.getvalue()


def load(path: str | os.PathLike[str], *, without_damaged_runs: bool = False) -> ProjectFile:
    """Read a project file whole or not at all; raises nothing but ProjectFileError, with the reason.

    DamagedRunsError says that all but runs can be read, which `without_damaged_runs` does.
    """
    try:
        # Asked before opening: to open a pipe would wait for a writer.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ProjectFileError(f"“{path}” cannot be opened: it is not a file; choose a .netproj file.")
        with open(path, "rb") as stream:
            return _read(stream, Path(path).name, without_damaged_runs)
    except FileNotFoundError as error:
        raise ProjectFileError(f"“{path}” cannot be opened: there is no such file.") from error
    except PermissionError as error:
        raise ProjectFileError(f"“{path}” cannot be opened: there is no permission to read it.") from error
    except (OSError, ValueError) as error:
        raise ProjectFileError(f"“{path}” cannot be opened: check its name and the disk.") from error


def from_bytes(data: bytes, name: str = "project.netproj") -> ProjectFile:
    """As `load`, from bytes in memory; `name` is what messages call the file."""
    return _read(io.BytesIO(data), name)


def _write(stream: BinaryIO, name: str, project: Project, runs: Sequence[Run]) -> None:
    try:
        if len(runs) > RUN_LIMIT:
            raise RefusedError(f"it has more than {RUN_LIMIT} runs", "Delete runs that are no longer needed")
        write_archive(stream, _members(project, runs))
    except RefusedError as refused:
        advice = refused.advice or "Change that, then save again"
        raise ProjectFileError(f"“{name}” cannot be saved: {refused.reason}. {advice}.") from refused


def _members(project: Project, runs: Sequence[Run]) -> Iterator[tuple[str, bytes | TensorFile]]:
    yield PROJECT_MEMBER, _encode_project(project, [run.id for run in runs])
    for run in within_limit(runs, project.training.snapshot_megabytes * MEGABYTE):
        try:
            for name, encode in encode_run(run):
                content = encode()
                yield (
                    f"{_RUNS}/{run.id}/{name}",
                    _within_limit(name, content) if isinstance(content, bytes) else content,
                )
        except RefusedError as refused:
            raise RefusedError(f"of run '{shortened(run.id)}', {refused.reason}", refused.advice) from refused


def _encode_project(project: Project, run_ids: list[str]) -> bytes:
    data = _within_limit(PROJECT_MEMBER, encode_json({**project_document(project), _RUNS: run_ids}))
    _decode_project(data)  # What could not be read back must not be written.
    return data


def _within_limit(name: str, data: bytes) -> bytes:
    if name.endswith(".json") and len(data) > JSON_LIMIT:
        reason = f"{name} would have more than {JSON_LIMIT // MEBIBYTE} MiB"
        raise RefusedError(reason, "Make the design or the notes smaller")
    return data


def _decode_project(data: bytes) -> tuple[Project, list[str]]:
    document: Document = decode_json(data)
    run_ids = document.pop(_RUNS, [])
    if not isinstance(run_ids, list) or not all(isinstance(run_id, str) for run_id in run_ids):
        raise RefusedError("its list of runs is not a list of names")
    if len(run_ids) > RUN_LIMIT or len(set(run_ids)) < len(run_ids):
        raise RefusedError("its list of runs names one twice, or is too long")
    return project_from(document), run_ids


def _read(stream: BinaryIO, name: str, without_damaged_runs: bool = False) -> ProjectFile:
    damaged: list[RefusedError] = []
    try:
        archive = Archive(stream)
        project, run_ids = _read_project(archive)
        if set(run_ids) != archive.run_ids():
            raise RefusedError("the runs that project.json lists are not those that the file holds")
        runs = [_read_run(archive, run_id, damaged) for run_id in run_ids]
        if damaged and not without_damaged_runs:
            rest = f"; and {len(damaged) - 1} more" if len(damaged) > 1 else ""
            advice = damaged[0].advice or _FROM_ELSEWHERE
            message = f"“{name}” cannot be opened: {damaged[0].reason}{rest}. Nothing was loaded. {advice}."
            raise DamagedRunsError(message) from damaged[0]
        return ProjectFile(project, tuple(run for run in runs if run is not None))
    except RefusedError as refused:
        advice = refused.advice or _FROM_ELSEWHERE
        message = f"“{name}” cannot be opened: {refused.reason}. Nothing was loaded. {advice}."
        raise ProjectFileError(message) from refused
    except MemoryError as error:
        message = f"“{name}” cannot be opened: there is not enough memory for it. Close other programs, and try again."
        raise ProjectFileError(message) from error


def _read_project(archive: Archive) -> tuple[Project, list[str]]:
    data = archive.read(PROJECT_MEMBER)
    try:
        return _decode_project(data)
    except RefusedError as refused:
        raise RefusedError(f"in {PROJECT_MEMBER}, {refused.reason}", refused.advice) from refused


def _read_run(archive: Archive, run_id: str, damaged: list[RefusedError]) -> Run | None:
    """A run, or None and why not among the `damaged`."""
    folder = f"{_RUNS}/{run_id}/"
    names = [name.removeprefix(folder) for name in archive.names if name.startswith(folder)]
    try:
        return decode_run(names, lambda name: archive.read(folder + name), run_id)
    except RefusedError as refused:
        damaged.append(RefusedError(f"of run '{shortened(run_id)}', {refused.reason}", refused.advice))
        return None
