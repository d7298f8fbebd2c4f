"""A window for tests: own settings, no questions asked, closed at the end."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QSettings, Qt

from tests.workbench.training.fake_trainer import fake_factory
from workbench.main_window import MainWindow
from workbench.training.session import TrainingSession

# As the program does before it makes its application: views in space share what they have.
QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)


@pytest.fixture(autouse=True)
def garbage_is_collected_between_tests() -> Iterator[None]:
    """A thread of a test must not destroy widgets of an earlier one; the program takes care of it likewise."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def settings(tmp_path: Path) -> QSettings:
    return QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)


@pytest.fixture
def make_window(qtbot, settings: QSettings, monkeypatch) -> Iterator[Callable[..., MainWindow]]:
    made: list[MainWindow] = []

    def make(*, fake: bool = True, show: bool = True, **options: object) -> MainWindow:
        session = TrainingSession(fake_factory(**options)) if fake else None
        window = MainWindow(settings=settings, session=session)
        made.append(window)
        if show:
            window.show()
            qtbot.waitExposed(window)
        return window

    yield make
    for window in made:
        monkeypatch.setattr(window.files, "ask", lambda training: "discard")
        window.close()
        window.deleteLater()
        # Old windows would be dressed anew with every new one.
        QCoreApplication.sendPostedEvents(window, QEvent.Type.DeferredDelete)


@pytest.fixture
def window(make_window) -> MainWindow:
    return make_window()
