"""Which data is learned from: known sets, own images, how far loading is, what is wrong and what mends it."""

import re
from collections.abc import Sequence
from pathlib import PurePath

from PySide6.QtCore import Qt, Signal, SignalInstance
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from engine.api import DataProgress, DataRecipe, Layer, dataset_names, fetchable
from workbench.document.document import Document
from workbench.panels.problems import RepairButtons
from workbench.panels.training_settings import WORDS

_LIST_HEIGHT, _LIST_MARGIN = 112, 8
_INNER_SLASH = re.compile(r"(?<=[^\s/])/")


class DataSource(QWidget):
    """Shows where the data comes from; what the user asks for goes out as signals."""

    chosen = Signal(str)
    """The name of a known data set."""
    folder_requested = Signal()
    """A folder of own images shall be chosen."""
    file_requested = Signal()
    """A table, an archive or arrays of own images shall be chosen."""
    files_requested = Signal()
    """The folder with the official files of the data set shall be chosen."""
    fetch_requested = Signal()
    cancelled = Signal()
    read_requested = Signal(object)
    """Own images shall be read by other rules: dict of the recipe's fields."""
    skip_requested = Signal()
    """Images that cannot be read shall be left out."""

    def __init__(self, document: Document) -> None:
        super().__init__()
        self._document = document
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self._build_choice(column)
        self._build_state(column)
        self._build_trouble(column)
        self.set_progress(None)
        self.show_problem("")
        document.changed.connect(self.refresh)
        self.refresh()

    def _build_choice(self, column: QVBoxLayout) -> None:
        self.combo = QComboBox()
        self.combo.setAccessibleName("Data set")
        self.combo.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.combo.activated.connect(self._choose)
        column.addWidget(self.combo)
        row = QHBoxLayout()
        row.setSpacing(6)
        own = QLabel("Own images")
        own.setProperty("muted", True)
        row.addWidget(own)
        self.own_folder = self._button(
            "Folder…",
            "Own images: a folder with one sub-folder for each class",
            self.folder_requested,
        )
        self.own_file = self._button(
            "File…", "Own images: a .csv table, a .zip or .npz arrays", self.file_requested
        )
        for button in (self.own_folder, self.own_file):
            row.addWidget(button, 1)
        column.addLayout(row)

    def _build_state(self, column: QVBoxLayout) -> None:
        self.summary = _words()
        self.place = _words(muted=True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress of the work on data")
        self.step = _words(muted=True)
        self.cancel = self._button(
            "Cancel", "Give up; what has arrived of a download is kept", self.cancelled
        )
        row = QHBoxLayout()
        row.addWidget(self.step, 1)
        row.addWidget(self.cancel, 0, Qt.AlignmentFlag.AlignTop)
        for widget in (self.summary, self.place, self.bar):
            column.addWidget(widget)
        column.addLayout(row)

    def _build_trouble(self, column: QVBoxLayout) -> None:
        self.problem = _words()
        self.problem.setProperty("problem", True)
        self.problem.setAccessibleName("Problem with the data")
        self.broken = QPlainTextEdit()
        self.broken.setReadOnly(True)
        self.skipped = _words(muted=True)
        self.broken.setAccessibleName("Images that cannot be read")
        self.broken.setTabChangesFocus(True)
        self.skip = self._button(
            "Leave them out", "Train without the images that cannot be read", self.skip_requested
        )
        self.fetch = self._button("Fetch", "Download the data set from its publisher", self.fetch_requested)
        self.fetch.setProperty("primary", True)
        self.files = self._button(
            "Files on disk…", "The folder that holds the official files of the data set", self.files_requested
        )
        self._fits = QVBoxLayout()
        self._fits.setSpacing(6)
        for widget in (self.problem, self.skipped, self.broken):
            column.addWidget(widget)
        # One below the other: side by side they are wider than a narrow dock.
        for button in (self.skip, self.fetch, self.files):
            column.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addLayout(self._fits)

    def _button(self, text: str, tip: str, asks: SignalInstance) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.clicked.connect(lambda: asks.emit())
        return button

    # What is shown

    def refresh(self) -> None:
        """Show which data the document names, and whether the network fits it."""
        recipe = self._document.project.data
        self.combo.clear()
        for name in dataset_names():
            self.combo.addItem(WORDS.get(name, name), name)
        if self.combo.findData(recipe.dataset) < 0:
            self.combo.insertSeparator(self.combo.count())
            self.combo.addItem(data_name(recipe), recipe.dataset)
        self.combo.setCurrentIndex(self.combo.findData(recipe.dataset))
        self.combo.setToolTip(recipe.dataset if recipe.dataset not in dataset_names() else "")
        self._show_fit()

    def _show_fit(self) -> None:
        while (item := self._fits.takeAt(0)) is not None:
            old = item.widget()
            if old is not None:
                old.hide()
                old.deleteLater()
        graph = self._document.project.graph
        for problem in self._document.inference.problems:
            node = graph.nodes.get(problem.node)
            if node is None or not problem.repairs:
                continue
            if node.layer.most_inputs == 0 or node.layer.terminal:
                words = _words()
                words.setText(problem.message)
                words.setProperty("problem", True)
                self._fits.addWidget(words)
                self._fits.addWidget(RepairButtons(self._document, problem))
                self._offer_size(node.layer)

    def _offer_size(self, layer: Layer) -> None:
        """Own pictures can be read at the size that the network takes; the other way round is the design's repair."""
        recipe = self._document.project.data
        shape = getattr(layer, "shape", None)
        is_plain = (recipe.colour, recipe.filtering) == ("as_is", "none")
        if shape is None or not reads_pictures(recipe) or shape[0] not in (1, 3) or not is_plain:
            return
        channels, height, width = (int(size) for size in shape)
        changes = {
            "image_mode": "rgb" if channels == 3 else "grey", "image_height": height, "image_width": width,
        }  # fmt: skip
        button = QPushButton(f"Read the images as {channels}×{height}×{width}")
        button.setToolTip("Scale and convert the images to what the network takes; undo takes it back")
        button.clicked.connect(lambda: self.read_requested.emit(changes))
        line = QWidget()
        row = QHBoxLayout(line)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(button)
        row.addStretch(1)
        self._fits.addWidget(line)

    def show_summary(self, text: str, place: str = "") -> None:
        """Say what the data holds and where it lies."""
        self.summary.setText(text)
        self.summary.setVisible(bool(text))
        self.place.setText(place)
        self.place.setVisible(bool(place))

    def show_problem(
        self, text: str, broken: Sequence[tuple[str, str]] = (), *, is_wish: bool = False
    ) -> None:
        """Say why the data cannot be had, or which images are broken; "" takes the words away.

        `is_wish`: nothing is wrong, the user wanted it so.
        """
        # A path has no place to break by itself, and would make the panel as wide as it is long.
        self.problem.setText(_INNER_SLASH.sub("/\u200b", text))
        if self.problem.property("problem") == is_wish:
            self.problem.setProperty("problem", not is_wish)
            self.problem.style().unpolish(self.problem)
            self.problem.style().polish(self.problem)
        self.problem.setVisible(bool(text))
        self._list(broken)
        self.skipped.hide()
        self.skip.setVisible(bool(text) and bool(broken))
        name = self._document.project.data.dataset
        missing = bool(text) and not broken and name in fetchable()
        self.fetch.setText(f"Fetch {WORDS.get(name, name)}")
        self.fetch.setVisible(missing)
        self.files.setVisible(missing)

    def show_skipped(self, skipped: Sequence[tuple[str, str]]) -> None:
        """List what was left out."""
        self._list(skipped)
        count = len(skipped)
        self.skipped.setText(
            f"{count:,} {'images are' if count != 1 else 'image is'} left out, as "
            f"{'they' if count != 1 else 'it'} cannot be read:"
        )
        self.skipped.setVisible(bool(skipped))

    def _list(self, broken: Sequence[tuple[str, str]]) -> None:
        self.broken.setPlainText("\n".join(f"{name}: {reason}" for name, reason in broken))
        self.broken.setVisible(bool(broken))
        # Names and reasons take up to three lines each in a narrow dock.
        lines = 3 * len(broken) * self.broken.fontMetrics().lineSpacing()
        self.broken.setFixedHeight(min(lines + 2 * _LIST_MARGIN, _LIST_HEIGHT))

    def set_progress(self, progress: DataProgress | None) -> None:
        """Show how far the work is; None: nothing is going on."""
        for widget in (self.bar, self.step, self.cancel):
            widget.setVisible(progress is not None)
        if progress is not None:
            self.bar.setRange(0, 1000 if progress.total > 1 else 0)
            self.bar.setValue(round(1000 * progress.done / max(progress.total, 1)))
            self.step.setText(progress_text(progress))

    def _choose(self, index: int) -> None:
        name = self.combo.itemData(index)
        if name in dataset_names():
            self.chosen.emit(name)


def progress_text(progress: DataProgress) -> str:
    """`cifar-10-binary.tar.gz: 12.3 of 162.2 MiB`, or images in thousands."""
    if progress.total <= 1:
        return f"{progress.what} …"
    if progress.counts_bytes:
        return f"{progress.what}: {progress.done / 2**20:.1f} of {progress.total / 2**20:.1f} MiB"
    return f"{progress.what}: {progress.done:,} of {progress.total:,}"


def data_name(recipe: DataRecipe) -> str:
    """What the recipe's data is called in the window."""
    if recipe.dataset in dataset_names():
        return WORDS.get(recipe.dataset, recipe.dataset)
    return f"Own images: {PurePath(recipe.dataset).name or recipe.dataset}"


def reads_pictures(recipe: DataRecipe) -> bool:
    """Whether the recipe's images are pictures that are scaled; known sets and arrays have their size."""
    return recipe.dataset not in dataset_names() and not recipe.dataset.lower().endswith(".npz")


def _words(*, muted: bool = False) -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setMinimumWidth(1)
    if muted:
        label.setProperty("muted", True)
    return label
