"""`gabor parity`: a network computed in two ways."""

from typing import Annotated

import typer

from workbench.command_line.options import Data, JsonTarget, ProjectFile
from workbench.command_line.root import app
from workbench.command_line.usage import whole_number


@app.command("parity")
def declared_parity(
    file: ProjectFile,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="DEVICE[/PRECISION]", show_default=False,
            help="cpu, cpu/float64, cuda:0/tf32 ... Default: the first GPU, or the CPU, in float32.",
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="DEVICE[/PRECISION]", show_default=False,
            help="What it is compared with. Default: the CPU, for the CPU itself in float64.",
        ),
    ] = None,
    batch_size: Annotated[
        int,
        typer.Option("--batch-size", metavar="N", parser=whole_number(1), help="Training images in the pass."),
    ] = 32,
    data: Data = None,
    json: JsonTarget = None,
) -> None:  # fmt: skip
    """Compute a network in two ways and compare outputs, gradients and times of every layer."""
    from workbench.commands.parity import parity

    raise typer.Exit(parity(file, device, against, batch_size, data, json))
