"""The door to NVIDIA GPUs. Importing it needs no CuPy; `CudaDevice` does."""

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from engine.tensor.cuda import workspaces
from engine.tensor.cuda.detection import cuda_devices, described, explain_missing_cuda, free_memory
from engine.tensor.cuda.plan_cache import PlanCache, default_file
from engine.tensor.device import Planned

if TYPE_CHECKING:
    from engine.tensor.cuda.cuda_device import CudaDevice

__all__ = [
    "CudaDevice", "cuda_devices", "expected_workspaces", "explain_missing_cuda", "free_memory", "load_libraries",
]  # fmt: skip


def load_libraries() -> None:
    """Load what a GPU computes with, which takes a second and would otherwise happen as the first training begins."""
    importlib.import_module("engine.tensor.cuda.cuda_device")
    importlib.import_module("engine.tensor.cuda.blas").library()
    # CuPy imports it at the first use of some functions, and SciPy with it where there is one.
    importlib.import_module("cupyx")
    gpus = cuda_devices()
    if gpus:
        # Both hold the interpreter's lock for a fifth of a second, in which a window stands still.
        importlib.import_module("engine.tensor.cuda.convolution_plans").warm_up(gpus[0][0])


def expected_workspaces(
    index: int | None, precision: str, operations: Iterable[Planned], *, convolutions: str = "auto"
) -> tuple[int, bool]:
    """(bytes, whether they are certain) of workspace that operations will share on a GPU, None for the first.

    Certain where an earlier training on that GPU kept the plans of all its convolutions.
    """
    gpus = [gpu for gpu in cuda_devices() if index in (None, gpu[0])]
    cache = None
    if gpus:
        try:
            plans = importlib.import_module("engine.tensor.cuda.convolution_plans")
            cache = PlanCache(default_file(), plans.environment(described(gpus[0]), precision, convolutions))
        except (ImportError, AttributeError, OSError):
            cache = None
    return workspaces.expected(operations, cache, matrix_units=precision in ("tf32", "bfloat16"))


def __getattr__(name: str) -> Any:
    if name == "CudaDevice":
        from engine.tensor.cuda.cuda_device import CudaDevice

        return CudaDevice
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
