"""Every plot leaves the program in the same way: copied, or written as PNG, SVG or CSV."""

import csv
import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QImage
from PySide6.QtWidgets import QApplication, QFileDialog, QMainWindow, QMenu, QMessageBox

from engine.api import Activity, NodeActivity, NodeMaps
from workbench.plots.activity_strips import ActivityStrips
from workbench.plots.class_histogram import ClassHistogram
from workbench.plots.confusion_matrix import ConfusionMatrix
from workbench.plots.curves import CurvePlot
from workbench.plots.export import file_stem
from workbench.plots.feature_maps import FeatureMaps
from workbench.plots.filter_mosaic import FilterMosaic
from workbench.plots.image_view import ImageView
from workbench.plots.probability_bars import ProbabilityBars
from workbench.theme import load_theme

DARK = load_theme("dark")
RANDOM = np.random.default_rng(3)
COUNTS = np.array([[7, 1], [2, 5]])
WEIGHTS = RANDOM.normal(size=(6, 1, 3, 4))
MAPS = RANDOM.normal(size=(4, 3, 3))
HEAT = RANDOM.normal(size=(3, 4))


def curves() -> CurvePlot:
    plot = CurvePlot(DARK, name="Loss")
    plot.set_series("Training", [1, 2, 3], [0.5, 0.25, 0.125])
    plot.set_series("Validation", [2], [0.75])
    return plot


def confusion() -> ConfusionMatrix:
    plot = ConfusionMatrix(DARK)
    plot.set_matrix(COUNTS, ["cat", "dog"], "Test set")
    return plot


def filters() -> FilterMosaic:
    plot = FilterMosaic(DARK)
    plot.set_filters(WEIGHTS, 12)
    return plot


def strips() -> ActivityStrips:
    plot = ActivityStrips(DARK)
    fires = np.array([0.0, 0.5, 1.0])
    node = NodeActivity("r", "ReLU 1", True, fires, fires, fires == 0, fires == 1)
    plot.set_activity(Activity(40, (node,)))
    return plot


def maps() -> FeatureMaps:
    plot = FeatureMaps(DARK)
    plot.set_nodes([NodeMaps("c", "Convolution 1", MAPS)])
    return plot


def bars() -> ProbabilityBars:
    plot = ProbabilityBars(DARK)
    plot.set_probabilities([0.25, 0.75], ["cat", "dog"], 1)
    return plot


def histogram() -> ClassHistogram:
    plot = ClassHistogram(DARK)
    plot.set_histograms({"Training": [5, 7], "Test": [2, 3]}, ["cat", "dog"])
    return plot


def attribution() -> ImageView:
    plot = ImageView(DARK, "Attribution")
    plot.set_pixels(RANDOM.integers(0, 255, (3, 4, 3)).astype(np.uint8))
    plot.set_map(HEAT)
    return plot


PLOTS = {
    "histogram": (histogram, "cat"),
    "attribution": (attribution, ""),
    "curves": (curves, "Step"),
    "confusion": (confusion, "Predicted class"),
    "filters": (filters, "Step 12"),
    "strips": (strips, "ReLU 1"),
    "maps": (maps, "Convolution 1"),
    "bars": (bars, "dog"),
}


@pytest.fixture(params=PLOTS)
def plot(request, qtbot):
    made = PLOTS[request.param][0]()
    made.told = PLOTS[request.param][1]
    host = QMainWindow()
    qtbot.addWidget(host)
    host.setCentralWidget(made)
    host.statusBar()
    host.resize(420, 380)
    with qtbot.waitExposed(host):
        host.show()
    made.setFocus()
    made.host = host
    return made


def rows_of(text: str, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text), delimiter=delimiter))


def drawn_colors(image: QImage) -> int:
    return len({image.pixel(x, y) for x in range(0, image.width(), 3) for y in range(0, image.height(), 3)})


def test_that_every_plot_writes_a_sharp_light_picture(plot, tmp_path):
    plot.export.write(tmp_path / "plot.png")
    image = QImage(str(tmp_path / "plot.png"))
    assert image.width() == 2 * max(plot.width(), 480)
    assert image.pixelColor(2, 2).name() == load_theme("light").surface
    assert drawn_colors(image) > 2


def test_that_the_svg_of_every_plot_keeps_its_text_as_text(plot, tmp_path):
    plot.export.write(tmp_path / "plot.svg")
    text = (tmp_path / "plot.svg").read_text(encoding="utf-8")
    root = ET.fromstring(text)
    words = " ".join("".join(node.itertext()) for node in root.iterfind(".//{*}text"))
    assert plot.told in words
    # A picture of the whole would be no vectors.
    if plot.told == "":
        return  # pixels alone
    sizes = [float(image.get("width")) for image in root.iterfind(".//{*}image")]
    assert all(size < plot.width() / 2 for size in sizes)


