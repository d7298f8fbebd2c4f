"""What the Help menu tells about the program itself."""

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QMessageBox, QWidget

from workbench import __version__
from workbench.logs import log_folder


def open_log_folder() -> None:
    """Show where the log file lies."""
    folder = log_folder()
    folder.mkdir(parents=True, exist_ok=True)
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def show_about(parent: QWidget) -> None:
    """Name and version."""
    text = "A workbench to design small convolutional networks, train them and watch them learn."
    QMessageBox.about(parent, "About Gabor", f"<b>Gabor {__version__}</b><br>{text}")
