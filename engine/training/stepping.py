"""Steps of training in blocks, as many as fit between two events, and how fast they are."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.program.compiled import STRIDE, CompiledNetwork
from engine.program.store import HISTORY_ROWS
from engine.tensor.device import Device
from engine.tensor.step_ops import History
from engine.training.events import StepsDone
from engine.training.looks import PUBLISH_SECONDS

_TIMED = 4
"""Steps of a block that are taken one by one at its end, so that training can be timed apart from validation."""


@dataclass(frozen=True)
class Block:
    """What a block of steps left: rows of History, and steps a second of training alone, of the last of them."""

    rows: np.ndarray
    steps_per_second: float

    def told(
        self, run: str, step: int, batch: int, weight_decay: float, rates: np.ndarray, seconds: float
    ) -> StepsDone:
        """The block as an event, ending with `step`, of steps with these learning rates."""
        rows = self.rows
        decay = 0.5 * weight_decay * rows[:, History.SQUARED_WEIGHTS]
        return StepsDone(
            run=run,
            step=step,
            first_step=step - len(rows) + 1,
            train_loss=rows[:, History.TRAIN_LOSS],
            train_total=rows[:, History.TRAIN_LOSS] + decay,
            validation_loss=rows[:, History.VALIDATION_LOSS],
            validation_total=rows[:, History.VALIDATION_LOSS] + decay,
            train_accuracy=rows[:, History.TRAIN_CORRECT] / batch,
            validation_accuracy=rows[:, History.VALIDATION_CORRECT] / batch,
            examples_per_second=self.steps_per_second * batch,
            seconds=seconds,
            learning_rate=rates,
        )


class Stepping:
    """Takes steps on a device; knows how long they took."""

    def __init__(self, device: Device, history: Mapping[str, np.ndarray] | None = None) -> None:
        """`history` is that of the steps before, of a run that goes on."""
        self._device = device
        self.seconds = 0.0
        """Time of all steps so far, with their validation."""
        self._step_seconds = 0.0
        self._speed = 0.0
        self._failure: Exception | None = None
        self._validated = math.nan, math.nan
        """Loss and accuracy of the last validation batch."""
        if history and len(history["validation_loss"]):
            losses, accuracies = history["validation_loss"], history["validation_accuracy"]
            self._validated = float(losses[-1]), float(accuracies[-1])

    def block(
        self, compiled: CompiledNetwork, step: int, most: int, halts: Callable[[], bool], every: int = 1,
        waits: Callable[[float], None] = lambda seconds: None,
    ) -> Block:  # fmt: skip
        """After `step` others at least one step, then as many as fit into PUBLISH_SECONDS and `most`, until `halts`.

        The first of `every` so many steps is validated; for the others the last validation stands. `waits` is called
        when all steps are queued on a device that queues them, with the seconds that they are expected to take yet.
        When a step fails, those before it are a block of their own, and the next call raises what it raised.
        """
        if self._failure is not None:
            raise self._failure
        started = time.perf_counter()
        done, most = 0, min(most, HISTORY_ROWS, self._affordable())
        marks: list[tuple[Any, Any]] = []
        # Another thread may ask to stop before the first step; a block without steps tells nothing.
        while not done or (done < most and not halts()):
            try:
                if self._device.is_asynchronous and every == 1 and most - done >= STRIDE + _TIMED:
                    compiled.stride()
                    done += STRIDE
                    continue
                before = self._device.mark()
                compiled.step()
                marks.append((before, self._device.mark()))
                done += 1
                if (step + done - 1) % every == 0:
                    compiled.validate()
            except Exception as failure:
                self._failure = failure
                break
            if not self._device.is_asynchronous and time.perf_counter() - started >= PUBLISH_SECONDS:
                break
        if not done and self._failure is not None:
            raise self._failure
        if self._device.is_asynchronous:
            waits(max(0.0, done * self._step_seconds - (time.perf_counter() - started)))
        rows = compiled.history(step + 1, step + done)
        self._hold(rows, step, every, compiled.batch)
        elapsed = time.perf_counter() - started
        self.seconds += elapsed
        self._step_seconds = elapsed / done
        training = sum(self._device.seconds_between(before, after) for before, after in marks)
        if marks:
            self._speed = len(marks) / training
        return Block(rows, self._speed or done / elapsed)

    def _hold(self, rows: np.ndarray, step: int, every: int, batch: int) -> None:
        """Let the last validation stand in rows of steps without one, in place."""
        for number, row in enumerate(rows, start=step):
            if number % every:
                loss, accuracy = self._validated
                row[History.VALIDATION_LOSS], row[History.VALIDATION_CORRECT] = (
                    loss,
                    np.rint(accuracy * batch),
                )
            else:
                found = row[History.VALIDATION_LOSS], row[History.VALIDATION_CORRECT] / batch
                self._validated = float(found[0]), float(found[1])

    def _affordable(self) -> int:
        """Steps that a queueing device is given at a time, from how long the last ones took."""
        if not self._device.is_asynchronous:
            return HISTORY_ROWS
        return max(1, int(PUBLISH_SECONDS / self._step_seconds)) if self._step_seconds else 2
