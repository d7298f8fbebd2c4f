"""Frames: wrapped around nodes, moved by their title, renamed, taken off."""

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest

from engine.api import edits

from .conftest import LEFT, PLAIN, Hand

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
MEMBERS = ("convolution-1", "relu-1")


@pytest.fixture
def framed(short: Hand) -> Hand:
    short.view.select(MEMBERS)
    short.key(Qt.Key.Key_G, CTRL)
    QTest.keyClicks(short.view.title_field, "Features")
    QTest.keyClick(short.view.title_field, Qt.Key.Key_Return)
    return short


def title_of(hand: Hand, path: str) -> QPointF:
    """A point of the title bar where no connection passes."""
    return hand.view.canvas.frames[path].title_bar().topLeft() + QPointF(30, 12)


def test_that_ctrl_g_wraps_the_selection_in_a_titled_frame(framed: Hand) -> None:
    assert {i for i, node in framed.graph.nodes.items() if node.frame == "Features"} == set(MEMBERS)
    assert framed.undo.count() == 2  # the frame, then its title
    framed.check_agreement()
    framed.undo.setIndex(0)
    assert framed.view.canvas.frames == {}
    framed.check_agreement()


def test_that_dragging_the_title_moves_the_members_in_one_undo_step(framed: Hand) -> None:
    before = dict(framed.document.project.layout)
    start = title_of(framed, "Features")
    framed.drag(start, start + QPointF(70, 30))
    after = framed.document.project.layout
    moved = {node_id for node_id in after if after[node_id] != before[node_id]}
    assert moved == set(MEMBERS)
    assert framed.undo.count() == 3
    framed.check_agreement()
    framed.undo.undo()
    assert dict(framed.document.project.layout) == before


def test_that_a_click_on_the_title_selects_the_members(framed: Hand) -> None:
    framed.view.select([])
    framed.click(title_of(framed, "Features"))
    assert framed.view.canvas.selected_nodes == MEMBERS


def test_that_the_frame_follows_its_members_while_they_are_dragged(framed: Hand) -> None:
    before = framed.view.canvas.frames["Features"].rect
    end = framed.middle("relu-1") + QPointF(300, 0)
    framed.view.select(["relu-1"])
    framed.start_drag(framed.middle("relu-1"), end)
    assert framed.view.canvas.frames["Features"].rect.width() > before.width() + 200
    framed.key(Qt.Key.Key_Escape)
    framed.release(end)
    assert framed.view.canvas.frames["Features"].rect == before


def test_that_a_double_click_renames_and_escape_does_not(framed: Hand) -> None:
    for text, key, expected in (("Eyes", Qt.Key.Key_Escape, "Features"), ("Eyes", Qt.Key.Key_Return, "Eyes")):
        QTest.mouseDClick(framed.view.viewport(), LEFT, PLAIN, framed.at(title_of(framed, "Features")))
        framed.view.title_field.clear()
        QTest.keyClicks(framed.view.title_field, text)
        QTest.keyClick(framed.view.title_field, key)
        assert list(framed.view.canvas.frames) == [expected]
        assert not framed.view.title_field.isVisible()


def test_that_a_title_that_is_no_title_is_refused_with_words(framed: Hand) -> None:
    framed.view.edit_title("Features")
    framed.view.title_field.setText("  ")
    QTest.keyClick(framed.view.title_field, Qt.Key.Key_Return)
    assert framed.said == ["A frame needs a title without slashes."]
    assert list(framed.view.canvas.frames) == ["Features"]


