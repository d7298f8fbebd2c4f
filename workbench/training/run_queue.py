"""A queue of trainings, worked off in the slots that there are: one or several at once, each in its own session."""

import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Signal

from engine.api import (
    DataProgress,
    DataRecipe,
    Event,
    PreparedData,
    Project,
    Run,
    RunEnded,
    RunStarted,
    Slot,
    StepsDone,
    Trainer,
    Variant,
    placed,
    prepare,
    recipe_dataset,
)
from workbench.training.session import TrainingSession
from workbench.training.thread import TrainerFactory, TrainerLike

EntryState = Literal["waiting", "preparing", "training", "stopping", "finished", "stopped", "failed"]
ACTIVE: tuple[EntryState, ...] = ("preparing", "training", "stopping")
_numbers = itertools.count(1)


@dataclass(eq=False)
class QueueEntry:
    """One training of the queue, with what is known of it. Lives in the thread of the window."""

    label: str
    project: Project
    """As it was asked for; the slot decides on device and threads."""
    resume: Run | None = None
    number: int = field(default_factory=lambda: next(_numbers))
    state: EntryState = "waiting"
    slot: Slot | None = None
    step: int = 0
    total_steps: int = 0
    steps_per_epoch: int = 0
    validation_loss: float = float("nan")
    examples_per_second: float = 0.0
    message: str = ""
    run: Run | None = None
    """What came of it, once it has ended."""
    session: TrainingSession | None = None

    @property
    def is_active(self) -> bool:
        """Whether it holds a slot."""
        return self.state in ACTIVE

    def receive(self, event: Event) -> None:
        """Take in what its training tells."""
        if isinstance(event, RunStarted):
            self.total_steps, self.steps_per_epoch = event.total_steps, event.steps_per_epoch
            self.step = event.step
        elif isinstance(event, StepsDone):
            self.step, self.examples_per_second = event.step, event.examples_per_second
            self.validation_loss = float(event.validation_loss[-1])
        elif isinstance(event, RunEnded):
            self.message = event.message


