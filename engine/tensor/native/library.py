"""Functions for the processor that runs them: compiled when first asked for, and kept on disk for the next run."""

import hashlib
import threading
from collections.abc import Callable, Hashable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from engine.tensor.kept_files import SealedFiles, cache_folder

try:
    from engine.tensor.native import machine_code
except ImportError:
    is_available = False
    """Whether there is something to compile with, and a processor that it is worth it for."""
else:
    is_available = True

if TYPE_CHECKING:
    from engine.tensor.native.code import Code

Write = Callable[..., "Code"]
"""Writes a function: called with a module, the function's name and what it depends on; the caller finishes the code."""
Function = Callable[..., None]
"""Takes arrays (or None), then integers, then numbers, in the order of the code's arguments."""

_FUNCTIONS: dict[Hashable, Function] = {}
_LOCK = threading.Lock()


def lanes_for(channels: int) -> int:
    """The widest vector, of at most 16 values, that `channels` is a multiple of."""
    return next(lanes for lanes in (16, 8, 4, 2, 1) if channels % lanes == 0)


def function(write: Write, *particulars: Hashable) -> Function:
    """What `write` gives for these particulars, made by the first caller; safe from any thread."""
    key = (write, particulars)
    found = _FUNCTIONS.get(key)
    if found is None:
        with _LOCK:
            found = _FUNCTIONS.get(key) or made(write, particulars, kept_loops())
            _FUNCTIONS[key] = found
    return found


def kept_loops() -> SealedFiles:
    """This user's compiled functions."""
    return SealedFiles(cache_folder("loops"), ".o")


def made(write: Write, particulars: tuple[Hashable, ...], kept: SealedFiles) -> Function:
    """A function from its machine code on disk; where that is missing, damaged or of another version, compiled."""
    # Numbers and matrices of numbers: their text says all of them.
    key = f"{_sources()}; {machine_code.target()}; {write.__module__}.{write.__qualname__}{particulars!r}"
    found = kept.find(key)
    if found is not None:
        try:
            return machine_code.loaded(machine_code.MachineCode.from_bytes(found))
        except ValueError:
            # Sealed by us, but not in this form.
            kept.drop(key)
    code = machine_code.compiled(lambda module, name: write(module, name, *particulars))
    if _sources():
        kept.keep(key, code.to_bytes())
    return machine_code.loaded(code)


@cache
def _sources() -> str:
    """A digest of what writes the instructions; empty where it cannot be read, so that nothing is kept."""
    digest = hashlib.sha256()
    files = sorted(Path(__file__).parent.glob("*.py"))
    try:
        for file in files:
            digest.update(file.read_bytes())
    except OSError:
        return ""
    return digest.hexdigest() if files else ""
