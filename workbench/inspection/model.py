"""What the inspecting thread keeps between two jobs: the data of a recipe and the network of a run. No Qt."""

from engine.api import DataRecipe, PreparedData, Run, TrainedNetwork, TrainingError, prepare, recipe_dataset


class InspectedModel:
    """Loads what a run was trained on and builds its network, each once."""

    def __init__(self) -> None:
        self._data: tuple[DataRecipe, PreparedData] | None = None
        self._network: tuple[Run, TrainedNetwork] | None = None

    def network(self, run: Run) -> TrainedNetwork:
        """The network that a run came to, with its data. Raises GaborError in words."""
        if run.result is None:
            raise TrainingError("The run holds no trained values yet: train the network, then look again.")
        if self._network is None or self._network[0] is not run:
            self._network = None  # first, so that two of them never lie in memory
            data = self._prepared(run.project.data).prepared_as(run.preparation)
            trained = TrainedNetwork(run.result_project, run.result.tensors, data)
            self._network = run, trained
        return self._network[1]

    def _prepared(self, recipe: DataRecipe) -> PreparedData:
        if self._data is None or self._data[0] != recipe:
            self._data = None
            self._data = recipe, prepare(recipe_dataset(recipe), recipe)
        return self._data[1]
