"""What every test stands on: no real screen, no user's folders, one thread for each worker."""

import os
import tempfile

# Before NumPy, PyTorch or Qt is imported: they read these once.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
if "PYTEST_XDIST_WORKER" in os.environ:
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
_home = tempfile.TemporaryDirectory(prefix="gabor-tests-")
for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
    os.environ[variable] = os.path.join(_home.name, variable.removeprefix("XDG_").lower())
# Code under test must not see the user's data; tests of the published sets ask for it by this other name.
os.environ.setdefault("GABOR_TEST_DATA_DIR", os.environ.pop("GABOR_DATA_DIR", ""))

from functools import cache  # noqa: E402

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

# Shared machines stall now and then, which says nothing about the code: no limit for a single example.
settings.register_profile("gabor", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("gabor")


def pytest_unconfigure() -> None:
    _home.cleanup()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("gpu") and not _gpu_is_there():
            item.add_marker(pytest.mark.skip(reason="needs CuPy and an NVIDIA GPU"))
        if item.get_closest_marker("gl") and not _screen_is_there():
            item.add_marker(pytest.mark.skip(reason="needs a screen with OpenGL (xvfb offers one)"))


@cache
def _gpu_is_there() -> bool:
    try:
        import cupy
    except ImportError:
        return False
    try:
        return bool(cupy.cuda.runtime.getDeviceCount() > 0)
    except cupy.cuda.runtime.CUDARuntimeError:
        return False


@cache
def _screen_is_there() -> bool:
    screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(screen) and os.environ["QT_QPA_PLATFORM"] not in ("offscreen", "minimal")
