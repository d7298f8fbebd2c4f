"""What there is of NVIDIA GPUs and of the packages that drive them. Works, and never raises, without any of them."""

import importlib
import importlib.util
import logging
import re
import shutil
import subprocess
import warnings
from functools import cache
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)
_DISTRIBUTION = "gabor-workbench"
_DRIVER_FOR = {"cuda13": 580, "cuda12": 525}
"""Extra -> the oldest driver that runs it."""


@cache
def _cupy() -> tuple[Any, str]:
    """(CuPy, "") or (None, why it cannot be imported)."""
    try:
        with warnings.catch_warnings():
            # CuPy warns of a CUDA toolkit that is not installed, which its wheels do not need.
            warnings.simplefilter("ignore")
            return importlib.import_module("cupy"), ""
    except ImportError as error:
        return None, str(error)
    except Exception as error:  # a broken installation may raise anything while its libraries load
        _log.warning("CuPy is installed but does not load: %s", error)
        return None, str(error)


def cuda_devices() -> list[tuple[int, str, int, str]]:
    """(index, product name, bytes of memory, compute capability such as "9.0") of each GPU that can be used."""
    cupy, _ = _cupy()
    if cupy is None:
        return []
    found = []
    try:
        for index in range(cupy.cuda.runtime.getDeviceCount()):
            properties = cupy.cuda.runtime.getDeviceProperties(index)
            capability = f"{properties['major']}.{properties['minor']}"
            found.append((index, properties["name"].decode(), int(properties["totalGlobalMem"]), capability))
    except Exception as error:  # the CUDA runtime has no common base of its errors
        _log.info("No GPU can be used: %s", error)
    return found


def described(gpu: tuple[int, str, int, str]) -> str:
    """One of `cuda_devices` as users read it."""
    return f"{gpu[1]}, {gpu[2] / 2**30:.0f} GiB"


def free_memory(index: int) -> int:
    """Bytes that can still be taken on a GPU, with those that CuPy keeps for later; 0 when it does not answer."""
    cupy, _ = _cupy()
    if cupy is None:
        return 0
    try:
        with cupy.cuda.Device(index):
            free, _ = cupy.cuda.runtime.memGetInfo()
            return int(free) + int(cupy.get_default_memory_pool().free_bytes())
    except Exception as error:  # the CUDA runtime has no common base of its errors
        _log.info("The GPU %d does not tell its memory: %s", index, error)
        return 0


def has_cudnn() -> bool:
    """Whether NVIDIA's `cudnn` package is installed."""
    try:
        return importlib.util.find_spec("cudnn") is not None
    except (ImportError, ValueError):
        return False


def driver_version() -> str | None:
    """Version of the loaded NVIDIA driver, such as "580.95"; None without one."""
    try:
        text = Path("/proc/driver/nvidia/version").read_text(encoding="ascii", errors="replace")
        match = re.search(r"\s(\d{3,}\.\d+[.\d]*)\s", text)
        if match:
            return match.group(1)
    except OSError:
        pass
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    try:
        asked = [program, "--query-gpu=driver_version", "--format=csv,noheader"]
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=5, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    lines = answer.split()
    return lines[0] if lines else None


def explain_missing_cuda() -> str:
    """Why no GPU can be used, or cuDNN is not, and what to install; "" when everything is there."""
    return _explain(driver_version(), *_cupy(), gpus=len(cuda_devices()), cudnn=has_cudnn())


def _explain(driver: str | None, cupy: Any, problem: str, *, gpus: int, cudnn: bool) -> str:
    if driver is None and not gpus:
        return "No NVIDIA GPU with a loaded driver was found on this machine."
    extra = _extra_for(driver)
    if extra is None:
        oldest = min(_DRIVER_FOR.values())
        return f"The NVIDIA driver {driver} is too old: install version {oldest} or newer to use the GPU."
    command = f"pip install '{_DISTRIBUTION}[{extra}]'"
    told = f"driver {driver}" if driver else "its driver"
    if cupy is None:
        if importlib.util.find_spec("cupy") is None:
            return f"This machine has an NVIDIA GPU ({told}), but CuPy is not installed: run `{command}`."
        return (
            f"This machine has an NVIDIA GPU ({told}), but CuPy does not load ({problem}): run `{command}`."
        )
    if not gpus:
        return (
            f"CuPy is installed but finds no usable GPU ({told}): check `nvidia-smi`, then run `{command}`."
        )
    if not cudnn:
        return (
            f"The GPU works, but convolutions are slower than they could be without cuDNN: run `{command}`."
        )
    return ""


def _extra_for(driver: str | None) -> str | None:
    """The newest extra that the driver runs; the newest of all when the driver is not known."""
    if driver is None:
        return next(iter(_DRIVER_FOR))
    major = int(driver.split(".")[0]) if driver.split(".")[0].isdigit() else 0
    return next((extra for extra, least in _DRIVER_FOR.items() if major >= least), None)
