"""The CPU: kernels cut along the batch over threads, each with one thread of the matrix library."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from engine.tensor import array_ops
from engine.tensor.device import Device, Kernel
from engine.tensor.ops import Array, Clock
from engine.tensor.window import Window


def core_count() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class CpuDevice(Device):
    """NumPy on `threads` threads; the same number of threads gives the same results bit for bit."""

    xp = np

    def __init__(self, threads: int = 0) -> None:
        self.threads = threads or core_count()
        self.name = "cpu"
        self.description = f"CPU, {self.threads} thread{'s' * (self.threads != 1)}"
        self.kernels: Mapping[str, Kernel] = _KERNELS
        # Overflow is told by the health of a training, not by NumPy's warnings.
        quiet = partial(np.seterr, all="ignore")
        self._pool = ThreadPoolExecutor(self.threads, "gabor-cpu", quiet) if self.threads > 1 else None
        self._blas = ThreadpoolController()

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
        try:
            return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        except (AttributeError, ValueError, OSError):
            return 8 << 30

    def implementation(self, operation: str, attributes: Mapping[str, Any]) -> str:
        """im2col for convolutions, the matrix library for products, NumPy for the rest."""
        if operation.startswith("convolution"):
            return "im2col + BLAS"
        return "BLAS" if operation.startswith("linear") else "NumPy"

    def prepare(self, calls: Callable[[], None]) -> Callable[[], None]:
        """The calls with the matrix library held to one thread: the threads are ours."""

        def limited() -> None:
            with np.errstate(all="ignore"), self._blas.limit(limits=1, user_api="blas"):
                calls()

        return limited

    def parts(self, count: int) -> list[slice]:
        """`count` things cut into one run for each thread, as even as can be."""
        cuts = [count * i // self.threads for i in range(self.threads + 1)]
        return [slice(a, b) for a, b in pairwise(cuts) if b > a]

    def run_all(self, tasks: Sequence[Callable[[], None]]) -> None:
        """Run the tasks at the same time and wait for all of them; the first error is raised."""
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


def _cut_along_batch(plain: Kernel, split: str) -> Kernel:
    """The kernel run on parts of the batch at the same time; sums are added up in the order of the parts."""

    def cut(device: CpuDevice, *arrays: Array, **attributes: Any) -> None:
        batch = len(arrays[split.index("n")])
        parts = device.parts(batch)
        if len(parts) == 1:
            plain(device, *arrays, **attributes)
            return
        sums: list[list[Array]] = [[] for _ in arrays]

        def task(part: slice) -> Callable[[], None]:
            own = []
            for number, (array, how) in enumerate(zip(arrays, split, strict=True)):
                if how == "+":
                    partial = np.empty_like(array)
                    sums[number].append(partial)
                    own.append(partial)
                else:
                    own.append(array[part] if how == "n" else array)
            return lambda: plain(device, *own, **attributes)

        device.run_all([task(part) for part in parts])
        for array, partials in zip(arrays, sums, strict=True):
            if partials:
                np.add(partials[0], partials[1], out=array)
                for partial in partials[2:]:
                    array += partial

    return cut


_KERNELS: dict[str, Kernel] = {
    name: _cut_along_batch(plain, array_ops.SPLITS[name]) if name in array_ops.SPLITS else plain
    for name, plain in array_ops.KERNELS.items()
}


def _kernel(function: Kernel) -> Kernel:
    """Put a function in place of the generic kernel of its name."""
    _KERNELS[function.__name__] = function
    return function


@_kernel
def linear(device: CpuDevice, y: Array, x: Array, w: Array, b: Array | None) -> None:
    """x Wᵀ + b, a run of outputs a thread, so that each thread reads its own weights once."""
    flat, weights, out = x.reshape(len(x), -1), w.reshape(len(w), -1), y.reshape(len(y), -1)

    def task(part: slice) -> Callable[[], None]:
        def run() -> None:
            product = flat @ weights[part].T
            out[:, part] = product if b is None else product + b[part]

        return run

    device.run_all([task(part) for part in device.parts(len(w))])


@_kernel
def linear_weight_gradient(device: CpuDevice, dw: Array, x: Array, dy: Array) -> None:
    """dyᵀ x, a run of outputs a thread."""
    flat, errors, out = x.reshape(len(x), -1), dy.reshape(len(dy), -1), dw.reshape(len(dw), -1)

    def task(part: slice) -> Callable[[], None]:
        def run() -> None:
            np.matmul(errors[:, part].T, flat, out=out[part])

        return run

    device.run_all([task(part) for part in device.parts(len(dw))])


@_kernel
def max_pooling_gradient(device: CpuDevice, dx: Array, dy: Array, winners: Array, *, window: Window) -> None:
    """Where regions do not overlap, each tap is written once and nothing is added up."""
    tiled = window.stride == window.size and window.dilation == (1, 1) and not any(window.padding)
    rows, columns = dy.shape[1:3]
    if not tiled:
        _general_pooling_gradient(device, dx, dy, winners, window=window)
        return

    def task(part: slice) -> Callable[[], None]:
        def run() -> None:
            own = dx[part]
            own[:, rows * window.size[0] :] = 0
            own[:, :, columns * window.size[1] :] = 0
            for number, place in enumerate(array_ops.taps(own, window, rows, columns)):
                np.multiply(dy[part], winners[part] == number, out=place)

        return run

    device.run_all([task(part) for part in device.parts(len(dx))])


_general_pooling_gradient = _cut_along_batch(
    array_ops.max_pooling_gradient, array_ops.SPLITS["max_pooling_gradient"]
)


def _still_healthy(device: CpuDevice, healthy: Array, parameters: Array, gradients: Array) -> bool:
    """Clears healthy where squares of parameters or gradients overflow; nothing is then updated."""
    if healthy[0]:

        def look(cut: slice, decays: bool) -> None:
            if not array_ops.squares_are_finite(parameters[cut], gradients[cut]):
                healthy[0] = 0

        _over_cuts(device, len(parameters), 0, look)
    return bool(healthy[0])


def _over_cuts(device: CpuDevice, count: int, decaying: int, step: Callable[[slice, bool], None]) -> None:
    cuts = list(array_ops.segments(count, decaying))

    def task(part: slice) -> Callable[[], None]:
        def run() -> None:
            for cut, decays in cuts[part]:
                step(cut, decays)

        return run

    device.run_all([task(part) for part in device.parts(len(cuts))])


@_kernel
def sgd_update(
    device: CpuDevice, parameters: Array, gradients: Array, velocity: Array | None, rates: Array, healthy: Array,
    *, decaying: int, nesterov: bool,
) -> None:  # fmt: skip
    """Cuts of the arena shared out to the threads."""
    if _still_healthy(device, healthy, parameters, gradients):
        _over_cuts(
            device, len(parameters), decaying,
            lambda cut, decays: array_ops.sgd_cut(
                device, cut, decays, parameters, gradients, velocity, rates, nesterov
            ),
        )  # fmt: skip


@_kernel
def adam_update(
    device: CpuDevice, parameters: Array, gradients: Array, m: Array, v: Array, rates: Array, clock: Array,
    healthy: Array, *, decaying: int, decoupled: bool,
) -> None:  # fmt: skip
    """Cuts of the arena shared out to the threads."""
    if _still_healthy(device, healthy, parameters, gradients):
        step = int(clock[Clock.STEP])
        _over_cuts(
            device, len(parameters), decaying,
            lambda cut, decays: array_ops.adam_cut(
                device, cut, decays, parameters, gradients, m, v, rates, step, decoupled
            ),
        )  # fmt: skip
