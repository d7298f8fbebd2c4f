"""Qt for commands that draw pictures: no screen is needed, so none is asked for."""

import os
import sys

from PySide6.QtCore import qInstallMessageHandler
from PySide6.QtWidgets import QApplication


def drawing_application() -> QApplication:
    """The running application, or one that draws off screen."""
    running = QApplication.instance()
    if isinstance(running, QApplication):
        return running
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    # Without a screen Qt's remarks are about windows that nobody sees.
    qInstallMessageHandler(lambda kind, context, message: None)
    return QApplication(sys.argv[:1])
