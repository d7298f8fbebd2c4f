"""Which plan computed each convolution fastest, kept on disk between runs.

An entry is a hint: whoever reads it builds the plan, compares its name and its result, and drops the entry when either
is wrong. Keys hold everything that a timing depends on, so another GPU or library never sees an entry of this one.
"""

import contextlib
import json
import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs

_log = logging.getLogger(__name__)
_FORMAT = 2
_MOST_BYTES = 16 << 20


class KeptPlan(NamedTuple):
    """Place and name of the plan that was fastest, and the bytes of workspace that it takes."""

    place: int
    name: str
    workspace: int


class _Entries(NamedTuple):
    plans: dict[str, KeptPlan]
    choices: dict[str, dict[str, float]]


def default_file() -> Path:
    """Where this user's plans are kept."""
    return Path(platformdirs.user_cache_dir("gabor")) / "convolution-plans.json"


class PlanCache:
    """Plans by task, and what else was timed, in one JSON file. Never raises for a file that is not right."""

    def __init__(self, file: Path, environment: str) -> None:
        self._file = file
        self._environment = environment
        self._entries: _Entries | None = None

    def find(self, task: str) -> KeptPlan | None:
        """The plan that was fastest; None when it is not known."""
        return self._known().plans.get(self._key(task))

    def keep(self, task: str, plan: KeptPlan) -> None:
        """Remember the fastest plan."""
        self._change(lambda entries: entries.plans.update({self._key(task): plan}))

    def drop(self, task: str) -> None:
        """Forget an entry that turned out to be wrong."""
        self._change(lambda entries: entries.plans.pop(self._key(task), None))

    def times(self, what: str) -> dict[str, float]:
        """Microseconds of each way to compute something; empty when it was not timed."""
        return self._known().choices.get(self._key(what), {})

    def keep_times(self, what: str, microseconds: dict[str, float]) -> None:
        """Remember how long each way took."""
        self._change(lambda entries: entries.choices.update({self._key(what): microseconds}))

    def _key(self, task: str) -> str:
        return f"{self._environment}; {task}"

    def _known(self) -> _Entries:
        if self._entries is None:
            self._entries = self._read()
        return self._entries

    def _change(self, change: Callable[[_Entries], object]) -> None:
        # Others may have written meanwhile: what they found is kept.
        entries = self._read()
        change(entries)
        self._entries = entries
        told = {"format": _FORMAT, "plans": entries.plans, "choices": entries.choices}
        text = json.dumps(told, indent=0, sort_keys=True)
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._file.parent, suffix=".part")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(text)
                Path(name).replace(self._file)
            except OSError:
                with contextlib.suppress(OSError):
                    Path(name).unlink()
                raise
        except OSError as error:
            _log.info("The fastest convolutions are not kept for the next run: %s", error)

    def _read(self) -> _Entries:
        try:
            if self._file.stat().st_size > _MOST_BYTES:
                return _Entries({}, {})
            found: Any = json.loads(self._file.read_text(encoding="utf-8"))
            if found["format"] != _FORMAT:
                return _Entries({}, {})
            plans = {
                str(key): KeptPlan(int(place), str(name), int(workspace))
                for key, (place, name, workspace) in found["plans"].items()
            }
            choices = {
                str(key): {str(name): float(time) for name, time in times.items()}
                for key, times in found["choices"].items()
            }
            return _Entries(plans, choices)
        except FileNotFoundError:
            return _Entries({}, {})
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            _log.info("The file %s is not readable and will be written anew: %s", self._file, error)
            return _Entries({}, {})
