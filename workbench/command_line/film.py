"""`gabor film`: how a run came about."""

from pathlib import Path
from typing import Annotated

import typer

from workbench.command_line.options import ProjectFile
from workbench.command_line.root import app
from workbench.command_line.usage import checked_choice, checked_film, picture_size, whole_number

_FILMS = ("filters", "confusion", "activity")


@app.command("film")
def declared_film(
    file: ProjectFile,
    target: Annotated[
        str,
        typer.Argument(
            metavar="OUT.gif|png", callback=checked_film, show_default=False,
            help="An animated GIF, or numbered pictures: OUT-0001.png and so on.",
        ),
    ],
    show: Annotated[
        str, typer.Option(metavar="WHAT", callback=checked_choice(_FILMS), help="filters, confusion or activity.")
    ] = "filters",
    size: Annotated[str, typer.Option(metavar="WxH", callback=picture_size, help="In pixels.")] = "480x400",
    fps: Annotated[
        int, typer.Option(metavar="N", parser=whole_number(1), help="Frames a second of a GIF.")
    ] = 8,
) -> None:  # fmt: skip
    """Show how a stored run came about, snapshot by snapshot."""
    from workbench.commands.film import film

    width, height = (int(side) for side in size.split("x"))
    raise typer.Exit(film(file, Path(target), show, (width, height), min(fps, 50)))
