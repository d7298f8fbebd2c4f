"""`gabor gradcheck`: gradients against central differences."""

from typing import Annotated

import typer

from workbench.command_line.options import Data, Device, JsonTarget, ProjectFile
from workbench.command_line.root import app
from workbench.command_line.usage import whole_number


@app.command("gradcheck")
def declared_gradcheck(
    file: ProjectFile,
    device: Device = None,
    samples: Annotated[
        int,
        typer.Option(
            metavar="N", parser=whole_number(0),
            help="Values looked at in each parameter tensor; 0 looks at all of them.",
        ),
    ] = 50,
    data: Data = None,
    json: JsonTarget = None,
) -> None:  # fmt: skip
    """Compare the gradients of a network with central differences, in float64."""
    from workbench.commands.gradcheck import gradcheck

    raise typer.Exit(gradcheck(file, device, samples, data, json))
