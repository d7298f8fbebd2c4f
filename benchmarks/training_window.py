"""A window on an example, ready to train, as the benchmarks of the window open it."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtCore import QEventLoop, QSettings, QTimer

from engine.api import Project
from workbench.application import make_application, settle_memory
from workbench.main_window import MainWindow


@contextmanager
def opened(project: Project) -> Iterator[MainWindow]:
    """A window of 1280×800 with settings of its own, in which a person might press Train now."""
    application = make_application()
    with tempfile.TemporaryDirectory() as folder:
        settings = QSettings(str(Path(folder) / "settings.ini"), QSettings.Format.IniFormat)
        window = MainWindow(settings=settings)
        window.resize(1280, 800)
        window.show()
        window.document.load(project)
        # The window looks for devices first, which loads a GPU's libraries.
        wait(window.start_search.isFinished)
        application.processEvents()
        settle_memory()
        yield window
        window.files.ask = lambda training: "discard"  # type: ignore[method-assign]
        window.close()


def wait(until: Callable[[], bool]) -> None:
    """Let the event loop run until something is true."""
    # One timer throughout: each `QTimer.singleShot(20, loop.quit)` would leave some bytes behind (PySide 6.11).
    loop, timer = QEventLoop(), QTimer()
    timer.timeout.connect(lambda: loop.quit() if until() else None)
    if not until():
        timer.start(20)
        loop.exec()
