"""`gabor [FILE]`: the window."""

import ctypes
import os
import sys
from pathlib import Path

from engine.api import GaborError, load_project
from workbench.commands.terminal import message_console

_DISPLAY_VARIABLES = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")


def open_window(file: Path | None) -> int:
    """Open the workbench and stay until it is closed; 1 when there is no display to open it on."""
    if sys.platform == "linux" and not any(os.environ.get(name) for name in _DISPLAY_VARIABLES):
        message_console().print(
            "There is no display to open a window on: start Gabor on a desktop, or train here by `gabor train FILE`."
        )
        return 1
    if file is not None:
        # A damaged file is told here, in the terminal, and need not wait for a window.
        load_project(file)
    _check_qt()
    from workbench import application

    return application.open_window(file)


def _check_qt() -> None:
    """GaborError in words where Qt could not open a window: it would abort the process by itself."""
    try:
        from PySide6 import QtCore, QtWidgets  # noqa: F401 - loads what a window needs
    except ImportError as error:
        raise GaborError(_missing(str(error))) from error
    wants_x11 = os.environ.get("QT_QPA_PLATFORM", "xcb").startswith("xcb") and not os.environ.get(
        "WAYLAND_DISPLAY"
    )
    if sys.platform != "linux" or not wants_x11:
        return
    plugins = QtCore.QLibraryInfo.path(QtCore.QLibraryInfo.LibraryPath.PluginsPath)
    try:
        ctypes.CDLL(str(Path(plugins) / "platforms" / "libqxcb.so"))
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError as error:
        raise GaborError(_missing(str(error))) from error
    if not _display_answers(xcb):
        raise GaborError(
            f"The display '{os.environ.get('DISPLAY', '')}' does not answer: set DISPLAY to one that does, or train "
            "without a window by `gabor train FILE`."
        )


def _display_answers(xcb: ctypes.CDLL) -> bool:
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(None, None))
    answers = bool(xcb.xcb_connection_has_error(connection) == 0)
    xcb.xcb_disconnect(connection)
    return answers


def _missing(reason: str) -> str:
    return (
        f"Qt cannot open a window, since a library of the system is missing ({reason.rstrip('.')}). On Debian or "
        "Ubuntu run: sudo apt-get install libegl1 libgl1 libdbus-1-3 libfontconfig1 libglib2.0-0 libxkbcommon0 "
        "libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libxcb-xkb1 libxkbcommon-x11-0"
    )
