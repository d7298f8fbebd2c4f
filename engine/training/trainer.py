"""The training loop: a generator that advances a compiled network and yields events."""

import math
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from engine.data.batches import epoch_order, steps_per_epoch, validation_starts
from engine.data.preparation import PreparedData
from engine.design.findings import DataShape
from engine.errors import DeviceError, GaborError, TrainingError
from engine.program.compiled import CompiledNetwork
from engine.program.network import Network
from engine.project import Project
from engine.settings import TrainingSettings, check_settings
from engine.tensor.device import Announce, nobody
from engine.tensor.devices import open_device
from engine.training import endings
from engine.training.album import Album
from engine.training.best_epoch import best_epoch, epochs_without_better, validation_loss
from engine.training.checkpoints import KeptCheckpoints
from engine.training.events import (
    Event,
    Notice,
    RunEnded,
    RunStarted,
    SettingChanged,
    Snapshot,
    StepsDone,
)
from engine.training.looks import Look, look, snapshot
from engine.training.run import Checkpoint, Run, RunRecorder
from engine.training.sampler import Sampler
from engine.training.schedules import learning_rates
from engine.training.snapshot_plan import SnapshotPlan, snapshot_plan
from engine.training.steering import Change, Steering
from engine.training.stepping import Stepping


class _StoppedError(Exception):
    """A stop was asked for while a network was compiled."""


