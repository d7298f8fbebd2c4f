"""User blocks in the real window: saved from a selection, placed by palette, search and drag, set as one, deleted."""

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QTreeWidgetItem

from engine.api import (
    TEMPLATES,
    Project,
    arrange,
    block_folder,
    edits,
    framing,
    load_project,
    make_layer,
    save_project,
)
from tests.workbench.canvas.conftest import Hand, chain
from tests.workbench.timers import let_timers_end
from workbench.canvas.drag_types import BLOCK_MIME
from workbench.main_window import MainWindow

MEMBERS = ("convolution-2", "relu-2", "max_pooling-2")
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture(autouse=True)
def own_library():
    for path in block_folder().glob("*"):
        path.unlink()
    yield
    for path in block_folder().glob("*"):
        path.unlink()


@pytest.fixture
def hand(window: MainWindow, qtbot) -> Hand:
    window.document.load(TEMPLATES["mnist-sample"].build())
    let_timers_end(qtbot)  # the new project frames itself and selects nothing a moment later
    window.canvas.frame_all()
    return Hand(window.canvas)


def save_block(window: MainWindow, name: str = "Stage", members: tuple[str, ...] = MEMBERS) -> None:
    window.canvas.select(members)
    dialog = window.canvas.block_commands.ask()
    dialog.name.setText(name)
    dialog.accept()


def palette_item(window: MainWindow, name: str) -> QTreeWidgetItem:
    return window.palette_panel.list.findItems(name, Qt.MatchFlag.MatchExactly | Qt.MatchFlag.MatchRecursive)[
        0
    ]


def palette_names(window: MainWindow) -> list[str]:
    tree = window.palette_panel.list
    return [tree.topLevelItem(0).child(n).text(0) for n in range(tree.topLevelItem(0).childCount())]


def test_that_ctrl_b_saves_the_selection_as_a_block_with_chosen_settings(
    window: MainWindow, hand: Hand
) -> None:
    window.canvas.select(MEMBERS)
    hand.run("canvas.block")
    dialog = window.findChild(type(window.canvas.block_commands.ask()))
    dialog.name.setText("Stage")
    assert dialog.row("convolution-2", "filters").checkState(0) == Qt.CheckState.Checked
    dialog.row("convolution-2", "size").setCheckState(0, Qt.CheckState.Checked)
    dialog.row("convolution-2", "size").setText(2, "Width")
    dialog.accept()
    block = window.document.project.blocks["Stage"]
    assert [setting.label for setting in block.settings] == ["Filters", "Width"]
    assert window.document.project.frames["Stage"].block == "Stage"
    assert window.canvas.canvas.frames["Stage"].fold.is_block
    assert window.document.undo_stack.undoText() == "Save block Stage"
    assert palette_names(window) == ["Stage"]
    hand.check_agreement()
    window.document.undo_stack.undo()
    assert window.document.project.blocks == {}
    hand.check_agreement()


def test_that_a_change_of_the_block_sets_what_it_exposes_inside(window: MainWindow, hand: Hand) -> None:
    save_block(window)
    window.canvas.select(MEMBERS)
    field = window.inspector.form.editors["Filters"].findChildren(QLineEdit)[0]
    field.selectAll()
    QTest.keyClicks(field, "48")
    graph = window.document.project.graph
    assert graph.nodes["convolution-2"].layer.filters == 48
    assert window.canvas.canvas.frames["Stage"].fold.shapes == "32×14×14 → 48×7×7"
    assert window.document.undo_stack.undoText() == "Set filters"
    field.selectAll()
    QTest.keyClicks(field, "0")
    assert "must be at least 1" in window.inspector.form.error("Filters")


def test_that_a_block_is_placed_from_the_palette_behind_the_selection(window: MainWindow, hand: Hand) -> None:
    save_block(window)
    window.canvas.select(["max_pooling-1"])
    tree = window.palette_panel.list
    tree.setFocus()
    tree.setCurrentItem(palette_item(window, "Stage"))
    QTest.keyClick(tree, Qt.Key.Key_Return)
    graph = window.document.project.graph
    copy = framing.frames(graph)["Stage 2"]
    assert [e.target for e in graph.outgoing["max_pooling-1"]] == [copy[0]]
    assert [e.source for e in graph.incoming["convolution-2"]] == [copy[2]]
    assert window.document.project.folded == {"Stage", "Stage 2"}
    assert window.canvas.canvas.selected_nodes == copy
    hand.check_agreement()
    graph = edits.set_settings(graph, copy[0], filters=5)
    window.document.apply_graph("Set", graph)
    assert window.document.project.graph.nodes["convolution-2"].layer.filters == 64


