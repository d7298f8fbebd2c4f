"""One process for each place to train at, each training one order after the other: a crash costs the one in hand."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, Protocol, TypeVar, cast

from engine.api import EpochDone, Event, GaborError
from workbench.commands.interrupts import deaf_to_interrupts


class TrainingOrder(Protocol):
    """A frozen, picklable dataclass that says what is to be trained, and on which device."""

    @property
    def device(self) -> str:
        """The device that it is trained on."""

    def told(self) -> str:
        """What it is called in messages."""


Order = TypeVar("Order", bound=TrainingOrder)
Result = TypeVar("Result")
Train = Callable[[Order, Callable[[Event], None]], Result]
"""Trains an order, reporting its events, and returns what came of it; a function of a module, for other processes."""


@dataclass(frozen=True)
class EpochEnded(Generic[Order]):
    """A training ended an epoch."""

    order: Order
    epoch: EpochDone


@dataclass(frozen=True)
class OrderFailed(Generic[Order]):
    """An order could not be trained; `message` is a sentence."""

    order: Order
    message: str


@dataclass(frozen=True)
class OrderDone(Generic[Order, Result]):
    """An order is trained."""

    order: Order
    result: Result


Report = EpochEnded[Order] | OrderFailed[Order] | OrderDone[Order, Result]


def work_off(
    orders: Sequence[Order], devices: Sequence[str], train: Train[Order, Result]
) -> Iterator[Report[Order, Result]]:
    """Train every order, at each device one at a time in the order given; yields what happens as it happens.

    A device that is named twice trains two at once. Processes are new ones (spawned), since a GPU's libraries do not
    survive a fork. They end with the generator.
    """
    waiting = list(reversed(orders))
    workers = [Worker(device, train) for device in devices[: len(orders)]]
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
                if not isinstance(report, EpochEnded):
                    worker.order = None
                    if waiting:
                        worker.begin(waiting.pop())
    finally:
        for worker in workers:
            worker.end()


class Worker(Generic[Order, Result]):
    """A process that trains on one device, and the order that it has in hand."""

    def __init__(self, device: str, train: Train[Order, Result]) -> None:
        self.device = device
        self.order: Order | None = None
        self._train = train
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, self._train), name=f"gabor {self.device}", daemon=True
        )
        with deaf_to_interrupts():
            self._process.start()
        theirs.close()

    def begin(self, order: Order) -> None:
        """Give it the next order."""
        placed = cast(Order, replace(cast(Any, order), device=self.device))
        self.order = placed
        try:
            self.connection.send(placed)
        except OSError:  # it died after its last order
            self._start()
            self.connection.send(placed)

    def report(self) -> Report[Order, Result]:
        """What it says; a process that is gone has failed its order, and is replaced by a fresh one."""
        assert self.order is not None
        try:
            said: Report[Order, Result] = self.connection.recv()
            return said
        except (EOFError, OSError):
            self._process.join()
            code = self._process.exitcode
            failed = OrderFailed(
                self.order,
                f"The process that trained {self.order.told()} ended unexpectedly (exit code {code}).",
            )
            self._start()
            return failed

    def end(self) -> None:
        """Close the line, by which a process that waits ends; one that trains is ended."""
        self.connection.close()
        if self.order is not None:
            self._process.terminate()
        self._process.join(10)


def _serve(connection: "Connection[Any, Any]", train: Train[Any, Any]) -> None:
    """In the process: train what comes, until the line is closed."""
    # Ctrl+C reaches the whole group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        while True:
            order = connection.recv()
            connection.send(_trained(order, train, connection.send))


def _trained(
    order: Order, train: Train[Order, Result], send: Callable[[Report[Order, Result]], None]
) -> Report[Order, Result]:
    def report(event: Event) -> None:
        if isinstance(event, EpochDone):
            send(EpochEnded(order, event))

    try:
        return OrderDone(order, train(order, report))
    except GaborError as error:
        return OrderFailed(order, str(error))
    except MemoryError:
        return OrderFailed(order, f"There is not enough memory to train {order.told()}.")
