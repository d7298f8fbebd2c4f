"""`gabor sweep`: several trainings at once."""

from pathlib import Path
from typing import Annotated

import typer

from workbench.command_line.options import Data, Device
from workbench.command_line.root import app
from workbench.command_line.usage import checked_project_target, checked_target, whole_number


@app.command("sweep")
def declared_sweep(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Project files (.netproj).", show_default=False)
    ],
    seeds: Annotated[
        str,
        typer.Option(metavar="LIST", show_default=False, help="Seeds: 1,2,3 or 0..4. Default: the project's."),
    ] = "",
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUES", show_default=False,
            help="A setting and its values: of training (learning_rate=0.001,0.0005), data (data.mirror=true,false) or "
            "a node ('Convolution 1.filters=16,32'); may be given several times.",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(metavar="N", parser=whole_number(1), show_default=False, help="Epochs of every training."),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(metavar="N", parser=whole_number(1), show_default=False, help="End each after N updates."),
    ] = None,
    device: Device = None,
    at_once: Annotated[
        int,
        typer.Option("--at-once", metavar="N", parser=whole_number(1), help="Trainings at once on the CPU."),
    ] = 1,
    data: Data = None,
    save: Annotated[
        str | None,
        typer.Option(
            metavar="OUT.netproj", callback=checked_project_target, show_default=False,
            help="Keep the first project with all of these runs.",
        ),
    ] = None,
    json: Annotated[
        str | None,
        typer.Option(
            "--json", metavar="FILE|-", callback=checked_target, show_default=False,
            help="Also write a line of JSON for each training as soon as it is done; with - to standard output.",
        ),
    ] = None,
) -> None:  # fmt: skip
    """Train several at once: seeds, values of settings and designs, on all devices that there are."""
    from workbench.commands.sweep import SweepOptions, sweep

    options = SweepOptions(
        files=tuple(files), seeds=seeds, settings=tuple(setting or ()), epochs=epochs, steps=steps, device=device,
        at_once=at_once, data=data, save=save, json=json,
    )  # fmt: skip
    raise typer.Exit(sweep(options))
