"""What computes: an array module, its kernels, and ways to move arrays there and back."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from engine.amounts import bytes_text
from engine.errors import DeviceError
from engine.tensor.ops import Array, Output
from engine.tensor.step_ops import StepOps

Kernel = Callable[..., None]
"""Called as kernel(device, *outputs, *inputs, **attributes); writes every element of its outputs."""


Announce = Callable[[str], None]
"""Told in words what is waited for, again and again while it lasts; an error that it raises ends the waiting."""


def nobody(words: str) -> None:
    """Announce to nobody."""


class Planned(Protocol):
    """An operation that a device will be asked for; of its arrays only shapes and dtypes are known."""

    @property
    def name(self) -> str:
        """As kernels are named."""

    @property
    def inputs(self) -> Sequence[Any]:
        """What it reads, None where nothing."""

    @property
    def outputs(self) -> Sequence[Any]:
        """What it writes."""

    @property
    def attributes(self) -> Mapping[str, Any]:
        """As the kernel takes them."""


class OutOfMemoryError(DeviceError):
    """A device cannot give the memory that was asked for."""


class Device(ABC):
    """A CPU or a GPU. Programs are bound to one; nothing else of the engine tells them apart."""

    name: str
    """As users write it: `cpu`, `cuda:0`."""
    description: str
    """As users read it: the product's name, threads or memory."""
    xp: Any
    """The array module: NumPy or CuPy."""
    kernels: Mapping[str, Kernel]
    threads: int = 0
    """Threads that compute; 0 for a device that is no part of the processor."""
    is_mixed: bool = False
    """True where programs are to run in mixed precision (see `engine.program.mixed_precision`)."""
    is_asynchronous: bool = False
    """True when work is queued, so that reading a value waits for it."""
    has_own_memory: bool = False
    """True when data must be copied to it."""
    is_tuning: bool = False
    """True when ways to compute the same are timed, and the fastest is taken."""

    def empty(self, shape: tuple[int, ...], dtype: str) -> Array:
        """A new array with any contents; DeviceError when there is too little memory."""
        try:
            return self.xp.empty(shape, dtype=dtype)
        except MemoryError:
            raise self._too_large(shape, dtype) from None

    def zeros(self, shape: tuple[int, ...], dtype: str) -> Array:
        """A new array of zeros; DeviceError when there is too little memory."""
        try:
            return self.xp.zeros(shape, dtype=dtype)
        except MemoryError:
            raise self._too_large(shape, dtype) from None

    def _too_large(self, shape: tuple[int, ...], dtype: str) -> OutOfMemoryError:
        size = math.prod(shape) * np.dtype(dtype).itemsize
        return OutOfMemoryError(
            f"The device {self.name} has too little memory: {bytes_text(size)} are needed at once. "
            "Choose a smaller batch or a smaller network."
        )

    @abstractmethod
    def to_device(self, array: np.ndarray) -> Array:
        """A copy of a host array on this device (a CPU may hand back the array itself)."""

    def put(self, target: Array, source: Any) -> None:
        """Copy a host array, a number or an array of this device into one of its arrays, of the same shape and type."""
        target[...] = source

    def compile_ahead(self, calls: Callable[[], None]) -> None:  # noqa: B027 (most have nothing to compile)
        """Compile all kernels that the calls need, without running them; nothing where kernels are ready."""

    @abstractmethod
    def to_host(self, array: Array) -> np.ndarray:
        """A host copy of an array, once everything queued before is done."""

    @abstractmethod
    def synchronize(self) -> None:
        """Wait until everything queued is done."""

    @abstractmethod
    def implementation(
        self, operation: str, attributes: Mapping[str, Any], arrays: Sequence[Array | None] = ()
    ) -> str:
        """What computes an operation here: "cuDNN", "Winograd F(4×4, 5×5) + BLAS", "im2col + BLAS", "NumPy", ...

        `arrays` are its outputs, then its inputs; only their shapes and dtypes are read.
        """

    @abstractmethod
    def free_memory(self) -> int:
        """Bytes that can still be taken."""

    def tune(self, operations: Iterable[Planned], announce: Announce = nobody) -> None:  # noqa: B027 (most do not)
        """Find the fastest ways to compute operations where a clock must tell them apart, for `reserve` to take.

        May take many seconds the first time, in which other threads go on.
        """

    def reserve(self, operations: Iterable[Planned]) -> int:
        """Decide how operations will be computed, before memory is taken. Returns the bytes of workspace they share."""
        return 0

    def times(self, what: str) -> dict[str, float]:
        """Microseconds that this device took earlier for each way to compute something; empty when nobody timed it."""
        return {}

    def keep_times(self, what: str, microseconds: dict[str, float]) -> None:  # noqa: B027 (most keep none)
        """Remember how long each way took, also for later programs."""

    def mark(self) -> Any:
        """A mark in the queue of work, for `seconds_between`."""
        return time.perf_counter()

    def seconds_between(self, first: Any, second: Any) -> float:
        """Seconds that the device worked between two marks; both must be done."""
        return float(second - first)

    def prepare(self, calls: Callable[[], None]) -> Callable[[], None]:
        """A faster way to make the same calls again and again, such as a captured graph; here the calls themselves."""
        return calls


class EagerOps(StepOps):
    """Computes each operation at once. The reference that compiled programs are tested against."""

    def __init__(self, device: Device) -> None:
        self.device = device

    def apply(
        self,
        name: str,
        inputs: Sequence[Array | None],
        outputs: Sequence[Output],
        *,
        multiply_adds: int = 0,
        **attributes: Any,
    ) -> tuple[Array, ...]:
        """Run the kernel of that name on fresh outputs."""
        results = tuple(self.device.empty(tuple(int(s) for s in out.shape), out.dtype) for out in outputs)
        self.device.kernels[name](self.device, *results, *inputs, **attributes)
        return results
