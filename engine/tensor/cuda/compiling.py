"""Own kernels compiled by NVRTC itself, and kept on disk.

CuPy would compile them one after the other, holding the interpreter's lock for a second each, in which a window stands
still, and with headers of its own that nothing here needs. Calls through ctypes hold no lock, so that several are
compiled at a time.
"""

import contextlib
import ctypes
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from engine.tensor.cuda.libraries import loaded
from engine.tensor.kept_files import cache_folder, keep_whole


class CompilingError(Exception):
    """NVRTC is not there, or did not take a source; `str(error)` tells what it said."""


def kernel_folder() -> Path:
    """Where this user's compiled kernels are kept."""
    return cache_folder("kernels")


def compiled(source: str, options: Sequence[str], folder: Path | None = None) -> bytes:
    """The binary of a source under these options, from disk where it was compiled before.

    Raises CompilingError. May be called by several threads at a time.
    """
    version = _version()
    told = "\0".join((source, *options, version))
    file = (folder or kernel_folder()) / f"{hashlib.sha256(told.encode()).hexdigest()}.cubin"
    with contextlib.suppress(OSError):
        kept = file.read_bytes()
        # An empty or foreign file is as good as none.
        if kept.startswith(b"\x7fELF"):
            return kept
    made = _compile(source, options)
    keep_whole(file, made)
    return made


@cache
def _nvrtc() -> ctypes.CDLL:
    library = loaded("nvrtc")
    if library is None:
        raise CompilingError("CUDA's library NVRTC was not found")
    library.nvrtcGetErrorString.restype = ctypes.c_char_p
    return library


@cache
def _version() -> str:
    major, minor = ctypes.c_int(), ctypes.c_int()
    _check(_nvrtc().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)))
    return f"NVRTC {major.value}.{minor.value}"


def _compile(source: str, options: Sequence[str]) -> bytes:
    library, program = _nvrtc(), ctypes.c_void_p()
    given = source.encode()
    _check(library.nvrtcCreateProgram(ctypes.byref(program), given, b"kernels.cu", 0, None, None))
    try:
        texts = [option.encode() for option in options]
        status = library.nvrtcCompileProgram(program, len(texts), (ctypes.c_char_p * len(texts))(*texts))
        if status:
            raise CompilingError(_read(program, "nvrtcGetProgramLog").decode(errors="replace").strip("\0\n "))
        return _read(program, "nvrtcGetCUBIN")
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))


def _read(program: ctypes.c_void_p, what: str) -> bytes:
    """What NVRTC hands out in two calls: its size, then itself."""
    library, size = _nvrtc(), ctypes.c_size_t()
    _check(getattr(library, f"{what}Size")(program, ctypes.byref(size)))
    content = ctypes.create_string_buffer(size.value)
    _check(getattr(library, what)(program, content))
    return content.raw


def _check(status: int) -> None:
    if status:
        raise CompilingError(_nvrtc().nvrtcGetErrorString(status).decode())
