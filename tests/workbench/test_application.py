import gc
import logging
import sys
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QTimer
from PySide6.QtWidgets import QApplication

from workbench import application
from workbench.file_actions import example_path
from workbench.logs import log_folder
from workbench.main_window import MainWindow


@pytest.fixture
def restored(qapp):
    """What the application sets for the whole process is put back, and its window destroyed."""
    hook, interval, handlers = sys.excepthook, sys.getswitchinterval(), list(logging.getLogger().handlers)
    yield
    sys.excepthook = hook
    sys.setswitchinterval(interval)
    for handler in set(logging.getLogger().handlers) - set(handlers):
        logging.getLogger().removeHandler(handler)
        handler.close()
    for window in QApplication.topLevelWidgets():
        if isinstance(window, MainWindow):
            window.deleteLater()
            QCoreApplication.sendPostedEvents(window, QEvent.Type.DeferredDelete)
    gc.unfreeze()


def the_window() -> MainWindow:
    return next(w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow) and w.isVisible())


def test_that_the_window_opens_on_a_file_and_ends_when_it_is_closed(restored):
    seen: list[int] = []

    def look() -> None:
        window = the_window()
        seen.append(window.document.inference.parameter_count)
        window.close()

    QTimer.singleShot(0, look)
    assert application.open_window(example_path("mnist-sample")) == 0
    assert seen == [3_274_634]
    assert sys.getswitchinterval() <= 0.002


def test_that_an_error_nobody_caught_is_told_in_words_and_logged(restored, qtbot):
    said: list[str] = []

    def look() -> None:
        window = the_window()
        try:
            raise ZeroDivisionError("inner detail")
        except ZeroDivisionError:
            sys.excepthook(*sys.exc_info())
        QTimer.singleShot(50, lambda: (said.append(window.messages.text), window.close()))

    QTimer.singleShot(0, look)
    application.open_window(None)
    assert "went wrong" in said[0]
    assert "inner detail" not in said[0]
    assert "inner detail" in Path(log_folder() / "gabor.log").read_text(encoding="utf-8")


def test_that_garbage_is_collected_by_the_thread_of_the_window_alone(restored, qtbot):
    application.make_application()
    found: list[int] = []
    kept: list[list[int]] = []

    class Cycle:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            found.append(threading.get_ident())

    def make_garbage() -> None:
        Cycle()
        kept.extend([] for _ in range(200_000))

    thread = threading.Thread(target=make_garbage)
    thread.start()
    thread.join()
    assert not found
    qtbot.waitUntil(lambda: bool(found))
    assert found == [threading.get_ident()]
