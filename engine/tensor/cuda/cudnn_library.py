"""NVIDIA's cuDNN frontend, imported without what it would pull in; None where it is not installed or does not load."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from engine.tensor.cuda.libraries import loaded

__all__ = ["ERRORS", "cudnn", "missing_reason", "versions"]


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
