"""The CPU: kernels cut along the batch over threads, each with one thread of the matrix library."""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from engine.tensor import (
    array_ops,
    native,
    numpy_batches,
    numpy_convolution,
    numpy_elementwise,
    numpy_fused,
    numpy_updates,
)
from engine.tensor.device import Device, Kernel
from engine.tensor.ops import Array

SMALL_BYTES = 1 << 18
"""A kernel whose arrays are all smaller runs on one thread: waking another takes longer than its part of the work."""


def core_count() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_memory() -> int:
    """Bytes that this computer can still give, swap included; 0 when it does not tell."""
    try:
        told = Path("/proc/meminfo").read_text(encoding="ascii")
        given = dict(line.split(":", 1) for line in told.splitlines())
        return sum(int(given[name].split()[0]) << 10 for name in ("MemAvailable", "SwapFree"))
    except (OSError, ValueError, KeyError):
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 0


class _OneThreadOfBlas:
    """Holds the matrix library to one thread while any device of the process computes: the threads are ours.

    The library's number of threads is one for the whole process. Devices that train side by side would otherwise put
    back, when one of them ends a step, what the others still need.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._limit: Any = None
        # threadpoolctl lets the first thread that sets a limit be the only one that ever changes it.
        self._keeper = ThreadPoolExecutor(1, "gabor-blas-limit")

    def __enter__(self) -> None:
        with self._lock:
            if not self._users:
                self._keeper.submit(self._set).result()
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                self._keeper.submit(self._limit.restore_original_limits).result()

    def _set(self) -> None:
        self._limit = _blas().limit(limits=1, user_api="blas")


@cache
def _blas() -> ThreadpoolController:
    # Made when it is first needed: it knows the libraries that are loaded by then.
    return ThreadpoolController()


ONE_THREAD_OF_BLAS = _OneThreadOfBlas()


class CpuDevice(Device):
    """NumPy on `threads` threads; the same number of threads gives the same results bit for bit."""

    xp = np

    def __init__(self, threads: int = 0) -> None:
        self.threads = threads or core_count()
        self.name = "cpu"
        self.description = f"CPU, {self.threads} thread{'s' * (self.threads != 1)}"
        self.kernels: Mapping[str, Kernel] = KERNELS
        # Overflow is told by the health of a training, not by NumPy's warnings.
        quiet = partial(np.seterr, all="ignore")
        # The calling thread is one of them. A thread too many would come at some time, with scratch memory of its own.
        others = self.threads - 1
        self._pool = ThreadPoolExecutor(others, "gabor-cpu", quiet) if others else None
        self._of_thread = threading.local()

    def to_device(self, array: np.ndarray) -> Array:
        """The array itself."""
        return array

    def to_host(self, array: Array) -> np.ndarray:
        """A copy."""
        return np.array(array)

    def synchronize(self) -> None:
        """Nothing is ever queued."""

    def free_memory(self) -> int:
        """Memory that the system has available."""
        return free_memory()

    def implementation(
        self, operation: str, attributes: Mapping[str, Any], arrays: Sequence[Array | None] = ()
    ) -> str:
        """Winograd or im2col for convolutions, the matrix library for products, else compiled loops or NumPy."""
        if "convolution" in operation:
            found = numpy_convolution.algorithms(operation, arrays, **attributes) if arrays else {}
            if len(set(found.values())) > 1:
                return ", ".join(f"{role}: {name}" for role, name in found.items())
            return next(iter(found.values()), "im2col + BLAS")
        if operation.startswith("linear"):
            return "BLAS"
        loops = native.is_available and operation in native.OPERATIONS
        first = arrays[0] if arrays else None
        return "LLVM" if loops and first is not None and first.dtype == np.float32 else "NumPy"

    def prepare(self, calls: Callable[[], None]) -> Callable[[], None]:
        """The calls with the matrix library held to one thread: the threads are ours."""

        def limited() -> None:
            with np.errstate(all="ignore"), ONE_THREAD_OF_BLAS:
                calls()

        return limited

    def scratch(self, name: str, shape: tuple[int, ...], dtype: Any = np.float32) -> Array:
        """Memory of the calling thread with any contents, reused by its next call with that name."""
        buffers = self._of_thread.__dict__
        size = prod(shape) * np.dtype(dtype).itemsize
        if name not in buffers or buffers[name].nbytes < size:
            buffers[name] = np.empty(size, np.uint8)
        return buffers[name][:size].view(dtype).reshape(shape)

    def parts(self, count: int) -> list[slice]:
        """`count` things cut into one run for each thread, as even as can be."""
        cuts = [count * i // self.threads for i in range(self.threads + 1)]
        return [slice(a, b) for a, b in pairwise(cuts) if b > a]

    def share_out(self, count: int, task: Callable[[slice], None]) -> None:
        """Run task(part) for one part of `count` things on each thread."""
        self.run_all([partial(task, part) for part in self.parts(count)])

    def run_all(self, tasks: Sequence[Callable[[], None]]) -> None:
        """Run the tasks, one a thread at most, at the same time and wait for all of them; the first error is raised.

        No task may call this.
        """
        if self._pool is None or len(tasks) <= 1:
            for task in tasks:
                task()
            return
        futures = [self._pool.submit(task) for task in tasks[1:]]
        try:
            tasks[0]()
        finally:
            for future in futures:
                future.exception()
        for future in futures:
            future.result()


def cut_along_batch(plain: Kernel, split: str) -> Kernel:
    """The kernel run on parts of the batch at the same time; sums are added up in the order of the parts."""

    def cut(device: CpuDevice, *arrays: Array, **attributes: Any) -> None:
        parts = device.parts(len(arrays[split.index("n")]))
        size = max(array.nbytes for array in arrays if array is not None)
        if len(parts) == 1 or size < SMALL_BYTES:
            plain(device, *arrays, **attributes)
            return
        sums: list[list[Array]] = [[] for _ in arrays]

        def task(part: slice) -> Callable[[], None]:
            own = []
            for number, (array, how) in enumerate(zip(arrays, split, strict=True)):
                if how == "+":
                    sums[number].append(np.empty_like(array))
                    own.append(sums[number][-1])
                else:
                    own.append(array[part] if how == "n" and array is not None else array)
            return lambda: plain(device, *own, **attributes)

        device.run_all([task(part) for part in parts])
        for array, partials in zip(arrays, sums, strict=True):
            if partials:
                np.add(partials[0], partials[1], out=array)
                for partial in partials[2:]:
                    array += partial

    return cut


_OF_THE_BATCH: dict[str, Kernel] = {**array_ops.KERNELS, **numpy_elementwise.KERNELS}
KERNELS: dict[str, Kernel] = {
    **{
        name: cut_along_batch(plain, array_ops.SPLITS[name]) if name in array_ops.SPLITS else plain
        for name, plain in _OF_THE_BATCH.items()
    },
    **numpy_convolution.KERNELS,
    **numpy_fused.KERNELS,
    **numpy_updates.KERNELS,
    **numpy_batches.KERNELS,
}
