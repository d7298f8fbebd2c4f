"""How the user left the window: its place, its panels, its theme."""

from PySide6.QtCore import QByteArray, QSettings
from PySide6.QtWidgets import QMainWindow

from workbench.docks import Docks
from workbench.theme import Mode

_LAYOUT_VERSION = 2
"""Counts up when the set of panels changes so that an old layout would not fit."""


class WindowMemory:
    """Keeps theme and layout in the settings of the user, and the layout of a new window beside them."""

    def __init__(self, settings: QSettings) -> None:
        self._settings = settings
        self._first_state = QByteArray()

    def theme_mode(self) -> Mode:
        """The theme that was chosen last."""
        stored = self._settings.value("theme", "system")
        return stored if stored in ("system", "light", "dark") else "system"

    def keep_theme_mode(self, mode: Mode) -> None:
        """Remember a chosen theme."""
        self._settings.setValue("theme", mode)

    @property
    def has_layout(self) -> bool:
        """False until a window was closed for the first time."""
        return self._settings.value("layout") is not None

    def restore(self, window: QMainWindow, docks: Docks) -> None:
        """Lay the finished window out as it was left; plots stay away until there is something to show."""
        self._first_state = window.saveState(_LAYOUT_VERSION)
        geometry, state = self._settings.value("geometry"), self._settings.value("layout")
        if isinstance(geometry, QByteArray):
            window.restoreGeometry(geometry)
        if isinstance(state, QByteArray):
            window.restoreState(state, _LAYOUT_VERSION)
            docks.show_plots(False)

    def keep_layout(self, window: QMainWindow) -> None:
        """Remember the layout as it is now."""
        self._settings.setValue("geometry", window.saveGeometry())
        self._settings.setValue("layout", window.saveState(_LAYOUT_VERSION))
        self._settings.sync()

    def reset(self, window: QMainWindow, docks: Docks) -> None:
        """Put every panel back where it was in a new window."""
        shows_plots = docks.shows_plots
        window.restoreState(self._first_state, _LAYOUT_VERSION)
        docks.show_plots(shows_plots)
        docks.apply_sizes()
