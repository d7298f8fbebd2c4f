"""The image of the activations panel, with a map of what speaks for a class laid over it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QComboBox

from engine.api import AttributionMethod
from workbench.inspection.answers import Seen, explained
from workbench.inspection.session import InspectionSession
from workbench.plots.image_view import ImageView
from workbench.plots.probability_bars import ProbabilityBars

_METHODS: tuple[tuple[str, AttributionMethod | None, str], ...] = (
    ("Image alone", None, "No map over the image"),
    ("Occlusion", "occlusion", "How far the probability falls where a grey square covers the image"),
    ("Gradient × input", "gradient", "Each pixel times the slope of the class's score by it"),
    ("Grad-CAM", "grad_cam", "Where the last maps hold what the class's score grows with"),
)
_LETTERS = 9
"""Of a method's name that are seen in a narrow panel."""
NO_MAPS = "Grad-CAM needs a node whose output has places: this network has none behind its input."
_KEY = "attribution"


class Explanation(QObject):
    """Asks for the chosen map of the image on show, and for the class that is chosen among the probabilities."""

    told = Signal(str)
    """A sentence on why there is no map, or "" when there is one."""

    def __init__(
        self,
        session: InspectionSession,
        image: ImageView,
        bars: ProbabilityBars,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._image, self._bars = session, image, bars
        self._seen: Seen | None = None
        self._target: int | None = None
        self.method = QComboBox()
        self.method.setAccessibleName("Map over the image")
        self.method.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.method.setMinimumContentsLength(_LETTERS)
        for number, (text, _, tip) in enumerate(_METHODS):
            self.method.addItem(text)
            self.method.setItemData(number, tip, 3)  # the role of tool tips
        self.method.currentIndexChanged.connect(self._change_method)
        self._change_method(0)
        bars.chosen.connect(self.explain_class)

    @property
    def is_on(self) -> bool:
        """True while a map is wanted."""
        return self.method.currentIndex() > 0

    def set_seen(self, seen: Seen | None) -> None:
        """Another image is on show."""
        before, self._seen = self._seen, seen
        if (
            seen is None
            or before is None
            or seen.observation.image.tobytes() != before.observation.image.tobytes()
        ):
            # A map must not lie over another image than its own.
            self._image.set_map(None)
        if seen is not None and self._target is not None and self._target >= len(seen.names):
            self._target = None
        self._ask()

    def explain_class(self, number: int) -> None:
        """Explain this class; the one that is explained already gives way to the answer."""
        self._target = None if number == self._target else number
        if not self.is_on:
            self.method.setCurrentIndex(1)
        else:
            self._ask()

    def rest(self) -> None:
        """Give up an unfinished map."""
        self._session.cancel(_KEY)

    def describe(self) -> str:
        """What the map on show tells, in words; "" without one."""
        if self._image.map is None or self._seen is None:
            return ""
        name = self._seen.names[self._wanted(self._seen)]
        if not self._image.map.any():
            return f"nothing speaks for {name}"
        if self.method.currentIndex() == 3:
            return f"orange speaks for {name}"
        return f"orange speaks for {name}, blue against it"

    def _wanted(self, seen: Seen) -> int:
        return int(seen.observation.probabilities.argmax()) if self._target is None else self._target

    def _change_method(self, number: int) -> None:
        self.method.setToolTip(f"{_METHODS[number][2]}; click a class to explain it")
        if number == 0:
            self._target = None
        self._image.set_map(None)
        self._ask()

    def _ask(self) -> None:
        seen, method = self._seen, _METHODS[self.method.currentIndex()][1]
        if seen is None or method is None:
            self._session.cancel(_KEY)
            self._bars.set_chosen(None)
            self._image.set_map(None)
            self.told.emit("")
            return
        target, image = self._wanted(seen), seen.observation.image
        self._bars.set_chosen(target)

        def work(network: Any, stopped: Any) -> NDArray[np.float64] | None:
            return explained(network, image, target, method, stopped)

        self._session.ask(_KEY, work, self._show, self.told.emit)

    def _show(self, values: NDArray[np.float64] | None) -> None:
        self._image.set_map(values)
        self.told.emit(NO_MAPS if values is None else "")
