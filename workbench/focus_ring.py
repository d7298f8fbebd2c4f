"""Shows which widget has the keyboard where its own look does not: plots, tables, lists and whole panels."""

from PySide6.QtCore import QEvent, QObject, QRectF, Qt
from PySide6.QtGui import QColor, QFocusEvent, QGuiApplication, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QMenu,
    QMenuBar,
    QPlainTextEdit,
    QPushButton,
    QSlider,
    QTabBar,
    QToolButton,
    QWidget,
)
from shiboken6 import isValid

from workbench.theme import Theme

_SHOW_IT = (
    QAbstractSpinBox, QComboBox, QLineEdit, QMenu, QMenuBar, QPlainTextEdit, QPushButton, QSlider, QTabBar, QToolButton,
)  # fmt: skip
"""The style sheet gives these a border or a colour."""
_KEYS = (
    Qt.FocusReason.TabFocusReason,
    Qt.FocusReason.BacktabFocusReason,
    Qt.FocusReason.ShortcutFocusReason,
)
SHOWS_FOCUS = "shows_focus"
"""A property: True where a widget needs no ring for now."""


class FocusRing(QObject):
    """Follows the keyboard through a window and its dialogs; whoever clicks knows already where they are."""

    def __init__(self, window: QWidget, theme: Theme) -> None:
        super().__init__(window)
        self._window, self._theme = window, theme
        self._ring: _Ring | None = None
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        app.focusChanged.connect(self._follow)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        self._theme = theme
        if self._ring is not None and isValid(self._ring):
            self._ring.set_color(theme.accent)

    def _follow(self, _: QWidget | None, now: QWidget | None) -> None:
        # As a child of what had the keyboard it may be gone with it.
        if self._ring is not None and isValid(self._ring):
            self._ring.hide()
            self._ring.deleteLater()
        self._ring = None
        by_mouse = QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton
        if now is None or by_mouse or isinstance(now, _SHOW_IT) or now.property(SHOWS_FOCUS):
            return
        if self._window in (now.window(), now.window().parentWidget()):
            self._ring = _Ring(now, self._theme.accent)


class _Ring(QWidget):
    """A line along the edges of a widget, inside of them, so that no neighbour covers it."""

    def __init__(self, widget: QWidget, color: str) -> None:
        super().__init__(widget)
        self._color = QColor(color)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        widget.installEventFilter(self)
        self.setGeometry(widget.rect())
        self.show()
        self.raise_()

    def set_color(self, color: str) -> None:
        """Draw in another colour."""
        self._color = QColor(color)
        self.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep the size of the widget."""
        if event.type() == QEvent.Type.Resize and isinstance(watched, QWidget):
            self.setGeometry(watched.rect())
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        """The line alone."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._color, 1.5))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 3, 3)
        painter.end()


def is_by_keyboard(event: QFocusEvent) -> bool:
    """Whether a widget got the keyboard by a key."""
    return event.reason() in _KEYS
