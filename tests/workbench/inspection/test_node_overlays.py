"""On the graph: heat strips with dead and saturated units, and the maps of the chosen image beside the nodes."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor

from engine.api import Checkpoint, NodeActivity, Snapshot, edits, measure_activity, observe
from tests.engine.inspection.trained_networks import tensors
from tests.workbench.inspection.inspected import FakeModel, trained_run
from workbench.canvas.ink import Ink
from workbench.canvas.node_overlay import count_words, maps_image, strip_image
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
    assert {"Unit activity on the nodes", "Feature maps beside the nodes"} <= titles


def test_that_nodes_show_what_the_engine_measures_and_since_when_units_are_dead(qtbot, looking):
    overlays, session = looking.overlays, looking.inspection.session
    overlays.activity.trigger()
    assert count_words(overlays.overlay("relu-1").activity) == "1 dead"
    qtbot.waitUntil(lambda: not session.is_busy, timeout=5000)
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


def test_that_maps_stand_beside_each_node_and_follow_the_panel(qtbot, looking):
    overlays, panel = looking.overlays, looking.inspection.activations
    overlays.maps.trigger()
    qtbot.waitUntil(lambda: overlays.overlay("relu-1") is not None, timeout=5000)
    network = FakeModel().network(looking.document.runs[0])

    def expected(image):
        return {node.node: maps_image(node.values) for node in observe(network, image).nodes}

    def agrees(image) -> bool:
        return all(
            (shown := overlays.overlay(node)) is not None and shown.picture and shown.picture.image == maps
            for node, maps in expected(image).items()
        )

    assert agrees(network.data.test_images[0])
    looking.docks.show("activations")
    qtbot.waitUntil(lambda: panel.seen is not None, timeout=5000)
    panel.number.setValue(5)
    qtbot.waitUntil(lambda: agrees(network.data.test_images[4]), timeout=5000)
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
            ),
            timeout=5000,
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


def test_that_a_mosaic_of_maps_holds_the_first_channels_in_grey():
    values = np.random.default_rng(3).normal(size=(40, 6, 6))
    image = maps_image(values)
    levels = grey_levels(values)
    columns = (image.width() + 1) // 7
    assert -(-32 // columns) == (image.height() + 1) // 7
    for channel in (0, 5, 31):
        row, column = divmod(channel, columns)
        shown = [image.pixelColor(column * 7 + x, row * 7 + 2).red() for x in range(6)]
        assert shown == levels[channel, 2].tolist()
    vector = maps_image(np.arange(10.0).reshape(10, 1, 1))
    assert vector.pixelColor(0, 0).red() == 0
    assert vector.width() * vector.height() >= 10