def test_that_a_block_is_found_by_the_search_box_and_dragged_from_the_palette(
    window: MainWindow, hand: Hand
) -> None:
    save_block(window)
    window.canvas.select(["max_pooling-1"])
    window.canvas.setFocus()
    hand.key(Qt.Key.Key_Tab)
    QTest.keyClicks(window.canvas.search_box.field, "stage")
    QTest.keyClick(window.canvas.search_box.field, Qt.Key.Key_Return)
    assert "Stage 2" in framing.frames(window.document.project.graph)
    data = window.palette_panel.list.mimeData([palette_item(window, "Stage")])
    assert data.hasFormat(BLOCK_MIME)
    window.canvas.frame_all()
    edge = next(e for e in hand.graph.edges if e.source == "input-1")
    place = hand.at(window.canvas.canvas.edges[edge].path.pointAtPercent(0.5))
    drop(window, data, place)
    graph = window.document.project.graph
    copy = framing.frames(graph)["Stage 3"]
    assert [e.target for e in graph.outgoing["input-1"]] == [copy[0]]
    hand.check_agreement()


def drop(window: MainWindow, data: QMimeData, place: QPoint) -> None:
    action, none = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    window.canvas.dragEnterEvent(QDragEnterEvent(place, action, data, LEFT, none))
    window.canvas.dropEvent(QDropEvent(QPointF(place), action, data, LEFT, none))


def test_that_a_block_with_a_skip_connection_takes_one_wire(window: MainWindow, hand: Hand) -> None:
    graph = chain(
        ("input", {}), ("relu", {}), ("convolution", {"filters": 1, "size": 3, "padding": 1}), ("add", {})
    )
    graph = edits.connect(graph, "relu-1", "add-1")
    graph, tanh = edits.add_layer(graph, make_layer("tanh"))
    window.document.load(Project(graph=graph, layout=arrange(graph)))
    window.canvas.select([])
    save_block(window, "Residual", ("convolution-1", "add-1"))
    window.canvas.block_commands.place("Residual", QPointF(900, 0))
    window.canvas.frame_all()
    copy = window.canvas.canvas.frames["Residual 2"]
    assert len(copy.fold.inputs) == 1
    hand.drag(hand.port(tanh.id, "out"), copy.port_place("in"))
    assert {e.target for e in hand.graph.outgoing[tanh.id]} == set(copy.members)
    hand.check_agreement()


def test_that_a_block_saved_anew_makes_its_copies_follow_when_it_is_told_to(
    window: MainWindow, hand: Hand
) -> None:
    save_block(window)
    window.canvas.select(["max_pooling-1"])
    window.canvas.block_commands.place_after_selection("Stage", QPointF(0, 0))
    copy = framing.frames(window.document.project.graph)["Stage 2"]
    window.document.apply_graph("Set", edits.set_settings(hand.graph, copy[0], filters=5))
    window.document.apply_graph("Set", edits.set_settings(hand.graph, "convolution-2", size=3, padding=1))
    window.canvas.select(MEMBERS)
    dialog = window.canvas.block_commands.ask()
    assert dialog.name.text() == "Stage"
    assert "Replaces the block Stage" in dialog.words.text()
    assert dialog.copies.text() == "Make the other copy in this design follow"
    dialog.copies.setChecked(True)
    dialog.accept()
    graph = window.document.project.graph
    layer = graph.nodes[next(i for i in graph.order if graph.nodes[i].frame == "Stage 2")].layer
    assert (layer.filters, layer.size) == (5, (3, 3))
    hand.check_agreement()
    window.document.undo_stack.undo()
    hand.check_agreement()


def test_that_a_dialog_says_why_a_block_cannot_be_saved_so(window: MainWindow, hand: Hand) -> None:
    window.canvas.select(MEMBERS)
    dialog = window.canvas.block_commands.ask()
    dialog.name.setText("a/b")
    assert "without slashes" in dialog.words.text()
    assert not dialog.buttons.button(dialog.buttons.StandardButton.Save).isEnabled()
    dialog.name.setText("Stage")
    assert dialog.buttons.button(dialog.buttons.StandardButton.Save).isEnabled()
    dialog.reject()
    window.canvas.select([])
    assert window.canvas.block_commands.ask() is None
    assert hand.said == ["Select the nodes that the block shall hold, then save them as a block."]


def test_that_blocks_are_kept_in_the_project_and_in_the_library_of_the_user(
    window: MainWindow, hand: Hand, make_window, tmp_path
) -> None:
    save_block(window)
    save_project(tmp_path / "a.netproj", window.document.project)
    assert load_project(tmp_path / "a.netproj").project == window.document.project
    other = make_window()
    assert palette_names(other) == ["Stage"]
    other.canvas.block_commands.place("Stage", QPointF(0, 0))
    assert "Stage" in other.document.project.blocks
    Hand(other.canvas).check_agreement()


def test_that_a_block_is_deleted_from_the_palette_and_its_copies_stay(window: MainWindow, hand: Hand) -> None:
    save_block(window)
    tree = window.palette_panel.list
    tree.setFocus()
    tree.setCurrentItem(palette_item(window, "Stage"))
    QTest.keyClick(tree, Qt.Key.Key_Delete)
    assert not window.blocks.blocks
    assert palette_names(window) == ["Input"]
    assert "Stage" in framing.frames(window.document.project.graph)
    window.document.undo_stack.undo()
    assert palette_names(window) == ["Stage"]
    hand.check_agreement()


