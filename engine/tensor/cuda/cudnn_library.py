"""NVIDIA's cuDNN frontend, imported without what it would pull in; None where it is not installed or does not load."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine.tensor.cuda.libraries import loaded

__all__ = ["ERRORS", "cudnn", "load_parts", "missing_reason", "versions"]
_PARTS = ("graph", "heuristic", "engines_precompiled", "engines_runtime_compiled")
"""Libraries beside cuDNN's first one, which it loads as they are needed."""


@contextmanager
def _without_torch() -> Iterator[None]:
    """The frontend imports PyTorch where there is one, which takes seconds, for wrappers that nothing here uses.

    All that it needs of it are the libraries that PyTorch loads: the frontend looks for them by their names.
    """
    libraries = [loaded(name) for name in ("cudart", "nvrtc", "cublas")]
    hides = "torch" not in sys.modules and all(libraries)
    if hides:
        sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if hides:
            del sys.modules["torch"]


try:
    with _without_torch():
        import cudnn
except (ImportError, OSError, AssertionError) as _error:  # the package asserts that it finds one library
    cudnn = None
    _missing = str(_error)
    # What the frontend raises for what cuDNN does not support.
    ERRORS: tuple[type[Exception], ...] = (RuntimeError, ValueError)
else:
    _missing = ""
    ERRORS = (RuntimeError, ValueError, cudnn.cudnnGraphNotSupportedError)


def missing_reason() -> str:
    """Why cuDNN cannot be used; "" when it can be imported."""
    return _missing


def versions() -> str:
    """Versions of cuDNN and of its frontend."""
    return f"cuDNN {cudnn.backend_version()}, frontend {cudnn.__version__}"


def load_parts() -> None:
    """Load the libraries that cuDNN would load at its first plan, while other threads of Python go on.

    cuDNN itself would load them under the interpreter's lock: one of them is some 500 MB large.
    """
    with suppress(OSError, AttributeError):
        maps = Path("/proc/self/maps").read_text()
        found = {Path(line.split(maxsplit=5)[5]) for line in maps.splitlines() if "/libcudnn" in line}
        # Called through ctypes it runs without the lock, which `ctypes.CDLL` keeps.
        load = ctypes.CDLL(None).dlopen
        load.restype = ctypes.c_void_p
        for folder in {library.parent for library in found}:
            for library in sorted(file for part in _PARTS for file in folder.glob(f"libcudnn_{part}.so*")):
                load(os.fsencode(library), os.RTLD_LAZY | os.RTLD_GLOBAL)
