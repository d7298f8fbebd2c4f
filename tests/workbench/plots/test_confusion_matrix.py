from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication

from tests.calls import count_calls
from workbench.plots import ConfusionMatrix
from workbench.plots.buffer import painted
from workbench.plots.confusion_matrix import READ_HINTS
from workbench.plots.export import save_png
from workbench.plots.matrix_canvas import MatrixPicture, cell_colors, percent, precision, recall
from workbench.theme import Theme, contrast_ratio, load_theme, readable_on

COUNTS = np.array([[8, 1, 0], [2, 3, 0], [0, 0, 0]])
NAMES = ["cat", "dog", "ship"]


@pytest.fixture
def matrix(qtbot: Any) -> ConfusionMatrix:
    widget = ConfusionMatrix(load_theme("light"))
    qtbot.addWidget(widget)
    widget.resize(500, 500)
    widget.show()
    widget.set_matrix(COUNTS, NAMES, "Test")
    QApplication.processEvents()
    return widget


def test_that_rows_are_divided_by_their_total_and_an_empty_row_is_zero(matrix: ConfusionMatrix) -> None:
    assert np.allclose(matrix.displayed(), [[8 / 9, 1 / 9, 0], [2 / 5, 3 / 5, 0], [0, 0, 0]])


def test_that_precision_is_by_row_and_recall_by_column() -> None:
    np.testing.assert_allclose(precision(COUNTS), [8 / 9, 3 / 5, np.nan])
    np.testing.assert_allclose(recall(COUNTS), [8 / 10, 3 / 4, np.nan])


@pytest.mark.parametrize(
    ("share", "decimals", "text"),
    [
        (0.031, 1, "3.1"),
        (1.0, 1, "100"),
        (0.9999, 1, "100"),
        (0.0001, 1, "<0.1"),
        (0.004, 0, "<1"),
        (0.97, 0, "97"),
    ],
)
def test_that_a_share_reads_as_percent_and_never_as_zero_when_there_is_one(
    share: float, decimals: int, text: str
) -> None:
    assert percent(share, decimals) == text


def test_that_the_pointer_reads_a_cell_in_words(matrix: ConfusionMatrix, qtbot: Any) -> None:
    canvas = matrix.canvas
    canvas.grab()
    place = canvas._layout.cell(1, 0).center()  # type: ignore[union-attr]
    qtbot.mouseMove(canvas, place.toPoint() + QPoint(1, 0))
    qtbot.mouseMove(canvas, place.toPoint())
    qtbot.waitUntil(lambda: canvas.reading() != "")
    assert canvas.reading() == "predicted dog, true cat: 2 images, 40.0 % of the predicted dogs"
    qtbot.keyClick(canvas, Qt.Key.Key_Right)
    qtbot.keyClick(canvas, Qt.Key.Key_Up)
    assert canvas.reading() == "predicted cat, true dog: 1 image, 11.1 % of the predicted cats"
    qtbot.keyClick(canvas, Qt.Key.Key_Escape)
    assert canvas.reading() == ""


def test_that_cells_show_rates_or_counts_and_nothing_for_none(matrix: ConfusionMatrix) -> None:
    picture = matrix._picture
    assert picture is not None
    assert [picture.cell_text(0, column) for column in range(3)] == ["88.9", "11.1", ""]
    matrix.numbers.button(1).click()
    picture = matrix._picture
    assert picture is not None
    assert [picture.cell_text(0, column) for column in range(3)] == ["8", "1", ""]


def test_that_rows_are_predictions_on_the_screen_too(matrix: ConfusionMatrix) -> None:
    image = matrix.canvas.grab().toImage()
    layout = matrix.canvas._layout
    assert layout is not None

    def shade(row: int, column: int) -> int:
        corner = layout.cell(row, column).topLeft().toPoint()
        return image.pixelColor(corner.x() + 4, corner.y() + 4).lightness()

    assert shade(0, 0) < shade(1, 1) < shade(1, 0) < shade(0, 1) < shade(2, 2)
    assert image.pixelColor(layout.cell(2, 2).center().toPoint()).name() == load_theme("light").surface


def test_that_the_caption_counts_what_is_right(matrix: ConfusionMatrix) -> None:
    assert matrix.accessibleDescription() == "78.6 % right (11 of 14) · Test"


def test_that_a_narrow_matrix_says_in_fewer_words_what_is_right(matrix: ConfusionMatrix) -> None:
    matrix.set_matrix(COUNTS, NAMES, "test set after step 1,110")
    shown = []
    for width in range(900, 160, -4):
        matrix.resize(width, 300)
        QApplication.processEvents()
        text = matrix._caption.text()
        if text not in shown:
            shown.append(text)
    assert shown == [
        "78.6 % right (11 of 14) · test set after step 1,110",
        "78.6 % right · test set after step 1,110",
        "78.6 % right · test set",
        "78.6 % · test set",
        "78.6 %",
    ]
    assert matrix._caption.toolTip() == shown[0]


def test_that_sizes_that_do_not_fit_are_refused(matrix: ConfusionMatrix) -> None:
    with pytest.raises(ValueError, match=r"\[3, 3\] counts and 2 names"):
        matrix.set_matrix(COUNTS, ["a", "b"])


@pytest.mark.parametrize("name", ["light", "dark"])
def test_that_numbers_in_cells_contrast_with_every_shade(name: Any) -> None:
    theme: Theme = load_theme(name)
    for red, green, blue in cell_colors(theme, np.linspace(0, 1, 101)):
        ground = QColor(red, green, blue).name()
        assert contrast_ratio(readable_on(theme, ground), ground) >= 4.5


@pytest.mark.parametrize("classes", [2, 10, 25, 26, 100])
def test_that_any_number_of_classes_fits_and_is_painted_with_little_work(
    qtbot: Any, tmp_path: Path, classes: int
) -> None:
    random = np.random.default_rng(classes)
    widget = ConfusionMatrix(load_theme("dark"))
    qtbot.addWidget(widget)
    widget.resize(600, 600)
    widget.set_matrix(
        random.integers(0, 50, (classes, classes)), [f"long class name {k}" for k in range(classes)]
    )
    widget.show()
    widget.grab()
    layout, picture = widget.canvas._layout, widget.canvas._picture
    assert isinstance(picture, MatrixPicture)
    assert layout is not None
    assert widget.canvas.rect().toRectF().contains(layout.cells)
    assert layout.with_text is (classes <= 10)
    paint = partial(painted, widget.canvas, "#000000", partial(widget.canvas._paint, picture))
    assert count_calls(paint) < 10_000
    save_png(widget, tmp_path / "matrix.png", 400, 360)
    assert QImage(str(tmp_path / "matrix.png")).width() == 400


def test_that_an_empty_matrix_teaches(qtbot: Any) -> None:
    widget = ConfusionMatrix(load_theme("light"))
    qtbot.addWidget(widget)
    widget.grab()
    assert "appears here" in widget.accessibleDescription()
    assert widget.displayed().size == 0


def test_that_the_hint_below_is_never_cut_off(qtbot: Any) -> None:
    widget = ConfusionMatrix(load_theme("light"))
    qtbot.addWidget(widget)
    canvas, metrics = widget.canvas, widget.canvas.fontMetrics()
    canvas.setMinimumSize(1, 1)
    long, short = READ_HINTS
    for text, expected in ((long, long), (short, short)):
        canvas.resize(metrics.horizontalAdvance(text) + 1, 300)
        assert canvas._bottom_line(metrics) == expected
    canvas.resize(metrics.horizontalAdvance(short) - 1, 300)
    assert canvas._bottom_line(metrics) == ""
