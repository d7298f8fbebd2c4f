"""Zoom, pan, framing, the overlays of the canvas."""

import random
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from engine.api import REGISTRY, TEMPLATES, Project
from tests.workbench.timers import let_timers_end
from workbench.canvas.search_words import ranked
from workbench.canvas.zoom_view import LEAST_ZOOM, MOST_ZOOM
from workbench.theme import load_theme

from .conftest import LEFT, PLAIN, Hand, chain, project_of

MIDDLE = Qt.MouseButton.MiddleButton


def wheel(hand: Hand, position: QPointF, delta: int) -> None:
    viewport = hand.view.viewport()
    where = QPointF(viewport.mapToGlobal(position.toPoint()))
    event = QWheelEvent(
        position,
        where,
        QPoint(),
        QPoint(0, delta),
        Qt.MouseButton.NoButton,
        PLAIN,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    hand.view.wheelEvent(event)


def test_that_wheel_zoom_keeps_the_point_under_the_pointer_within_a_pixel(mnist: Hand) -> None:
    chance = random.Random(7)
    for _ in range(200):
        position = QPointF(chance.uniform(0, 999), chance.uniform(0, 699))
        place = mnist.view.place_at(position)
        wheel(mnist, position, chance.choice([-360, -120, -15, 15, 120, 360]))
        way = mnist.view.position_of(place) - position
        assert abs(way.x()) <= 1
        assert abs(way.y()) <= 1


def test_that_zoom_stays_between_5_and_400_percent(mnist: Hand) -> None:
    for delta, limit in ((1200, MOST_ZOOM), (-1200, LEAST_ZOOM)):
        for _ in range(20):
            wheel(mnist, QPointF(300, 300), delta)
        assert mnist.view.zoom == pytest.approx(limit)
        mnist.view.grab()


def test_that_the_middle_button_pans_and_the_place_follows_the_pointer(mnist: Hand) -> None:
    view = mnist.view
    place = view.place_at(QPointF(400, 300))
    QTest.mousePress(view.viewport(), MIDDLE, PLAIN, QPoint(400, 300))
    QTest.mouseMove(view.viewport(), QPoint(470, 260))
    QTest.mouseRelease(view.viewport(), MIDDLE, PLAIN, QPoint(470, 260))
    assert (view.position_of(place) - QPointF(470, 260)).manhattanLength() < 2
    assert mnist.undo.count() == 0


def test_that_space_and_drag_pans_without_moving_a_node(mnist: Hand) -> None:
    view, start = mnist.view, mnist.at(mnist.middle("relu-1"))
    place = mnist.middle("relu-1")
    QTest.keyPress(view, Qt.Key.Key_Space)
    QTest.mousePress(view.viewport(), LEFT, PLAIN, start)
    QTest.mouseMove(view.viewport(), start + QPoint(50, 40))
    QTest.mouseRelease(view.viewport(), LEFT, PLAIN, start + QPoint(50, 40))
    QTest.keyRelease(view, Qt.Key.Key_Space)
    assert (view.position_of(place) - QPointF(start + QPoint(50, 40))).manhattanLength() < 2
    assert mnist.undo.count() == 0
    assert view.canvas.selected_nodes == ()


def test_that_a_wire_can_be_drawn_while_the_middle_button_pans(mnist: Hand) -> None:
    view = mnist.view
    start = mnist.port("relu-1", "out")
    mnist.start_drag(start, mnist.empty_place())
    before = view.horizontalScrollBar().value()
    QTest.mousePress(view.viewport(), MIDDLE, PLAIN, QPoint(400, 300))
    QTest.mouseMove(view.viewport(), QPoint(340, 300))
    QTest.mouseRelease(view.viewport(), MIDDLE, PLAIN, QPoint(340, 300))
    assert view.horizontalScrollBar().value() != before
    assert view.gesture is not None
    mnist.release(mnist.port("convolution-2", "in"))
    assert ("relu-1", "convolution-2") in mnist.edge_pairs()


def test_that_f_frames_the_selection_and_home_everything(mnist: Hand) -> None:
    view = mnist.view
    view.select(["softmax_classifier-1"])
    mnist.key(Qt.Key.Key_F)
    assert not view.visible_rect().contains(view.canvas.network_rect())
    middle = view.position_of(mnist.middle("softmax_classifier-1"))
    assert (middle - QPointF(500, 350)).manhattanLength() < 4
    mnist.key(Qt.Key.Key_Home)
    assert view.visible_rect().contains(view.canvas.network_rect())


def test_that_the_view_scrolls_while_a_drag_rests_at_its_border(mnist: Hand, qtbot: QtBot) -> None:
    view = mnist.view
    start = mnist.at(mnist.middle("relu-1"))
    QTest.mousePress(view.viewport(), LEFT, PLAIN, start)
    QTest.mouseMove(view.viewport(), QPoint(500, 300))
    QTest.mouseMove(view.viewport(), QPoint(996, 300))
    before, x = view.horizontalScrollBar().value(), view.canvas.nodes["relu-1"].x()
    qtbot.waitUntil(lambda: view.horizontalScrollBar().value() > before + 30)
    assert view.canvas.nodes["relu-1"].x() > x
    mnist.key(Qt.Key.Key_Escape)
    QTest.mouseRelease(view.viewport(), LEFT, PLAIN, QPoint(996, 300))
    resting = view.horizontalScrollBar().value()
    qtbot.wait(60)
    assert view.horizontalScrollBar().value() == resting
    mnist.check_agreement()


def test_that_resizing_keeps_everything_in_view_until_the_view_is_used(mnist: Hand) -> None:
    view = mnist.view
    view.resize(620, 420)
    assert view.visible_rect().contains(view.canvas.network_rect())
    wheel(mnist, QPointF(100, 100), 600)
    zoom = view.zoom
    view.resize(900, 600)
    assert view.zoom == zoom


def test_that_a_loaded_project_is_framed(mnist: Hand, qtbot: QtBot) -> None:
    wheel(mnist, QPointF(100, 100), 1200)
    mnist.view.select(["input-1"])
    mnist.document.load(project_of(chain(("input", {}), ("relu", {}))))
    qtbot.waitUntil(lambda: mnist.view.visible_rect().contains(mnist.view.canvas.network_rect()))
    assert mnist.view.canvas.selected_nodes == ()
    mnist.check_agreement()


def test_that_the_empty_canvas_teaches_and_offers_the_thesis_networks(empty: Hand) -> None:
    asked: list[str] = []
    empty.view.template_requested.connect(asked.append)
    assert empty.view.empty_state.isVisible()
    told = [button.text() for button in empty.view.empty_state.buttons if button.property("first")]
    assert told == ["MNIST sample"]
    for button in empty.view.empty_state.buttons:
        button.click()
    assert asked == [*TEMPLATES]
    assert {"mnist", "cifar10-model-a", "cifar10-model-b", "cifar10-model-c"} <= {*asked}
    empty.run("canvas.add")
    empty.view.search_box.field.setText("input")
    QTest.keyClick(empty.view.search_box.field, Qt.Key.Key_Return)
    assert "input-1" in empty.graph.nodes
    assert not empty.view.empty_state.isVisible()
    empty.undo.undo()
    assert empty.view.empty_state.isVisible()


def test_that_tab_opens_the_search_and_enter_adds_the_best_match_behind_the_selection(short: Hand) -> None:
    short.view.select(["relu-1"])
    short.key(Qt.Key.Key_Tab)
    box = short.view.search_box
    assert box.isVisible()
    QTest.keyClicks(box.field, "drop")
    QTest.keyClick(box.field, Qt.Key.Key_Return)
    assert not box.isVisible()
    assert {("relu-1", "dropout-1"), ("dropout-1", "fully_connected-1")} <= short.edge_pairs()
    assert short.undo.count() == 1
    assert short.view.hasFocus()
    short.check_agreement()


def test_that_a_double_click_on_empty_canvas_opens_the_search_there(short: Hand) -> None:
    place = short.empty_place()
    QTest.mouseDClick(short.view.viewport(), LEFT, PLAIN, short.at(place))
    box = short.view.search_box
    assert box.isVisible()
    QTest.keyClick(box.field, Qt.Key.Key_Escape)
    assert not box.isVisible()
    assert short.undo.count() == 0
    QTest.mouseDClick(short.view.viewport(), LEFT, PLAIN, short.at(place))
    QTest.keyClicks(box.field, "sigm")
    QTest.keyClick(box.field, Qt.Key.Key_Return)
    assert (short.middle("sigmoid-1") - place).manhattanLength() < 3


def test_that_a_double_click_on_a_node_asks_for_its_settings(short: Hand) -> None:
    asked: list[str] = []
    short.view.node_activated.connect(asked.append)
    QTest.mouseDClick(short.view.viewport(), LEFT, PLAIN, short.at(short.middle("relu-1")))
    assert asked == ["relu-1"]


@pytest.mark.parametrize(
    ("words", "best"),
    [("conv", "convolution"), ("relu", "relu"), ("fc", "fully_connected"), ("bn", "batch_normalisation"),
     ("norm", "batch_normalisation"), ("max", "max_pooling"), ("gap", "global_average_pooling"),
     ("likelihood", "softmax_classifier")],
)  # fmt: skip
def test_that_the_search_finds_by_name_initials_and_description(words: str, best: str) -> None:
    assert ranked(REGISTRY.values(), words)[0].type_name == best


def test_that_the_search_says_when_nothing_fits(short: Hand) -> None:
    short.key(Qt.Key.Key_Tab)
    QTest.keyClicks(short.view.search_box.field, "qqq")
    assert short.view.search_box.about.text() == "No layer fits “qqq” here."
    QTest.keyClick(short.view.search_box.field, Qt.Key.Key_Return)
    assert short.undo.count() == 0


def test_that_the_minimap_shows_only_when_something_is_out_of_sight_and_moves_the_view(mnist: Hand) -> None:
    view = mnist.view
    assert not view.minimap.isVisible()
    view.zoom_by(3.0, QPointF(0, 0))
    assert view.minimap.isVisible()
    before = view.visible_rect().center()
    QTest.mousePress(view.minimap, LEFT, PLAIN, QPoint(150, 100))
    assert view.visible_rect().center() != before
    view.minimap.grab()


def test_that_another_theme_changes_the_picture_and_not_the_design(mnist: Hand) -> None:
    before, picture = mnist.document.project, mnist.view.grab().toImage()
    mnist.view.apply_theme(load_theme("dark"))
    assert mnist.view.grab().toImage() != picture
    assert mnist.document.project is before
    background = mnist.view.grab().toImage().pixelColor(3, 3)
    assert background.lightness() < 60


def test_that_shift_tab_leaves_the_canvas_and_tab_does_not(mnist: Hand) -> None:
    assert mnist.view.focusNextPrevChild(True) is False
    assert mnist.view.accessibleName() == "Network editor"
    mnist.view.select(["relu-1"])
    assert mnist.view.accessibleDescription().startswith("Selected: ReLU 1: ReLU; ")


def test_that_an_edit_does_not_move_the_view(mnist: Hand, qtbot: QtBot) -> None:
    wheel(mnist, QPointF(100, 100), 600)
    before = mnist.view.visible_rect()
    mnist.view.select(["relu-1"])
    mnist.key(Qt.Key.Key_Delete)
    mnist.undo.undo()
    mnist.document.set_saved(Path("saved.netproj"))
    mnist.key(Qt.Key.Key_M)
    let_timers_end(qtbot)
    assert mnist.view.visible_rect() == before


def test_that_the_search_closes_when_the_keyboard_goes_elsewhere(short: Hand, qtbot: QtBot) -> None:
    other = QLineEdit(short.view)
    other.show()
    short.key(Qt.Key.Key_Tab)
    other.setFocus()
    assert not short.view.search_box.isVisible()
    assert other.hasFocus()


def test_that_an_empty_project_loads(mnist: Hand) -> None:
    mnist.document.load(Project())
    mnist.check_agreement()
    assert mnist.view.empty_state.isVisible()
