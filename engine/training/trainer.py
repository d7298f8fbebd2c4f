"""The training loop: a generator that advances a compiled network and yields events."""

import time
import uuid
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from engine.data.batches import epoch_order, validation_starts
from engine.data.preparation import PreparedData
from engine.design.inference import DataShape
from engine.errors import TrainingError
from engine.inspection.confusion import confusion_matrix
from engine.inspection.snapshot_look import look_at
from engine.layers.convolution import Convolution
from engine.program.compiled import Classified, CompiledNetwork
from engine.program.network import Network
from engine.program.store import HISTORY_ROWS
from engine.project import Project
from engine.settings import check_settings
from engine.tensor.devices import open_device
from engine.tensor.ops import History
from engine.training.events import (
    EpochDone,
    Evaluated,
    Evaluating,
    Event,
    RunEnded,
    RunStarted,
    Snapshot,
    StepsDone,
)
from engine.training.run import Checkpoint, Run, RunRecorder
from engine.training.schedules import learning_rates

PUBLISH_SECONDS = 0.05
"""Work between two events: pause and stop bite within it."""


class Trainer:
    """Trains one project on prepared data; knows no thread and no Qt.

    Building it compiles the network (DesignError, DataError, DeviceError or TrainingError say in words why it
    cannot). Then draw events from `events()`: between two of them nothing runs, so to pause, do not ask for the next.
    With `resume` it goes on from that run's checkpoint, as if it had never stopped; `steps` ends it after that many
    updates when the project's epochs have more.
    """

    def __init__(
        self, project: Project, data: PreparedData, *, resume: Run | None = None, steps: int | None = None
    ) -> None:
        problems = check_settings(project.training)
        if problems:
            raise TrainingError(" ".join(problems))
        self.project = project
        self.data = data
        self._settings = project.training
        channels, height, width = data.dataset.image_shape
        network = Network.of(project.graph, DataShape((channels, height, width), data.dataset.classes))
        self.device = open_device(
            self._settings.device,
            threads=self._settings.threads,
            precision=self._settings.precision,
            deterministic=self._settings.deterministic,
        )
        self.compiled = CompiledNetwork(network, self.device, self._settings, data)
        self.compiled.initialise(self._settings.seed)
        self.compiled.set_rates(self._settings)
        self.step = 0
        """Parameter updates done."""
        self._most_steps = steps
        run = resume or Run(
            id=uuid.uuid4().hex[:12],
            project=project,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            threads=getattr(self.device, "threads", 0),
        )
        if resume is not None and resume.checkpoint is not None:
            self.step = resume.checkpoint.step
            self.compiled.set_tensors(resume.checkpoint.tensors)
        self._timeline = run.timeline.with_length(self.step, self.compiled.steps_per_epoch)
        self._recorder = RunRecorder(replace(run, project=project))
        self._run_id = run.id
        self._stopping = False
        self._seconds = 0.0
        self._step_seconds = 0.0
        self._rates = np.zeros(0)
        self._filters = next(
            (n for n in network.nodes if isinstance(n.layer, Convolution) and not n.muted), None
        )

    @property
    def total_steps(self) -> int:
        """The step after which training ends."""
        whole = self._timeline.steps_until(self._settings.epochs)
        return whole if self._most_steps is None else min(self._most_steps, whole)

    def events(self) -> Iterator[Event]:
        """Train to the end; each event comes after at most about 50 ms of work or one step. Ends with RunEnded."""
        for event in self._events():
            self._recorder.receive(event)
            yield event

    def stop(self) -> None:
        """Ask the loop to end before its next step; RunEnded with reason "stopped" follows."""
        self._stopping = True

    def checkpoint(self) -> Checkpoint:
        """All that is needed to go on from here."""
        return Checkpoint(self.step, self.compiled.tensors())

    def run(self) -> Run:
        """The run so far, with a checkpoint of now."""
        return self._recorder.run(self.checkpoint())

    def _events(self) -> Iterator[Event]:
        yield self._started()
        if self.step == 0:
            yield from self._snapshot()
        if self._owes_end_of_epoch():
            # A stop came between the epoch's last step and the look at what it learned.
            yield from self._end_epoch()
        while self.step < self.total_steps and not self._stopping:
            healthy = yield from self._epoch()
            if not healthy:
                yield RunEnded(self._run_id, self.step, "failed", self._divergence())
                return
            if self._owes_end_of_epoch():
                yield from self._end_epoch()
        yield from self._conclude()

    def _started(self) -> RunStarted:
        compiled = self.compiled
        return RunStarted(
            run=self._run_id,
            step=self.step,
            device=f"{self.device.name}: {self.device.description}",
            steps_per_epoch=compiled.steps_per_epoch,
            total_steps=self.total_steps,
            batch_size=compiled.batch,
            class_names=self.data.dataset.class_names,
            implementations=compiled.implementations(),
        )

    def _conclude(self) -> Iterator[Event]:
        """The test, and the word that the run has ended."""
        if self._stopping and self.step < self.total_steps:
            message = f"Stopped after {self.step} of {self.total_steps} steps; what was learned is kept."
            yield RunEnded(self._run_id, self.step, "stopped", message)
            return
        accuracy = yield from self._evaluate("test")
        if self._stopping:
            message = (
                f"Trained all {self.total_steps} steps, but the test was stopped; what was learned is kept."
            )
            yield RunEnded(self._run_id, self.step, "stopped", message)
            return
        epochs = self._settings.epochs
        whole = self.total_steps == self._timeline.steps_until(epochs)
        done = f"{epochs} epoch{'s' * (epochs != 1)}" if whole else f"{self.total_steps} steps"
        message = f"Finished {done}: test accuracy {accuracy:.2%}."
        yield RunEnded(self._run_id, self.step, "finished", message)

    def _epoch(self) -> Generator[Event, None, bool]:
        """The rest of the current epoch's steps; returns False when a loss was not finite."""
        compiled, per_epoch = self.compiled, self.compiled.steps_per_epoch
        position = self._begin_epoch()
        last = min(per_epoch, position + self.total_steps - self.step)
        looks = self._snapshot_steps()
        while position < last and not self._stopping:
            until = min((look for look in (*looks, last) if look > position), default=last)
            block = self._steps(until - position)
            position += len(block.train_loss)
            yield block
            if not compiled.is_healthy():
                return False
            if position < per_epoch and (position in looks or position == last):
                yield from self._snapshot()
        return True

    def _begin_epoch(self) -> int:
        """Put the order and the learning rates of the current epoch on the device; returns the position in it."""
        compiled, seed = self.compiled, self._settings.seed
        epoch, position, first = self._timeline.place(self.step)
        order = epoch_order(seed, epoch, len(self.data.train_labels))
        starts = validation_starts(seed, first, compiled.steps_per_epoch, len(self.data.validation_labels))
        compiled.begin_epoch(order, starts, step=self.step, position=position)
        losses = [event.whole_loss for event in self._recorder.epochs]
        self._rates = learning_rates(self._settings, epoch, compiled.steps_per_epoch, losses)
        compiled.set_learning_rates(self._rates)
        return position

    def _owes_end_of_epoch(self) -> bool:
        told = self._recorder.epochs
        return self._timeline.ends_epoch(self.step) and (not told or told[-1].step < self.step)

    def _end_epoch(self) -> Iterator[Event]:
        """Look at what an epoch has learned, and tell it."""
        answers: list[Classified] = []
        loss, confusion = yield from self._classify("validation", answers)
        if self._stopping:
            return
        done = self._epoch_done(loss, confusion)
        yield done
        yield self._picture(answers, confusion)
        if done.epoch % self._settings.evaluate_every == 0 and self.step < self.total_steps:
            yield from self._evaluate("test")

    def _snapshot_steps(self) -> set[int]:
        """Positions within an epoch at which the network is looked at."""
        looks, per_epoch = self._settings.snapshots_per_epoch, self.compiled.steps_per_epoch
        return {per_epoch * (number + 1) // looks for number in range(looks)} if looks else set()

    def _steps(self, most: int) -> StepsDone:
        """At least one step, then as many as fit into PUBLISH_SECONDS and `most`."""
        started = time.perf_counter()
        done = 0
        most = min(most, HISTORY_ROWS, self._affordable_steps())
        marks = []
        # Another thread may ask to stop before the first step; a block without steps tells nothing.
        while not done or (done < most and not self._stopping):
            before = self.device.mark()
            self.compiled.step()
            marks.append((before, self.device.mark()))
            self.compiled.validate()
            done += 1
            if not self.device.is_asynchronous and time.perf_counter() - started >= PUBLISH_SECONDS:
                break
        rows = self.compiled.history(self.step + 1, self.step + done)
        elapsed = time.perf_counter() - started
        self._seconds += elapsed
        self._step_seconds = elapsed / done
        self.step += done
        training_seconds = sum(self.device.seconds_between(before, after) for before, after in marks)
        return self._block(rows, done / training_seconds)

    def _affordable_steps(self) -> int:
        """Steps that a queueing device is given at a time, from how long the last ones took."""
        if not self.device.is_asynchronous:
            return HISTORY_ROWS
        return max(1, int(PUBLISH_SECONDS / self._step_seconds)) if self._step_seconds else 2

    def _block(self, rows: np.ndarray, steps_per_second: float) -> StepsDone:
        batch, position = self.compiled.batch, self._timeline.place(self.step - 1)[1] + 1
        decay = 0.5 * self._settings.weight_decay * rows[:, History.SQUARED_WEIGHTS]
        return StepsDone(
            run=self._run_id,
            step=self.step,
            first_step=self.step - len(rows) + 1,
            train_loss=rows[:, History.TRAIN_LOSS],
            train_total=rows[:, History.TRAIN_LOSS] + decay,
            validation_loss=rows[:, History.VALIDATION_LOSS],
            validation_total=rows[:, History.VALIDATION_LOSS] + decay,
            train_accuracy=rows[:, History.TRAIN_CORRECT] / batch,
            validation_accuracy=rows[:, History.VALIDATION_CORRECT] / batch,
            examples_per_second=steps_per_second * batch,
            seconds=self._seconds,
            learning_rate=self._rates[position - len(rows) : position],
        )

    def _epoch_done(self, loss: float, confusion: np.ndarray) -> EpochDone:
        # From the record, which also knows the steps before a resume in mid-epoch.
        history = self._recorder.run().history

        def mean(name: str) -> float:
            return float(history[name][-self.compiled.steps_per_epoch :].mean())

        return EpochDone(
            run=self._run_id,
            step=self.step,
            epoch=self._timeline.epochs_done(self.step),
            train_loss=mean("train_loss"),
            validation_loss=mean("validation_loss"),
            train_accuracy=mean("train_accuracy"),
            validation_accuracy=mean("validation_accuracy"),
            whole_loss=loss,
            whole_accuracy=_accuracy(confusion),
        )

    def _snapshot(self) -> Iterator[Event]:
        """Filters, answers to the validation images and unit activity as they are now."""
        answers: list[Classified] = []
        _, confusion = yield from self._classify("validation", answers)
        if not self._stopping:
            yield self._picture(answers, confusion)

    def _picture(self, answers: Sequence[Classified], confusion: np.ndarray) -> Snapshot:
        store, node = self.compiled.store, self._filters
        filters = (
            None if node is None else store.tensor(store.predicting, f"{node.id}/weight").astype(np.float32)
        )
        look = look_at(store, self.data, self.compiled.batch)
        confidence = np.concatenate([answer.probabilities.max(axis=1) for answer in answers])
        return Snapshot(
            self._run_id,
            self.step,
            filters,
            "" if node is None else node.id,
            confusion,
            answers=np.concatenate([a.predictions for a in answers]).astype(
                np.min_scalar_type(len(confusion) - 1)
            ),
            confidence=np.rint(255 * np.nan_to_num(confidence)).astype(np.uint8),
            fires=look.fires,
            fires_in=look.fires_in,
            unit_states=look.unit_states,
            points=look.points,
        )

    def _evaluate(self, part: str) -> Generator[Event, None, float]:
        """Classify a whole part of the data; returns the accuracy."""
        loss, confusion = yield from self._classify(part)
        accuracy = _accuracy(confusion)
        if not self._stopping:
            yield Evaluated(self._run_id, self.step, part, loss, accuracy, confusion)
        return accuracy

    def _classify(
        self, part: str, answers: list[Classified] | None = None
    ) -> Generator[Event, None, tuple[float, np.ndarray]]:
        """Mean loss and confusion matrix of a part of the data, of what was seen until a stop; fills `answers`."""
        labels: np.ndarray = getattr(self.data, f"{part}_labels")
        classes = self.data.dataset.classes
        confusion = np.zeros((classes, classes), np.int64)
        loss = 0.0
        told = time.perf_counter()
        for answer in self.compiled.classify(part):
            done = answer.first + len(answer.predictions)
            confusion += confusion_matrix(answer.predictions, labels[answer.first : done], classes)
            loss += float(answer.losses.sum(dtype=np.float64))
            if answers is not None:
                answers.append(answer)
            if time.perf_counter() - told >= PUBLISH_SECONDS:
                told = time.perf_counter()
                yield Evaluating(self._run_id, self.step, part, done, len(labels))
            if self._stopping:
                break
        return loss / max(1, int(confusion.sum())), confusion

    def _divergence(self) -> str:
        return (
            f"The loss or its gradients grew beyond all numbers by step {self.step}, so training was stopped; "
            "the parameters are those of before. "
            f"Try a smaller learning rate than {self._settings.learning_rate:g}, then train again."
        )


def _accuracy(confusion: np.ndarray) -> float:
    """Share of right answers, 0 to 1."""
    return float(np.trace(confusion)) / max(1, int(confusion.sum()))
