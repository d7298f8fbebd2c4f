"""Compiles functions for the processor that runs them; each is kept for the life of the program."""

import ctypes
import threading
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

import numpy as np

try:
    from llvmlite import binding, ir
except ImportError:
    is_available = False
    """Whether there is something to compile with, and a processor that it is worth it for."""
else:
    is_available = True

if TYPE_CHECKING:
    from engine.tensor.native.code import Code

Write = Callable[..., "Code"]
"""Writes a function: called with a module, the function's name and what it depends on; the caller finishes the code."""
Function = Callable[..., None]
"""Takes arrays (or None), then integers, then numbers, in the order of the code's arguments."""

_FUNCTIONS: dict[Hashable, Function] = {}
_LOCK = threading.Lock()
_KEPT: list[Any] = []
"""Engines that own the machine code."""


def lanes_for(channels: int) -> int:
    """The widest vector, of at most 16 values, that `channels` is a multiple of."""
    return next(lanes for lanes in (16, 8, 4, 2, 1) if channels % lanes == 0)


def function(write: Write, *particulars: Hashable) -> Function:
    """What `write` gives for these particulars, compiled by the first caller; safe from any thread."""
    key = (write, particulars)
    found = _FUNCTIONS.get(key)
    if found is None:
        with _LOCK:
            found = _FUNCTIONS.get(key) or _compiled(write, particulars)
            _FUNCTIONS[key] = found
    return found


def _compiled(write: Write, particulars: tuple[Hashable, ...]) -> Function:
    module = ir.Module("gabor")
    code = write(module, "gabor", *particulars)
    code.finish()
    machine = _target_machine()
    parsed = binding.parse_assembly(str(module))
    parsed.verify()
    options = binding.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = False
    passes = binding.create_pass_builder(machine, options)
    passes.getModulePassManager().run(parsed, passes)
    engine = binding.create_mcjit_compiler(parsed, machine)
    engine.finalize_object()
    _KEPT.append(engine)
    kinds = [_C_TYPES[str(argument.type)] for argument in code.arguments.values()]
    entry = ctypes.CFUNCTYPE(None, *kinds)(engine.get_function_address("gabor"))

    def call(*arguments: Any) -> None:
        entry(*(_address(a) if isinstance(a, np.ndarray) else a for a in arguments))

    return call


def _has_whole_rows(array: np.ndarray) -> bool:
    """Whether values lie side by side, apart from matrices that are transposed, whose strides are told."""
    return array.flags.c_contiguous or array.swapaxes(-1, -2).flags.c_contiguous


def _address(array: np.ndarray) -> int:
    if not _has_whole_rows(array):
        raise ValueError("Compiled loops take arrays whose values lie side by side.")
    return int(array.ctypes.data)


_C_TYPES: dict[str, Any] = {"ptr": ctypes.c_void_p, "i64": ctypes.c_int64, "float": ctypes.c_float}


def _target_machine() -> Any:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    features = binding.get_host_cpu_features()
    # Vectors are as wide as they were written: the processors that slow down for wide ones do so little.
    wanted = [features.flatten()] + (["-prefer-256-bit"] if features.get("avx512f") else [])
    target = binding.Target.from_default_triple()
    return target.create_target_machine(
        cpu=binding.get_host_cpu_name(), features=",".join(wanted), opt=3, jit=True
    )
