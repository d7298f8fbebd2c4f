"""In the window: panels are hidden at first, a cell leads to its images, an image to its activations."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QTabBar

from engine.api import Snapshot
from tests.workbench.inspection.inspected import FakeModel, trained_run
from tests.workbench.timers import let_timers_end

NAMES = ("activations", "images", "activity")


@pytest.fixture
def looking(window, monkeypatch):
    monkeypatch.setattr(window.inspection.session, "_model", FakeModel())
    window.document.set_run(trained_run())
    return window


def test_that_the_panels_are_hidden_at_first_and_stand_in_the_view_menu(looking):
    titles = {action.text().replace("&", "") for _, action in looking.menus.all_commands()}
    assert {"Activations", "Images of a cell", "Unit activity"} <= titles
    for name in NAMES:
        assert looking.docks[name].isHidden()
    assert looking.inspection.session._thread is None


def test_that_a_cell_leads_to_its_images_and_an_image_to_its_activations(qtbot, looking):
    inspection = looking.inspection
    looking.results.confusion.cell_activated.emit(0, 0)
    assert inspection.images.isVisible()
    qtbot.waitUntil(lambda: inspection.images.cell is not None)
    cell = inspection.images.cell
    assert (cell.predicted, cell.true, cell.part) == (0, 0, "validation")
    inspection.images.image_opened.emit("validation", 7)
    assert inspection.activations.isVisible()
    qtbot.waitUntil(lambda: bool(inspection.activations.seen) and inspection.activations.seen.index == 7)


def test_that_a_training_is_asked_for_its_parameters_only_while_someone_looks(qtbot, looking, monkeypatch):
    asked = []
    training = looking.control.session
    monkeypatch.setattr(type(training), "is_active", property(lambda self: True))
    monkeypatch.setattr(training, "request_run", asked.append)
    events = (Snapshot("run", 50, None, "", np.eye(3, dtype=np.int64)),)
    looking.control.events.emit(events)
    assert not asked
    looking.docks.show("activity")
    assert len(asked) == 1
    qtbot.waitUntil(lambda: not looking.inspection.session.is_busy)
    looking.control.events.emit(events)
    assert len(asked) == 2
    later = replace(trained_run(), checkpoint=replace(trained_run().checkpoint, step=50))
    asked[1](later)
    assert looking.inspection.session.run is later
    asked[0](trained_run())
    assert looking.inspection.session.run is later
    assert looking.inspection.session.is_busy
    looking.control.events.emit(events)
    assert len(asked) == 2  # a look that is under way is not begun anew
    qtbot.waitUntil(lambda: len(asked) == 3)
    looking.docks["activity"].close()
    looking.control.events.emit(events)
    assert len(asked) == 3
    monkeypatch.undo()


def test_that_a_panel_asked_for_in_the_view_menu_comes_to_the_front(qtbot, looking):
    looking.docks.show_plots(True)
    let_timers_end(qtbot)
    for name in (*NAMES, "runs", "analysis"):
        dock = looking.docks[name]
        dock.toggleViewAction().trigger()
        qtbot.waitUntil(lambda dock=dock: not dock.visibleRegion().isEmpty())
    dock.toggleViewAction().trigger()
    assert dock.isHidden()


def test_that_opening_the_panels_does_not_widen_the_window(qtbot, looking):
    looking.resize(1280, 800)
    looking.docks.show_plots(True)
    for name in NAMES:
        looking.docks.show(name)
        let_timers_end(qtbot)
        assert looking.width() == 1280


def test_that_turning_to_the_curves_of_the_runs_does_not_widen_the_window(qtbot, looking):
    looking.resize(1280, 800)
    looking.docks.show_plots(True)
    looking.docks.show("runs")
    let_timers_end(qtbot)
    for button in (*looking.inspection.runs.view.buttons()[::-1], looking.inspection.runs.view.button(1)):
        button.click()
        let_timers_end(qtbot)
        assert looking.width() == 1280


def test_that_panels_which_share_a_place_have_their_name_on_the_tab_alone(qtbot, looking):
    docks = looking.docks
    docks.show_plots(True)
    docks.show("runs")
    qtbot.waitUntil(lambda: docks["runs"].titleBarWidget() is not None)
    assert docks["loss"].titleBarWidget() is not None
    assert docks["accuracy"].titleBarWidget() is None
    bars = looking.findChildren(QTabBar, options=Qt.FindChildOption.FindDirectChildrenOnly)
    bar = next(bar for bar in bars if "Runs" in [bar.tabText(place) for place in range(bar.count())])
    assert [other.tabsClosable() for other in bars if other.tabText(0) == "Inspector"] == [False]
    place = [bar.tabText(number) for number in range(bar.count())].index("Runs")
    bar.tabBarDoubleClicked.emit(place)
    qtbot.waitUntil(lambda: docks["runs"].isFloating() and docks["runs"].titleBarWidget() is None)
    docks["runs"].setFloating(False)
    qtbot.waitUntil(lambda: docks["runs"].titleBarWidget() is not None)
    place = [bar.tabText(number) for number in range(bar.count())].index("Runs")
    button = bar.tabButton(place, QTabBar.ButtonPosition.RightSide)
    assert button.accessibleName() == "Close Runs"
    assert button.isVisible()
    button.click()
    assert docks["runs"].isHidden()
    qtbot.waitUntil(lambda: docks["loss"].titleBarWidget() is None)
