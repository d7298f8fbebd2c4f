"""One process for each device, each training one seed after the other: a crash costs the seed in hand and no more."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from typing import Any

from engine.api import EpochDone, Event, GaborError, SeedOrder, SeedResult, train_seed


@dataclass(frozen=True)
class SeedEpoch:
    """A seed in training ended an epoch."""

    order: SeedOrder
    epoch: EpochDone


@dataclass(frozen=True)
class SeedFailed:
    """A seed could not be trained; `message` is a sentence."""

    order: SeedOrder
    message: str


@dataclass(frozen=True)
class SeedDone:
    """A seed is trained, and its result kept."""

    order: SeedOrder
    result: SeedResult


Report = SeedEpoch | SeedFailed | SeedDone


def train_seeds(orders: Sequence[SeedOrder], devices: Sequence[str]) -> Iterator[Report]:
    """Train every order, each device one at a time in the order given; yields what happens as it happens.

    Processes are new ones (spawned), since a GPU's libraries do not survive a fork. They end with the generator.
    """
    waiting = list(reversed(orders))
    workers = [_Worker(device) for device in devices[: len(orders)]]
    try:
        for worker in workers:
            worker.begin(waiting.pop())
        while any(worker.order is not None for worker in workers):
            busy = {worker.connection: worker for worker in workers if worker.order is not None}
            for ready in wait(list(busy)):
                assert isinstance(ready, Connection)
                worker = busy[ready]
                report = worker.report()
                yield report
                if not isinstance(report, SeedEpoch):
                    worker.order = None
                    if waiting:
                        worker.begin(waiting.pop())
    finally:
        for worker in workers:
            worker.end()


class _Worker:
    """A process that trains on one device, and the order that it has in hand."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.order: SeedOrder | None = None
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs,), name=f"gabor {self.device}", daemon=True
        )
        self._process.start()
        theirs.close()

    def begin(self, order: SeedOrder) -> None:
        """Give it the next seed."""
        self.order = replace(order, device=self.device)
        try:
            self.connection.send(self.order)
        except OSError:  # it died after its last seed
            self._start()
            self.connection.send(self.order)

    def report(self) -> Report:
        """What it says; a process that is gone has failed its seed, and is replaced by a fresh one."""
        assert self.order is not None
        try:
            said: Report = self.connection.recv()
            return said
        except (EOFError, OSError):
            self._process.join()
            code = self._process.exitcode
            failed = SeedFailed(
                self.order,
                f"The process that trained seed {self.order.seed} of {self.order.experiment} ended unexpectedly "
                f"(exit code {code}); the same command goes on with what is missing.",
            )
            self._start()
            return failed

    def end(self) -> None:
        """Close the line, by which a process that waits ends; one that trains is ended."""
        self.connection.close()
        if self.order is not None:
            self._process.terminate()
        self._process.join(10)


def _serve(connection: "Connection[Any, Any]") -> None:
    """In the process: train what comes, until the line is closed."""
    # Ctrl+C reaches the whole group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        while True:
            order: SeedOrder = connection.recv()
            connection.send(_trained(order, connection.send))


def _trained(order: SeedOrder, send: Callable[[Report], None]) -> Report:
    def report(event: Event) -> None:
        if isinstance(event, EpochDone):
            send(SeedEpoch(order, event))

    try:
        return SeedDone(order, train_seed(order, report))
    except GaborError as error:
        return SeedFailed(order, str(error))
    except MemoryError:
        return SeedFailed(order, f"There is not enough memory to train {order.experiment}.")
