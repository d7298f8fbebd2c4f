"""`gabor fetch`: a data set from its publisher."""

from pathlib import Path

from engine.api import fetch_dataset
from workbench.commands.data_progress import data_progress
from workbench.commands.terminal import give_results, message_console, result_console


def fetch(name: str, folder: str | None, json: str | None) -> int:
    """Fetch the data set and tell where it lies; 0, or 1 when it was interrupted by Ctrl+C."""
    try:
        with data_progress(counts_bytes=True) as report:
            place = fetch_dataset(name, Path(folder) if folder else None, report=report)
    except KeyboardInterrupt:
        message_console().print(
            f"Stopped. What has arrived is kept: “gabor fetch {name}” goes on from there."
        )
        return 1
    give_results(
        json,
        lambda: result_console().print(f"{name} is complete in {place}", markup=False),
        lambda: {"dataset": name, "folder": place},
    )
    return 0
