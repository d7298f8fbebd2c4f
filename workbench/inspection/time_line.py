"""The moments of the run on show, and the one that is looked at."""

from collections.abc import Callable, Iterable

from PySide6.QtCore import QObject, Signal

from engine.api import MEGABYTE, Event, Project, Run, RunStarted, Snapshot, snapshot_bytes, thinned


class TimeLine(QObject):
    """The snapshots of a run, growing while it trains. Looks at the newest until a moment is chosen."""

    moved = Signal()
    """Another moment is looked at, or again the newest."""
    grew = Signal()
    """There are other moments to choose from."""

    def __init__(self, megabytes: Callable[[], int], parent: QObject | None = None) -> None:
        """`megabytes`: the room that is set for snapshots."""
        super().__init__(parent)
        self._megabytes = megabytes
        self._snapshots: tuple[Snapshot, ...] = ()
        self._chosen: Snapshot | None = None
        self._run_id = ""
        self._steps_per_epoch = 0
        self._project: Project | None = None
        self.class_names: tuple[str, ...] = ()
        """Names of the classes of the run's data."""

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """All moments, the earliest first."""
        return self._snapshots

    @property
    def moment(self) -> Snapshot | None:
        """The moment in the past that is looked at; None while it is the newest."""
        return self._chosen

    @property
    def position(self) -> int:
        """Number of the moment that is looked at; the last one while it is the newest; −1 without any."""
        if self._chosen is None:
            return len(self._snapshots) - 1
        return next(n for n, shot in enumerate(self._snapshots) if shot is self._chosen)

    def known(self, field: str) -> Snapshot | None:
        """The latest moment, up to the one that is looked at, that tells a field of `Snapshot`, or None."""
        so_far = self._snapshots[: self.position + 1]
        return next((shot for shot in reversed(so_far) if getattr(shot, field) is not None), None)

    @property
    def run_id(self) -> str:
        """The run whose moments these are."""
        return self._run_id

    @property
    def project(self) -> Project | None:
        """The project as it was trained."""
        return self._project

    @property
    def size(self) -> int:
        """Bytes of all moments."""
        return sum(map(snapshot_bytes, self._snapshots))

    def epoch_of(self, step: int) -> float | None:
        """Epochs done by a step, where that is known."""
        return step / self._steps_per_epoch if self._steps_per_epoch else None

    def set_run(self, run: Run | None) -> None:
        """Look at another run's newest moment."""
        self._run_id, self._project = (run.id, run.project) if run is not None else ("", None)
        self._steps_per_epoch = run.steps_per_epoch if run is not None else 0
        self.class_names = run.class_names if run is not None else ()
        self._set(run.snapshots if run is not None else (), None)

    def complete(self, run: Run) -> None:
        """Take over what the run on show holds of its past, which for a fork begins before its training did."""
        if run.id == self._run_id and len(run.snapshots) > len(self._snapshots):
            self._set(run.snapshots, self._chosen)

    def set_project(self, project: Project | None) -> None:
        """What is being trained."""
        self._project = project

    def receive(self, events: Iterable[Event]) -> None:
        """Take in what a training reports."""
        kept, chosen = self._snapshots, self._chosen
        fresh: list[Snapshot] = []
        for event in events:
            if isinstance(event, RunStarted):
                kept = tuple(s for s in kept if s.run == event.run and s.step <= event.step and event.step)
                fresh, self._run_id = [], event.run
                self._steps_per_epoch, self.class_names = event.steps_per_epoch, event.class_names
            elif isinstance(event, Snapshot):
                # A run that goes on tells once more of the moment where it stopped.
                kept = tuple(shot for shot in kept if shot.step < event.step)
                fresh.append(event)
        joined = (*kept, *fresh)
        if [*map(id, joined)] != [*map(id, self._snapshots)]:
            joined = thinned(joined, self._megabytes() * MEGABYTE) if fresh else joined
            self._set(joined, chosen)

    def _set(self, snapshots: tuple[Snapshot, ...], chosen: Snapshot | None) -> None:
        before = self._chosen
        self._snapshots = snapshots
        self._chosen = next((shot for shot in snapshots if shot is chosen), None)
        if chosen is not None and self._chosen is None and snapshots and snapshots[0].run == chosen.run:
            # It was thinned away: its nearest neighbour takes its place.
            self._chosen = min(snapshots[:-1], key=lambda shot: abs(shot.step - chosen.step), default=None)
        self.grew.emit()
        if self._chosen is not before:
            self.moved.emit()

    def go(self, position: int) -> None:
        """Look at the moment of that number; the last one is the newest, which is followed."""
        if not self._snapshots:
            return
        position = min(max(position, 0), len(self._snapshots) - 1)
        chosen = None if position == len(self._snapshots) - 1 else self._snapshots[position]
        if chosen is not self._chosen:
            self._chosen = chosen
            self.moved.emit()
