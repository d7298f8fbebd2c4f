"""The data that a command works on."""

from pathlib import Path

import msgspec

from engine.api import (
    BrokenImagesError,
    DataError,
    DataRecipe,
    Dataset,
    Project,
    default_recipe,
    recipe_dataset,
    settings_values,
)
from workbench.commands.data_progress import data_progress


def load_data(recipe: DataRecipe, folder: str | None) -> Dataset:
    """The recipe's data set, from the folder when one is given; DataError when there is no such folder.

    The folder is asked for even where the data needs none: who names one should not train on other data unawares.
    """
    if folder is not None and not Path(folder).is_dir():
        raise DataError(f"The folder “{folder}” that --data names does not exist; check its spelling.")
    try:
        with data_progress() as report:
            return recipe_dataset(recipe, Path(folder) if folder else None, report=report)
    except BrokenImagesError as error:
        raise DataError(f"{error} With --skip-broken they are left out.") from None


def ordered_recipe(project: Project, images: str | None, skip_broken: bool) -> DataRecipe:
    """The project's recipe, or one for own images at the path `images`, in the size and colours of the input node."""
    recipe = project.data
    if images is not None:
        if not Path(images).exists():
            raise DataError(f"There is nothing at “{images}”, which --images names; check its spelling.")
        recipe = default_recipe(str(Path(images).absolute()))
        inputs = [node.layer for node in project.graph.nodes.values() if node.layer.type_name == "input"]
        if inputs:
            channels, height, width = settings_values(inputs[0])["shape"]
            recipe = msgspec.structs.replace(
                recipe, image_height=height, image_width=width, image_mode="grey" if channels == 1 else "rgb"
            )
    return msgspec.structs.replace(recipe, skip_broken=True) if skip_broken else recipe
