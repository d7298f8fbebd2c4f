"""How processes that time plans on one GPU keep out of each other's way: whoever times has the GPU to himself."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import IO, Protocol

try:
    import fcntl
except ImportError:  # Windows
    CAN_SHARE = False
    """Whether several processes can take turns here."""
else:
    CAN_SHARE = True


class Turns(Protocol):
    """Whose turn it is on the GPU. Turns of one process must not be nested."""

    waited: float
    """Seconds spent so far in waiting for turns."""

    def shared(self) -> AbstractContextManager[None]:
        """While others may compute too."""

    def alone(self) -> AbstractContextManager[None]:
        """While nobody else does."""


class Alone:
    """For the only process there is."""

    waited = 0.0

    def shared(self) -> AbstractContextManager[None]:
        """At once."""
        return nullcontext()

    def alone(self) -> AbstractContextManager[None]:
        """At once."""
        return nullcontext()


class FileTurns:
    """By locks on two files in a folder; the system gives them up for a process that dies.

    Whoever wants to be alone holds the door while he waits for the others to leave the room, so that no stream of
    others keeps him waiting.
    """

    def __init__(self, folder: Path) -> None:
        self.waited = 0.0
        self._files = ExitStack()
        self._door = self._files.enter_context((folder / "door").open("ab"))
        self._room = self._files.enter_context((folder / "room").open("ab"))

    def shared(self) -> AbstractContextManager[None]:
        """While others may compute too."""
        return self._turn(fcntl.LOCK_SH)

    def alone(self) -> AbstractContextManager[None]:
        """While nobody else does."""
        return self._turn(fcntl.LOCK_EX)

    def close(self) -> None:
        """Close the files."""
        self._files.close()

    @contextmanager
    def _turn(self, kind: int) -> Iterator[None]:
        begun = time.monotonic()
        with self._locked(self._door, fcntl.LOCK_EX):
            fcntl.flock(self._room, kind)
        self.waited += time.monotonic() - begun
        try:
            yield
        finally:
            fcntl.flock(self._room, fcntl.LOCK_UN)

    @staticmethod
    @contextmanager
    def _locked(file: IO[bytes], kind: int) -> Iterator[None]:
        fcntl.flock(file, kind)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)
