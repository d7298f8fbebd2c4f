"""What becomes of memory that the process has freed. No Qt."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""As `mallopt` numbers them."""
_LARGE = 2 * 2**20


def return_freed_memory() -> bool:
    """Have the C library return large blocks to the system as they are freed; False where it is not glibc.

    Left alone, it takes a block of the largest size that was ever freed from a pool of the thread and keeps it there:
    after one copy of a checkpoint, some hundred megabytes for as long as the training lasts.
    """
    if sys.platform != "linux":
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    return bool(library.mallopt(_MMAP_THRESHOLD, _LARGE) and library.mallopt(_TRIM_THRESHOLD, 2 * _LARGE))
