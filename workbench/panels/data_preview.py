"""Examples of each class, and what becomes of a chosen one: prepared, and changed at random."""

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from engine.api import Example, PreparedData, Preview
from workbench.plots.class_examples import ClassExamples
from workbench.plots.plot_controls import choice
from workbench.plots.thumbnails import Thumbnail, Thumbnails
from workbench.theme import Theme

PARTS = ("train", "validation", "test")
_TITLES = ("Training", "Validation", "Test")
MOST_SHOWN = 16
"""Examples of a class that are made ready; how many are seen depends on the width."""


class DataPreview(QWidget):
    """Shows the images of one part by class; asks for the preview of the one that is chosen."""

    examples_wanted = Signal(str, int)
    """Part and number of the first image of each class of which examples are asked."""
    part_changed = Signal()
    """What is being made ready of another part is not wanted any more."""
    wanted = Signal(str, int, int)
    """Part, index and seed of which a preview is asked."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._data: PreparedData | None = None
        self._turn = 0
        self._chosen: int | None = None
        self._seed = 0
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        row = QHBoxLayout()
        row.setSpacing(2)
        self.parts = choice(
            row, "Part", [(title, f"Images of the {title.lower()} part") for title in _TITLES]
        )
        self.parts.idClicked.connect(self._show_part)
        row.addStretch(1)
        self.more = QPushButton("Others")
        self.more.setToolTip("Show other images of each class")
        self.more.clicked.connect(self._turn_on)
        row.addWidget(self.more)
        column.addLayout(row)
        self.examples = ClassExamples(theme)
        self.examples.chosen.connect(self._choose)
        column.addWidget(self.examples)
        self._build_preview(column, theme)

    def _build_preview(self, column: QVBoxLayout, theme: Theme) -> None:
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setProperty("muted", True)
        self.pictures = Thumbnails(theme)
        self.pictures.setAccessibleName("Preparation of the chosen image")
        self.changes = Thumbnails(theme)
        self.changes.setAccessibleName("Random changes of the chosen image")
        self.again = QPushButton("Change anew")
        self.again.setToolTip("Draw other random changes of the same image")
        self.again.clicked.connect(self._draw_again)
        column.addWidget(self.words)
        column.addWidget(self.pictures)
        column.addWidget(self.changes)
        row = QHBoxLayout()
        row.addWidget(self.again)
        row.addStretch(1)
        column.addLayout(row)
        self.again.hide()
        self.changes.hide()

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of `theme`."""
        self.examples.apply_theme(theme)
        self.pictures.apply_theme(theme)
        self.changes.apply_theme(theme)

    @property
    def part(self) -> str:
        """The part whose images are shown."""
        return PARTS[self.parts.checkedId()]

    def set_data(self, data: PreparedData | None) -> None:
        """Show another data set, or nothing."""
        is_same = data is not None and self._data is not None and data.dataset is self._data.dataset
        self._data = data
        if not is_same:
            self._turn, self._chosen = 0, None
        self.setVisible(data is not None)
        if data is not None:
            self._ask_for_examples()

    def ask(self) -> None:
        """Ask for the preview anew: the recipe has changed."""
        if self._data is not None and self._chosen is not None:
            self.wanted.emit(self.part, self._chosen, self._seed)

    def show_preview(self, preview: Preview) -> None:
        """Show what becomes of the chosen image."""
        low, high = (f"{value:.2f}".replace("-", "−") for value in preview.span)
        items = [
            Thumbnail(preview.raw, "as it is", "The image as it was read"),
        ]
        words = f"What the network gets: {low} to {high}; 0 is mid-grey"
        items += [
            Thumbnail(pixels, "prepared" if len(preview.prepared) == 1 else f"channel {number}", words)
            for number, pixels in enumerate(preview.prepared, 1)
        ]
        self.pictures.set_items(items)
        self.changes.set_items(
            [
                Thumbnail(
                    pixels, f"changed {number}", "As training may see it: changed at random, then prepared"
                )
                for number, pixels in enumerate(preview.changed, 1)
            ]
        )
        self.changes.setVisible(bool(preview.changed))
        self.words.setText(f"{self._name()}: the network gets {low} to {high}.")
        self.again.setVisible(bool(preview.changed))

    def _name(self) -> str:
        assert self._data is not None
        assert self._chosen is not None
        label = getattr(self._data, f"{self.part}_labels")[self._chosen]
        return f"Image {self._chosen + 1:,} of the {_TITLES[self.parts.checkedId()].lower()} part, " + (
            f"“{self._data.dataset.class_names[label]}”"
        )

    def show_examples(self, rows: Sequence[Sequence[Example]]) -> None:
        """Show a row for each class; the chosen image stays the chosen one if it is among them."""
        assert self._data is not None
        self.examples.set_examples(self._data.dataset.class_names, rows)
        shown = [example.index for row in rows for example in row]
        if shown:
            self.examples.choose(self._chosen if self._chosen in shown else shown[0])

    def _ask_for_examples(self) -> None:
        self.examples_wanted.emit(self.part, self._turn * MOST_SHOWN)

    def _turn_on(self) -> None:
        self._turn += 1
        self._ask_for_examples()

    def _show_part(self) -> None:
        self._chosen = None
        self.part_changed.emit()
        self._ask_for_examples()

    def _choose(self, index: int) -> None:
        self._chosen, self._seed = index, 0
        self.ask()

    def _draw_again(self) -> None:
        self._seed += 1
        self.ask()
