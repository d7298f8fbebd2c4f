"""The class histogram and the examples of each class."""

import numpy as np
import pytest
from PySide6.QtCore import Qt

from engine.api import Example
from workbench.plots.class_examples import ClassExamples
from workbench.plots.class_histogram import ClassHistogram
from workbench.theme import load_theme


@pytest.fixture
def histogram(qtbot):
    plot = ClassHistogram(load_theme("light"))
    qtbot.addWidget(plot)
    plot.resize(400, 200)
    return plot


def test_that_bars_are_as_long_as_their_counts_within_each_part(histogram):
    histogram.set_histograms({"Training": [100, 50], "Test": [5, 10]}, ("cat", "dog"))
    assert histogram.bar("Training", 1).width() == pytest.approx(histogram.bar("Training", 0).width() / 2)
    assert histogram.bar("Test", 0).width() == pytest.approx(histogram.bar("Test", 1).width() / 2)
    assert histogram.bar("Test", 1).width() == pytest.approx(histogram.bar("Training", 0).width())


def test_that_the_pointer_reads_a_class_in_words(histogram):
    histogram.set_histograms({"Training": [1200, 50], "Test": [5, 10]}, ("cat", "dog"))
    assert histogram.reading(histogram.bar("Test", 0).center().y()) == "cat: training 1,200, test 5"
    assert "2 classes; images: training 1,250, test 15" in histogram.accessibleDescription()


def test_that_unequal_numbers_of_names_and_counts_are_refused(histogram):
    with pytest.raises(ValueError, match="2 classes"):
        histogram.set_histograms({"Training": [1, 2, 3]}, ("cat", "dog"))


def test_that_a_thousand_classes_keep_a_reasonable_height(histogram):
    histogram.set_histograms({"Training": np.ones(1000)}, tuple(map(str, range(1000))))
    assert histogram.sizeHint().height() < 2000


@pytest.fixture
def examples(qtbot):
    widget = ClassExamples(load_theme("dark"))
    qtbot.addWidget(widget)
    images = np.random.default_rng(1).integers(0, 256, (9, 8, 8, 3), dtype=np.uint8)
    rows = [[Example(index, images[index]) for index in row] for row in ((0, 3, 6), (), (2, 5))]
    widget.set_examples(("cat", "dog", "eel"), rows)
    widget.resize(300, widget.sizeHint().height())
    widget.show()
    return widget


def test_that_a_click_chooses_the_image_under_the_pointer(qtbot, examples):
    with qtbot.waitSignal(examples.chosen) as told:
        qtbot.mouseClick(examples, Qt.MouseButton.LeftButton, pos=examples.place(2, 1).center().toPoint())
    assert told.args == [5]


def test_that_arrow_keys_walk_over_images_and_skip_classes_without_any(qtbot, examples):
    chosen = []
    examples.chosen.connect(chosen.append)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Left, Qt.Key.Key_Up):
        qtbot.keyClick(examples, key)
    assert chosen == [0, 3, 5, 2, 0]
    assert examples.accessibleDescription() == "Chosen: image 0, cat"
