"""`gabor devices`: what there is to compute on."""

import typer

from workbench.command_line.options import JsonTarget
from workbench.command_line.root import app


@app.command("devices")
def declared_devices(json: JsonTarget = None) -> None:
    """Show what Gabor can compute on here."""
    from workbench.commands.devices import devices

    raise typer.Exit(devices(json))
