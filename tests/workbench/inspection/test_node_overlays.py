"""On the graph: heat strips with dead and saturated units, and the maps of the chosen image."""

import math
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QGraphicsScene

from engine.api import (
    NODE_HEIGHT,
    NODE_WIDTH,
    Checkpoint,
    NodeActivity,
    Snapshot,
    edits,
    measure_activity,
    observe,
)
from tests.engine.inspection.trained_networks import tensors
from tests.workbench.inspection.inspected import FakeModel, trained_run
from workbench.canvas.ink import Ink
from workbench.canvas.lettering import HEADER
from workbench.canvas.node_item import NodeItem
from workbench.canvas.node_look import NodeLook, NodeVerdict
from workbench.canvas.node_overlay import (
    MOST_MAPS,
    NodeOverlay,
    count_words,
    maps_picture,
    shown_channels,
    strip_image,
)
from workbench.panels.activations_panel import DRAW
from workbench.plots.activity_strips import shade
from workbench.plots.feature_maps import grey_levels
from workbench.theme import load_theme

LIGHT = load_theme("light")


def activity_of(fires, dead, saturated) -> NodeActivity:
    rates = np.array(fires, float)
    return NodeActivity("relu-1", "ReLU 1", True, rates, rates, np.array(dead), np.array(saturated))


def looks(step: int, dead: list[bool]) -> Snapshot:
    """A snapshot in which some of the four filters are dead; the eight sigmoid units are fine."""
    states = np.array([1 if is_dead else 0 for is_dead in dead] + [0] * 8, np.uint8)
    fires = np.where(states == 1, 0.0, 0.5).astype(np.float32)
    points = np.zeros((20, 3), np.float32)
    return Snapshot("run", step, None, "", None, None, None, fires, fires, states, points)


@pytest.fixture
def looking(window, monkeypatch):
    """The window on the small trained network, whose second filter never fires."""
    monkeypatch.setattr(window.inspection.session, "_model", FakeModel())
    values = tensors(dtype="float32")
    values["parameter/convolution-1/bias"][1] = -1e6
    shots = (
        looks(0, [False, False, False, False]),
        looks(20, [False, True, True, False]),
        Snapshot("run", 30, None, "", None),
        looks(40, [False, True, False, False]),
    )
    run = replace(trained_run(), checkpoint=Checkpoint(40, values), snapshots=shots, status="finished")
    window.document.load(run.project, (run,))
    window.control.show_last_run()
    return window


def test_that_nothing_is_computed_until_a_switch_is_on(looking):
    assert looking.inspection.session._thread is None
    assert not looking.overlays._overlays
    titles = {action.text().replace("&", "") for action in looking.menus.view.actions()}
    assert {"Unit activity on the nodes", "Feature maps on the nodes"} <= titles


def test_that_nodes_show_what_the_engine_measures_and_since_when_units_are_dead(qtbot, looking):
    overlays, session = looking.overlays, looking.inspection.session
    overlays.activity.trigger()
    assert count_words(overlays.overlay("relu-1").activity) == "1 dead"
    qtbot.waitUntil(lambda: not session.is_busy)
    network = FakeModel().network(looking.document.runs[0])
    measured = measure_activity(network, network.data.validation_images)
    for node in measured.nodes:
        np.testing.assert_array_equal(overlays.overlay(node.node).activity.fires, node.fires)
    words = overlays.overlay("relu-1").toolTip()
    count = len(network.data.validation_images)
    assert (
        words
        == f"3 of 4 channels in use, measured on the {count} validation images\nChannel 2, dead since step 20"
    )
    assert overlays.overlay("convolution-1") is None


def test_that_strips_go_back_in_time(qtbot, looking):
    overlays = looking.overlays
    overlays.activity.trigger()
    looking.time.line.go(1)
    shown = overlays.overlay("relu-1")
    assert count_words(shown.activity) == "2 dead"
    assert "Channel 3, dead since step 20" in shown.toolTip()
    assert "on 20 of the validation images after step 20" in shown.toolTip()
    looking.time.line.go(2)
    # A moment that tells of the filters alone.
    assert "on 20 of the validation images after step 20" in shown.toolTip()
    looking.time.line.go(0)
    assert count_words(shown.activity) == ""
    overlays.activity.trigger()
    assert shown.activity is None


def test_that_the_strip_orders_units_by_activity_with_the_dead_at_the_end():
    activity = activity_of([0.1, 0.0, 0.9, 0.5], [False, True, False, False], [False, False, False, True])
    image = strip_image(activity, Ink(LIGHT))
    shown = [image.pixelColor(x, 0) for x in range(4)]
    assert shown == [
        QColor(shade(LIGHT, 0.9)), QColor(shade(LIGHT, 0.1)), QColor(LIGHT.warning), QColor(LIGHT.problem)
    ]  # fmt: skip
    assert count_words(activity) == "1 dead, 1 saturated"


def test_that_maps_stand_on_each_node_and_follow_the_panel(qtbot, looking):
    overlays, panel = looking.overlays, looking.inspection.activations
    overlays.maps.trigger()
    qtbot.waitUntil(lambda: overlays.overlay("relu-1") is not None)
    network = FakeModel().network(looking.document.runs[0])

    def expected(image):
        return {node.node: maps_picture(node.values).image for node in observe(network, image).nodes}

    def agrees(image) -> bool:
        return all(
            (shown := overlays.overlay(node)) is not None and shown.picture and shown.picture.image == maps
            for node, maps in expected(image).items()
        )

    assert agrees(network.data.test_images[0])
    looking.docks.show("activations")
    qtbot.waitUntil(lambda: panel.seen is not None)
    panel.number.setValue(5)
    qtbot.waitUntil(lambda: agrees(network.data.test_images[4]))
    answer = observe(network, network.data.test_images[4]).probabilities
    caption = overlays.overlay("softmax_classifier-1").picture.caption
    assert caption.startswith(network.data.dataset.class_names[int(answer.argmax())])
    overlays.maps.trigger()
    assert overlays.overlay("relu-1").picture is None