class SharedData:
    """Prepared data by recipe, so that trainings side by side hold one copy; the last recipe is kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[DataRecipe, PreparedData] | None = None

    def get(self, recipe: DataRecipe, announce: Callable[[str], None]) -> PreparedData:
        """The data of a recipe; one training loads it while the others wait. Raises DataError in words."""
        announce("Loading data")

        def report(progress: DataProgress) -> None:
            announce(f"{progress.what}: {progress.done:,} of {progress.total:,}")

        with self._lock:
            if self._kept is None or self._kept[0] != recipe:
                self._kept = None
                self._kept = recipe, prepare(recipe_dataset(recipe, report=report), recipe)
            return self._kept[1]

    def forget(self) -> None:
        """Give the memory back."""
        with self._lock:
            self._kept = None

    def trainer(self, project: Project, resume: Run | None, announce: Callable[[str], None]) -> TrainerLike:
        """A trainer on the shared data."""
        data = self.get(project.data, announce)
        announce("Compiling the network")
        return Trainer(project, data, resume=resume, announce=announce)


class RunQueue(QObject):
    """Trains its entries in their order, as many at a time as there are slots; every entry can be stopped alone."""

    changed = Signal()
    """Entries came, went or changed their state."""
    received = Signal(object, object)
    """A QueueEntry and a tuple of its events."""
    ended = Signal(object)
    """A QueueEntry that is done, with its run (None when it never began)."""

    def __init__(
        self,
        factory: TrainerFactory | None = None,
        parent: QObject | None = None,
        *,
        journals: Path | None = None,
    ) -> None:
        super().__init__(parent)
        self.data = SharedData()
        self._factory = factory or self.data.trainer
        self._journals = journals
        self.project_file: Path | None = None
        """The file that the project lies in of which variants are trained; the records of new runs name it."""
        self._entries: list[QueueEntry] = []
        self._slots: tuple[Slot, ...] = (Slot("auto"),)
        self._running = False
        self._idle: list[TrainingSession] = []

    @property
    def entries(self) -> tuple[QueueEntry, ...]:
        """All of them, in their order."""
        return tuple(self._entries)

    @property
    def waiting(self) -> tuple[QueueEntry, ...]:
        """Those that have not begun."""
        return tuple(entry for entry in self._entries if entry.state == "waiting")

    @property
    def active(self) -> tuple[QueueEntry, ...]:
        """Those that train."""
        return tuple(entry for entry in self._entries if entry.is_active)

    @property
    def is_running(self) -> bool:
        """Whether waiting entries begin as soon as a slot is free."""
        return self._running

    def add(self, variants: Iterable[Variant]) -> tuple[QueueEntry, ...]:
        """Put trainings at the end."""
        return self.add_entries([QueueEntry(variant.label, variant.project) for variant in variants])

    def add_entries(self, entries: Sequence[QueueEntry]) -> tuple[QueueEntry, ...]:
        """Put entries at the end; those of a queue that runs begin as slots are free."""
        self._entries.extend(entries)
        self._fill()
        self.changed.emit()
        return tuple(entries)

    def set_slots(self, slots: Sequence[Slot]) -> None:
        """Where trainings may run from now on; what trains goes on where it is."""
        self._slots = tuple(slots)
        self._fill()
        self.changed.emit()

    def start(self) -> None:
        """Work off what waits."""
        self._running = True
        self._fill()
        self.changed.emit()

    def hold(self) -> None:
        """Let nothing new begin; what trains goes on."""
        self._running = False
        self.changed.emit()

    def stop(self, entry: QueueEntry) -> None:
        """End a training after its step; what it learned is kept. One that waits is taken out."""
        if entry.state == "waiting":
            self.remove(entry)
        elif entry.session is not None and entry.state != "stopping":
            entry.state = "stopping"
            entry.session.stop()
            self.changed.emit()

    def remove(self, entry: QueueEntry) -> None:
        """Take out an entry that does not train."""
        if entry in self._entries and not entry.is_active:
            self._entries.remove(entry)
            self.changed.emit()

    def clear(self) -> None:
        """Take out everything that does not train."""
        self._entries = list(self.active)
        self.changed.emit()

    def clear_ended(self) -> None:
        """Take out everything that is done."""
        self._entries = [entry for entry in self._entries if entry.is_active or entry.state == "waiting"]
        self.changed.emit()

    def close(self) -> tuple[QueueEntry, ...]:
        """Stop everything and wait; returns what is left to do: what waited, and what trained, to be gone on with."""
        self._running = False
        active = self.active
        for entry in active:
            self.stop(entry)
        left = []
        for entry in active:
            if entry.session is not None:
                entry.session.close()
            if entry.state == "stopped":
                left.append(QueueEntry(entry.label, entry.project, entry.run))
        return (*left, *self.waiting)

    def wait_again(self, left: Sequence[QueueEntry]) -> None:
        """Put what `close` returned back into the queue, in the place of what was stopped."""
        known = {entry.resume.id for entry in left if entry.resume is not None}
        self._entries = [
            e for e in self._entries if e.state != "stopped" or e.run is None or e.run.id not in known
        ]
        self._entries = [entry for entry in self._entries if entry not in left]
        self._entries.extend(left)
        self.changed.emit()

    def _free_slots(self) -> list[Slot]:
        free = list(self._slots)
        for entry in self.active:
            if entry.slot in free:
                free.remove(entry.slot)
            elif free and entry.slot is not None and entry.slot.device == "cpu":
                # The cores were shared out otherwise when it began.
                free.pop()
        return free

    def _fill(self) -> None:
        if not self._running:
            return
        for slot, entry in zip(self._free_slots(), self.waiting, strict=False):
            self._begin(entry, slot)
        if not self.waiting and not self.active:
            self._running = False
            self.data.forget()

    def _begin(self, entry: QueueEntry, slot: Slot) -> None:
        session = self._idle.pop() if self._idle else self._new_session()
        entry.session, entry.slot, entry.state = session, slot, "preparing"
        session.start(placed(entry.project, slot), entry.resume, self.project_file)

    def _new_session(self) -> TrainingSession:
        # Sessions are used again and again, so there are never more than trainings at the same time.
        session = TrainingSession(
            lambda project, resume, announce: self._factory(project, resume, announce),
            self,
            journals=self._journals,
        )
        session.events.connect(lambda events: self._receive(self._entry_of(session), events))
        session.ended.connect(lambda run: self._end(self._entry_of(session), run))
        return session

    def _entry_of(self, session: TrainingSession) -> QueueEntry:
        return next(entry for entry in self._entries if entry.session is session)

    def _receive(self, entry: QueueEntry, events: tuple[Event, ...]) -> None:
        if entry.state == "preparing":
            entry.state = "training"
            self.changed.emit()
        for event in events:
            entry.receive(event)
        self.received.emit(entry, events)

    def _end(self, entry: QueueEntry, run: Run | None) -> None:
        if entry.session is not None:
            self._idle.append(entry.session)
        entry.session = None
        wanted_to_stop = entry.state == "stopping"
        entry.state = "stopped" if wanted_to_stop else "failed"
        if run is not None:
            entry.run = replace(run, name=run.name or entry.label)
            known: dict[str, EntryState] = {"finished": "finished", "stopped": "stopped"}
            entry.state = known.get(run.status, "failed")
            entry.message = run.message
        self.ended.emit(entry)
        self._fill()
        self.changed.emit()
