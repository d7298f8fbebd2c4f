"""The door to NVIDIA GPUs. Importing it needs no CuPy; `CudaDevice` does."""

import importlib
from typing import TYPE_CHECKING, Any

from engine.tensor.cuda.detection import cuda_devices, explain_missing_cuda

if TYPE_CHECKING:
    from engine.tensor.cuda.cuda_device import CudaDevice

__all__ = ["CudaDevice", "cuda_devices", "explain_missing_cuda", "load_libraries"]


def load_libraries() -> None:
    """Load what a GPU computes with, which takes a second and would otherwise happen as the first training begins."""
    importlib.import_module("engine.tensor.cuda.cuda_device")
    importlib.import_module("engine.tensor.cuda.blas").library()


def __getattr__(name: str) -> Any:
    if name == "CudaDevice":
        from engine.tensor.cuda.cuda_device import CudaDevice

        return CudaDevice
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
