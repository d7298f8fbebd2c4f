"""Which plan computed each convolution fastest, kept on disk between runs.

An entry is a hint: whoever reads it builds the plan, compares its name and its result, and drops the entry when either
is wrong. Keys hold everything that a timing depends on, so another GPU or library never sees an entry of this one.
"""

import contextlib
import json
import logging
import os
import tempfile
from pathlib import Path
from typing import Any

import platformdirs

_log = logging.getLogger(__name__)
_FORMAT = 1
_MOST_BYTES = 16 << 20


def default_file() -> Path:
    """Where this user's plans are kept."""
    return Path(platformdirs.user_cache_dir("gabor")) / "convolution-plans.json"


class PlanCache:
    """Names and places of plans by key, in one JSON file. Never raises for a file that cannot be read or written."""

    def __init__(self, file: Path, environment: str) -> None:
        self._file = file
        self._environment = environment
        self._entries: dict[str, tuple[int, str]] | None = None

    def find(self, task: str) -> tuple[int, str] | None:
        """(index, name) of the plan that was fastest; None when it is not known."""
        if self._entries is None:
            self._entries = self._read()
        return self._entries.get(self._key(task))

    def keep(self, task: str, index: int, name: str) -> None:
        """Remember the fastest plan."""
        self._change({self._key(task): (index, name)}, "")

    def drop(self, task: str) -> None:
        """Forget an entry that turned out to be wrong."""
        self._change({}, self._key(task))

    def _key(self, task: str) -> str:
        return f"{self._environment}; {task}"

    def _change(self, added: dict[str, tuple[int, str]], dropped: str) -> None:
        # Others may have written meanwhile: what they found is kept.
        entries = {**self._read(), **added}
        entries.pop(dropped, None)
        self._entries = entries
        text = json.dumps({"format": _FORMAT, "plans": entries}, indent=0, sort_keys=True)
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

    def _read(self) -> dict[str, tuple[int, str]]:
        try:
            if self._file.stat().st_size > _MOST_BYTES:
                return {}
            found: Any = json.loads(self._file.read_text(encoding="utf-8"))
            if found["format"] != _FORMAT:
                return {}
            return {str(key): (int(index), str(name)) for key, (index, name) in found["plans"].items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            _log.info("The file %s is not readable and will be written anew: %s", self._file, error)
            return {}
