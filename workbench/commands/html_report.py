"""`gabor report`: what a run came to, as one HTML file. Loads Qt."""

from pathlib import Path

from engine.api import Run, TrainingError, load_project
from workbench.commands.offscreen import drawing_application
from workbench.commands.resume import run_called
from workbench.commands.terminal import escaped, message_console
from workbench.report import write_html_report


def html_report(file: Path, which: str | None, target: str | None) -> int:
    """Write the report of a run of the project in `file`; 0. TrainingError when there is no such run."""
    runs = load_project(file).runs
    run = find_run(runs, which)
    path = Path(target) if target else file.with_suffix(".html")
    application = drawing_application()
    write_html_report(run, runs, path)
    application.processEvents()
    message_console().print(f"Wrote {escaped(str(path))}")
    return 0


def find_run(runs: tuple[Run, ...], which: str | None) -> Run:
    """The run of that number (from 1), name or id; the last one when none is named."""
    if not runs:
        raise TrainingError("The file holds no run to report: train it first, with --save.")
    return runs[-1] if which is None else run_called(runs, which)
