"""`gabor [FILE]` and `gabor open`: the window."""

from pathlib import Path
from typing import Annotated

import typer

from workbench.command_line.root import app


@app.command("open")
def declared_open(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A project file (.netproj).", show_default=False)
    ] = None,
) -> None:
    """Open the workbench; the same as `gabor [FILE]`."""
    from workbench.commands.window import open_window

    raise typer.Exit(open_window(file))