def test_that_maps_on_the_graph_change_while_one_draws(qtbot, looking):
    overlays, panel = looking.overlays, looking.inspection.activations
    looking.docks.show("activations")
    overlays.maps.trigger()
    panel.source.button(DRAW).click()
    seen = []
    for place in (QPoint(20, 30), QPoint(90, 80)):
        qtbot.mousePress(panel.canvas, Qt.MouseButton.LeftButton, pos=place)
        before = len(seen)
        qtbot.waitUntil(
            lambda: (
                overlays.overlay("relu-1") is not None
                and overlays.overlay("relu-1").picture is not None
                and (not seen or overlays.overlay("relu-1").picture.image != seen[-1])
            )
        )
        seen.append(overlays.overlay("relu-1").picture.image)
        assert len(seen) == before + 1
        qtbot.mouseRelease(panel.canvas, Qt.MouseButton.LeftButton, pos=place)


def test_that_a_node_that_was_changed_since_shows_nothing_and_shows_it_again_after_undo(qtbot, looking):
    overlays = looking.overlays
    overlays.activity.trigger()
    graph = edits.rename(looking.document.project.graph, "relu-1", "Other")
    looking.document.apply_graph("Rename", graph)
    assert overlays.overlay("relu-1").activity is None
    looking.document.undo_stack.undo()
    assert overlays.overlay("relu-1").activity is not None
    looking.document.apply_graph("Delete", edits.remove(looking.document.project.graph, ["relu-1"]))
    assert overlays.overlay("relu-1") is None
    looking.document.undo_stack.undo()
    assert overlays.overlay("relu-1").activity is not None


def test_that_a_node_shows_in_grey_the_channels_that_vary_most():
    values = np.random.default_rng(3).normal(size=(40, 6, 6))
    values[[4, 17]] *= 5
    picture = maps_picture(values)
    levels = grey_levels(values)
    count = (picture.image.width() + 1) // 7
    shown = shown_channels(values, count)
    assert 4 <= count <= MOST_MAPS
    assert {4, 17} <= set(shown)
    for place, channel in enumerate(shown):
        row = [picture.image.pixelColor(place * 7 + x, 2).red() for x in range(6)]
        assert row == levels[channel, 2].tolist()
    assert picture.words == f"Channels {', '.join(str(c + 1) for c in shown)} of 40: those that vary most"
    assert maps_picture(values[:3]).words == ""


def test_that_a_vectors_units_are_a_block_and_few_of_them_a_row():
    few = maps_picture(np.arange(10.0).reshape(10, 1, 1)).image
    assert (few.width(), few.height()) == (10, 1)
    assert (few.pixelColor(0, 0).red(), few.pixelColor(9, 0).red()) == (0, 255)
    many = maps_picture(np.arange(1024.0).reshape(1024, 1, 1)).image
    assert many.width() * many.height() >= 1024
    assert many.width() > 3 * many.height()


def test_that_maps_keep_within_the_node_and_give_way_to_what_it_has_to_tell(qtbot, looking):
    overlays = looking.overlays
    overlays.maps.trigger()
    qtbot.waitUntil(lambda: overlays.overlay("relu-1") is not None)
    shown, item = overlays.overlay("relu-1"), looking.canvas.canvas.nodes["relu-1"]
    assert not shown.shows_picture
    # The run's data are not those of the document.
    assert item.look.status == "waiting"
    item.set_look(replace(item.look, status="fits"))
    assert shown.shows_picture
    for node in looking.document.project.graph.nodes:
        assert NodeItem.body().contains(overlays.overlay(node).picture_place())
    looking.canvas.canvas.show_verdicts({"relu-1": NodeVerdict(True, ("right",))})
    assert not shown.shows_picture
    looking.canvas.canvas.show_verdicts({})
    assert shown.shows_picture


@pytest.mark.parametrize("zoom", [0.7, 1.0])
def test_that_no_letter_of_the_node_shows_beside_its_maps(qtbot, zoom):
    theme = load_theme("light")
    ink = Ink(theme)
    look = NodeLook(
        "Convolution 2",
        "Convolution",
        "64 filters 5×5, padding 2",
        "fits",
        "",
        "64×14×14",
        "",
        "",
        False,
        1,
        1,
    )
    item = NodeItem("convolution-2", look, ink)
    overlay = NodeOverlay(item, ink)
    overlay.set_picture(maps_picture(np.random.default_rng(1).normal(size=(64, 14, 14))))
    scene = QGraphicsScene()
    scene.addItem(item)
    image = QImage(round(NODE_WIDTH * zoom), round(NODE_HEIGHT * zoom), QImage.Format.Format_RGB32)
    painter = QPainter(image)
    painter.scale(zoom, zoom)
    scene.render(painter, QRectF(0, 0, NODE_WIDTH, NODE_HEIGHT), QRectF(0, 0, NODE_WIDTH, NODE_HEIGHT))
    painter.end()
    rows = range(math.ceil((HEADER + 1) * zoom), int((overlay.picture_place().top() - 0.5) * zoom))
    assert rows
    for y in rows:
        row = {image.pixelColor(x, y).name() for x in range(round(12 * zoom), round(190 * zoom))}
        assert row == {theme.surface}, y
