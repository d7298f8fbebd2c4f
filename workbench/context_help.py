"""F1: what is told of the part that has the keyboard."""

from collections.abc import Callable

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QApplication, QToolTip

from workbench.canvas.network_view import NetworkView
from workbench.panels.inspector import Inspector
from workbench.panels.palette import Palette

_SHOWN_MS = 60_000


def show_help(
    inspector: Inspector, palette: Palette, canvas: NetworkView, otherwise: Callable[[], object]
) -> str:
    """Tell about what has the keyboard: a setting, a layer of the palette, or the selected node; else do `otherwise`.

    Returns what was shown as rich text, or "".
    """
    focus = QApplication.focusWidget()
    text, at = "", focus
    part = focus
    while part is not None and not text:
        if part is inspector:
            text = inspector.help_html(focus)
        elif part is palette:
            text, at = palette.list.help_html(), palette.list
        part = part.parentWidget()
    if not text and len(canvas.canvas.selected_nodes) == 1:
        text, at = inspector.help_html(), canvas
    if not text or at is None:
        otherwise()
        return ""
    place = QPoint(0, at.height()) if at is focus and at.height() < 60 else QPoint(24, 24)
    QToolTip.showText(at.mapToGlobal(place), text, at, at.rect(), _SHOWN_MS)
    return text
