"""Files that are written as a whole or not at all."""

import os
from pathlib import Path


def write_file(path: Path, content: bytes) -> None:
    """Write a file as a whole; where that fails, what was there is still there, and the OSError names the file."""
    try:
        # Neither a pipe or a device, nor a file in a folder that takes no other, can be replaced.
        if path.exists() and not (path.is_file() and os.access(path.absolute().parent, os.W_OK)):
            path.write_bytes(content)
            return
        # In its own folder, beside a link's target, so that a rename is enough.
        place = path.resolve()
        aside = place.with_name(f"{place.name[:200]}.{os.getpid()}.part")
        try:
            aside.write_bytes(content)
            aside.replace(place)
        except OSError:
            aside.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
