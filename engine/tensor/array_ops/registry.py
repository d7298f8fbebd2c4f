"""Where kernels are entered by name."""

from collections.abc import Callable

from engine.tensor.device import Kernel

KERNELS: dict[str, Kernel] = {}
SPLITS: dict[str, str] = {}
"""Kernel name -> how it may be cut along the batch."""


def kernel(split: str = "") -> Callable[[Kernel], Kernel]:
    """Register a function as the generic kernel of the operation that it is named after."""

    def register(function: Kernel) -> Kernel:
        name = function.__name__
        KERNELS[name] = function
        if split:
            SPLITS[name] = split
        return function

    return register
