"""An NVIDIA GPU as a device of the engine."""

import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import wraps
from typing import Any

import cupy
import numpy as np

from engine.errors import DeviceError
from engine.tensor import array_ops, fused_ops
from engine.tensor.cuda import (
    filter_gradient,
    first_layer,
    map_kernels,
    normalisation,
    plan_tuning,
    products,
    step_kernels,
    workspaces,
)
from engine.tensor.cuda.blas import Blas
from engine.tensor.cuda.capturing import CapturedCalls, PreparedCalls, capture
from engine.tensor.cuda.convolution_plans import ConvolutionPlans, Plan, environment, open_handle
from engine.tensor.cuda.convolution_task import Task, tasks_of
from engine.tensor.cuda.cudnn_library import missing_reason
from engine.tensor.cuda.detection import described
from engine.tensor.cuda.launching import Kernels
from engine.tensor.cuda.plan_cache import PlanCache, default_file
from engine.tensor.cuda.tuning_child import Order
from engine.tensor.device import Announce, Device, Kernel, OutOfMemoryError, Planned, nobody
from engine.tensor.ops import Array
from engine.tensor.window import Window

_log = logging.getLogger(__name__)
_OWN: Mapping[str, Callable[..., None]] = {
    **map_kernels.KERNELS,
    **step_kernels.KERNELS,
    **first_layer.KERNELS,
    **normalisation.KERNELS,
}
_GENERIC: Mapping[str, Kernel] = {**array_ops.KERNELS, **fused_ops.FUSED_KERNELS}
TICKETS = 4096
"""Counters by which the last block of a launch knows itself."""
_PRECISIONS = ("float32", "tf32", "bfloat16", "float64")


class _Context:
    """What all devices of one thread on one GPU share: with one stream, nothing that they queue can overtake."""

    def __init__(self) -> None:
        self.stream = cupy.cuda.Stream(non_blocking=True)
        self.aside = cupy.cuda.Stream(non_blocking=True)
        self.stream.use()
        self.blas = Blas(self.stream)
        self.functions = Kernels()
        self._handle: int | None = None

    def cudnn_handle(self) -> int:
        """The cuDNN handle of this stream."""
        if self._handle is None:
            self._handle = open_handle(self.stream)
        return self._handle


_contexts: dict[tuple[int, int], _Context] = {}
_contexts_lock = threading.Lock()


def _context(index: int) -> _Context:
    key = (threading.get_ident(), index)
    with _contexts_lock:
        if key not in _contexts:
            _contexts[key] = _Context()
        return _contexts[key]


