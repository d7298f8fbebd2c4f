"""`gabor picture`: a network as a picture for a paper."""

from pathlib import Path
from typing import Annotated

import typer

from workbench.command_line.options import ProjectFile
from workbench.command_line.root import app
from workbench.command_line.usage import checked_picture


@app.command("picture")
def declared_picture(
    file: ProjectFile,
    target: Annotated[
        str,
        typer.Argument(
            metavar="OUT.svg|png|pdf", callback=checked_picture, show_default=False,
            help="The picture to write; its ending says which kind.",
        ),
    ],
) -> None:  # fmt: skip
    """Draw the network as a picture for a paper, with shapes and parameters; text in SVG and PDF stays text."""
    from workbench.commands.picture import picture

    raise typer.Exit(picture(file, Path(target)))
