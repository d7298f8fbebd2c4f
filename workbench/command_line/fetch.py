"""`gabor fetch`: a data set from its publisher."""

from typing import Annotated

import typer

from workbench.command_line.options import JsonTarget
from workbench.command_line.root import app
from workbench.command_line.usage import checked_folder, checked_publication


@app.command("fetch")
def declared_fetch(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", callback=checked_publication, show_default=False,
            help="mnist, fashion-mnist or cifar10.",
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DIR", callback=checked_folder, show_default=False,
            help="Folder below which the files are put. Default: the user's data folder, where they are found.",
        ),
    ] = None,
    json: JsonTarget = None,
) -> None:  # fmt: skip
    """Fetch a data set from its publisher, or mend what is missing of it.

    A download that broke off goes on where it ended; every file and every value is checked.
    """
    from workbench.commands.fetch import fetch

    raise typer.Exit(fetch(name, data, json))