class CudaDevice(Device):
    """One GPU through CuPy, cuBLAS, cuDNN and own kernels, everything on one stream.

    `precision` "tf32" lets float32 products use TF32, "float32" keeps them in true float32; "bfloat16" asks programs
    for mixed precision; float64 arrays are always computed in float64. `deterministic` gives the same bits in every
    run, and so neither times plans nor uses ones that add in changing order; `tune` times convolutions' plans at their
    first use; `convolutions` "cudnn" takes cuDNN's alone. Raises DeviceError when the GPU cannot be opened.
    """

    xp = cupy
    is_asynchronous = True
    has_own_memory = True

    def __init__(
        self, index: int = 0, *, precision: str = "tf32", deterministic: bool = False, tune: bool = True,
        convolutions: str = "auto",
    ) -> None:  # fmt: skip
        if precision not in _PRECISIONS:
            raise DeviceError(
                f"There is no precision '{precision}': choose float32, tf32, bfloat16 or float64."
            )
        self.index = index
        self._precision = precision
        self._convolutions = convolutions
        self.name = f"cuda:{index}"
        self.tf32 = precision in ("tf32", "bfloat16")
        self.is_mixed = precision == "bfloat16"
        self._used: dict[tuple[Any, ...], str] = {}
        self._workspaces: list[Array] = []
        self._is_aside = False
        with self._refusals():
            cupy.cuda.Device(index).use()
            context = _context(index)
            self.stream, self.functions, self._blas = context.stream, context.functions, context.blas
            properties = cupy.cuda.runtime.getDeviceProperties(index)
            self.description = described(
                (index, properties["name"].decode(), int(properties["totalGlobalMem"]), "")
            )
            self.tickets = cupy.zeros(TICKETS, dtype="uint32")
            self.tickets_aside = cupy.zeros(1, dtype="uint32")
            self.partial_aside = cupy.zeros(1024, dtype="float64")
            self._aside = context.aside
            self._multiprocessors = int(properties["multiProcessorCount"])
            self.plans = self._open_cudnn(context, precision, deterministic, tune, convolutions)
        own = {**_OWN, **products.KERNELS}
        self.kernels: Mapping[str, Kernel] = {
            name: self._guarded(own.get(name, generic)) for name, generic in _GENERIC.items()
        }

    def _open_cudnn(
        self, context: _Context, precision: str, deterministic: bool, tune: bool, convolutions: str
    ) -> ConvolutionPlans | None:
        if precision == "float64":
            return None
        if missing_reason():
            _log.warning("Convolutions run without cuDNN, which is slower: %s", missing_reason())
            return None
        try:
            return ConvolutionPlans(
                self.stream,
                context.cudnn_handle(),
                tf32=self.tf32,
                deterministic=deterministic,
                tune=tune,
                reference=lambda task, arrays: products.reference(self, task, arrays),
                workspace=lambda size: int(self.workspace(size).data.ptr),
                functions=self.functions,
                cache=PlanCache(default_file(), environment(self.description, precision, convolutions)),
                own=self._own_plans if self.tf32 and convolutions == "auto" else lambda task: (),
            )
        except (RuntimeError, AttributeError) as error:
            # An AttributeError: the frontend is there but of a version without what is asked of it.
            _log.warning("Convolutions run without cuDNN, which is slower: %s", error)
            return None

    def _own_plans(self, task: Task) -> Iterable[Plan]:
        """Ways to compute a convolution beside cuDNN's."""
        return filter_gradient.plans(task, self.functions, self._multiprocessors)

    def activate(self) -> None:
        """Make this GPU and this stream current in the calling thread, whatever other libraries left behind."""
        if cupy.cuda.runtime.getDevice() != self.index:
            cupy.cuda.runtime.setDevice(self.index)
        if cupy.cuda.get_current_stream().ptr != self.stream.ptr:
            self.stream.use()

    def _guarded(self, kernel: Callable[..., None]) -> Kernel:
        @wraps(kernel)
        def guarded(device: Device, *arrays: Array | None, **attributes: Any) -> None:
            self.activate()
            with self._refusals():
                kernel(device, *arrays, **attributes)

        return guarded

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Tell of memory that is not there, and of a GPU that does not answer, in words."""
        try:
            yield
        except cupy.cuda.memory.OutOfMemoryError as error:
            raise OutOfMemoryError(self._out_of_memory(str(error))) from error
        except (cupy.cuda.runtime.CUDARuntimeError, cupy.cuda.driver.CUDADriverError) as error:
            if self.stream_is_capturing():
                raise
            raise DeviceError(
                f"The GPU {self.name} failed ({error}). Stop other programs that use it and train again; "
                "if it happens again, train on the CPU and check the driver."
            ) from error

    def stream_is_capturing(self) -> bool:
        """Whether work is being recorded instead of queued."""
        stream = getattr(self, "stream", None)
        try:
            return stream is not None and bool(stream.is_capturing())
        except RuntimeError:
            return True

    def _out_of_memory(self, message: str) -> str:
        asked = re.search(r"allocating ([\d,]+) bytes", message)
        size = f"{int(asked.group(1).replace(',', '')) / 2**20:,.0f} MiB" if asked else "More memory"
        free, total = cupy.cuda.runtime.memGetInfo()
        return (
            f"The GPU {self.name} is out of memory: {size} were asked for, {free / 2**20:,.0f} MiB of "
            f"{total / 2**20:,.0f} MiB are free. Choose a smaller batch size, close other programs that use "
            "the GPU, or train on the CPU."
        )

    def empty(self, shape: tuple[int, ...], dtype: str) -> Array:
        """A new array with any contents."""
        self.activate()
        with self._refusals():
            return cupy.empty(shape, dtype=dtype)

    def zeros(self, shape: tuple[int, ...], dtype: str) -> Array:
        """A new array of zeros."""
        self.activate()
        with self._refusals():
            return cupy.zeros(shape, dtype=dtype)

    def to_device(self, array: np.ndarray) -> Array:
        """A copy in the GPU's memory."""
        self.activate()
        with self._refusals():
            return cupy.array(np.ascontiguousarray(array).reshape(array.shape))

    def put(self, target: Array, source: Any) -> None:
        """Copied in the queue, by the driver alone: CuPy's own assignments compile a kernel at their first use."""
        self.activate()
        with self._refusals():
            if isinstance(source, cupy.ndarray):
                target.data.copy_from_device_async(source.data, target.nbytes, self.stream)
            else:
                values = np.broadcast_to(np.asarray(source, target.dtype), target.shape)
                target.set(np.ascontiguousarray(values).reshape(target.shape), self.stream)

    def compile_ahead(self, calls: Callable[[], None]) -> None:
        """All modules at a time, outside of the interpreter's lock."""
        self.activate()
        with self.functions.compiled_ahead():
            calls()

    def to_host(self, array: Array) -> np.ndarray:
        """A host copy, once everything queued before is done."""
        self.activate()
        with self._refusals():
            host: np.ndarray = array.get(stream=self.stream)
            self.stream.synchronize()
            return host

    def synchronize(self) -> None:
        """Wait until everything queued is done."""
        self.activate()
        with self._refusals():
            self.stream.synchronize()

    def free_memory(self) -> int:
        """Bytes that can still be taken, with those that CuPy keeps for later."""
        self.activate()
        return int(cupy.cuda.runtime.memGetInfo()[0]) + int(cupy.get_default_memory_pool().free_bytes())

    def mark(self) -> Any:
        """An event in the stream."""
        self.activate()
        event = cupy.cuda.Event()
        event.record(self.stream)
        return event

    def seconds_between(self, first: Any, second: Any) -> float:
        """By the GPU's own clock."""
        return float(cupy.cuda.get_elapsed_time(first, second)) / 1000

    def workspace(self, size: int) -> Array:
        """A shared uint8 buffer of at least `size` bytes, whose contents last until the next operation.

        It may be what products use: see `beside_products`.
        """
        return self._blas.workspace if size <= workspaces.BLAS else self.beside_products(size)

    def beside_products(self, size: int) -> Array:
        """The same, whose contents a product leaves alone."""
        if not self._workspaces or self._workspaces[-1].size < size:
            # What was queued may still use the smaller ones, so they are kept.
            self._workspaces.append(cupy.empty(workspaces.whole(size), dtype="uint8"))
        return self._workspaces[-1]

    def tune(self, operations: Iterable[Planned], announce: Announce = nobody) -> None:
        """By processes beside this one; what these leave open, `reserve` tunes here."""
        if self.plans is None or self.plans.cache is None:
            return
        operations = tuple(operations)
        questions = plan_tuning.unknown(operations, self.plans.cache)
        if not questions:
            return
        count = plan_tuning.process_count(questions, self.free_memory())
        order = Order(self.index, self._precision, self.plans.cache.environment, self._convolutions)
        # Of too little memory `reserve` will tell, with what would fit.
        with suppress(OutOfMemoryError), self._refusals(), plan_tuning.Tuners(order, count) as tuners:
            # While they begin: they will find the kernels of their trials on disk.
            self._compile_trials(operations)
            cupy.get_default_memory_pool().free_all_blocks()
            for question, answer in tuners.answers(questions, announce):
                for task, found in zip(question, answer.plans, strict=False):
                    self.plans.learn(task, found)

    def reserve(self, operations: Iterable[Planned]) -> int:
        """Find the plans of all convolutions, and take the largest workspace among them."""
        self.activate()
        # A captured graph that still uses an earlier one holds it.
        self._workspaces.clear()
        operations = tuple(operations)
        with self._refusals():
            self._compile_trials(operations)
            largest = max((self._needs(operation) for operation in operations), default=0)
            self.workspace(largest)
        return workspaces.BLAS + sum(int(taken.size) for taken in self._workspaces)

    def _compile_trials(self, operations: Iterable[Planned]) -> None:
        if self.plans is None:
            return
        with self.functions.compiled_ahead():
            for operation in operations:
                given = operation.attributes, operation.outputs, operation.inputs
                for task in tasks_of(operation.name, *given):
                    self.plans.rehearse(task)

    def _needs(self, operation: Planned) -> int:
        """Bytes of workspace; those of patches, where cuDNN has no plan, are taken at once."""
        tasks = tuple(tasks_of(operation.name, operation.attributes, operation.outputs, operation.inputs))
        if not tasks:
            return 0
        plans = (self.plans.plan(task, tune=True) for task in tasks) if self.plans is not None else iter(())
        plan = next((plan for plan in plans if plan is not None), None)
        if plan is None:
            self.beside_products(workspaces.patches_of(tasks[-1]))
            return 0
        return plan.workspace

    @property
    def is_tuning(self) -> bool:  # type: ignore[override]
        """Whether what was timed is kept."""
        return self.plans is not None and self.plans.cache is not None

    def times(self, what: str) -> dict[str, float]:
        """From the cache of plans."""
        return self.plans.cache.times(what) if self.plans is not None and self.plans.cache is not None else {}

    def keep_times(self, what: str, microseconds: dict[str, float]) -> None:
        """In the cache of plans."""
        if self.plans is not None and self.plans.cache is not None:
            self.plans.cache.keep_times(what, microseconds)

    def multiply(
        self, c: Array, a: Array, b: Array, sizes: tuple[int, int, int], strides: tuple[int, int, int], *,
        transpose_a: bool = False, transpose_b: bool = False, accumulate: bool = False,
        offsets: tuple[int, int, int] = (0, 0, 0), exact: bool = False,
    ) -> None:  # fmt: skip
        """C [m, n] = A [m, k] · B [k, n] (+ C); strides and offsets of C, A and B in elements.

        `exact` forbids TF32 even where the device allows it. A workspace has the numbers of the others.
        """
        if self.functions.is_collecting:
            return
        kinds = [str(x.dtype) for x in (c, a, b)]
        read = kinds[1] if kinds[1] != "uint8" else kinds[2]
        out = kinds[0] if kinds[0] != "uint8" else read
        widths = [np.dtype(kind).itemsize for kind in (out, read, read)]
        pointers = [int(x.data.ptr) + o * w for x, o, w in zip((c, a, b), offsets, widths, strict=True)]
        self._blas.multiply(
            pointers[0], pointers[1], pointers[2], sizes, strides, read, out=out, transpose_a=transpose_a,
            transpose_b=transpose_b, accumulate=accumulate, tf32=self.tf32 and not exact,
        )  # fmt: skip

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What is launched within runs beside what follows, after all that came before, until `join`."""
        self._order(self.stream, self._aside)
        self._is_aside = True
        try:
            with self._aside:
                yield
        finally:
            self.activate()

    def join(self) -> None:
        """What follows waits for what was launched `aside`, where something was."""
        if self._is_aside:
            self._is_aside = False
            self._order(self._aside, self.stream)

    @staticmethod
    def _order(first: Any, then: Any) -> None:
        event = cupy.cuda.Event(disable_timing=True)
        event.record(first)
        then.wait_event(event)

    def note_implementation(
        self, operation: str, window: Window, arrays: Sequence[Array | None], name: str
    ) -> None:
        """Remember what computed a convolution of these arrays, output first."""
        key = (operation, window, _shapes(arrays))
        if self._used.get(key) != name:
            if name != "cuDNN" and self.plans is not None:
                _log.info("The %s of %s is computed by %s", operation, key[2], name)
            self._used[key] = name

    def implementation(
        self, operation: str, attributes: Mapping[str, Any], arrays: Sequence[Array | None] = ()
    ) -> str:
        """What computes an operation; for convolutions, what did when they ran, or will be tried first."""
        if operation in _OWN:
            return "own kernel"
        if operation.startswith("convolution"):
            key = (operation, attributes["window"], _shapes(arrays))
            return self._used.get(key, "cuDNN" if self.plans is not None else products.PATCHES)
        if operation in products.KERNELS:
            return "cuBLAS"
        return "CuPy"

    @property
    def workspaces_in_use(self) -> tuple[Array, ...]:
        """What `workspace` has given so far: a captured graph must hold them as long as it is launched."""
        return tuple(self._workspaces)

    def capture(self, calls: Callable[[], None]) -> CapturedCalls:
        """A CUDA graph of the calls, which must have run once; see `capturing.capture`."""
        return capture(self, calls)

    def prepare(self, calls: Callable[[], None]) -> PreparedCalls:
        """The calls, captured as a CUDA graph after their first run where that is possible."""
        return PreparedCalls(self, calls)


def _shapes(arrays: Sequence[Array | None]) -> tuple[tuple[int, ...], ...]:
    """Shapes of the output and both operands of a convolution; a bias follows them and does not count."""
    return tuple(tuple(int(size) for size in array.shape) for array in arrays[:3] if array is not None)