class Trainer:
    """Trains one project on prepared data; knows no thread and no Qt.

    Building it compiles the network (DesignError, DataError, DeviceError or TrainingError say in words why it
    cannot). Then draw events from `events()`: between two of them nothing runs, so to pause, do not ask for the next.
    With `resume` it goes on from that run's checkpoint, as if it had never stopped; `steps` ends it after that many
    updates when the project's epochs have more. `announce` is told what takes long before a first step. `stop`,
    `interrupt` and `change` may be called by any thread.
    """

    def __init__(
        self, project: Project, data: PreparedData, *, resume: Run | None = None, steps: int | None = None,
        announce: Announce = nobody,
    ) -> None:  # fmt: skip
        problems = check_settings(project.training)
        if problems:
            raise TrainingError(" ".join(problems))
        self.project = project
        # What a run goes on with must look as what it began with, even if images have come or gone.
        self.data = data if resume is None else data.prepared_as(resume.preparation)
        self.step = resume.checkpoint.step if resume is not None and resume.checkpoint is not None else 0
        """Parameter updates done."""
        self._steering = Steering(project, resume.changes if resume is not None else (), self.step)
        channels, height, width = data.image_shape
        self._network = Network.of(project.graph, DataShape((channels, height, width), data.dataset.classes))
        self.device = open_device(
            self._settings.device,
            threads=self._settings.threads,
            precision=self._settings.precision,
            deterministic=self._settings.deterministic,
            convolutions=self._settings.convolutions,
        )
        self._announce = announce
        self.compiled = self._compile(self._settings)
        self._most_steps = steps
        run = resume or Run(
            id=uuid.uuid4().hex[:12],
            project=project,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            threads=self.device.threads,
        )
        if run.checkpoint is not None:
            self.compiled.set_tensors(run.checkpoint.tensors)
        self._timeline = run.timeline.with_length(self.step, self.compiled.steps_per_epoch)
        self._recorder = RunRecorder(replace(run, project=project, preparation=self.data.preparation))
        self._kept = KeptCheckpoints(self._recorder.run().checkpoints)
        self._run_id = run.id
        self._fork_step = run.fork_step if run.parent else 0
        self._stopping = self._interrupted = False
        self._stepping = Stepping(self.device, self._recorder.history())
        self._sampler = Sampler()
        self._album = Album()
        self._between: Mapping[str, np.ndarray] | None = None
        """What was learned, while there is no compiled network that holds it."""
        self._rates = np.zeros(0)
        self._waits: Callable[[float], None] = lambda seconds: None

    @property
    def _settings(self) -> TrainingSettings:
        """As they are by now."""
        return self._steering.settings

    def _compile(self, settings: TrainingSettings, announce: Announce | None = None) -> CompiledNetwork:
        told = announce or self._announce
        compiled = CompiledNetwork(self._network, self.device, settings, self.data, told)
        compiled.initialise(settings.seed)
        compiled.set_rates(settings)
        for key, value in self._steering.live.items():
            compiled.set_live(key, value)
        return compiled

    @property
    def total_steps(self) -> int:
        """The step after which training ends."""
        whole = self._timeline.steps_until(self._settings.epochs)
        return whole if self._most_steps is None else min(self._most_steps, whole)

    def events(self) -> Iterator[Event]:
        """Train to the end; each event comes after at most about 50 ms of work or one step. Ends with RunEnded.

        So it does when the memory, a device or a file fails: what was learned until then is in `run`.
        """
        try:
            for event in self._events():
                self._recorder.receive(event)
                yield event
        except (GaborError, MemoryError, OSError) as error:
            ended = RunEnded(self._run_id, self.step, "failed", endings.broken_off(error, self.step))
            self._recorder.receive(ended)
            yield ended

    def stop(self) -> None:
        """Ask the loop to end before its next step; RunEnded with reason "stopped" follows."""
        self._stopping = True

    def interrupt(self) -> None:
        """Have the event that is in the making come after the step in hand, so that a request need not wait."""
        self._interrupted = True

    def tell_of_waits(self, tell: Callable[[float], None]) -> None:
        """Have `tell` called, in the thread that trains, each time that it is about to wait for steps on a GPU.

        It gets the seconds that the wait is expected to last. What is done in Python meanwhile, by any thread, holds up
        nothing.
        """
        self._waits = tell

    def change(self, change: Change) -> str:
        """Change a setting before the next step, a batch size before the next epoch; returns when, in a sentence.

        Raises TrainingError or DesignError when the setting cannot have the value or cannot change in mid-training.
        """
        if not math.isfinite(change.value):
            raise TrainingError(f"A setting takes a finite number, not {change.value}.")
        if (change.node, change.name) == ("", "batch_size"):
            steps_per_epoch(len(self.data.train_labels), round(change.value))
        self._steering.wish(change)
        self.interrupt()
        if change.name == "batch_size":
            begins = self._timeline.epochs_done(self.step) + 2
            return f"From epoch {begins} on; the network is compiled anew for it then."
        return f"From step {self.step + 1:,} on."

    def checkpoint(self) -> Checkpoint:
        """All that is needed to go on from here."""
        return Checkpoint(self.step, self.compiled.tensors() if self._between is None else self._between)

    def kept_checkpoints(self) -> tuple[Checkpoint, ...]:
        """Those that are kept beside the last: of the best epoch, and of others within the limit."""
        return self._kept.all()

    @property
    def checkpoint_bytes(self) -> int:
        """Size of what a checkpoint holds."""
        return self.compiled.checkpoint_bytes()

    def begun_run(self) -> Run:
        """The run before its first event: a new one without a checkpoint, for which nothing is read from the device.

        One that goes on has the checkpoint that it goes on from, whole: a fork may lack tensors, which begin anew.
        """
        begun = self._recorder.run()
        return begun if begun.checkpoint is None else self.run()

    def run(self) -> Run:
        """The run so far, with a checkpoint of now."""
        return self._recorder.run(self.checkpoint(), self.kept_checkpoints())

    def _events(self) -> Iterator[Event]:
        yield self._started()
        yield from self._owed_snapshot()
        if self._owes_end_of_epoch():
            # A stop came between the epoch's last step and the look at what it learned.
            yield from self._end_epoch()
        while self.step < self.total_steps and not self._stopping and not self._is_past_best():
            healthy = yield from self._epoch()
            if not healthy:
                message = endings.diverged(self.step, self._settings.learning_rate)
                yield RunEnded(self._run_id, self.step, "failed", message)
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
            epochs_done=self._timeline.place(self.step)[0],
            epoch_step=self._timeline.place(self.step)[2],
        )

    def _conclude(self) -> Iterator[Event]:
        """The test, and the word that the run has ended."""
        early = self._is_past_best() and self.step < self.total_steps
        if self._stopping and self.step < self.total_steps:
            # What was promised for the next step holds when the run goes on.
            yield from self._steer()
            yield RunEnded(self._run_id, self.step, "stopped", endings.stopped(self.step, self.total_steps))
            return
        best = self._best_kept() if self._settings.restore_best else None
        seen = yield from (self._look("test") if best is None else self._look_with(best, "test"))
        if not seen.is_whole:
            yield RunEnded(self._run_id, self.step, "stopped", endings.test_stopped(self.total_steps))
            return
        yield seen.told(self._run_id, self.step)
        if early:
            done = endings.done_early(self._timeline.epochs_done(self.step), self._settings.patience)
        elif self.total_steps == self._timeline.steps_until(self._settings.epochs):
            done = endings.done_all(self._settings.epochs)
        else:
            done = f"Finished {self.total_steps} steps"
        message = endings.finished(done, seen.accuracy, None if best is None else self._epoch_of(best))
        yield RunEnded(self._run_id, self.step, "finished", message, -1 if best is None else best.step)

    def _look_with(self, other: Checkpoint, part: str) -> Generator[Event, None, Look]:
        """The look that the network of another checkpoint would get."""
        last = self.compiled.tensors()
        self.compiled.set_tensors(other.tensors)
        seen = yield from self._look(part)
        self.compiled.set_tensors(last)
        return seen

    def _best_kept(self) -> Checkpoint | None:
        """The best epoch's checkpoint, where that is not the last."""
        best = best_epoch(self._recorder.epochs, self._settings.best_by)
        return None if best is None or best.step == self.step else self._kept.at(best.step)

    def _epoch_of(self, checkpoint: Checkpoint) -> int:
        return next(event.epoch for event in self._recorder.epochs if event.step == checkpoint.step)

    def _is_past_best(self) -> bool:
        """Whether no epoch was better than the best for as long as the user bears it."""
        patience, epochs = self._settings.patience, self._recorder.epochs
        return patience > 0 and epochs_without_better(epochs, self._settings.best_by) >= patience

    def _epoch(self) -> Generator[Event, None, bool]:
        """The rest of the current epoch's steps; returns False when a loss was not finite."""
        yield from self._steer(begins_epoch=self._timeline.place(self.step)[1] == 0)
        per_epoch, position = self.compiled.steps_per_epoch, self._begin_epoch()
        last = min(per_epoch, position + self.total_steps - self.step)
        snapshots = self._snapshot_plan().steps
        while position < last and not self._stopping:
            yield from self._steer()
            until = min((step for step in (*snapshots, last) if step > position), default=last)
            block = self._steps(until - position)
            position += len(block.train_loss)
            yield block
            if not self.compiled.is_healthy():
                return False
            sample = self._sampler.end(self.compiled, self._run_id, self.step, self._stepping.seconds)
            if sample is not None:
                yield sample
            if position < per_epoch:
                yield from self._snapshot(position)
        return True

    def _begin_epoch(self) -> int:
        """Put the order and the learning rates of the current epoch on the device; returns the position in it."""
        compiled, seed = self.compiled, self._settings.seed
        epoch, position, first = self._timeline.place(self.step)
        order = epoch_order(seed, epoch, len(self.data.train_labels))
        starts = validation_starts(seed, first, compiled.steps_per_epoch, len(self.data.validation_labels))
        compiled.begin_epoch(order, starts, step=self.step, position=position)
        self._set_learning_rates()
        return position

    def _set_learning_rates(self) -> None:
        epoch, _, first = self._timeline.place(self.step)
        losses = [validation_loss(event) for event in self._recorder.epochs if event.step <= first]
        self._rates = learning_rates(self._settings, epoch, self.compiled.steps_per_epoch, losses)
        self.compiled.set_learning_rates(self._rates)

    def _steer(self, *, begins_epoch: bool = False) -> Iterator[Event]:
        """Let the changes that were asked for take effect."""
        for change in self._steering.due(self.step, begins_epoch=begins_epoch):
            old = self._steering.value(change)
            self._steering.take(change)
            if change.node:
                self.compiled.set_live(f"{change.node}/{change.name}", change.value)
            elif change.name != "batch_size":
                self.compiled.set_rates(self._settings)
                if not begins_epoch:
                    self._set_learning_rates()
            elif problem := self._recompiled(old):
                yield Notice(self._run_id, self.step, problem)
                continue
            length = self.compiled.steps_per_epoch
            self._timeline = self._timeline.with_length(self.step, length)
            yield SettingChanged(
                self._run_id, self.step, change.node, change.name, old, float(change.value), length
            )

    def _recompiled(self, old_batch: float) -> str:
        """Compile for another batch size; when that cannot be done, all is as it was, and the reason is returned.

        It cannot when the device has no room, or when a stop comes meanwhile: what the old size needs is known.
        """
        wanted, problem = self._settings.batch_size, ""
        self._between = self.compiled.tensors()
        # What is held would keep the memory of the old network.
        self._kept.all()
        del self.compiled
        try:
            self.compiled = self._compile(self._settings, self._announce_unless_stopped)
        except _StoppedError:
            problem = endings.stopped_before_batch(wanted, old_batch)
        except (DeviceError, MemoryError):
            problem = endings.too_large_a_batch(wanted, old_batch)
        if problem:
            self._steering.take(Change("batch_size", old_batch))
            self.compiled = self._compile(self._settings)
        self.compiled.set_tensors(self._between)
        self._between = None
        return problem

    def _announce_unless_stopped(self, words: str) -> None:
        if self._stopping:
            raise _StoppedError
        self._announce(words)

    def _owes_end_of_epoch(self) -> bool:
        told = self._recorder.epochs
        if not told and self.step == self._fork_step:
            return False  # another network or other images ended it
        return self._timeline.ends_epoch(self.step) and (not told or told[-1].step < self.step)

    def _end_epoch(self) -> Iterator[Event]:
        """Look at what an epoch has learned, tell it, and keep it if it is worth it."""
        seen = yield from self._look("validation")
        if not seen.is_whole:
            return
        # From the record, which also knows the steps before a resume in mid-epoch.
        history = self._recorder.history()
        own = {name: values[-self.compiled.steps_per_epoch :] for name, values in history.items()}
        done = seen.ends_epoch(self._run_id, self.step, self._timeline.epochs_done(self.step), own)
        yield done
        yield self._taken(self._snapshot_plan().images, seen)
        self._kept.after_epoch(self.compiled, self._recorder.epochs, self._settings)
        if done.epoch % self._settings.evaluate_every == 0 and self.step < self.total_steps:
            tested = yield from self._look("test")
            if tested.is_whole:
                yield tested.told(self._run_id, self.step)

    def _snapshot_plan(self) -> SnapshotPlan:
        """Of the epoch in hand."""
        training, validation = len(self.data.train_labels), len(self.data.validation_labels)
        return snapshot_plan(self._settings, self.compiled.steps_per_epoch, training, validation)

    def _steps(self, most: int) -> StepsDone:
        """A block of at most so many steps."""
        most = min(most, self._steering.steps_until_planned(self.step))
        if self._sampler.begin(self.compiled):
            most = 1
        block = self._stepping.block(
            self.compiled,
            self.step,
            most,
            lambda: self._stopping or self._interrupted,
            self._settings.validate_every,
            self._waits,
        )
        self.step += len(block.rows)
        # Not before the steps: an interruption that comes just then must not be lost.
        self._interrupted = False
        position = self._timeline.place(self.step - 1)[1] + 1
        rates = self._rates[position - len(block.rows) : position]
        decay, seconds = self._settings.weight_decay, self._stepping.seconds
        return block.told(self._run_id, self.step, self.compiled.batch, decay, rates, seconds)

    def _owed_snapshot(self) -> Iterator[Event]:
        """That of the beginning, or one that a stop came before."""
        position, told = self._timeline.place(self.step)[1], self._recorder.run().snapshots
        if self.step == 0 or (position and (not told or told[-1].step < self.step)):
            yield from self._snapshot(position)

    def _snapshot(self, position: int) -> Iterator[Event]:
        """What is drawn of the network as it is now, in mid-epoch, where the plan has it."""
        plan = self._snapshot_plan()
        looks = self.step == 0 or position in plan.looks
        images, classified = (plan.images, plan.classified) if looks else (0, 0)
        if self.step == self.total_steps:
            images, classified = plan.images, len(self.data.validation_labels)
        elif not looks and position not in plan.steps:
            return
        seen = yield from self._look("validation", classified)
        if seen.is_whole:
            yield self._taken(images, seen)

    def _taken(self, images: int, seen: Look) -> Snapshot:
        return self._album.keep(snapshot(self.compiled, self.data, self._run_id, self.step, images, seen))

    def _look(self, part: str, most: int | None = None) -> Generator[Event, None, Look]:
        """Classify a part of the data, or its first images, unless a stop comes first."""
        return look(self.compiled, self.data, part, self._run_id, self.step, lambda: self._stopping, most)
