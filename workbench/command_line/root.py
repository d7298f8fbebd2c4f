"""The `gabor` command itself: what holds for all of its commands."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from workbench import __version__
from workbench.command_line.usage import PROJECT_SUFFIX

_ORDER = (
    "open", "train", "reproduce", "check", "gradcheck", "sweep", "parity", "fetch", "picture", "film", "report", "runs",
    "devices",
)  # fmt: skip
"""In the help; a command that is not named here comes last."""


class _FileOrCommand(TyperGroup):
    """Takes `gabor`, `gabor FILE` and `gabor COMMAND ...`: what is no command but a file is opened."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and _means_file(args[0])):
            args = ["open", *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:
        known = [name for name in _ORDER if name in self.commands]
        return known + sorted(self.commands.keys() - set(known))


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
