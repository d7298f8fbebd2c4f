"""A field for a number: typed freely, also as 1e-4, or stepped with the arrow keys and the wheel."""

import math

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QValidator, QWheelEvent
from PySide6.QtWidgets import QAbstractSpinBox, QSpinBox, QWidget

_STEP_SHARE = 20
_TEXT_MARGINS = (5, 0, 0, 0)
"""Pixels around the text, which a style sheet does not reach within a spin box."""
REST_MS = 700
"""A value that was turned is taken when it rests for so long."""


def number_text(value: float) -> str:
    """The shortest usual spelling: 32, 0.001, 1e-08."""
    return str(value) if isinstance(value, int) else f"{value:.10g}"


def _height(box: QAbstractSpinBox) -> int:
    return box.fontMetrics().height() + 12


class CountBox(QSpinBox):
    """A whole number within a range, which is turned more often than typed."""

    def __init__(self, minimum: int, maximum: int) -> None:
        super().__init__()
        self.setRange(minimum, maximum)
        self.lineEdit().setTextMargins(*_TEXT_MARGINS)

    def sizeHint(self) -> QSize:
        """As high as the fields beside it."""
        return QSize(super().sizeHint().width(), _height(self))

    def minimumSizeHint(self) -> QSize:
        """As high as the fields beside it."""
        return QSize(super().minimumSizeHint().width(), _height(self))


class NumberBox(QAbstractSpinBox):
    """Takes whole or real numbers and reports them as they are typed; what is no number is reported as such.

    Out of range is for the receiver to say: a box that silently changes what was typed teaches nothing.
    """

    edited = Signal(object)
    """The number that the user gave: int or float; None while the text is no number."""
    spun = Signal(object)
    """A `previewing` box was turned to this number; `edited` follows when it rests, at Enter or when the focus goes."""
    unspun = Signal()
    """Esc took back what was turned."""
    left = Signal()
    """The field lost the focus."""

    def __init__(
        self,
        *,
        whole: bool,
        minimum: float | None = None,
        maximum: float | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._whole = whole
        self._minimum, self._maximum = minimum, maximum
        self._value: float | None = None
        self.previewing = False
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self._take)
        self.setMinimumWidth(52)
        # The wheel must not bring the focus, or scrolling a panel would change numbers.
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.lineEdit().setTextMargins(*_TEXT_MARGINS)
        self.lineEdit().textEdited.connect(self._typed)
        self.setKeyboardTracking(True)

    @property
    def value(self) -> float | None:
        """The number in the field; None when it is empty or no number."""
        return self._parse(self.lineEdit().text())

    def set_value(self, value: float | None) -> None:
        """Show a number; None shows "various". A text that already means this number is left as it was typed."""
        self._value = value
        self.lineEdit().setPlaceholderText("" if value is not None else "various")
        if value is None:
            self.lineEdit().clear()
        elif self._rest.isActive():
            return
        elif self._parse(self.lineEdit().text()) != value or not self.hasFocus():
            self.lineEdit().setText(number_text(value))

    def restore(self) -> None:
        """Show the last number that was set, instead of what was typed since."""
        self.lineEdit().setText("" if self._value is None else number_text(self._value))

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        """Any text may be typed; what it means is told by `edited`."""
        return QValidator.State.Acceptable, text, position

    def sizeHint(self) -> QSize:
        """As high as the fields beside it."""
        return QSize(super().sizeHint().width(), _height(self))

    def minimumSizeHint(self) -> QSize:
        """As high as the fields beside it."""
        return QSize(super().minimumSizeHint().width(), _height(self))

    def stepEnabled(self) -> QAbstractSpinBox.StepEnabledFlag:
        """Arrows stop at the ends of the range."""
        value, flags = self.value, QAbstractSpinBox.StepEnabledFlag.StepNone
        if value is None:
            return flags
        if self._maximum is None or value < self._maximum:
            flags |= QAbstractSpinBox.StepEnabledFlag.StepUpEnabled
        if self._minimum is None or value > self._minimum:
            flags |= QAbstractSpinBox.StepEnabledFlag.StepDownEnabled
        return flags

    def stepBy(self, steps: int) -> None:
        """One for whole numbers; for real ones a share of the range, or one in the leading digit."""
        value = self.value
        if value is None:
            return
        stepped = value + steps * self._step(value, down=steps < 0)
        if self._minimum is not None:
            stepped = max(stepped, self._minimum)
        if self._maximum is not None:
            stepped = min(stepped, self._maximum)
        new = int(stepped) if self._whole else float(f"{stepped:.6g}")
        self.lineEdit().setText(number_text(new))
        if self.previewing:
            self._rest.start()
            self.spun.emit(new)
        else:
            self.edited.emit(new)

    def keep(self) -> None:
        """Take what was turned at once."""
        if self._rest.isActive():
            self._take()

    def take_back(self) -> None:
        """Show the number that holds, and forget what was turned."""
        if self._rest.isActive():
            self._rest.stop()
            self.restore()
            self.unspun.emit()

    def _take(self) -> None:
        self._rest.stop()
        self.edited.emit(self.value)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter takes what was turned, Esc takes it back."""
        if self._rest.isActive() and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.keep()
        elif self._rest.isActive() and event.key() == Qt.Key.Key_Escape:
            self.take_back()
        else:
            super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Only a focused field turns: scrolling a panel must not change numbers."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """What was typed and not taken gives way to the value that holds."""
        self.keep()
        super().focusOutEvent(event)
        self.restore()
        self.left.emit()

    def _typed(self, text: str) -> None:
        self._rest.stop()
        self.edited.emit(self._parse(text))

    def _parse(self, text: str) -> float | None:
        text = text.strip().replace(",", ".")
        try:
            number = float(text)
        except ValueError:
            return None
        if not math.isfinite(number):
            return None
        if self._whole:
            return int(number) if number == int(number) else None
        return number

    def _step(self, value: float, *, down: bool) -> float:
        if self._whole:
            return 1.0
        if self._minimum is not None and self._maximum is not None and self._maximum - self._minimum <= 2:
            return round((self._maximum - self._minimum) / _STEP_SHARE, 3)
        if value == 0:
            return 0.001
        exponent = math.floor(math.log10(abs(value)) + 1e-9)
        # Down from 0.001 goes to 0.0009, not to 0.
        at_power = math.isclose(abs(value), 10.0**exponent)
        return 10.0 ** (exponent - 1 if down and at_power else exponent)
