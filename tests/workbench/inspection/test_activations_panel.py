"""The panel of activations shows one image, a mistake or a drawing as every node sees it."""

from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor

from engine.api import NodeMaps, Snapshot, classify_images, draw_digit, draw_plain, mistakes, observe
from tests.workbench.inspection.inspected import trained_run
from workbench.inspection import answers
from workbench.inspection.time_line import TimeLine
from workbench.panels.activations_panel import DRAW, MISTAKES, NO_RUN, UNDRAWN, VALIDATION, ActivationsPanel
from workbench.plots.feature_maps import FeatureMaps, grey_levels
from workbench.plots.probability_bars import ProbabilityBars
from workbench.theme import load_theme

LIGHT = load_theme("light")


@pytest.fixture
def panel(qtbot, session):
    made = ActivationsPanel(session, LIGHT)
    qtbot.addWidget(made)
    made.resize(700, 360)
    return made


def show(qtbot, panel, session) -> None:
    session.set_run(trained_run())
    panel.show()
    qtbot.waitUntil(lambda: panel.seen is not None)


def wait_for(qtbot, panel, condition) -> None:
    qtbot.waitUntil(lambda: panel.seen is not None and condition(panel.seen))


def test_that_it_shows_what_every_node_answers(qtbot, panel, session, network):
    show(qtbot, panel, session)
    panel.number.setValue(4)
    wait_for(qtbot, panel, lambda seen: seen.index == 3)
    expected = observe(network, network.data.test_images[3], int(network.data.test_labels[3]))
    np.testing.assert_array_equal(panel.bars.shown, expected.probabilities)
    for shown, seen in zip(panel.maps.nodes, expected.nodes, strict=True):
        np.testing.assert_array_equal(shown.values, seen.values)
    true = network.data.dataset.class_names[expected.label]
    assert panel.caption.text().startswith(f"Test image 4: {true}, answered class ")
    assert panel.number.suffix() == f" of {len(network.data.test_labels)}"


def test_that_it_says_so_when_other_panels_look_at_the_past(qtbot, session):
    line, run = TimeLine(lambda: 64), trained_run()
    run = replace(run, snapshots=tuple(Snapshot(run.id, step, None, "", None) for step in (0, 3)))
    panel = ActivationsPanel(session, LIGHT, line=line)
    qtbot.addWidget(panel)
    panel.resize(700, 360)
    line.set_run(run)
    show(qtbot, panel, session)
    told = panel.caption.text()
    assert told.startswith("Test image 1: ")
    line.go(0)
    assert panel.caption.text() == f"The network of now, not of step 0 · {told}"
    line.go(len(run.snapshots) - 1)
    assert panel.caption.text() == told


def test_that_the_image_on_show_is_the_raw_image(qtbot, panel, session, network):
    show(qtbot, panel, session)
    panel.source.button(VALIDATION).click()
    wait_for(qtbot, panel, lambda seen: seen.count == len(network.data.validation_labels))
    raw = network.data.validation_images[0]
    picture = panel.image.image
    shown = [[picture.pixelColor(x, y).red() for x in range(6)] for y in range(6)]
    np.testing.assert_array_equal(shown, np.rint(raw.mean(axis=2)))


def test_that_mistakes_come_with_the_most_confident_first(qtbot, panel, session, network):
    show(qtbot, panel, session)
    panel.source.button(MISTAKES).click()
    probabilities = classify_images(network, network.data.test_images)
    wrong = mistakes(probabilities, network.data.test_labels)
    assert len(wrong) > 1
    for place, index in enumerate(wrong[:2]):
        panel.number.setValue(place + 1)
        wait_for(qtbot, panel, lambda seen, index=index: seen.index == index and seen.count == len(wrong))
        best = int(panel.bars.shown.argmax())
        assert best != panel.seen.observation.label


def test_that_the_network_answers_while_one_draws(qtbot, panel, session, network):
    show(qtbot, panel, session)
    panel.source.button(DRAW).click()
    canvas = panel.canvas
    left = Qt.MouseButton.LeftButton
    points = []
    qtbot.mousePress(canvas, left, pos=QPoint(30, 40))
    for place in (QPoint(70, 60), QPoint(100, 90)):
        qtbot.mouseMove(canvas, place)
        count = len(canvas.strokes[0])
        expected = observe(network, draw_plain(canvas.strokes, 6, 6, 2))
        wait_for(
            qtbot,
            panel,
            lambda seen, image=expected.image: np.array_equal(seen.observation.image, image),
        )
        np.testing.assert_array_equal(panel.bars.shown, expected.probabilities)
        points.append(count)
    qtbot.mouseRelease(canvas, left, pos=QPoint(100, 90))
    qtbot.mouseMove(canvas, QPoint(5, 5))
    assert points == [2, 3]
    assert len(canvas.strokes[0]) == 3
    assert panel.caption.text().endswith("the network sees your drawing where you drew it, white on black")


def test_that_strokes_are_taken_back_and_cleared(qtbot, panel, session):
    show(qtbot, panel, session)
    panel.source.button(DRAW).click()
    canvas = panel.canvas
    for x in (20, 60, 100):
        qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(x, 50))
    qtbot.mouseClick(canvas, Qt.MouseButton.RightButton, pos=QPoint(5, 5))
    assert len(canvas.strokes) == 2
    qtbot.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert len(canvas.strokes) == 1
    qtbot.keyClick(canvas, Qt.Key.Key_Delete)
    assert canvas.strokes == []
    assert panel.caption.text() == UNDRAWN


