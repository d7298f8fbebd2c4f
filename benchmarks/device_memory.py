"""The most memory that our allocations took of a GPU at any time."""

from typing import Any

import cupy


class PeakMemory(cupy.cuda.MemoryHook):  # type: ignore[misc]
    """Notes what CuPy's pools hand out and take back while it is entered, in the entering thread.

    `held` and `peak` are bytes, with the rounding of the pools; what was taken before is not known.
    """

    name = "PeakMemory"

    def __init__(self) -> None:
        self.held = 0
        self.peak = 0

    def malloc_postprocess(self, **told: Any) -> None:
        """Memory was handed out."""
        self.held += told["mem_size"]
        self.peak = max(self.peak, self.held)

    def free_postprocess(self, **told: Any) -> None:
        """Memory was taken back."""
        self.held -= told["mem_size"]
