"""Own kernels: compiled once for each combination of types, launched on the current stream."""

import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import cupy
import numpy as np

from engine.tensor.cuda.compiling import CompilingError, compiled
from engine.tensor.window import Window

if TYPE_CHECKING:
    from engine.tensor.cuda.cuda_device import CudaDevice

Array = Any
_log = logging.getLogger(__name__)
C_TYPES = {
    "float32": "float", "float64": "double", "uint8": "unsigned char", "int32": "int", "int64": "long long",
    "uint16": "bfloat",
}  # fmt: skip
"""uint16 holds the bits of bfloat16, which CuPy lacks."""
TYPE_CODES = {"uint8": 0, "int32": 1, "int64": 2, "float32": 3, "float64": 4}
"""As in common.cu, for small vectors whose type a kernel asks for as it runs."""
BLOCK = 256
_MOST_BLOCKS = 4096
_INT_LIMIT = 2**31 - 2**24
"""Below this a loop's counter, which overshoots by up to one grid, fits into an int."""
_NULL = np.uint64(0)
_BEFORE = {"random": ("common", "philox"), "augmentation": ("common", "philox")}
"""Files that are put in front of others; common.cu alone before the rest."""


@cache
def _source(name: str) -> str:
    folder = resources.files("engine.tensor.kernels")
    parts = (*_BEFORE.get(name, ("common",)), name)
    return "\n".join((folder / f"{part}.cu").read_text(encoding="utf-8") for part in parts)


_Key = tuple[str, ...]
"""File of a module, and its -D options."""


class Kernels:
    """The compiled kernels of one GPU (a module belongs to the GPU that it was loaded on)."""

    def __init__(self) -> None:
        self._modules: dict[_Key, Any] = {}
        self._functions: dict[_Key, Any] = {}
        self._wanted: set[_Key] | None = None
        self._target = f"--gpu-architecture=sm_{cupy.cuda.Device().compute_capability}"

    def function(self, source: str, name: str, defines: tuple[str, ...]) -> Any:
        """The kernel `name` of the file `source`.cu under these -D options."""
        key = (name, source, *defines)
        function = self._functions.get(key)
        if function is None:
            if key[1:] not in self._modules:
                self._load(key[1:])
            function = self._functions[key] = self._modules[key[1:]].get_function(name)
        return function

    @property
    def is_collecting(self) -> bool:
        """Whether launches are only noted, so that what they need can be compiled; see `compiled_ahead`."""
        return self._wanted is not None

    @contextmanager
    def compiled_ahead(self) -> Iterator[None]:
        """What is launched within does not run: it is compiled, several modules at a time, when that is known."""
        self._wanted = set()
        try:
            yield
            wanted = [key for key in sorted(self._wanted) if key not in self._modules]
        finally:
            self._wanted = None
        with ThreadPoolExecutor(os.cpu_count(), "gabor-compiler") as pool:
            # Afterwards they are on disk, or in memory where that cannot be written.
            for key, binary in zip(wanted, pool.map(self._binary, wanted), strict=True):
                self._load(key, binary)

    def _options(self, key: _Key) -> tuple[str, ...]:
        # Without fused multiply-adds results agree with NumPy's; every kernel here waits for memory anyway.
        return ("--std=c++17", "--fmad=false", *(f"-D{define}" for define in key[1:]))

    def _binary(self, key: _Key) -> bytes | None:
        """The module's code; None where CuPy has to compile it."""
        try:
            return compiled(_source(key[0]), (*self._options(key), self._target))
        except (CompilingError, OSError, AttributeError) as error:
            _log.info("The kernels of %s.cu are left to CuPy: %s", key[0], error)
            return None

    def _load(self, key: _Key, binary: bytes | None = None) -> None:
        binary = binary or self._binary(key)
        if binary is None:
            self._modules[key] = cupy.RawModule(code=_source(key[0]), options=self._options(key))
            return
        module = cupy.cuda.function.Module()
        module.load(binary)
        self._modules[key] = module

    def launch(
        self, source: str, kernel: str, *arguments: Any, count: int, grid: tuple[int, ...] | None = None,
        block: tuple[int, ...] = (BLOCK,), **macros: str | int,
    ) -> None:  # fmt: skip
        """Run a kernel over `count` elements, or over the grid given. Integers travel as long long, None as null.

        `macros` are given numbers, or types by their dtype names: REAL="float32". Arrays must be contiguous.
        """
        if count == 0:
            return
        largest = max(count, *(a.size for a in arguments if isinstance(a, cupy.ndarray)))
        index = "int" if largest < _INT_LIMIT else "long long"
        defines = (*(f"{name}={_macro(value)}" for name, value in sorted(macros.items())), f"INDEX={index}")
        if self._wanted is not None:
            self._wanted.add((source, *defines))
            return
        function = self.function(source, kernel, defines)
        function(grid or blocks_for(count), block, tuple(_argument(kernel, value) for value in arguments))


def _macro(value: str | int) -> str | int:
    return C_TYPES[value] if isinstance(value, str) else value


def blocks_for(count: int) -> tuple[int, ...]:
    """A grid of blocks that covers `count` elements, several to a thread when they are many."""
    return (min(-(-count // BLOCK), _MOST_BLOCKS),)


def _argument(name: str, value: Any) -> Any:
    if isinstance(value, cupy.ndarray):
        if not value.flags.c_contiguous:
            raise ValueError(f"The kernel {name} takes contiguous arrays; it got strides {value.strides}.")
        return value
    if value is None:
        return _NULL
    if isinstance(value, int):
        return np.int64(value)
    if isinstance(value, float):
        return np.float64(value)
    return value


def type_code(array: Array) -> int:
    """The code by which kernels know the array's type."""
    return TYPE_CODES[str(array.dtype)]


def launch(
    device: "CudaDevice", source: str, name: str, *arguments: Any, count: int, like: Array, **options: Any
) -> None:
    """Launch a kernel whose numbers are of the type of `like`."""
    device.functions.launch(source, name, *arguments, count=count, REAL=str(like.dtype), **options)


def geometry(x: Array, y: Array, window: Window) -> tuple[int, ...]:
    """What pooling.cu calls GEOMETRY, less its count: of a window that slides over x and gives the places of y."""
    _, height, width, channels = x.shape
    top, _, left, _ = window.padding
    sizes = (*window.size, *window.stride, top, left, *window.dilation)
    return (int(height), int(width), int(channels), int(y.shape[1]), int(y.shape[2]), *map(int, sizes))
