"""What the options of the command line take, and the sentence for what they do not."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from workbench.commands.terminal import STDOUT_MARK

SCHEDULES = ("constant", "step", "linear", "cosine", "one_cycle", "plateau")
PROJECT_SUFFIX = ".netproj"
PRECISIONS = ("float32", "tf32", "bfloat16", "float64")
CONVOLUTIONS = ("auto", "cudnn")


def usage_sentence(error: Exception) -> str | None:
    """One line for an error of usage, which names the option and the help; None for any other error."""
    if getattr(error, "exit_code", None) != typer.BadParameter.exit_code:
        return None
    told: Any = error
    parameter = getattr(told, "param", None)
    if isinstance(error, typer.BadParameter) and told.message:
        words = f"{_name(parameter)}: {told.message}" if parameter else told.message
    else:
        words = told.format_message()
    command = told.ctx.command_path if told.ctx is not None else "gabor"
    return f"{words.rstrip('.?')}{'?' if words.endswith('?') else '.'} See {command} --help."


def _name(parameter: Any) -> str:
    """`--epochs` for an option, `FILE` for an argument."""
    option = str(parameter.opts[0])
    return option if option.startswith("-") else str(parameter.metavar or option.upper())


def whole_number(least: int) -> Callable[[str | int], int]:
    """A parser of whole numbers from `least` on."""

    def parsed(text: str | int) -> int:
        if re.fullmatch(r"[+-]?[0-9]{1,18}", str(text)) and int(text) >= least:
            return int(text)
        raise typer.BadParameter(f"'{text}' is no whole number of at least {least}.")

    return parsed


def rate(text: str | float) -> float:
    """A learning rate."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if 0 <= value <= 100:
        return value
    raise typer.BadParameter(f"'{text}' is no number between 0 and 100.")


def epoch_count(text: str | float) -> float:
    """A number of epochs, which need not be whole."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if 0 <= value <= 1e6:
        return value
    raise typer.BadParameter(f"'{text}' is no number of epochs.")


def checked_choice(names: tuple[str, ...]) -> Callable[[str | None], str | None]:
    """One of a few names."""

    def check(value: str | None) -> str | None:
        if value is not None and value not in names:
            raise typer.BadParameter(f"'{value}' is none of {', '.join(names[:-1])} and {names[-1]}.")
        return value

    return check


def checked_device(device: str | None) -> str | None:
    """A device by its name, whether or not it is there."""
    if device is not None and not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        raise typer.BadParameter(
            f"'{device}' is none of auto, cpu, cuda and cuda:N (cuda:0 is the first GPU)."
        )
    return device


def checked_target(target: str | None) -> str | None:
    """A file to write; a long training should not end in finding that its result has no place to go."""
    if target is None or target == STDOUT_MARK:
        return target
    path = Path(target)
    if path.is_dir():
        raise typer.BadParameter(f"'{target}' is a folder; name a file in it.")
    if not path.absolute().parent.is_dir():
        raise typer.BadParameter(f"The folder '{path.parent}' does not exist; make it first.")
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise typer.BadParameter(f"There is no permission to write '{target}'; choose another place.")
    return target


def checked_project_target(target: str | None) -> str | None:
    """A project file to write."""
    if target is not None and not target.endswith(PROJECT_SUFFIX):
        raise typer.BadParameter(f"'{target}' does not end in {PROJECT_SUFFIX}, as project files do.")
    return checked_target(target)


def checked_picture(target: str | None) -> str | None:
    """A picture to write."""
    if target is not None and Path(target).suffix.lower() not in (".svg", ".png", ".pdf"):
        raise typer.BadParameter(f"'{target}' does not end in .svg, .png or .pdf.")
    return checked_target(target)


def checked_film(target: str | None) -> str | None:
    """A film to write."""
    if target is not None and Path(target).suffix.lower() not in (".gif", ".png"):
        raise typer.BadParameter(f"'{target}' does not end in .gif or .png.")
    return checked_target(target)


def picture_size(text: str) -> str:
    """`480x400`: width and height in pixels."""
    if re.fullmatch(r"[1-9][0-9]{1,3}x[1-9][0-9]{1,3}", str(text)):
        return str(text)
    raise typer.BadParameter(f"'{text}' is no size such as 480x400.")


def checked_page(target: str | None) -> str | None:
    """An HTML file to write."""
    if target is not None and Path(target).suffix.lower() not in (".html", ".htm"):
        raise typer.BadParameter(f"'{target}' does not end in .html.")
    return checked_target(target)


def checked_folder(folder: str | None) -> str | None:
    """A folder, whether or not it is there."""
    if folder is not None and Path(folder).exists() and not Path(folder).is_dir():
        raise typer.BadParameter(f"'{folder}' is a file, not a folder.")
    return folder


def checked_output_folder(folder: str | None) -> str | None:
    """A folder to write into, which is made where it is not there yet."""
    checked_folder(folder)
    if folder is not None:
        place = Path(folder).absolute()
        there = next(path for path in (place, *place.parents) if path.exists())
        if not there.is_dir() or not os.access(there, os.W_OK):
            raise typer.BadParameter(f"There is no permission to write in '{there}'; choose another folder.")
    return folder


def checked_publication(name: str) -> str:
    """A data set that can be fetched."""
    from engine.api import fetchable

    if name not in fetchable():
        raise typer.BadParameter(f"'{name}' is none of {', '.join(fetchable())}.")
    return name


def checked_experiments(names: list[str]) -> list[str]:
    """Names of the thesis's trainings, or of groups of them."""
    from engine.api import EXPERIMENT_GROUPS, EXPERIMENTS

    known = (*EXPERIMENT_GROUPS, *EXPERIMENTS)
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"'{name}' is none of {', '.join(known)}.")
    return names
