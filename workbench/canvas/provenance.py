"""Where a number in a shape comes from: the chain of formulas back to the input."""

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QFontMetricsF
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from engine.api import Dimension, TensorSpec
from workbench.theme import Theme

AXES = ("Channels", "Height", "Width")


def chain_of(dimension: Dimension) -> list[str]:
    """The formulas that made a number, the last one first; a sentence where the layer itself sets it."""
    return dimension.derivation() or [f"{int(dimension)} is set by the layer"]


def explanation(name: str, spec: TensorSpec, axis: int | None = None) -> tuple[str, str]:
    """Title and text for one number of a node's output shape, or for all three."""
    axes = range(len(AXES)) if axis is None else (axis,)
    blocks = []
    for number in axes:
        lines = chain_of(spec.shape[number])
        blocks.append("\n".join([f"{AXES[number]}:", *lines] if axis is None else lines))
    title = f"{name}: {spec}" if axis is None else f"{AXES[axis]} of {name}: {int(spec.shape[axis])}"
    return title, "\n\n".join(blocks)


def number_at(text: str, metrics: QFontMetricsF, x: float) -> int | None:
    """Which number of a shape text (`32×14×14`) lies x to the right of its beginning."""
    left, gap = 0.0, metrics.horizontalAdvance("×")
    for number, part in enumerate(text.split("×")):
        right = left + metrics.horizontalAdvance(part)
        if left - gap / 2 <= x <= right + gap / 2:
            return number
        left = right + gap
    return None


class ShapeCard(QFrame):
    """A card beside the number with its chain of formulas; a press, Esc or an edit closes it."""

    def __init__(self, parent: QWidget, theme: Theme) -> None:
        super().__init__(parent)
        self._parent = parent
        self.setObjectName("shape_card")
        self.setAccessibleName("Where this number comes from")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.title = QLabel(self)
        self.text = QLabel(self)
        box = QVBoxLayout(self)
        box.setContentsMargins(12, 10, 12, 10)
        box.setSpacing(6)
        box.addWidget(self.title)
        box.addWidget(self.text)
        self.apply_theme(theme)
        self.hide()

    def apply_theme(self, theme: Theme) -> None:
        """Look like the theme."""
        self.title.setFont(theme.font(bold=True))
        self.text.setFont(theme.font())
        self.setStyleSheet(
            f"#shape_card {{ background: {theme.surface}; border: 1px solid {theme.border}; border-radius: 8px; }}"
            f"#shape_card QLabel {{ color: {theme.text}; background: transparent; }}"
        )

    def open(self, at: QPoint, title: str, text: str, *, beside: QRect) -> None:
        """Show below or above a point of the parent; where there is no room, `beside` what it explains."""
        self.title.setText(title)
        self.text.setText(text)
        self.adjustSize()
        parent = self._parent
        x = max(4, min(at.x() - 16, parent.width() - self.width() - 4))
        below, above = (
            max(at.y() + 14, beside.bottom() + 6),
            min(at.y() - 14, beside.top() - 6) - self.height(),
        )
        if below + self.height() < parent.height():
            y = below
        elif above > 4:
            y = above
        else:
            y = max(4, min(beside.top(), parent.height() - self.height() - 4))
            right = beside.right() + 8
            x = right if right + self.width() < parent.width() else beside.left() - 8 - self.width()
        self.move(max(4, x), y)
        self.show()
        self.raise_()
