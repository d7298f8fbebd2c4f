"""The `gabor` command: declares its subcommands and options, and turns every failure into a sentence."""

import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from workbench import __version__
from workbench.commands.terminal import escaped, message_console
from workbench.commands.usage import (
    CONVOLUTIONS,
    PRECISIONS,
    PROJECT_SUFFIX,
    SCHEDULES,
    checked_choice,
    checked_device,
    checked_experiments,
    checked_film,
    checked_folder,
    checked_page,
    checked_picture,
    checked_project_target,
    checked_publication,
    checked_target,
    epoch_count,
    picture_size,
    rate,
    usage_sentence,
    whole_number,
)
from workbench.logs import log_folder

_FILMS = ("filters", "confusion", "activity")


class _FileOrCommand(TyperGroup):
    """Takes `gabor`, `gabor FILE` and `gabor COMMAND ...`: what is no command but a file is opened."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and _means_file(args[0])):
            args = ["open", *args]
        return super().parse_args(ctx, args)


def _means_file(argument: str) -> bool:
    if argument.startswith("-"):
        return False
    return argument.endswith(PROJECT_SUFFIX) or os.sep in argument or Path(argument).exists()


app = typer.Typer(
    name="gabor",
    cls=_FileOrCommand,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    subcommand_metavar="[FILE] | COMMAND [OPTIONS]",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="`gabor COMMAND --help` tells more of each command. Exit codes: 0 fine, 1 the network or the data "
    "has a problem, 2 wrong usage.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"gabor {__version__}")
        raise typer.Exit


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

Data = Annotated[
    str | None,
    typer.Option(
        metavar="DIR", callback=checked_folder, show_default=False,
        help="Folder with the official MNIST or CIFAR-10 files; they are found by name.",
    ),
]  # fmt: skip


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and leave."),
    ] = False,
) -> None:
    """Design convolutional networks, train them and watch them learn.

    Without a command the workbench opens: on FILE where one is given, otherwise on a new project.
    """


@app.command("open")
def _open(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A project file (.netproj).", show_default=False)
    ] = None,
) -> None:
    """Open the workbench; the same as `gabor [FILE]`."""
    from workbench.commands.window import open_window

    raise typer.Exit(open_window(file))


@app.command("train")
def _train(
    context: typer.Context,
    file: ProjectFile,
    device: Device = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            metavar="N", parser=whole_number(1), show_default=False,
            help="Times through the training data. Default: as the project says.",
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            metavar="N", parser=whole_number(1), show_default=False,
            help="End after N parameter updates, wherever in an epoch that is.",
        ),
    ] = None,
    batch_size: BatchSize = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            metavar="X", parser=rate, show_default=False, help="Step width η. Default: as the project says."
        ),
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", callback=checked_choice(SCHEDULES), show_default=False,
            help="How the learning rate changes: constant, step, linear, cosine, one_cycle or plateau. "
            "Default: as the project says, as is all that a schedule needs to know.",
        ),
    ] = None,
    warm_up: Annotated[
        float | None,
        typer.Option(
            metavar="EPOCHS", parser=epoch_count, show_default=False,
            help="Epochs at the start over which the learning rate rises. Default: as the project says.",
        ),
    ] = None,
    precision: Precision = None,
    convolutions: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(CONVOLUTIONS), callback=checked_choice(CONVOLUTIONS),
            show_default=False,
            help="On a GPU: auto takes what is fastest, cudnn computes every convolution with cuDNN. Default: as the "
            "project says.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="N", parser=whole_number(0), show_default=False,
            help="Fixes initial weights, order of the data and dropout. Default: as the project says.",
        ),
    ] = None,
    data: Data = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the last run in the file, with its own design and settings; --epochs and --steps say how "
            "far, from the run's beginning.",
        ),
    ] = False,
    fork: Annotated[
        str | None,
        typer.Option(
            metavar="RUN[@STEP]", show_default=False,
            help="Begin a new run at a checkpoint of a run in the file, with its design and settings and those given "
            "here. RUN is its name, id or number from 1; STEP a step, best or last.",
        ),
    ] = None,
    new_design: Annotated[
        bool,
        typer.Option(
            "--new-design", help="With --fork: the design in the file as it is now; weights that fit are kept."
        ),
    ] = False,
    patience: Annotated[
        int | None,
        typer.Option(
            metavar="N", parser=whole_number(0), show_default=False,
            help="End early when no epoch was better for N epochs; 0: never. Default: as the project says.",
        ),
    ] = None,
    restore_best: Annotated[
        bool | None,
        typer.Option(
            "--restore-best/--keep-last", show_default=False,
            help="Whether test and result go by the weights of the best epoch. Default: as the project says.",
        ),
    ] = None,
    save: Annotated[
        str | None,
        typer.Option(
            metavar="OUT.netproj", callback=checked_project_target, show_default=False,
            help="Keep the project and all that training made of it; also when training is stopped by Ctrl+C.",
        ),
    ] = None,
    report: Annotated[
        str | None,
        typer.Option(
            metavar="DIR", callback=checked_folder, show_default=False,
            help="Draw curves, filters and confusion matrix as PNG pictures there, with the history as CSV.",
        ),
    ] = None,
    json: JsonTarget = None,
) -> None:  # fmt: skip
    """Train a project here in the terminal, without a window.

    Ctrl+C ends training after the step in hand; whatever was asked for is still written.
    """
    from workbench.commands.train import TrainingOrder, train

    fixed = {
        "--batch-size": batch_size, "--learning-rate": learning_rate, "--seed": seed, "--schedule": schedule,
        "--warm-up": warm_up, "--precision": precision, "--convolutions": convolutions,
        "--restore-best": restore_best,
    }  # fmt: skip
    if fork and resume:
        raise typer.BadParameter(
            "--fork begins a new run and --resume goes on with one: give one of them.", context
        )
    if new_design and not fork:
        raise typer.BadParameter("--new-design goes with --fork alone.", context)
    for option, value in fixed.items():
        if resume and value is not None:
            raise typer.BadParameter(
                f"--resume goes on with the run's own settings, so {option} cannot change them; leave it out.",
                context,
            )
    order = TrainingOrder(
        file=file, device=device, epochs=epochs, steps=steps, batch_size=batch_size, learning_rate=learning_rate,
        schedule=schedule, warm_up=warm_up, seed=seed, precision=precision, convolutions=convolutions, data=data,
        resume=resume, fork=fork, new_design=new_design, patience=patience, restore_best=restore_best, save=save,
        report=report, json=json,
    )  # fmt: skip
    raise typer.Exit(train(order))


@app.command("reproduce")
def _reproduce(
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
            metavar="DIR", callback=checked_folder, show_default=False,
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


@app.command("check")
def _check(
    file: ProjectFile, device: Device = None, precision: Precision = None, batch_size: BatchSize = None,
    json: JsonTarget = None,
) -> None:  # fmt: skip
    """Show the shape, parameters, work and memory of every node, and what is wrong with the network.

    The memory is that of training on the device, which need not be on this machine.
    """
    from workbench.commands.check import check

    wanted = {"device": device, "precision": precision, "batch_size": batch_size}
    raise typer.Exit(check(file, {name: value for name, value in wanted.items() if value is not None}, json))


@app.command("gradcheck")
def _gradcheck(
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


@app.command("sweep")
def _sweep(
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
            help="A training setting and its values, such as learning_rate=0.001,0.0005; may be given several times.",
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


@app.command("parity")
def _parity(
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


@app.command("fetch")
def _fetch(
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


@app.command("picture")
def _picture(
    file: ProjectFile,
    target: Annotated[
        str,
        typer.Argument(
            metavar="OUT.svg|png|pdf", callback=checked_picture, show_default=False,
            help="The picture to write; its ending says which kind.",
        ),
    ],
) -> None:  # fmt: skip
    """Draw the network as a picture for a paper, with shapes and parameters; text in SVG and PDF stays text."""
    from workbench.commands.picture import picture

    raise typer.Exit(picture(file, Path(target)))


@app.command("film")
def _film(
    file: ProjectFile,
    target: Annotated[
        str,
        typer.Argument(
            metavar="OUT.gif|png", callback=checked_film, show_default=False,
            help="An animated GIF, or numbered pictures: OUT-0001.png and so on.",
        ),
    ],
    show: Annotated[
        str, typer.Option(metavar="WHAT", callback=checked_choice(_FILMS), help="filters, confusion or activity.")
    ] = "filters",
    size: Annotated[str, typer.Option(metavar="WxH", callback=picture_size, help="In pixels.")] = "480x400",
    fps: Annotated[
        int, typer.Option(metavar="N", parser=whole_number(1), help="Frames a second of a GIF.")
    ] = 8,
) -> None:  # fmt: skip
    """Show how a stored run came about, snapshot by snapshot."""
    from workbench.commands.film import film

    width, height = (int(side) for side in size.split("x"))
    raise typer.Exit(film(file, Path(target), show, (width, height), min(fps, 50)))


@app.command("report")
def _report(
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


@app.command("devices")
def _devices(json: JsonTarget = None) -> None:
    """Show what Gabor can compute on here."""
    from workbench.commands.devices import devices

    raise typer.Exit(devices(json))


def main() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    try:
        code = app(prog_name="gabor", standalone_mode=False)
    except BrokenPipeError:
        # The reader went away (`gabor check FILE | head`); what is left in the buffer has no place to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except typer.Abort:
        _say("Stopped.")
        sys.exit(1)
    except Exception as error:  # the last resort: a sentence instead of a traceback
        usage = usage_sentence(error)
        _say(usage or _sentence(error))
        sys.exit(2 if usage else 1)
    sys.exit(code or 0)


def _sentence(error: Exception) -> str:
    from engine.api import GaborError

    if isinstance(error, GaborError):
        return str(error)
    if isinstance(error, MemoryError):
        return "There is not enough memory for this: choose a smaller batch size."
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror}."
    return _kept_for_report(error)


def _kept_for_report(error: Exception) -> str:
    """A fault of ours: the details go to a file, the user gets the sentence that names it."""
    kind = type(error).__name__
    log = log_folder() / "last-failure.txt"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError:
        return f"Gabor failed in a way that it should not ({kind}: {error})."
    return f"Gabor failed in a way that it should not ({kind}). Please report it with the file {log}."


def _say(sentence: str) -> None:
    message_console().print(f"[bold red]gabor:[/] {escaped(sentence)}")
