"""`gabor check`: what a network would be."""

import typer

from workbench.command_line.options import Assignments, BatchSize, Device, JsonTarget, Precision, ProjectFile
from workbench.command_line.root import app


@app.command("check")
def declared_check(
    file: ProjectFile, device: Device = None, precision: Precision = None, batch_size: BatchSize = None,
    assignments: Assignments = None, json: JsonTarget = None,
) -> None:  # fmt: skip
    """Show the shape, parameters, work and memory of every node, and what is wrong with the network.

    The memory is that of training on the device, which need not be on this machine.
    """
    from workbench.commands.check import check

    wanted = {"device": device, "precision": precision, "batch_size": batch_size}
    given = {name: value for name, value in wanted.items() if value is not None}
    raise typer.Exit(check(file, given, tuple(assignments or ()), json))
