"""A small trained run, and a model that knows its data without reading files."""

from functools import cache

from engine.api import Checkpoint, PreparedData, Project, Run, TrainedNetwork
from tests.engine.inspection.trained_networks import SHAPE, data, graph, tensors
from workbench.inspection.model import InspectedModel

__all__ = ["SHAPE", "FakeModel", "trained_run"]


@cache
def trained_run() -> Run:
    """The network of the engine's own tests, after 40 steps."""
    return Run(
        id="run",
        project=Project(graph=graph()),
        created="2026-01-01T00:00:00+00:00",
        class_names=("cat", "dog", "frog"),
        checkpoint=Checkpoint(40, tensors(dtype="float32")),
    )


class FakeModel(InspectedModel):
    """Prepares made-up data, and counts what it does."""

    def __init__(self) -> None:
        super().__init__()
        self.built = self.prepared = 0
        self._last: TrainedNetwork | None = None

    def network(self, run: Run) -> TrainedNetwork:
        network = super().network(run)
        self.built += network is not self._last
        self._last = network
        return network

    def _prepared(self, recipe: object) -> PreparedData:
        if self._data is None:
            self.prepared += 1
            self._data = recipe, data()  # type: ignore[assignment]
        return self._data[1]
