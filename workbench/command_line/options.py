"""The options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

from workbench.command_line.usage import (
    PRECISIONS,
    checked_choice,
    checked_device,
    checked_folder,
    checked_target,
    whole_number,
)

ProjectFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="A project file (.netproj).", show_default=False)
]
JsonTarget = Annotated[
    str | None,
    typer.Option(
        "--json", metavar="FILE|-", callback=checked_target, show_default=False,
        help="Also write the result as JSON to a file; with - to standard output, which then holds nothing else.",
    ),
]  # fmt: skip
Device = Annotated[
    str | None,
    typer.Option(
        "--device", metavar="auto|cpu|cuda|cuda:N", callback=checked_device, show_default=False,
        help="What computes; auto takes a GPU when there is one. Default: as the project says.",
    ),
]  # fmt: skip
Precision = Annotated[
    str | None,
    typer.Option(
        "--precision", metavar="|".join(PRECISIONS), callback=checked_choice(PRECISIONS),
        show_default=False,
        help="Of a GPU's products; bfloat16 is mixed precision. Default: as the project says.",
    ),
]  # fmt: skip
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size", metavar="N", parser=whole_number(1), show_default=False,
        help="Examples in a batch. Default: as the project says.",
    ),
]  # fmt: skip
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", show_default=False,
        help="Another value of any setting, of training (momentum=0.8), data (data.mirror=true) or a node "
        "('Fully connected 2.outputs=3'); may be given several times.",
    ),
]  # fmt: skip

Data = Annotated[
    str | None,
    typer.Option(
        metavar="DIR", callback=checked_folder, show_default=False,
        help="Folder with the official MNIST or CIFAR-10 files; they are found by name.",
    ),
]  # fmt: skip
Images = Annotated[
    str | None,
    typer.Option(
        "--images", metavar="PATH", show_default=False,
        help="Learn from your own images instead of the project's data: a folder with one sub-folder a class, a .csv "
        "table of paths and labels, an .npz archive, or a .zip of either. They are read in the size of the network's "
        "input.",
    ),
]  # fmt: skip
SkipBroken = Annotated[
    bool, typer.Option("--skip-broken", help="Leave out own images that cannot be read, instead of refusing.")
]
