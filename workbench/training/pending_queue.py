"""What a queue still has to do, kept on disk between two starts of the program."""

import base64
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from platformdirs import user_state_dir

from engine.api import GaborError, Project, project_from_bytes, project_to_bytes

_LARGEST = 1 << 28


class _Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    label: str
    project: str
    run_id: str = ""


class _Pending(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    path: str
    orders: list[_Order]


@dataclass(frozen=True)
class PendingRun:
    """A training that has not been done; `run_id` names what it had learned, if it had begun."""

    label: str
    project: Project
    run_id: str = ""


def pending_folder() -> Path:
    """Where the queues of this user wait."""
    return Path(user_state_dir("gabor", appauthor=False)) / "queues"


def keep_pending(folder: Path, path: Path | None, runs: Sequence[PendingRun]) -> None:
    """Keep the queue of a project's file (None: of a project without one); nothing to do deletes it. Raises OSError."""
    place = _place(folder, path)
    if not runs:
        place.unlink(missing_ok=True)
        return
    orders = [
        _Order(run.label, base64.b64encode(project_to_bytes(run.project)).decode(), run.run_id)
        for run in runs
    ]
    folder.mkdir(parents=True, exist_ok=True)
    new = place.with_suffix(".new")
    new.write_bytes(msgspec.json.encode(_Pending(1, str(path or ""), orders)))
    os.replace(new, place)


def find_pending(folder: Path, path: Path | None) -> tuple[PendingRun, ...]:
    """What waits for the project of that file; a queue that is damaged is forgotten, for it holds nothing learned."""
    place = _place(folder, path)
    try:
        if place.stat().st_size > _LARGEST:
            raise ValueError
        kept = msgspec.json.decode(place.read_bytes(), type=_Pending)
        return tuple(
            PendingRun(order.label, project_from_bytes(base64.b64decode(order.project)).project, order.run_id)
            for order in kept.orders
        )
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, msgspec.MsgspecError, GaborError):
        place.unlink(missing_ok=True)
        return ()


def _place(folder: Path, path: Path | None) -> Path:
    name = hashlib.sha1(str(path or "").encode(), usedforsecurity=False).hexdigest()[:16]
    return folder / f"{name}.json"
