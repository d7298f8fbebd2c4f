"""The offer to open a project without those of its runs that are damaged."""

from pathlib import Path

from engine.api import DamagedRunsError
from workbench.file_actions import FileActions
from workbench.message_bar import MessageBar


def offer_the_rest(messages: MessageBar, files: FileActions, path: Path, error: DamagedRunsError) -> None:
    """Say what is damaged, and open the design and the other runs if that is wanted."""
    messages.show_message(
        str(error), {"Open without what is damaged": lambda: files.open_without_damaged_runs(path)}
    )
