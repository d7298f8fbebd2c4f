"""The panel of unit activity shows what the engine measures, only while it is seen, and follows a training."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from pytestqt.qtbot import QtBot

from engine.api import Checkpoint, measure_activity
from tests.engine.inspection.trained_networks import tensors
from tests.workbench.inspection.inspected import FakeModel, trained_run
from workbench.inspection.session import InspectionSession
from workbench.panels.activity_panel import NO_RUN, ActivityPanel
from workbench.plots.activity_strips import shade
from workbench.theme import load_theme

LIGHT = load_theme("light")


@pytest.fixture
def panel(qtbot: QtBot, session: InspectionSession) -> ActivityPanel:
    made = ActivityPanel(session, LIGHT)
    qtbot.addWidget(made)
    made.resize(420, 300)
    return made


def show(qtbot: QtBot, panel: ActivityPanel) -> None:
    panel.show()
    qtbot.waitUntil(lambda: panel.activity is not None)


def run_with_dead_filter(step: int):
    values = tensors(dtype="float32")
    values["parameter/convolution-1/bias"][1] = -1e6
    return replace(trained_run(), checkpoint=Checkpoint(step, values))


def test_that_it_shows_what_the_engine_measures(qtbot, panel, session):
    session.set_run(run_with_dead_filter(40))
    show(qtbot, panel)
    network = FakeModel().network(run_with_dead_filter(40))
    expected = measure_activity(network, network.data.validation_images)
    for shown, measured in zip(panel.activity.nodes, expected.nodes, strict=True):
        np.testing.assert_array_equal(shown.fires, measured.fires)
    assert panel.summary.text() == "11 of 12 units in use (91.7 %) · 1 dead · 0 saturated · step 40"
    picture = panel.strips.grab().toImage()
    ratio = picture.devicePixelRatio()
    for unit in (0, 2, 3):
        place = (panel.strips.place_of((0, unit)) * ratio).toPoint()
        assert picture.pixelColor(place) == QColor(shade(LIGHT, float(expected.nodes[0].fires[unit])))
    assert picture.pixelColor((panel.strips.place_of((0, 1)) * ratio).toPoint()) == QColor(LIGHT.problem)


def test_that_a_hidden_panel_asks_nothing(qtbot, panel, session):
    asked = []
    session.ask = lambda *arguments: asked.append(arguments)
    session.set_run(trained_run())
    assert not asked
    panel.show()
    assert len(asked) == 1
    panel.hide()
    session.set_run(replace(trained_run(), seconds=2.0))
    assert len(asked) == 1


def test_that_it_measures_once_for_a_state_of_a_run_however_often_it_is_seen(qtbot, panel, session):
    session.set_run(trained_run())
    show(qtbot, panel)
    shown = panel.activity
    panel.hide()
    panel.show()
    assert panel.activity is shown
    assert not panel._is_asking


def test_that_without_a_run_it_says_how_to_get_one(panel, session):
    panel.show()
    assert panel.words.text() == NO_RUN
    assert panel.words.isVisible()


def test_that_pointer_and_keys_read_units_and_since_when_they_are_dead(qtbot, panel, session):
    for step in (40, 80, 120):
        session.set_run(run_with_dead_filter(step) if step > 40 else trained_run())
        panel.show()
        qtbot.waitUntil(lambda step=step: bool(panel.activity) and f"step {step}" in panel.summary.text())
    place = panel.strips.place_of((0, 1)).toPoint()
    qtbot.mouseMove(panel.strips, QPoint(1, 1))
    qtbot.mouseMove(panel.strips, place)
    qtbot.waitUntil(lambda: panel.strips.chosen == (0, 1))
    assert panel.reading.text() == "ReLU 1, channel 2: dead, at every look since step 80"
    qtbot.keyClick(panel.strips, Qt.Key.Key_Right)
    assert panel.reading.text().startswith("ReLU 1, channel 3: fires at ")
    qtbot.keyClick(panel.strips, Qt.Key.Key_Right)
    qtbot.keyClick(panel.strips, Qt.Key.Key_Right)
    assert panel.strips.chosen == (1, 0)
    assert panel.reading.text().startswith("Sigmoid 1, unit 1: fires for ")


def test_that_units_can_be_ordered_by_their_activity(qtbot, panel, session):
    session.set_run(trained_run())
    show(qtbot, panel)
    panel.ordering.button(1).click()
    fires = panel.activity.nodes[1].fires
    assert (np.diff(fires[panel.strips.order(1)]) <= 0).all()
    panel.ordering.button(0).click()
    assert panel.strips.order(1).tolist() == list(range(8))


def test_that_a_failure_is_told_in_words(qtbot, panel, session):
    broken = trained_run()
    values = dict(broken.checkpoint.tensors)
    del values["parameter/fully_connected-2/weight"]
    session.set_run(replace(broken, checkpoint=Checkpoint(1, values)))
    panel.show()
    qtbot.waitUntil(lambda: "holds no trained values" in panel.words.text())
