"""Images that stand in the data more than once: the button that looks, and what was found."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from engine.api import Duplicates, Place, PreparedData, Twins
from workbench.plots.thumbnails import Thumbnail, Thumbnails
from workbench.theme import Theme

MOST_SHOWN = 24
_WORDS = {"train": "training", "validation": "validation", "test": "test"}


class DataTwins(QWidget):
    """Tells of duplicates, those across the split first, and shows some of them in pairs."""

    wanted = Signal()
    """Duplicates shall be looked for."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self.look = QPushButton("Look for duplicates")
        self.look.setToolTip("Find images that stand in the data twice, above all in two parts of the split")
        self.look.clicked.connect(self.wanted)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setAccessibleName("Duplicates")
        self.pairs = Thumbnails(theme)
        self.pairs.setAccessibleName("Pairs of duplicates")
        column.addWidget(self.look, 0, Qt.AlignmentFlag.AlignLeft)
        for widget in (self.words, self.pairs):
            column.addWidget(widget)
        self.clear()

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        self.pairs.apply_theme(theme)

    def clear(self) -> None:
        """Nothing has been looked for."""
        self.words.hide()
        self.pairs.hide()
        self.pairs.set_items(())

    def show_found(self, found: Duplicates, data: PreparedData) -> None:
        """Tell what was found in this data."""
        self.words.setText("\n".join(sentences(found)))
        self.words.show()
        told = (*found.across(exact=True), *found.contradictions(), *found.across(exact=False))
        shown = list(dict.fromkeys(told))[:MOST_SHOWN]
        self.pairs.set_items(list(_items(shown, data)))
        self.pairs.setVisible(bool(shown))


def sentences(found: Duplicates) -> list[str]:
    """What was found, the worst first."""
    told = []
    for exact, same in ((True, "the same as"), (False, "nearly the same as")):
        across = found.across(exact=exact)
        for part, other in (("test", "train"), ("validation", "train"), ("test", "validation")):
            count = sum(twins.second.part == part and twins.first.part == other for twins in across)
            if count:
                told.append(
                    f"{count:,} {_plural(count, 'image')} of the {_WORDS[part]} part {_be(count)} {same} one of the "
                    f"{_WORDS[other]} part: what is measured on {_plural(count, 'it', 'them')} flatters the network."
                )
    against = len(found.contradictions())
    if against:
        told.append(
            f"{against:,} {_plural(against, 'image')} repeat{'s' * (against == 1)} one of another class."
        )
    within = sum(len(found.within(part)) for part in _WORDS)
    if within:
        told.append(
            f"{within:,} {_plural(within, 'image')} repeat{'s' * (within == 1)} one of the same part."
        )
    if not told:
        told.append("No two images are equal, and none stands in two parts.")
    if not found.near_looked_for:
        told.append("Near duplicates were not looked for: there are too many images, or too small ones.")
    return told


def _items(shown: Sequence[Twins], data: PreparedData) -> Iterator[Thumbnail]:
    for twins in shown:
        for place, other in ((twins.first, twins.second), (twins.second, twins.first)):
            words = (
                f"{_place(place)}, {_class(place, data)}; {'equal' if twins.exact else 'nearly equal'} to "
            )
            yield Thumbnail(_pixels(place, data), _WORDS[place.part], words + _place(other))


def _pixels(place: Place, data: PreparedData) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = getattr(data, f"{place.part}_images")[place.index]
    return pixels


def _class(place: Place, data: PreparedData) -> str:
    label = getattr(data, f"{place.part}_labels")[place.index]
    return f"“{data.dataset.class_names[label]}”"


def _place(place: Place) -> str:
    return f"image {place.index + 1:,} of the {_WORDS[place.part]} part"


def _plural(count: int, one: str, many: str = "") -> str:
    return one if count == 1 else many or f"{one}s"


def _be(count: int) -> str:
    return "is" if count == 1 else "are"
