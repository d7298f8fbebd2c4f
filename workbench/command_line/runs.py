"""`gabor runs`: the runs of a project, beside each other."""

import typer

from workbench.command_line.options import JsonTarget, ProjectFile
from workbench.command_line.root import app


@app.command("runs")
def declared_runs(file: ProjectFile, json: JsonTarget = None) -> None:
    """Show every run of a project: its results, in what it differs from the others, and means over seeds."""
    from workbench.commands.runs import runs

    raise typer.Exit(runs(file, json))
