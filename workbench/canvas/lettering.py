"""How large a node's texts are, and where they stand: near by and, where small letters could not be read, far out."""

from dataclasses import dataclass
from functools import cached_property

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QFontMetricsF

HEADER = 26.0
"""The height of the band with a node's name."""
FAR_ZOOM = 0.82
"""Below this zoom names, settings and shapes are written larger, in exchange for the number of parameters."""
FARTHER_ZOOM = 0.6
"""Below this zoom only names and shapes are written, once more larger."""


@dataclass(frozen=True, eq=False)
class Lettering:
    """Fonts and baselines in a node's own coordinates; the texts keep clear of the ports, which reach into it."""

    titles: tuple[QFont, ...]
    """For names, the largest first: a long name takes the first that it fits into."""
    body: QFont
    label: QFont
    """For the shapes on connections straight down."""
    aside: QFont
    """For those on other connections, which pass between columns of nodes."""
    title_baseline: float
    baselines: tuple[float, float]
    middle: float
    """The baseline of a line that stands alone."""
    mark: float
    """The size of the disc before a problem."""
    has_parameters: bool
    has_settings: bool = True

    @cached_property
    def body_metrics(self) -> QFontMetricsF:
        """Measures `body`."""
        return QFontMetricsF(self.body)

    @cached_property
    def _label_metrics(self) -> tuple[QFontMetricsF, QFontMetricsF]:
        return QFontMetricsF(self.label), QFontMetricsF(self.aside)

    def label_metrics(self, aside: bool) -> QFontMetricsF:
        """Measures `label` or `aside`."""
        return self._label_metrics[aside]

    @cached_property
    def _title_metrics(self) -> tuple[QFontMetricsF, ...]:
        return tuple(QFontMetricsF(font) for font in self.titles)

    def fitted_title(self, text: str, room: float) -> tuple[QFont, str]:
        """The font for a name, and as much of the name as there is room for."""
        for font, metrics in zip(self.titles, self._title_metrics, strict=True):
            if metrics.horizontalAdvance(text) <= room:
                return font, text
        # What tells names of one kind apart stands at their end.
        return self.titles[-1], metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, room)
