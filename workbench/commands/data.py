"""The data that a command works on."""

from pathlib import Path

from engine.api import DataError, DataRecipe, Dataset, recipe_dataset
from workbench.commands.data_progress import data_progress


def load_data(recipe: DataRecipe, folder: str | None) -> Dataset:
    """The recipe's data set, from the folder when one is given; DataError when there is no such folder.

    The folder is asked for even where the data needs none: who names one should not train on other data unawares.
    """
    if folder is not None and not Path(folder).is_dir():
        raise DataError(f"The folder “{folder}” that --data names does not exist; check its spelling.")
    with data_progress() as report:
        return recipe_dataset(recipe, Path(folder) if folder else None, report=report)
