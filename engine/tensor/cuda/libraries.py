"""CUDA's own libraries, found where Python packages or the system keep them."""

import ctypes
import importlib
from functools import cache

_WINDOWS = {"cublas": "cublas64_{}.dll", "cudart": "cudart64_{}.dll", "nvrtc": "nvrtc64_{}0_0.dll"}


@cache
def loaded(name: str) -> ctypes.CDLL | None:
    """The library `name`, such as "cublas", loaded so that others find it by its name too; None where there is none."""
    try:
        finder = importlib.import_module("cuda.pathfinder")
        names = [str(finder.load_nvidia_dynamic_lib(name).abs_path)]
    except (ImportError, RuntimeError, OSError):
        names = []
    for version in ("13", "12"):
        names += [f"lib{name}.so.{version}", _WINDOWS[name].format(version)]
    for candidate in names:
        try:
            return ctypes.CDLL(candidate)
        except OSError:
            continue
    return None
