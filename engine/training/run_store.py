"""Runs that are being trained, kept on disk as they grow, so that a killed process loses nothing.

Each run has a folder of its own in the user's state folder: what it began with, an append-only log of its events,
and its latest checkpoint. Training never waits for more than a write to the system's cache.
"""

import contextlib
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from platformdirs import user_state_dir

from engine.errors import ProjectFileError, TrainingError
from engine.project_file.archive import KEPT_MEMBER, TOTAL_LIMIT
from engine.project_file.atomic import reason_in_words, replace_file
from engine.project_file.checkpoint_check import check_checkpoint
from engine.project_file.refusal import RefusedError
from engine.project_file.run_files import (
    decode_checkpoint,
    decode_run,
    encode_run,
    kept_name,
    write_checkpoint,
)
from engine.training.event_log import encode_record, is_recorded, read_records
from engine.training.events import Event
from engine.training.run import HISTORY_COLUMNS, Checkpoint, Run, RunRecorder

_LOG = "events.log"
_LATEST = "latest.safetensors"
_LOCK = "lock"
_PROJECT = "project-file"
_PATH_LIMIT = 1 << 16
_UNFINISHED_SECONDS = 60.0
_UNTOLD = "The program ended while this run was training; what it had recorded is kept."


def journal_folder() -> Path:
    """Where the journals of this user's runs lie."""
    return Path(user_state_dir("gabor", appauthor=False)) / "runs"


class RunJournal:
    """The journal of one running training. Older journals of the same run are replaced by it."""

    def __init__(self, folder: Path, run: Run, file: Path | None = None) -> None:
        """Begin with `run` as it was when training started; TrainingError in words when it cannot be written.

        `file` is the one that the run's project lies in.
        """
        self._path = folder / f"{run.id}-{secrets.token_hex(4)}"
        # What takes their place must be on the disk before they are deleted.
        older = list(_journals(folder, run.id))
        _clear_unfinished(folder)
        lock: _FileLock | None = None
        try:
            self._path.mkdir(parents=True)
            self._lock = lock = _FileLock(self._path / _LOCK)
            if not self._lock.taken:
                raise OSError("the journal is in use")
            for name, encode in encode_run(run):
                content = encode()
                with open(self._path / name, "wb") as stream:
                    if isinstance(content, bytes):
                        stream.write(content)
                    else:
                        content.write(stream)
                    if older:
                        stream.flush()
                        os.fsync(stream.fileno())
            if file is not None:
                _note_file(self._path, file)
            # Opened last: a folder without a log is one that was never finished, and nothing is lost with it.
            self._log = open(self._path / _LOG, "xb")  # noqa: SIM115
        except BaseException as error:
            if lock is not None:
                lock.release()
            shutil.rmtree(self._path, ignore_errors=True)
            if isinstance(error, OSError | RefusedError):
                raise _in_words(error) from error
            raise
        for path in older:
            _delete_unused(path)

    def append(self, event: Event) -> None:
        """Add an event; it outlives the process at once. TrainingError in words when the disk does not take it."""
        if is_recorded(event):
            self._attempt(lambda: self._write(encode_record(event)))

    def checkpoint(self, checkpoint: Checkpoint, kept: Iterable[Checkpoint] = ()) -> None:
        """Put the latest checkpoint in the place of the one before, in one step; beside it `kept` and no others."""
        # The log first: a checkpoint must never be ahead of the history that leads to it.
        self._attempt(lambda: os.fsync(self._log.fileno()))
        self._attempt(lambda: replace_file(self._path / _LATEST, partial(write_checkpoint, checkpoint)))
        self._attempt(lambda: self._keep({kept_name(one.step): one for one in kept}))

    def _keep(self, kept: Mapping[str, Checkpoint]) -> None:
        there = {path.name: path for path in self._path.iterdir() if re.fullmatch(KEPT_MEMBER, path.name)}
        for name in kept.keys() - there.keys():
            replace_file(self._path / name, partial(write_checkpoint, kept[name]))
        for name in there.keys() - kept.keys():
            there[name].unlink()

    def close(self) -> None:
        """Leave the journal on disk, for `recover` to find."""
        # What a full disk did not take is tried once more here; that it fails again is known.
        with contextlib.suppress(OSError):
            self._log.close()
        self._lock.release()

    def discard(self) -> None:
        """Delete the journal: the run has been saved elsewhere, or is not wanted."""
        self.close()
        shutil.rmtree(self._path, ignore_errors=True)

    def _write(self, record: bytes) -> None:
        self._log.write(record)
        self._log.flush()

    def _attempt(self, action: Callable[[], object]) -> None:
        try:
            action()
        except (OSError, RefusedError, ProjectFileError) as error:
            raise _in_words(error) from error


def recover(folder: Path, file: Path | None = None) -> list[Run]:
    """The runs that ended without being saved, oldest first; journals in use and damaged ones are passed over.

    With `file` only those whose project lies there: of the others nothing is read. What was being written when the
    process died is dropped; nothing is deleted (`forget` does that).
    """
    runs: dict[str, Run] = {}
    for path in _journals(folder):
        if file is not None and _noted_file(path) != file.resolve():
            continue
        lock = _FileLock(path / _LOCK)
        if not lock.taken:
            continue
        try:
            run = _recovered(path)
            if run.id not in runs or run.step > runs[run.id].step:
                runs[run.id] = run
        except (OSError, RefusedError, ValueError):
            continue
        finally:
            lock.release()
    return sorted(runs.values(), key=lambda run: run.created)


