"""Matrix products through cuBLAS itself.

CuPy's products refuse to run while a CUDA graph is captured, and choose TF32 for the whole process. cuBLAS can do
both better: it may be captured once it has a workspace of its own, and it takes the precision with each call.
"""

import ctypes
from typing import Any

import cupy

from engine.errors import DeviceError
from engine.tensor.cuda.libraries import loaded
from engine.tensor.cuda.workspaces import BLAS

_OPERATIONS = {False: 0, True: 1}
_TYPES = {"float32": 0, "float64": 1, "uint16": 14}
"""CUDA_R_32F, CUDA_R_64F, and CUDA_R_16BF, whose bits are kept as uint16."""
_COMPUTE_32F, _COMPUTE_64F, _COMPUTE_32F_FAST_TF32 = 68, 70, 77
_DEFAULT_ALGORITHM = -1
_STATUS = {1: "is not initialised", 3: "is out of memory", 7: "has an invalid value", 15: "is not supported"}


def library() -> ctypes.CDLL:
    """The loaded cuBLAS; DeviceError when there is none."""
    found = loaded("cublas")
    if found is None:
        raise DeviceError("CUDA's library cuBLAS was not found: install the extra cuda13 or cuda12 again.")
    return found


def _check(status: int, call: str) -> None:
    if status:
        reason = _STATUS.get(status, "failed")
        raise DeviceError(
            f"cuBLAS: {call} {reason} (status {status}). Check the GPU's memory and driver, then try again."
        )


class Blas:
    """A cuBLAS handle bound to one stream of the current GPU."""

    def __init__(self, stream: Any) -> None:
        self._library = library()
        self._handle = ctypes.c_void_p()
        _check(self._library.cublasCreate_v2(ctypes.byref(self._handle)), "cublasCreate")
        _check(self._library.cublasSetStream_v2(self._handle, ctypes.c_void_p(stream.ptr)), "cublasSetStream")
        # The default workspace is allocated as it is needed, which a capture forbids. Set after the stream.
        self.workspace = cupy.empty(BLAS, dtype="uint8")
        """What a product uses while it runs; between two of them it may serve others on the stream."""
        pointer, size = ctypes.c_void_p(self.workspace.data.ptr), ctypes.c_size_t(BLAS)
        _check(self._library.cublasSetWorkspace_v2(self._handle, pointer, size), "cublasSetWorkspace")

    def multiply(
        self, c: int, a: int, b: int, sizes: tuple[int, int, int], strides: tuple[int, int, int], dtype: str, *,
        out: str = "", transpose_a: bool = False, transpose_b: bool = False, accumulate: bool = False,
        tf32: bool = False,
    ) -> None:  # fmt: skip
        """C [m, n] = A [m, k] · B [k, n] (+ C), row by row.

        `a`, `b`, `c` are device pointers, `strides` the distances between the rows of C, A and B as they lie in
        memory, in elements; a transposed matrix lies there as [k, m] or [n, k]. `dtype` is the type of A and B, `out`
        that of C where it is another.
        """
        m, n, k = sizes
        stride_c, stride_a, stride_b = strides
        number = ctypes.c_double if dtype == "float64" else ctypes.c_float
        one, kept = number(1.0), number(1.0 if accumulate else 0.0)
        single = _COMPUTE_32F_FAST_TF32 if tf32 and dtype == "float32" else _COMPUTE_32F
        compute = _COMPUTE_64F if dtype == "float64" else single
        kind = _TYPES[dtype]
        # cuBLAS counts columns first and so sees every matrix transposed: Cᵀ = Bᵀ Aᵀ.
        status = self._library.cublasGemmEx(
            self._handle, _OPERATIONS[transpose_b], _OPERATIONS[transpose_a], n, m, k, ctypes.byref(one),
            ctypes.c_void_p(b), kind, stride_b, ctypes.c_void_p(a), kind, stride_a, ctypes.byref(kept),
            ctypes.c_void_p(c), _TYPES[out or dtype], stride_c, compute, _DEFAULT_ALGORITHM,
        )  # fmt: skip
        _check(status, f"the product {m}×{k} by {k}×{n}")