def rename_in_palette(window: MainWindow, name: str, written: str, end: Qt.Key = Qt.Key.Key_Return) -> None:
    tree = window.palette_panel.list
    tree.setFocus()
    tree.setCurrentItem(palette_item(window, name))
    QTest.keyClick(tree, Qt.Key.Key_F2)
    field = tree.findChild(QLineEdit)
    field.selectAll()
    QTest.keyClicks(field, written)
    QTest.keyClick(field, end)


def test_that_f2_renames_a_block_with_its_copies_in_project_and_library_and_undo_takes_it_back(
    window: MainWindow, hand: Hand, make_window, qtbot
) -> None:
    save_block(window)
    before = window.document.project
    rename_in_palette(window, "Stage", "Encoder")
    qtbot.waitUntil(lambda: list(window.blocks.blocks) == ["Encoder"])
    assert palette_names(window) == ["Encoder"]
    assert window.palette_panel.list.currentItem().text(0) == "Encoder"
    assert window.document.project.frames["Stage"].block == "Encoder"
    assert window.document.project.blocks["Encoder"].name == "Encoder"
    assert window.document.undo_stack.undoText() == "Rename block Stage"
    assert palette_names(make_window()) == ["Encoder"]
    hand.check_agreement()
    window.document.undo_stack.undo()
    assert window.document.project == before
    assert palette_names(window) == palette_names(make_window()) == ["Stage"]
    window.document.undo_stack.redo()
    assert palette_names(window) == palette_names(make_window()) == ["Encoder"]


@pytest.mark.parametrize(
    ("written", "end", "said"),
    [
        ("Head", Qt.Key.Key_Return, ["Another block is called Head; choose a different name."]),
        ("a/b", Qt.Key.Key_Return, ["A block needs a name of 1 to 60 letters without slashes."]),
        ("Encoder", Qt.Key.Key_Escape, []),
    ],
)
def test_that_a_block_keeps_its_name_when_another_is_refused_or_given_up(
    window: MainWindow, hand: Hand, qtbot, written: str, end: Qt.Key, said: list[str]
) -> None:
    save_block(window)
    save_block(window, "Head", ("fully_connected-1",))
    before = window.document.project
    rename_in_palette(window, "Stage", written, end)
    qtbot.waitUntil(lambda: hand.said == said)
    qtbot.waitUntil(lambda: window.palette_panel.list.findChild(QLineEdit) is None)
    assert palette_names(window) == ["Head", "Stage"]
    assert window.document.project == before


def test_that_the_palette_finds_blocks_by_what_they_hold(window: MainWindow, hand: Hand) -> None:
    save_block(window)
    window.palette_panel.search.setText("sets filters")
    assert palette_names(window) == ["Stage"]
    assert "Stage" in window.palette_panel.list.help_html(
        window.palette_panel.list.visualItemRect(palette_item(window, "Stage")).center()
    )
    window.canvas.select([])
    window.palette_panel.search.setFocus()
    window.palette_panel.search.setText("stag")
    QTest.keyClick(window.palette_panel.search, Qt.Key.Key_Return)
    assert "Stage 2" in framing.frames(window.document.project.graph)


def test_that_enter_on_a_block_leads_to_its_settings_and_turning_one_shows_what_would_follow(
    window: MainWindow, hand: Hand
) -> None:
    save_block(window)
    window.canvas.select(MEMBERS)
    window.canvas.setFocus()
    hand.key(Qt.Key.Key_Return)
    editor = window.inspector.form.editors["Filters"]
    box = editor.box
    before = window.document.project
    QTest.keyClick(box, Qt.Key.Key_Up)
    assert not window.inspector.what_if.isHidden()
    frame = window.canvas.canvas.frames["Stage"]
    assert frame.ghost.shapes == "32×14×14 → 65×7×7"
    assert window.document.project is before
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert frame.ghost is None
    assert frame.fold.shapes == "32×14×14 → 65×7×7"
    hand.check_agreement()


def test_that_a_double_click_on_a_box_asks_for_its_settings_and_on_its_title_for_the_title(
    window: MainWindow, hand: Hand
) -> None:
    save_block(window)
    rect = window.canvas.canvas.frames["Stage"].rect
    asked = []
    window.canvas.node_activated.connect(asked.append)
    view = window.canvas.viewport()
    QTest.mouseDClick(view, LEFT, Qt.KeyboardModifier.NoModifier, hand.at(rect.center() + QPointF(30, 12)))
    assert asked == ["convolution-2"]
    assert window.inspector.node_ids == MEMBERS
    QTest.mouseDClick(view, LEFT, Qt.KeyboardModifier.NoModifier, hand.at(rect.topLeft() + QPointF(60, 12)))
    assert window.canvas.title_field.isVisible()


def test_that_a_damaged_block_in_the_library_is_told_and_hinders_nothing(make_window) -> None:
    block_folder().mkdir(parents=True, exist_ok=True)
    (block_folder() / "Bad.block.json").write_text("{", encoding="utf-8")
    window = make_window()
    assert "Bad.block.json cannot be used: it is not valid JSON" in window.messages.text
    assert window.blocks.blocks == {}