def forget(folder: Path, run_id: str) -> None:
    """Delete what `recover` found of a run."""
    for path in _journals(folder, run_id):
        _delete_unused(path)


def project_file_of(folder: Path, run_id: str) -> Path | None:
    """The file that the project of a recorded run lies in; None where nobody knows."""
    found = (_noted_file(path) for path in _journals(folder, run_id))
    return next((file for file in found if file is not None), None)


def set_project_file(folder: Path, run_id: str, file: Path) -> None:
    """Note that the project of a recorded run lies in this file from now on, also while the run is in training."""
    for path in _journals(folder, run_id):
        with contextlib.suppress(OSError):
            _note_file(path, file)


def _note_file(journal: Path, file: Path) -> None:
    new = journal / f"{_PROJECT}.new"
    new.write_bytes(os.fsencode(file.resolve()))
    os.replace(new, journal / _PROJECT)


def _noted_file(journal: Path) -> Path | None:
    try:
        with open(journal / _PROJECT, "rb") as stream:
            noted = os.fsdecode(stream.read(_PATH_LIMIT))
    except (OSError, ValueError):
        return None
    return Path(noted) if noted and "\0" not in noted else None


def _recovered(path: Path) -> Run:
    run_id = path.name.rpartition("-")[0]
    names = {child.name for child in path.iterdir()}
    kept_names = {name for name in names if re.fullmatch(KEPT_MEMBER, name)}
    base = decode_run(names - kept_names, lambda name: _bounded(path / name), run_id)
    recorder = RunRecorder(base)
    with open(path / _LOG, "rb") as log:
        for event in read_records(log):
            recorder.receive(event)
    # Written later than what the run began with, each by itself: one that is damaged takes no other with it.
    found = (_whole_checkpoint(path / name, base) for name in sorted(kept_names))
    kept = sorted((one for one in found if one is not None), key=lambda one: one.step)
    latest = _whole_checkpoint(path / _LATEST, base) or base.checkpoint or next(reversed(kept), None)
    run = recorder.run(latest, [one for one in kept if latest is None or one.step < latest.step])
    if run.status == "running":
        run = replace(run, status="stopped", message=_UNTOLD + _behind(run))
    return _long_enough(run if run.result is not None else replace(run, result_step=-1))


def _behind(run: Run) -> str:
    """What there is to say where the parameters are older than the record."""
    if run.checkpoint is None or run.checkpoint.step >= run.step:
        return ""
    return f" It goes on after step {run.checkpoint.step:,}, whose parameters were kept."


def _whole_checkpoint(path: Path, base: Run) -> Checkpoint | None:
    """The checkpoint in a file if it is whole and fits the design, or None."""
    try:
        checkpoint = decode_checkpoint(_bounded(path))
        check_checkpoint(base.project.graph, checkpoint)
    except (OSError, RefusedError):
        return None
    return checkpoint


def _long_enough(run: Run) -> Run:
    """The run with its history filled up to its checkpoint, where a damaged log lost a part of it."""
    missing = (run.checkpoint.step if run.checkpoint else 0) - run.step
    if missing <= 0:
        return run
    gap = np.full(missing, np.nan)
    return replace(run, history={name: np.concatenate([run.history[name], gap]) for name in HISTORY_COLUMNS})


def _bounded(path: Path) -> bytes:
    if path.stat().st_size > TOTAL_LIMIT:
        raise RefusedError(f"{path.name} is too large")
    return path.read_bytes()


def _journals(folder: Path, run_id: str = "") -> Iterator[Path]:
    with contextlib.suppress(OSError):
        for path in sorted(folder.iterdir()):
            if (path / _LOG).is_file() and (not run_id or path.name.rpartition("-")[0] == run_id):
                yield path


def _clear_unfinished(folder: Path) -> None:
    """Delete what a process left that died before its journal began."""
    with contextlib.suppress(OSError):
        for lock in folder.glob(f"*/{_LOCK}"):
            # One that is just being begun may not be locked yet.
            is_old = time.time() - lock.stat().st_mtime > _UNFINISHED_SECONDS
            if is_old and not (lock.parent / _LOG).exists():
                _delete_unused(lock.parent)


def _delete_unused(path: Path) -> None:
    lock = _FileLock(path / _LOCK)
    if lock.taken:
        lock.release()
        shutil.rmtree(path, ignore_errors=True)


def _in_words(error: Exception) -> TrainingError:
    reason = reason_in_words(error) if isinstance(error, OSError) else str(error).rstrip(".")
    return TrainingError(f"The record of this run cannot be kept: {reason}.")


class _FileLock:
    """Marks a journal as being written; the system takes the mark off when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self.taken = False
        self._file = None
        with contextlib.suppress(OSError):
            self._file = open(path, "ab")  # noqa: SIM115
            _lock(self._file.fileno())
            self.taken = True
        if not self.taken:
            self.release()

    def release(self) -> None:
        """Take the mark off."""
        if self._file is not None:
            self._file.close()
            self._file = None


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
