"""`gabor reproduce`: the thesis's trainings again."""

from typing import Annotated

import typer

from workbench.command_line.options import Data, JsonTarget, Precision
from workbench.command_line.root import app
from workbench.command_line.usage import (
    checked_device,
    checked_experiments,
    checked_output_folder,
    whole_number,
)


@app.command("reproduce")
def declared_reproduce(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="WHAT...", callback=checked_experiments, show_default=False,
            help="mnist, model-a, model-b, model-c, trial-one, trial-two or all of them; claims tries what the thesis "
            "claims.",
        ),
    ],
    out: Annotated[
        str,
        typer.Option(
            metavar="DIR", callback=checked_output_folder, show_default=False,
            help="Folder for results, figures and the page; what is in it already is not trained again.",
        ),
    ],
    seeds: Annotated[
        int, typer.Option(metavar="N", parser=whole_number(1), help="Trainings of each network.")
    ] = 5,
    data: Data = None,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="auto|cpu|cuda|cuda:N", callback=checked_device, show_default=False,
            help="What computes; auto uses every GPU, each for one training at a time.",
        ),
    ] = None,
    precision: Precision = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            metavar="N", parser=whole_number(1), show_default=False,
            help="For a quick try: another number of epochs than the thesis's.",
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            metavar="N", parser=whole_number(1), show_default=False,
            help="For a quick try: end each training after N updates.",
        ),
    ] = None,
    figures_only: Annotated[
        bool, typer.Option("--figures-only", help="Train nothing: draw what the folder holds.")
    ] = False,
    json: JsonTarget = None,
) -> None:  # fmt: skip
    """Repeat the thesis's trainings, draw its figures, and write a page that compares.

    A training that is done is never done again: the same command goes on where it was stopped.
    """
    from workbench.commands.reproduce import ReproductionOrder, reproduce

    order = ReproductionOrder(
        names=tuple(names), seeds=seeds, out=out, data=data, device=device, precision=precision, epochs=epochs,
        steps=steps, figures_only=figures_only, json=json,
    )  # fmt: skip
    raise typer.Exit(reproduce(order))
