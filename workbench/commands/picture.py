"""`gabor picture`: the network as a picture for a paper. Loads Qt."""

from pathlib import Path

from engine.api import load_project
from workbench.canvas.picture import PictureError, save_network_picture
from workbench.commands.offscreen import drawing_application
from workbench.commands.terminal import escaped, message_console


def picture(file: Path, target: Path) -> int:
    """Draw the network of the project in `file` into an SVG, PNG or PDF file; 0, or 1 where that cannot be done."""
    project = load_project(file).project
    application = drawing_application()
    try:
        save_network_picture(project, target)
    except PictureError as error:
        message_console().print(f"[bold red]gabor:[/] {escaped(str(error))}")
        return 1
    application.processEvents()
    return 0
