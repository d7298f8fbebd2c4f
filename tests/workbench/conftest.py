"""A window for tests: own settings, no questions asked, closed at the end."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QSettings, Qt
from pytestqt.qtbot import QtBot

from tests.workbench.training.fake_trainer import fake_factory
from workbench.main_window import MainWindow
from workbench.training.session import TrainingSession

# As the program does before it makes its application: views in space share what they have.
QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)


_PATIENCE_MS = 300_000
"""A limit ends a test that would hang; it says nothing about speed, for a machine may be slow or have other work."""


_MUCH_GARBAGE = 50_000
"""Objects made and not freed since the last collection: those of ten windows."""


class PatientBot(QtBot):
    """Waits for what has to come, for however long that takes here."""

    def waitUntil(self, callback, *, timeout: int = _PATIENCE_MS) -> None:
        super().waitUntil(callback, timeout=timeout)

    def waitSignal(self, signal, *, timeout: int = _PATIENCE_MS, **options):
        return super().waitSignal(signal, timeout=timeout, **options)

    def waitExposed(self, widget, *, timeout: int = _PATIENCE_MS):
        return super().waitExposed(widget, timeout=timeout)


@pytest.fixture
def qtbot(qapp, request: pytest.FixtureRequest) -> PatientBot:
    return PatientBot(request)


@pytest.fixture(autouse=True)
def own_state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Trainings that an earlier test has left unsaved must not be offered in this one's windows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="package", autouse=True)
def garbage_is_collected_here_alone() -> Iterator[None]:
    """A thread, one that outlives its test too, must not destroy widgets; the program takes care of it likewise."""
    gc.disable()
    yield
    gc.collect()
    gc.enable()


@pytest.fixture(autouse=True)
def garbage_is_collected_between_tests() -> Iterator[None]:
    """What is left of old windows makes new ones slow: it is dressed with them."""
    yield
    gc.disable()  # where a test has enabled it
    if gc.get_count()[0] > _MUCH_GARBAGE:
        gc.collect()


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
            with qtbot.waitExposed(window):
                window.show()
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