def test_that_f2_renames_the_selected_node_box_or_frame_and_undo_takes_it_back(framed: Hand) -> None:
    canvas, before = framed.view.canvas, framed.document.project
    for selected, folded, written in (
        (("relu-1",), False, "Gate"),
        (MEMBERS, False, "Eyes"),
        (MEMBERS, True, "Retina"),
    ):
        framed.view.frame_commands.set_folded(set(canvas.frames), folded)
        framed.view.select(selected)
        framed.view.setFocus()
        framed.key(Qt.Key.Key_F2)
        field = framed.view.title_field
        assert field.isVisible()
        assert field.hasSelectedText()
        QTest.keyClicks(field, written)
        QTest.keyClick(field, Qt.Key.Key_Return)
    assert framed.document.project.graph.nodes["relu-1"].name == "Gate"
    assert list(canvas.frames) == ["Retina"]
    framed.check_agreement()
    while framed.undo.canUndo() and framed.document.project != before:
        framed.undo.undo()
    assert framed.document.project == before
    framed.view.select(["relu-1", next(i for i in framed.graph.nodes if i not in MEMBERS)])
    framed.key(Qt.Key.Key_F2)
    assert framed.said == ["Select one node, or all nodes of a frame, to rename it."]


def test_that_a_name_that_another_node_has_is_refused_with_words(framed: Hand) -> None:
    framed.view.select(["relu-1"])
    framed.key(Qt.Key.Key_F2)
    framed.view.title_field.setText(framed.graph.nodes["convolution-1"].name)
    QTest.keyClick(framed.view.title_field, Qt.Key.Key_Return)
    assert framed.said == ["Another node is called Convolution 1; choose a different name."]
    assert framed.graph.nodes["relu-1"].name == "ReLU 1"


def test_that_ctrl_shift_g_takes_nodes_out(framed: Hand) -> None:
    framed.view.select(["relu-1"])
    framed.key(Qt.Key.Key_G, CTRL | SHIFT)
    assert framed.view.canvas.frames["Features"].members == ("convolution-1",)
    framed.view.select(["convolution-1"])
    framed.key(Qt.Key.Key_G, CTRL | SHIFT)
    assert framed.view.canvas.frames == {}


def test_that_h_folds_a_frame_to_one_box_with_its_shapes_and_back(framed: Hand) -> None:
    canvas, before = framed.view.canvas, framed.document.project
    framed.view.select(["relu-1"])
    framed.key(Qt.Key.Key_H)
    frame = canvas.frames["Features"]
    assert frame.fold is not None
    assert frame.fold.shapes == "1×28×28 → 32×28×28"
    assert frame.fold.inside == "2 layers, 832 params"
    assert all(canvas.nodes[node_id].is_folded for node_id in MEMBERS)
    assert framed.document.project.graph is before.graph
    framed.check_agreement()
    framed.undo.undo()
    assert framed.document.project == before
    assert frame.fold is None
    framed.undo.redo()
    framed.key(Qt.Key.Key_H)
    assert frame.fold is None
    framed.check_agreement()


def test_that_a_folded_box_is_dragged_as_one_and_deleted_as_one(framed: Hand) -> None:
    canvas = framed.view.canvas
    framed.click(canvas.frames["Features"].fold_sign().center())
    framed.check_agreement()
    before = dict(framed.document.project.layout)
    place = canvas.frames["Features"].rect.center()
    framed.drag(place, place + QPointF(60, 20))
    after = framed.document.project.layout
    assert {node_id for node_id in after if after[node_id] != before[node_id]} == set(MEMBERS)
    framed.check_agreement()
    framed.key(Qt.Key.Key_Delete)
    assert not set(MEMBERS) & set(framed.graph.nodes)
    framed.check_agreement()
    framed.undo.undo()
    framed.check_agreement()


def test_that_a_problem_in_a_folded_frame_shows_on_its_box_and_its_row_opens_it(framed: Hand) -> None:
    framed.view.select(["relu-1"])
    framed.key(Qt.Key.Key_H)
    framed.document.apply_graph("Set", edits.set_settings(framed.graph, "convolution-1", size=40, padding=0))
    fold = framed.view.canvas.frames["Features"].fold
    assert fold is not None
    assert fold.problem.startswith("Convolution 1: a filter of 40×40 does not fit")
    assert fold.shapes == "1×28×28 → ?"
    framed.view.center_on("convolution-1")
    assert framed.view.canvas.is_shown("convolution-1")
    framed.check_agreement()
