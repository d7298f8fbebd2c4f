"""The training loop: a generator that advances a compiled network and yields events."""

from collections.abc import Iterator

from engine.data.preparation import PreparedData
from engine.project import Project
from engine.training.events import Event
from engine.training.run import Checkpoint, Run


class Trainer:
    """Trains one project on prepared data; knows no thread and no Qt.

    Build it (compiles; raises DesignError, DataError, DeviceError or TrainingError in words), then draw events from
    `events()`. Between two events nothing runs: to pause, do not ask for the next one.
    """

    def __init__(self, project: Project, data: PreparedData, *, resume: Run | None = None) -> None: ...

    def events(self) -> Iterator[Event]:
        """Train; each event comes after at most about 50 ms of work. Ends with RunEnded."""
        ...

    def stop(self) -> None:
        """Ask the loop to end before its next step; RunEnded with reason "stopped" follows."""

    def checkpoint(self) -> Checkpoint:
        """All that is needed to go on from here."""

    def run(self) -> Run:
        """The run so far, with a checkpoint of now."""
