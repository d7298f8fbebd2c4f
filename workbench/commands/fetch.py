"""`gabor fetch`: a data set from its publisher."""

from pathlib import Path
from typing import Any

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from engine.api import DataProgress, fetch_dataset
from workbench.commands.terminal import STDOUT_MARK, message_console, result_console, write_json


def fetch(name: str, folder: str | None, json: str | None) -> int:
    """Fetch the data set and tell where it lies; 0, or 1 when it was interrupted by Ctrl+C."""
    console = message_console()
    columns: tuple[Any, ...] = (
        TextColumn("{task.description}"), BarColumn(bar_width=24), DownloadColumn(binary_units=True),
        TransferSpeedColumn(), TimeRemainingColumn(compact=True),
    )  # fmt: skip
    # On anything but a terminal a bar would leave its control codes in a log.
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=None)

        def show(progress: DataProgress) -> None:
            bar.update(task, description=progress.what, completed=progress.done, total=progress.total)

        try:
            place = fetch_dataset(name, Path(folder) if folder else None, report=show)
        except KeyboardInterrupt:
            console.print(f"Stopped. What has arrived is kept: “gabor fetch {name}” goes on from there.")
            return 1
    if json != STDOUT_MARK:
        result_console().print(f"{name} is complete in {place}", markup=False)
    if json:
        write_json(json, {"dataset": name, "folder": place})
    return 0
