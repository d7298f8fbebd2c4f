"""A .npy file of uint8 rows that is written in any order, and from which rows are left out in place."""

import io
import os

import numpy as np
import numpy.typing as npt

_MOVED_BYTES = 2**22


def write_header(sink: int, shape: tuple[int, ...]) -> int:
    """Write the .npy header for that shape at the beginning; where the values start.

    NumPy leaves room in it for the first axis, so that it keeps its length when images are left out.
    """
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    content = header.getvalue()
    os.pwrite(sink, content, 0)
    return len(content)


def write_at(sink: int, pixels: npt.NDArray[np.uint8], offset: int) -> None:
    """Write contiguous values at that byte; threads may write different places at once."""
    # Through the file and not through a mapping: a full disk is then an error and not the end of the process.
    view = pixels.data.cast("B")
    while view:
        count = os.pwrite(sink, view, offset)
        view, offset = view[count:], offset + count


def close_gaps(sink: int, start: int, kept: npt.NDArray[np.int64], row: int) -> None:
    """Move kept rows to the front, in runs, and cut the file to their number."""
    for run in np.split(kept, np.flatnonzero(np.diff(kept) != 1) + 1):
        if not run.size:
            continue
        target = int(np.searchsorted(kept, run[0]))
        if target == run[0]:
            continue
        step = max(1, _MOVED_BYTES // row)
        for first in range(0, len(run), step):
            rows = min(step, len(run) - first)
            _move(sink, rows * row, start + (int(run[0]) + first) * row, start + (target + first) * row)
    os.ftruncate(sink, start + len(kept) * row)


def _move(sink: int, size: int, source: int, target: int) -> None:
    write_at(sink, np.frombuffer(os.pread(sink, size, source), dtype=np.uint8), target)
