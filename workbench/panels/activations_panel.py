"""The panel of activations: one image, or a drawing, as every node of the network sees it."""

from typing import Any

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from workbench.inspection.answers import Part, Seen, see_drawing, see_image, see_mistake
from workbench.inspection.session import InspectionSession
from workbench.inspection.thread import Work
from workbench.inspection.time_line import TimeLine
from workbench.panels.drawing_canvas import DrawingCanvas
from workbench.panels.explanation import Explanation
from workbench.panels.inspected_panel import InspectedPanel, empty_words, scrolled
from workbench.panels.number_box import CountBox
from workbench.plots.feature_maps import FeatureMaps
from workbench.plots.image_view import ImageView
from workbench.plots.matrix_canvas import percent
from workbench.plots.plot_controls import choice, control_row, fill_with_surface, stack_rows
from workbench.plots.probability_bars import ProbabilityBars
from workbench.theme import Theme

TEST, VALIDATION, MISTAKES, DRAW = range(4)
_SOURCES = (
    ("Test", "Images of the test set"),
    ("Validation", "Images of the validation set"),
    ("Mistakes", "Wrongly answered test images, the most confident mistake first"),
    ("Draw", "Draw an image with the mouse; the network answers while you draw"),
)
_EXPLAINED, _LARGE, _SMALL = 160, 112, 48
NO_RUN = "Train a network: pick an image here, or draw one, and see what every layer makes of it."
BUSY = "Looking …"
BUSY_TEST = "Answering all test images to find the wrong ones …"
NO_MISTAKES = "Every test image is answered right."
UNDRAWN = "Draw something: the network answers from the first stroke on."
_RULES = {
    True: "as MNIST's digits are, your drawing is scaled into 20×20 pixels, its centre of mass put in the middle",
    False: "the network sees your drawing where you drew it, white on black",
}


