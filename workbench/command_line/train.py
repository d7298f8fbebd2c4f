"""`gabor train`: a training in the terminal."""

from collections.abc import Mapping
from typing import Annotated

import typer

from workbench.command_line.options import (
    Assignments,
    BatchSize,
    Data,
    Device,
    Images,
    JsonTarget,
    Precision,
    ProjectFile,
    SkipBroken,
)
from workbench.command_line.root import app
from workbench.command_line.usage import (
    CONVOLUTIONS,
    SCHEDULES,
    checked_choice,
    checked_output_folder,
    checked_project_target,
    epoch_count,
    rate,
    whole_number,
)


@app.command("train")
def declared_train(
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
    assignments: Assignments = None,
    data: Data = None,
    images: Images = None,
    skip_broken: SkipBroken = False,
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
    forget: Annotated[
        bool,
        typer.Option(
            "--forget", help="First delete what is kept of trainings of the file that ended without being saved."
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
            metavar="DIR", callback=checked_output_folder, show_default=False,
            help="Draw curves, filters and confusion matrix as PNG pictures there, with the history as CSV.",
        ),
    ] = None,
    json: JsonTarget = None,
) -> None:  # fmt: skip
    """Train a project here in the terminal, without a window.

    Ctrl+C ends training after the step in hand; whatever was asked for is still written.
    """
    from workbench.commands.train import TrainingOrder, train

    if forget and resume:
        raise typer.BadParameter(
            "--forget deletes what --resume would go on with: give one of them.", context
        )
    if images and data:
        raise typer.BadParameter("--images and --data name different data: give one of them.", context)
    _check_together(
        context, resume=resume, fork=fork, new_design=new_design,
        of_the_run={
            "--batch-size": batch_size, "--learning-rate": learning_rate, "--seed": seed, "--schedule": schedule,
            "--warm-up": warm_up, "--precision": precision, "--convolutions": convolutions,
            "--restore-best": restore_best, "--images": images, "--skip-broken": skip_broken or None,
            "--set": assignments or None,
        },
    )  # fmt: skip
    order = TrainingOrder(
        file=file, device=device, epochs=epochs, steps=steps, batch_size=batch_size, learning_rate=learning_rate,
        schedule=schedule, warm_up=warm_up, seed=seed, precision=precision, convolutions=convolutions,
        assignments=tuple(assignments or ()), data=data, images=images, skip_broken=skip_broken,
        resume=resume, fork=fork, new_design=new_design, forget=forget, patience=patience, restore_best=restore_best,
        save=save, report=report, json=json,
    )  # fmt: skip
    raise typer.Exit(train(order))


def _check_together(
    context: typer.Context,
    *,
    resume: bool,
    fork: str | None,
    new_design: bool,
    of_the_run: Mapping[str, object],
) -> None:
    """What does not go together is wrong usage; `of_the_run` holds options that a resumed run has settled."""
    if fork is not None and not fork.strip():
        raise typer.BadParameter(
            "--fork needs the name, id or number of a run, such as --fork 1@best.", context
        )
    if fork and resume:
        raise typer.BadParameter(
            "--fork begins a new run and --resume goes on with one: give one of them.", context
        )
    if new_design and not fork:
        raise typer.BadParameter("--new-design goes with --fork alone.", context)
    for option, value in of_the_run.items():
        if resume and value is not None:
            raise typer.BadParameter(
                f"--resume goes on with the run's own settings, so {option} cannot change them; leave it out.",
                context,
            )
