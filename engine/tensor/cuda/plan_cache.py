"""Which plan computed each convolution fastest, kept on disk between runs.

An entry is a hint: whoever reads it builds the plan, compares its name and its result, and drops the entry when either
is wrong. Keys hold everything that a timing depends on, so another GPU or library never sees an entry of this one.
"""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs

from engine.tensor.kept_files import keep_whole

_log = logging.getLogger(__name__)
_FORMAT = 3
_MOST_BYTES = 16 << 20


class KeptPlan(NamedTuple):
    """Place among cuDNN's plans (-1: one of our own) and name of the fastest plan, and its bytes of workspace."""

    place: int
    name: str
    workspace: int


class _Entries(NamedTuple):
    plans: dict[str, KeptPlan]
    choices: dict[str, dict[str, float]]
    without: set[str]


def default_file() -> Path:
    """Where this user's plans are kept."""
    return Path(platformdirs.user_cache_dir("gabor")) / "convolution-plans.json"


class PlanCache:
    """Plans by task, and what else was timed, in one JSON file. Never raises for a file that is not right.

    Without a file it lasts as long as this object.
    """

    def __init__(self, file: Path | None, environment: str) -> None:
        self._file = file
        self.environment = environment
        """All that a timing depends on beside its task."""
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

    def is_without(self, task: str) -> bool:
        """Whether a search found no plan. Another may: what failed for want of memory does not fail for ever."""
        return self._key(task) in self._known().without

    def note_without(self, task: str) -> None:
        """Remember that a search found no plan."""
        self._change(lambda entries: entries.without.add(self._key(task)))

    def times(self, what: str) -> dict[str, float]:
        """Microseconds of each way to compute something; empty when it was not timed."""
        return self._known().choices.get(self._key(what), {})

    def keep_times(self, what: str, microseconds: dict[str, float]) -> None:
        """Remember how long each way took."""
        self._change(lambda entries: entries.choices.update({self._key(what): microseconds}))

    def _key(self, task: str) -> str:
        return f"{self.environment}; {task}"

    def _known(self) -> _Entries:
        if self._entries is None:
            self._entries = _Entries({}, {}, set()) if self._file is None else self._read(self._file)
        return self._entries

    def _change(self, change: Callable[[_Entries], object]) -> None:
        # Others may have written meanwhile: what they found is kept.
        entries = self._known() if self._file is None else self._read(self._file)
        change(entries)
        self._entries = entries
        if self._file is not None:
            self._write(self._file, entries)

    def _write(self, target: Path, entries: _Entries) -> None:
        told = {"format": _FORMAT, **entries._asdict(), "without": sorted(entries.without)}
        if not keep_whole(target, json.dumps(told, indent=0, sort_keys=True).encode()):
            self._file = None

    @staticmethod
    def _read(source: Path) -> _Entries:
        nothing = _Entries({}, {}, set())
        try:
            if source.stat().st_size > _MOST_BYTES:
                return nothing
            found: Any = json.loads(source.read_text(encoding="utf-8"))
            if found["format"] != _FORMAT:
                return nothing
            plans = {
                str(key): KeptPlan(int(place), str(name), int(workspace))
                for key, (place, name, workspace) in found["plans"].items()
            }
            choices = {
                str(key): {str(name): float(time) for name, time in times.items()}
                for key, times in found["choices"].items()
            }
            return _Entries(plans, choices, {str(key) for key in found.get("without", ())})
        except FileNotFoundError:
            return nothing
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            _log.info("The file %s is not readable and will be written anew: %s", source, error)
            return nothing