class ActivationsPanel(InspectedPanel):
    """Shows feature maps and class probabilities of an image from the data, of a mistake, or of a drawing."""

    showed = Signal(object)
    """What is seen now, or None."""

    def __init__(
        self, session: InspectionSession, theme: Theme, parent: QWidget | None = None, *, line: TimeLine | None = None
    ) -> None:  # fmt: skip
        super().__init__(session, parent)
        self.seen: Seen | None = None
        self._line = line
        if line is not None:
            line.moved.connect(lambda: self._read(""))
        self._is_asking = False
        row = control_row()
        self.source = choice(row, "Images", _SOURCES)
        row.addStretch(1)
        self.number = CountBox(1, 1)
        self.number.setKeyboardTracking(False)
        self.number.setWrapping(True)
        self.number.setAccessibleName("Number of the image")
        self.number.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.clear = QPushButton("Clear")
        self.clear.setToolTip("Begin the drawing anew (Delete)")
        row.addSpacing(6)
        row.addWidget(self.number)
        row.addWidget(self.clear)
        self.image = ImageView(theme, "The image as the network gets it")
        self.canvas = DrawingCanvas(theme)
        self.bars = ProbabilityBars(theme)
        self.explanation = Explanation(session, self.image, self.bars, self)
        row.insertWidget(row.count() - 3, self.explanation.method)
        self.maps = FeatureMaps(theme)
        self.caption = QElidingLabel()
        self.caption.setProperty("muted", True)
        self.words = empty_words()
        self.pages = QStackedWidget()
        self.pages.addWidget(self.words)
        self.pages.addWidget(self._shown())
        stack_rows(self, theme, row, self.pages)
        self.source.idClicked.connect(self._choose_source)
        self.number.valueChanged.connect(self._ask)
        self.clear.clicked.connect(self.canvas.clear)
        self.canvas.drawn.connect(self._ask)
        self.maps.read.connect(self._read)
        self.image.read.connect(self._read)
        self.explanation.told.connect(self._read)
        self.explanation.method.currentIndexChanged.connect(self._size_image)
        self.setAccessibleName("Activations")
        self.apply_theme(theme)
        self._choose_source(TEST)
        self._say(NO_RUN)

    def _shown(self) -> QWidget:
        self.maps_area = scrolled(self.maps, "Feature maps of every node")
        picture = QHBoxLayout()
        picture.setSpacing(8)
        picture.addWidget(self.canvas)
        picture.addWidget(self.image, 1)
        self.bars.setFixedWidth(132)
        beside = QHBoxLayout()
        beside.setSpacing(14)
        beside.addLayout(picture)
        beside.addWidget(self.bars)
        beside.addWidget(self.maps_area, 1)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(beside, 1)
        column.addWidget(self.caption)
        return page

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        fill_with_surface(self, theme)
        fill_with_surface(self.maps_area.viewport(), theme)
        self.caption.setFont(theme.font(theme.font_small))
        for part in (self.image, self.canvas, self.bars, self.maps):
            part.apply_theme(theme)

    def show_image(self, part: Part, index: int) -> None:
        """Look at the image of that number of a part of the data."""
        source = TEST if part == "test" else VALIDATION
        self.source.button(source).setChecked(True)
        with QSignalBlocker(self.number):
            self.number.setRange(1, max(self.number.maximum(), index + 1))
            self.number.setValue(index + 1)
        self._set_controls(source)
        self._ask()

    def work(self) -> Work | None:
        """What is to be asked for the chosen image; None while nothing is drawn."""
        source, place = self.source.checkedId(), self.number.value() - 1
        if source == DRAW and not self.canvas.strokes:
            return None
        strokes = [list(stroke) for stroke in self.canvas.strokes]
        works: dict[int, Work] = {
            TEST: lambda network, stopped: see_image(network, "test", place),
            VALIDATION: lambda network, stopped: see_image(network, "validation", place),
            MISTAKES: lambda network, stopped: see_mistake(network, place, stopped),
            DRAW: lambda network, stopped: see_drawing(network, strokes),
        }
        return works[source]

    def look(self) -> None:
        """See the chosen image with the network as it is now."""
        self._ask()

    def rest(self) -> None:
        """Give up an unfinished look."""
        if self._is_asking:
            self.session.cancel("activations")
            self._is_outdated = True
        self.explanation.rest()

    def _choose_source(self, source: int) -> None:
        with QSignalBlocker(self.number):
            self.number.setValue(1)
        self._set_controls(source)
        self._ask()
        if source == DRAW:
            self.canvas.setFocus()

    def _set_controls(self, source: int) -> None:
        draws = source == DRAW
        self.number.setVisible(not draws)
        for part in (self.clear, self.canvas):
            part.setVisible(draws)
        self._size_image()

    def _size_image(self) -> None:
        # Beside the canvas the image only shows what became of the drawing.
        draws = self.source.checkedId() == DRAW
        width = _EXPLAINED if self.explanation.is_on else _SMALL if draws else _LARGE
        self.image.setFixedWidth(width)

    def _ask(self, _: object = None) -> None:
        if self.session.run is None:
            self._say(NO_RUN)
            return
        if not self.isVisible():
            self._is_outdated = True
            return
        work, source = self.work(), self.source.checkedId()
        if work is None:
            self._await_drawing()
            return
        # The canvas must stay while one draws on it.
        if (self.seen is None and source != DRAW) or (source == MISTAKES and self.pages.currentIndex() == 0):
            self._say(BUSY_TEST if source == MISTAKES else BUSY)
        self._is_asking = True
        self.session.ask("activations", work, self._show, self._say)

    def _await_drawing(self) -> None:
        """An empty canvas is no image: nothing is answered."""
        self.session.cancel("activations")
        self._is_asking = False
        self.seen = None
        self.image.set_pixels(None)
        self.explanation.set_seen(None)
        self.showed.emit(None)
        self.bars.clear()
        self.maps.set_nodes(())
        self._read("")
        self.pages.setCurrentIndex(1)

    def _show(self, seen: Seen | None) -> None:
        self._is_asking = False
        if seen is None:
            self._say(NO_MISTAKES)
            return
        self.seen = seen
        observation = seen.observation
        self.image.set_pixels(observation.image)
        self.bars.set_probabilities(observation.probabilities, seen.names, observation.label)
        self.maps.set_nodes(observation.nodes)
        self.explanation.set_seen(seen)
        self.showed.emit(seen)
        if seen.count:
            with QSignalBlocker(self.number):
                self.number.setRange(1, seen.count)
                self.number.setSuffix(f" of {seen.count:,}")
                self.number.setValue(seen.place + 1)
        self._read("")
        self.pages.setCurrentIndex(1)

    def _say(self, sentence: str) -> None:
        self._is_asking = False
        self.seen = None
        self.explanation.set_seen(None)
        self.words.setText(sentence)
        self.pages.setCurrentIndex(0)

    def _read(self, value: str) -> None:
        text = value or self._of_now(self._describe())
        self.caption.setText(text)
        self.caption.setToolTip(text)

    def _of_now(self, text: str) -> str:
        """Says so where other panels show a moment in the past: of that no weights are kept to answer with."""
        moment = self._line.moment if self._line is not None else None
        if not text or self.seen is None or moment is None:
            return text
        return f"The network of now, not of step {moment.step:,} · {text}"

    def _describe(self) -> str:
        seen = self.seen
        if seen is None:
            return UNDRAWN if self.source.checkedId() == DRAW else ""
        probabilities: Any = seen.observation.probabilities
        best = int(probabilities.argmax())
        answer = f"answered {seen.names[best]} ({percent(float(probabilities[best]))} %)"
        explained = self.explanation.describe()
        more = f" · {explained}" if explained else ""
        if seen.observation.label is not None:
            part = "Validation" if self.source.checkedId() == VALIDATION else "Test"
            return f"{part} image {seen.index + 1:,}: {seen.names[seen.observation.label]}, {answer}{more}"
        return f"A{answer[1:]} · {explained or _RULES[seen.is_digit]}"
