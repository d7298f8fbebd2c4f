"""From LLVM instructions to machine code of this processor, and from machine code to a function."""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import __version__ as llvmlite_version
from llvmlite import binding, ir

if TYPE_CHECKING:
    from engine.tensor.native.code import Code

NAME = "gabor"
"""Of the function in its object file."""
_LETTERS: dict[str, str] = {"ptr": "p", "i64": "i", "float": "f"}
_C_TYPES: dict[str, Any] = {"p": ctypes.c_void_p, "i": ctypes.c_int64, "f": ctypes.c_float}
_ENGINES: list[Any] = []
"""Own the machine code that was loaded, for the life of the program."""


@dataclass(frozen=True, slots=True)
class MachineCode:
    """A compiled function: what it takes, a letter for each argument (pointer, index, float), and its object file."""

    takes: str
    content: bytes

    def to_bytes(self) -> bytes:
        """As files have it."""
        return self.takes.encode() + b"\n" + self.content

    @classmethod
    def from_bytes(cls, kept: bytes) -> "MachineCode":
        """What `to_bytes` gave; ValueError for anything else."""
        takes, content = kept.split(b"\n", 1)
        if set(takes.decode()) - _C_TYPES.keys():
            raise ValueError("These are no arguments of a loop.")
        return cls(takes.decode(), content)


@cache
def target() -> str:
    """Everything that the same instructions' machine code depends on."""
    version = ".".join(str(part) for part in binding.llvm_version_info)
    return f"llvmlite {llvmlite_version}, LLVM {version}, {binding.get_host_cpu_name()}, {_features()}"


def compiled(write: Callable[[ir.Module, str], "Code"]) -> MachineCode:
    """The machine code of what `write` writes into a module under a name."""
    module = ir.Module(NAME)
    code = write(module, NAME)
    code.finish()
    machine = _target_machine()
    parsed = binding.parse_assembly(str(module))
    parsed.verify()
    options = binding.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = False
    passes = binding.create_pass_builder(machine, options)
    passes.getModulePassManager().run(parsed, passes)
    takes = "".join(_LETTERS[str(argument.type)] for argument in code.arguments.values())
    return MachineCode(takes, machine.emit_object(parsed))


def loaded(code: MachineCode) -> Callable[..., None]:
    """The function, which takes arrays (or None), then integers, then numbers.

    An array is passed on as the address of its first value. The code must be what `compiled` gave: LLVM ends the
    process over a damaged object file, which is why files of them are sealed.
    """
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _target_machine())
    engine.add_object_file(binding.ObjectFileRef.from_data(code.content))
    engine.finalize_object()
    _ENGINES.append(engine)
    kinds = (_C_TYPES[letter] for letter in code.takes)
    entry = ctypes.CFUNCTYPE(None, *kinds)(engine.get_function_address(NAME))

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


@cache
def _features() -> str:
    features = binding.get_host_cpu_features()
    # Vectors are as wide as they were written: the processors that slow down for wide ones do so little.
    return ",".join([features.flatten()] + (["-prefer-256-bit"] if features.get("avx512f") else []))


def _target_machine() -> Any:
    # An engine owns its machine, so each gets one of its own.
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_default_triple()
    return target.create_target_machine(
        cpu=binding.get_host_cpu_name(), features=_features(), opt=3, jit=True
    )
