"""The mosaic is sorted and scaled, shows later layers, and a click shows one filter from all sides."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from PySide6.QtCore import Qt

from engine.api import (
    Run,
    Snapshot,
    Trainer,
    edits,
    example_path,
    exciting_patches,
    filter_changes,
    filter_kind,
    filter_norms,
    filter_spectrum,
    initial_filters,
    load_project,
    order_by,
    prepare,
    recipe_dataset,
    similarity_order,
)
from tests.engine.inspection.trained_networks import tensors
from tests.workbench.inspection.inspected import trained_run
from workbench.inspection.time_line import TimeLine
from workbench.panels.filter_panel import NO_FILTER, FilterPanel
from workbench.panels.filters_panel import CHANGE, NORM, NUMBER, SIMILARITY, FiltersPanel
from workbench.plots.feature_maps import grey_levels
from workbench.plots.filter_mosaic import FilterMosaic
from workbench.plots.filter_tiles import kind_in_words, mosaic
from workbench.plots.filter_values import FilterValues
from workbench.theme import load_theme

LIGHT = load_theme("light")
WEIGHTS = tensors(dtype="float32")["parameter/convolution-1/weight"]
START = np.random.default_rng(2).normal(size=WEIGHTS.shape).astype(np.float32)


def shot(step: int, filters: np.ndarray) -> Snapshot:
    return Snapshot("run", step, filters, "convolution-1", None)


def with_past(run: Run) -> Run:

    return replace(run, snapshots=(shot(0, START), shot(20, START + 1), shot(40, WEIGHTS)))


@pytest.fixture
def line(qtbot):
    made = TimeLine(lambda: 50)
    made.set_run(with_past(trained_run()))
    return made


@pytest.fixture
def panel(qtbot, session, line):
    made = FiltersPanel(FilterMosaic(LIGHT), session, line, LIGHT)
    qtbot.addWidget(made)
    made.resize(400, 320)
    made.show()
    made.first.set_filters(WEIGHTS, 40)
    return made


@pytest.mark.parametrize(
    ("how", "order"),
    [
        (NUMBER, np.arange(len(WEIGHTS))),
        (NORM, order_by(filter_norms(WEIGHTS))),
        (SIMILARITY, similarity_order(WEIGHTS)),
        (CHANGE, order_by(filter_changes(WEIGHTS, START))),
    ],
)
def test_that_filters_stand_in_the_order_that_is_chosen(qtbot, panel, how, order):
    panel.sort.menu().actions()[how].trigger()
    np.testing.assert_array_equal(panel.first.order, order)
    expected = mosaic(WEIGHTS[order], columns=panel.first.columns)
    np.testing.assert_array_equal(panel.first.displayed(), expected)


def test_that_new_filters_are_sorted_as_they_come(qtbot, panel):
    panel.sort.menu().actions()[NORM].trigger()
    panel.first.set_filters(START, 60)
    np.testing.assert_array_equal(panel.first.order, order_by(filter_norms(START)))


def test_that_filters_are_scaled_alike_on_demand(qtbot, panel):
    qtbot.mouseClick(panel.alike, Qt.MouseButton.LeftButton)
    expected = mosaic(WEIGHTS, per_filter=False, columns=panel.first.columns)
    np.testing.assert_array_equal(panel.first.displayed(), expected)
    assert "scaled alike" in panel.first.accessibleDescription()


def test_that_a_click_on_a_sorted_mosaic_names_the_filters_own_number(qtbot, panel):
    panel.sort.menu().actions()[NORM].trigger()
    second = int(panel.first.order[1])
    place = panel.first._tiles()[1].center().toPoint()
    with qtbot.waitSignal(panel.filter_opened) as opened:
        qtbot.mouseClick(panel.first, Qt.MouseButton.LeftButton, pos=place)
    assert opened.args == ["convolution-1", second]
    with qtbot.waitSignal(panel.filter_opened) as opened:
        qtbot.keyClick(panel.first, Qt.Key.Key_Right)
        qtbot.keyClick(panel.first, Qt.Key.Key_Return)
    assert opened.args[0] == "convolution-1"


def test_that_a_network_with_one_convolution_offers_no_choice_of_layers(panel):
    assert panel.layer.isHidden()


def test_that_a_value_under_the_pointer_is_told(qtbot):
    widget = FilterValues(LIGHT)
    qtbot.addWidget(widget)
    widget.resize(300, 200)
    values = np.random.default_rng(1).normal(size=(2, 3, 3))
    widget.set_values(values)
    told = widget.describe(widget.cell(1, 2, 0).center())
    assert told == f"Channel 2, row 3, column 1: {values[1, 2, 0]:.4f}".replace("-", "−")
    picture = widget.grab().toImage()
    low, high = values.min(), values.max()
    level = round(255 * (values[0, 1, 1] - low) / (high - low))
    corner = widget.cell(0, 1, 1).topLeft().toPoint()
    assert picture.pixelColor(corner.x() + 2, corner.y() + 2).red() == level


def test_that_the_values_leave_the_program_as_a_table(qtbot):
    widget = FilterValues(LIGHT)
    qtbot.addWidget(widget)
    values = np.random.default_rng(1).normal(size=(2, 3, 4))
    widget.set_values(values)
    table = widget.values()
    assert table.header == ("channel", "row", "column 1", "column 2", "column 3", "column 4")
    assert tuple(table.rows[4]) == (2, 2, *values[1, 1].tolist())


@pytest.fixture
def one(qtbot, session, line):
    made = FilterPanel(session, LIGHT, line=line)
    qtbot.addWidget(made)
    made.resize(700, 300)
    made.show()
    return made


def test_that_one_filter_is_shown_with_what_the_engine_finds(qtbot, one, session, network):
    assert one.words.text() == NO_FILTER
    session.set_run(trained_run())
    one.show_filter("convolution-1", 2)
    qtbot.waitUntil(lambda: one.examined is not None)
    np.testing.assert_array_equal(one.values.weights, WEIGHTS[2])
    levels = grey_levels(filter_spectrum(WEIGHTS[2]))
    picture = one.spectrum.image
    assert [picture.pixelColor(x, 9).red() for x in range(32)] == levels[9].tolist()
    assert kind_in_words(filter_kind(WEIGHTS[2])) in one.caption.text()
    expected = exciting_patches(network, "convolution-1", 2, network.data.validation_images)
    shown = one.patches.items
    assert len(shown) == len(expected) == 12
    for item, patch in zip(shown, expected, strict=True):
        np.testing.assert_array_equal(item.pixels, patch.pixels)
    with qtbot.waitSignal(one.image_opened) as opened:
        one.patches.opened.emit(1)
    assert opened.args == ["validation", expected[1].image]


def test_that_one_filter_goes_back_in_time(qtbot, one, session, line):
    session.set_run(trained_run())
    one.show_filter("convolution-1", 1)
    line.go(0)
    np.testing.assert_array_equal(one.values.weights, START[1])
    line.go(2)
    np.testing.assert_array_equal(one.values.weights, WEIGHTS[1])
    qtbot.waitUntil(lambda: not session.is_busy)


def test_that_the_beginning_of_a_layer_is_that_of_its_seed(network):

    training = msgspec.structs.replace(network.project.training, batch_size=10, device="cpu")
    trainer = Trainer(replace(network.project, training=training), network.data)
    start = trainer.checkpoint().tensors["parameter/convolution-1/weight"]
    np.testing.assert_allclose(initial_filters(network, "convolution-1"), start, rtol=1e-6)


def test_that_filters_of_a_later_layer_are_shown_in_the_window(qtbot, window):
    """A network of two convolutions that was trained for a moment on real digits."""

    project = load_project(example_path("mnist-sample")).project
    graph = edits.set_settings(project.graph, "fully_connected-1", outputs=16)
    training = msgspec.structs.replace(project.training, epochs=1, snapshots_per_epoch=0, device="cpu")
    project = replace(project, graph=graph, training=training)
    trainer = Trainer(project, prepare(recipe_dataset(project.data), project.data), steps=2)
    list(trainer.events())
    run = trainer.run()
    window.document.load(project, (run,))
    window.control.show_last_run()
    panel = window.inspection.filters
    assert not panel.layer.isHidden()
    panel.layer.menu().actions()[1].trigger()
    weights = run.checkpoint.tensors["parameter/convolution-2/weight"]
    qtbot.waitUntil(lambda: len(panel.later.filters) == len(weights))
    np.testing.assert_array_equal(panel.mosaic.filters, weights)
    panel.sort.menu().actions()[CHANGE].trigger()
    start = panel._later.start
    np.testing.assert_array_equal(panel.later.order, order_by(filter_changes(weights, start)))
    panel.later.opened.emit(3)
    one = window.inspection.filter
    assert one.isVisible()
    qtbot.waitUntil(lambda: one.examined is not None)
    np.testing.assert_array_equal(one.values.weights, weights[3])
    assert one.caption.text().startswith("Convolution 2, filter 4 · ")
    assert one.patches.items[0].pixels.shape == (14, 14, 1)
