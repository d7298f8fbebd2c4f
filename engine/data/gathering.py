"""Some images of many, in another order: in memory when they are few, mapped from disk when they are many."""

import errno
import tempfile
from collections.abc import Callable, Iterable
from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.amounts import bytes_text
from engine.data.image_cache import cache_folder
from engine.errors import DataError

MOST_IN_MEMORY = 2**30
"""Bytes up to which gathered images are held in memory."""

_BLOCK_BYTES = 2**24


def gathered(images: npt.NDArray[np.uint8], index: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """`images[index]`, uint8 [n, H, W, C].

    Many images that lie on disk are copied to another place on disk, which is freed with the array; the system
    keeps in memory what there is room for. Raises DataError in words when the disk cannot hold them.
    """
    size = len(index) * images[:1].nbytes
    if size <= MOST_IN_MEMORY or not _is_mapped(images):
        taken: npt.NDArray[np.uint8] = images[index]
        return taken
    step = max(1, _BLOCK_BYTES // images[:1].nbytes)
    blocks = (images[index[first : first + step]] for first in range(0, len(index), step))
    return _kept_on_disk(blocks, (len(index), *images.shape[1:]))


def in_blocks(
    images: npt.NDArray[np.uint8],
    shape: tuple[int, ...],
    length: int,
    change: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]],
) -> npt.NDArray[np.uint8]:
    """What `change` makes of `length` images at a time, as one array of the shape; kept where `gathered` would."""
    blocks = (change(images[first : first + length]) for first in range(0, len(images), length))
    if prod(shape) > MOST_IN_MEMORY and _is_mapped(images):
        return _kept_on_disk(blocks, shape)
    found = np.empty(shape, np.uint8)
    for number, block in enumerate(blocks):
        found[number * length : number * length + len(block)] = block
    return found


def _kept_on_disk(blocks: Iterable[npt.NDArray[np.uint8]], shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    folder = cache_folder()
    try:
        return _on_disk(blocks, shape, folder)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        reason = "its disk is full" if full else error.strerror or str(error)
        raise DataError(
            f"The {bytes_text(prod(shape))} of images cannot be kept in {folder} ({reason}): make space, or "
            "choose a smaller image size."
        ) from error


def _on_disk(
    blocks: Iterable[npt.NDArray[np.uint8]], shape: tuple[int, ...], folder: Path
) -> npt.NDArray[np.uint8]:
    folder.mkdir(parents=True, exist_ok=True)
    # The file has no name: it is gone when nothing maps it any more, however the process ends.
    with tempfile.TemporaryFile(dir=folder) as file:
        for block in blocks:
            file.write(np.ascontiguousarray(block).data)
        file.flush()
        return np.memmap(file, dtype=np.uint8, mode="r", shape=shape)


def _is_mapped(array: npt.NDArray[np.uint8]) -> bool:
    """Whether the values lie in a file, through however many views."""
    base: object = array
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            return True
        base = base.base
    return False
