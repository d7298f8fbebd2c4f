"""Progress of work on data in a terminal: downloads and reading images."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from engine.api import DataProgress
from workbench.commands.terminal import escaped, message_console


@contextmanager
def data_progress(*, counts_bytes: bool = False) -> Iterator[Callable[[DataProgress], None]]:
    """Gives what the engine reports to; a bar is on stderr from the first report to the end of the block."""
    console = message_console()
    amounts: tuple[ProgressColumn, ...] = (MofNCompleteColumn(),)
    if counts_bytes:
        amounts = (DownloadColumn(binary_units=True), TransferSpeedColumn())
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), *amounts)
    # On anything but a terminal a bar would leave its control codes in a log.
    with Progress(
        *columns,
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("", total=None, visible=False)

        def report(progress: DataProgress) -> None:
            bar.update(
                task,
                description=escaped(progress.what),
                completed=progress.done,
                total=progress.total,
                visible=True,
            )

        yield report
