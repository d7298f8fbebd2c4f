"""The Qt application: its look, its log, what happens to errors nobody caught, and its window."""

import gc
import logging
import signal
import sys
from functools import cache
from pathlib import Path
from types import TracebackType

import qtawesome
from pyqtgraph.util.garbage_collector import GarbageCollector
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication

from workbench.freed_memory import return_freed_memory
from workbench.logs import log_to_file
from workbench.main_window import MainWindow
from workbench.theme import load_theme

_SWITCH_SECONDS = 0.001
"""How long the thread that trains may keep the interpreter while the window wants it."""


def open_window(path: Path | None) -> int:
    """Open the workbench on a project file, or on an empty network; returns the exit code when it is closed."""
    application = make_application()
    # Python's own handler would wait for the next event; what was learned until then is in the journal.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    window = MainWindow()
    _catch_the_rest(window)
    window.show()
    if path is not None:
        window.files.open_path(path)
    settle_memory()
    return application.exec()


def settle_memory() -> None:
    """Take what was made at the start out of the garbage collector's rounds: one would hold the window for 50 ms."""
    gc.collect()
    gc.freeze()


def make_application() -> QApplication:
    """The application, made once and dressed."""
    # A view in space keeps what it has when its dock is taken out of the window.
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)
    found = QApplication.instance()
    application = found if isinstance(found, QApplication) else QApplication(sys.argv[:1])
    application.setApplicationName("Gabor")
    application.setOrganizationName("Gabor")
    application.setDesktopFileName("gabor")
    application.setWindowIcon(qtawesome.icon("mdi6.sine-wave", color=load_theme("light").accent))
    sys.setswitchinterval(_SWITCH_SECONDS)
    return_freed_memory()
    _garbage_collector().timer.setParent(application)
    log_to_file()
    return application


@cache
def _garbage_collector() -> GarbageCollector:
    """Collects garbage in the thread of the window alone.

    Widgets are parts of cycles. Collected by a thread that trains or reads, one is destroyed there, while that thread
    holds the interpreter and waits for the window's, which waits for the interpreter.
    """
    return GarbageCollector()


def _catch_the_rest(window: MainWindow) -> None:
    """An error in a handler is logged and told in a sentence; the window stays usable."""
    log = logging.getLogger("workbench")

    def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            window.close()
            return
        log.error("an error was not caught", exc_info=(kind, error, trace))
        text = "Something inside Gabor went wrong, and was written to the log (Help menu). Your project is as it was."
        QTimer.singleShot(0, window, lambda: window.show_message(text))

    sys.excepthook = report
