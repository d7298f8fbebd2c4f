"""A trainer without a network: counts steps at a chosen pace, as `engine.api.Trainer` would report them."""

import time
from collections.abc import Callable, Iterator
from threading import Semaphore

import numpy as np

from engine.api import (
    Change,
    Checkpoint,
    EpochDone,
    Evaluated,
    Event,
    Project,
    Run,
    RunEnded,
    RunRecorder,
    RunStarted,
    Snapshot,
    StepsDone,
)

STEPS_PER_EPOCH = 10
CLASSES = ("cat", "dog")


class FakeTrainer:
    """Each step takes `step_seconds`; raises `failure` instead of step `fail_at`.

    With a `gate` a step ends when the test releases it, or when a stop is asked for.
    """

    def __init__(
        self, project: Project, resume: Run | None = None, *, step_seconds: float = 0.002, total: int = 100_000,
        failure: Exception | None = None, fail_at: int = 5, device: str = "CPU", gate: Semaphore | None = None,
    ) -> None:  # fmt: skip
        self.run_so_far = resume or Run("fake-run", project, "2026-01-01T00:00:00+00:00")
        self.recorder = RunRecorder(self.run_so_far)
        self.at = resume.checkpoint.step if resume and resume.checkpoint else 0
        self.step_seconds, self.total = step_seconds, total
        self.failure, self.fail_at, self.gate = failure, fail_at, gate
        self.device = device
        self.waits: Callable[[float], None] = lambda seconds: None
        self.stopped = False
        self.changes: list[Change] = []

    def events(self) -> Iterator[Event]:
        for event in self._events():
            self.recorder.receive(event)
            yield event

    def _events(self) -> Iterator[Event]:
        run = self.run_so_far.id
        yield RunStarted(run, self.at, self.device, STEPS_PER_EPOCH, self.total, 32, CLASSES, {})
        while self.at < self.total and not self.stopped:
            self.waits(1.0)
            self._take_time()
            if self.failure is not None and self.at + 1 == self.fail_at:
                raise self.failure
            self.at += 1
            loss = np.array([2.0 / self.at])
            yield StepsDone(
                run, self.at, self.at, loss, loss, loss, loss, loss, loss, 500.0, 0.01 * self.at, loss
            )
            if self.at % STEPS_PER_EPOCH == 0:
                filters = np.full((4, 1, 3, 3), float(self.at), dtype=np.float32)
                yield Snapshot(run, self.at, filters, "convolution-1", np.array([[3, 1], [0, self.at]]))
                yield EpochDone(run, self.at, self.at // STEPS_PER_EPOCH, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5)
        if not self.stopped:
            yield Evaluated(run, self.at, "test", 0.4, 0.9, np.array([[9, 1], [1, 9]]))
        reason = "stopped" if self.stopped else "finished"
        yield RunEnded(run, self.at, reason, f"Training {reason} after {self.at} steps.")

    def _take_time(self) -> None:
        if self.gate is None:
            time.sleep(self.step_seconds)
            return
        while not self.gate.acquire(timeout=0.01) and not self.stopped:
            pass

    def stop(self) -> None:
        self.stopped = True

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.at, {"parameter/a/weight": np.full(3, float(self.at))})

    @property
    def checkpoint_bytes(self) -> int:
        return 24

    def begun_run(self) -> Run:
        return self.run_so_far

    def kept_checkpoints(self) -> tuple[Checkpoint, ...]:
        return ()

    def interrupt(self) -> None:
        """Every event is one step."""

    def change(self, change: Change) -> str:
        self.changes.append(change)
        return f"From step {self.at + 1:,} on."

    def tell_of_waits(self, tell: Callable[[float], None]) -> None:
        if self.device != "CPU":
            self.waits = tell

    def run(self) -> Run:
        return self.recorder.run(self.checkpoint())


def fake_factory(
    made: list[FakeTrainer] | None = None, **options: object
) -> Callable[[Project, Run | None, Callable[[str], None]], FakeTrainer]:
    """`made`: gets every trainer."""

    def make(project: Project, resume: Run | None, announce: Callable[[str], None]) -> FakeTrainer:
        announce("Compiling the network")
        trainer = FakeTrainer(project, resume, **options)  # type: ignore[arg-type]
        if made is not None:
            made.append(trainer)
        return trainer

    return make