def test_that_every_plot_is_copied_by_keys_as_picture_and_as_values(plot, qtbot):
    board = QGuiApplication.clipboard()
    board.clear()
    qtbot.keyClick(plot, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert drawn_colors(board.image()) > 2
    assert plot.host.statusBar().currentMessage().startswith("Copied the picture")
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(plot, Qt.Key.Key_C, both)
    rows = rows_of(board.text(), "\t")
    assert len(rows) == 1 + len(plot.values().rows)
    assert len({len(row) for row in rows}) == 1


def test_that_the_context_menu_of_every_plot_offers_the_same(plot, qtbot):
    offered: list[list[str]] = []

    def read() -> None:
        menu = QApplication.activePopupWidget()
        assert isinstance(menu, QMenu)
        offered.append([action.text() for action in menu.actions()])
        menu.close()

    # To what lies in the middle, as the pointer would have it.
    target = plot.childAt(plot.rect().center()) or plot
    QTimer.singleShot(50, read)
    place = target.rect().center()
    QApplication.sendEvent(
        target, QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, target.mapToGlobal(place))
    )
    qtbot.waitUntil(lambda: bool(offered))
    assert offered[0][-3:] == ["Copy picture", "Copy values", "Export as PNG, SVG or CSV…"]


def test_that_values_are_those_that_were_given(qtbot):
    made = {name: make() for name, (make, _) in PLOTS.items()}
    for plot in made.values():
        qtbot.addWidget(plot)
    lines = rows_of(made["curves"].values().text())
    assert lines == [
        ["step", "Training", "Validation"],
        ["1", "0.5", ""],
        ["2", "0.25", "0.75"],
        ["3", "0.125", ""],
    ]
    lines = rows_of(made["confusion"].values().text())
    assert [line[1:3] for line in lines[1:3]] == [["7", "1"], ["2", "5"]]
    assert [float(line[3]) for line in lines[1:3]] == pytest.approx([7 / 8, 5 / 7])
    assert [float(cell) for cell in lines[3][1:3]] == pytest.approx([7 / 9, 5 / 6])
    table = np.array([row[3:] for row in made["filters"].values().rows])
    np.testing.assert_array_equal(table.reshape(WEIGHTS.shape), WEIGHTS)
    table = np.array([row[-1] for row in made["maps"].values().rows])
    np.testing.assert_array_equal(table.reshape(MAPS.shape), MAPS)
    assert made["strips"].values().rows[0] == ["ReLU 1", 1, 0.0, 1, 0]
    assert made["histogram"].values().rows == [["cat", 5, 2], ["dog", 7, 3]]
    heat = np.array(made["attribution"].values().rows)
    np.testing.assert_array_equal(heat[:, 2].reshape(3, 4), HEAT)
    assert made["bars"].values().rows == [["cat", 0.25], ["dog", 0.75]]


def test_that_the_ending_chosen_in_the_dialogue_is_added(plot, qtbot, monkeypatch, tmp_path):
    answer = (str(tmp_path / "mine"), "Table of values (*.csv)")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: answer)
    qtbot.keyClick(plot, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier)
    assert (tmp_path / "mine.csv").read_text(encoding="utf-8") == plot.values().text()
    assert plot.host.statusBar().currentMessage() == "Wrote mine.csv"


def test_that_a_folder_that_does_not_take_the_file_is_told(plot, monkeypatch, tmp_path):
    told: list[str] = []
    monkeypatch.setattr(QMessageBox, "warning", lambda parent, title, text: told.append(text))
    for ending in ("png", "svg", "csv"):
        answer = (str(tmp_path / "no-folder" / f"plot.{ending}"), "")
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, answer=answer: answer)
        plot.export.ask_and_write()
    assert len(told) == 3
    assert all("could not be written" in text for text in told)


def test_that_an_empty_plot_says_so_instead_of_copying_nothing(qtbot):
    plot = CurvePlot(DARK, name="Loss")
    host = QMainWindow()
    qtbot.addWidget(host)
    host.setCentralWidget(plot)
    host.statusBar()
    QGuiApplication.clipboard().setText("kept")
    plot.export.copy_as_picture()
    plot.export.copy_as_values()
    assert QGuiApplication.clipboard().text() == "kept"
    assert host.statusBar().currentMessage() == "Loss shows nothing yet"


def test_that_files_are_named_after_their_plots():
    assert file_stem("Confusion matrix") == "confusion-matrix"
