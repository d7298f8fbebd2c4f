"""`gabor report`: a run as one page."""

from typing import Annotated

import typer

from workbench.command_line.options import ProjectFile
from workbench.command_line.root import app
from workbench.command_line.usage import checked_page


@app.command("report")
def declared_report(
    file: ProjectFile,
    run: Annotated[
        str | None,
        typer.Option(
            metavar="RUN", show_default=False,
            help="The run: its number, counted from 1, its name or its id. Default: the last one.",
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="OUT.html", callback=checked_page, show_default=False,
            help="The file to write. Default: beside FILE, under its name.",
        ),
    ] = None,
) -> None:  # fmt: skip
    """Write all that is known of a run into one HTML file, which opens in any browser without a network."""
    from workbench.commands.html_report import html_report

    raise typer.Exit(html_report(file, run, out))