def test_that_an_empty_canvas_is_not_answered(qtbot, panel, session):
    show(qtbot, panel, session)
    panel.source.button(DRAW).click()
    qtbot.waitUntil(lambda: not session.is_busy)
    assert panel.seen is None
    assert panel.caption.text() == UNDRAWN
    assert not len(panel.bars.shown)
    assert not panel.maps.nodes
    qtbot.mouseClick(panel.canvas, Qt.MouseButton.LeftButton, pos=QPoint(50, 50))
    assert panel.canvas.isVisible()
    wait_for(qtbot, panel, lambda seen: seen.observation.image.any())
    assert panel.caption.text().startswith("Answered")


def test_that_a_digit_is_drawn_by_the_rule_of_mnist(monkeypatch):
    strokes = [[(0.1, 0.1), (0.3, 0.2)]]
    network = Mock()
    network.data.dataset.image_shape = (1, 28, 28)
    network.data.recipe.dataset = "mnist-sample"
    monkeypatch.setattr(answers, "observe", lambda network, image: image)
    seen = answers.see_drawing(network, strokes)
    np.testing.assert_array_equal(seen.observation[..., 0], draw_digit(strokes))
    assert seen.is_digit


def test_that_nothing_is_asked_while_it_is_hidden(qtbot, panel, session):
    asked = []
    session.ask = lambda *arguments: asked.append(arguments)
    session.set_run(trained_run())
    panel.show_image("validation", 5)
    assert not asked
    panel.show()
    assert asked


def test_that_without_a_run_it_says_how_to_get_one(panel):
    panel.show()
    assert panel.words.text() == NO_RUN
    assert panel.words.isVisible()


def test_that_a_later_state_of_the_run_is_shown_at_once(qtbot, panel, session):
    show(qtbot, panel, session)
    before = panel.bars.shown
    values = {key: value * 0.5 for key, value in trained_run().checkpoint.tensors.items()}
    session.set_run(replace(trained_run(), checkpoint=replace(trained_run().checkpoint, tensors=values)))
    qtbot.waitUntil(lambda: not np.array_equal(panel.bars.shown, before))


def maps_of(*shapes: tuple[int, int, int]) -> list[NodeMaps]:
    random = np.random.default_rng(2)
    return [NodeMaps(f"n{i}", f"Node {i}", random.normal(size=shape)) for i, shape in enumerate(shapes)]


def test_that_maps_are_painted_in_grey_from_the_least_to_the_greatest_value_of_a_node(qtbot):
    widget = FeatureMaps(LIGHT)
    qtbot.addWidget(widget)
    widget.resize(300, 400)
    nodes = maps_of((5, 4, 6), (20, 1, 1))
    widget.set_nodes(nodes)
    picture = widget.grab().toImage()
    for number, node in enumerate(nodes):
        low, high = node.values.min(), node.values.max()
        expected = np.rint(255 * (node.values - low) / (high - low))
        np.testing.assert_array_equal(grey_levels(node.values), expected)
        channels, height, width = node.values.shape
        for channel, row, column in ((0, 0, 0), (channels - 1, height - 1, width - 1)):
            tile = widget.tile(number, channel)
            x = tile.left() + (column + 0.5) * tile.width() / width
            y = tile.top() + (row + 0.5) * tile.height() / height
            level = int(expected[channel, row, column])
            assert picture.pixelColor(QPointF(x, y).toPoint()) == QColor(level, level, level)
            assert widget.place_at(QPointF(x, y)) == (number, channel, row, column)


def test_that_the_pointer_reads_values_in_words(qtbot):
    widget = FeatureMaps(LIGHT)
    qtbot.addWidget(widget)
    widget.resize(300, 400)
    widget.set_nodes([NodeMaps("n", "ReLU 1", np.array([[[0.5, -1.25]]]))])
    widget.show()
    assert widget.describe((0, 0, 0, 1)) == "ReLU 1, channel 1, row 1, column 2: −1.25"
    with qtbot.waitSignal(widget.read, check_params_cb=lambda text: "0.5" in text):
        qtbot.mouseMove(widget, widget.tile(0, 0).topLeft().toPoint() + QPoint(3, 3))


def test_that_constant_and_broken_maps_are_mid_grey():
    assert (grey_levels(np.full((2, 3, 3), 7.0)) == 127).all()
    assert grey_levels(np.array([[[np.nan, 1.0]]])).tolist() == [[[0, 255]]]


def test_that_bars_are_as_long_as_their_probabilities(qtbot):
    bars = ProbabilityBars(LIGHT)
    qtbot.addWidget(bars)
    bars.resize(200, 120)
    bars.set_probabilities([0.1, 0.6, 0.3], ("a", "b", "c"), 2)
    whole = bars.bar(1).width() / 0.6
    assert [bars.bar(n).width() / whole for n in range(3)] == pytest.approx([0.1, 0.6, 0.3])
    assert bars.accessibleDescription() == "b 60.0 %; true class c"
    with pytest.raises(ValueError, match="2 names"):
        bars.set_probabilities([1.0], ("a", "b"))
