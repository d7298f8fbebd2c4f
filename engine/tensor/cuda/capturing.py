"""Steps captured as CUDA graphs: queued once, launched again and again without Python in between."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import cupy

from engine.errors import DeviceError

if TYPE_CHECKING:
    from engine.tensor.cuda.cuda_device import CudaDevice

_log = logging.getLogger(__name__)


class CapturedCalls:
    """A CUDA graph of calls, with all that it needs to stay valid."""

    def __init__(self, device: "CudaDevice", graph: Any, pool: Any, calls: Callable[[], None]) -> None:
        self._device = device
        self._graph = graph
        # The graph reads and writes what the calls hold, and temporaries that came from this pool.
        self._kept = (pool, calls, device.workspaces_in_use)

    def launch(self) -> None:
        """Queue everything that was captured."""
        self._graph.launch(self._device.stream)


def capture(device: "CudaDevice", calls: Callable[[], None]) -> CapturedCalls:
    """Record the calls without running them. They must have run once: plans, kernels and buffers are then there.

    Raises RuntimeError or DeviceError when something in them cannot be captured; nothing has run then.
    """
    device.activate()
    # Memory that other work may reuse must not be written by later launches: temporaries get a pool of their own.
    pool = cupy.cuda.MemoryPool()
    with cupy.cuda.using_allocator(pool.malloc):
        device.stream.begin_capture()
        try:
            calls()
        except BaseException:
            _abandon(device.stream)
            raise
        graph = device.stream.end_capture()
    return CapturedCalls(device, graph, pool, calls)


def _abandon(stream: Any) -> None:
    try:
        stream.end_capture()
    except RuntimeError as error:
        _log.debug("An abandoned capture ended with: %s", error)


class PreparedCalls:
    """Calls that run as they are at first, are captured the second time, and launched as a graph from then on.

    Where they cannot be captured they go on as they are.
    """

    def __init__(self, device: "CudaDevice", calls: Callable[[], None]) -> None:
        self._device = device
        self._calls = calls
        self._captured: CapturedCalls | None = None
        self._is_warm = False
        self._is_refused = False

    @property
    def is_captured(self) -> bool:
        """Whether a graph is launched instead of the calls."""
        return self._captured is not None

    def __call__(self) -> None:
        """Run the calls once, whichever way."""
        self._device.activate()
        if self._is_warm and not self._is_refused and self._captured is None:
            self._try_capture()
        if self._captured is not None:
            self._captured.launch()
        else:
            self._calls()
            self._is_warm = True

    def _try_capture(self) -> None:
        try:
            self._captured = capture(self._device, self._calls)
        except (RuntimeError, DeviceError) as error:
            self._is_refused = True
            _log.warning("This step runs without a CUDA graph, which is slower: %s", error)
