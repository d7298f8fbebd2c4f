"""The `gabor` command: one file for each of its commands, which declares what it takes and asks `workbench.commands`.

Importing the package declares all of them, and loads nothing that computes or draws: each command loads that when it
runs.
"""

import importlib
import os
import pkgutil
import sys
from typing import NoReturn

import typer

from workbench.command_line.root import app


def discover() -> None:
    """Import every module of the package, so that a new file is a new command."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")


discover()


def main() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    from workbench.command_line.failures import say, sentence
    from workbench.command_line.usage import usage_sentence

    try:
        code = app(prog_name="gabor", standalone_mode=False)
    except BrokenPipeError:
        # The reader went away (`gabor check FILE | head`); what is left in the buffer has no place to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except typer.Abort:
        say("Stopped.")
        sys.exit(1)
    except Exception as error:  # the last resort: a sentence instead of a traceback
        usage = usage_sentence(error)
        say(usage or sentence(error))
        sys.exit(2 if usage else 1)
    sys.exit(code or 0)


__all__ = ["app", "discover", "main"]
