"""The twenty things that the editor promises, in the real window; the table says which tests drive each.

1. search box: test_that_tab_opens_the_search_and_enter_adds_the_best_match_behind_the_selection,
   test_that_a_double_click_on_empty_canvas_opens_the_search_there
2. wire on empty canvas: test_that_a_wire_dropped_on_empty_canvas_offers_what_fits_and_connects_it
3. ports that fit, ghosts: test_that_ports_that_fit_are_marked_while_a_wire_is_drawn,
   test_that_everything_downstream_shows_its_shape_before_the_drop, test_that_a_ghost_tells_what_would_not_fit,
   test_that_the_window_shows_ghosts_before_the_drop_and_what_they_said_after_it
4. snapping: test_that_a_wire_snaps_within_20_screen_pixels_at_any_zoom
5. insertion: test_that_a_free_node_dropped_on_an_edge_is_inserted_and_the_rest_moves_aside,
   test_that_inserting_moves_what_follows_in_every_column_and_keeps_its_gaps
6. delete and reconnect: test_that_ctrl_delete_reconnects_the_neighbours
7. wire taken off: test_that_dragging_off_a_connected_input_disconnects_and_escape_puts_it_back
8. occupied input: test_that_connecting_to_an_occupied_input_replaces_its_edge_in_one_step
9. cycle: test_that_a_cycle_is_refused_before_release_with_words_and_lights_up,
   test_that_a_cycle_lights_up_in_the_window_before_release
10. refresh: test_that_an_edit_of_300_nodes_refreshes_shapes_badges_and_totals_at_once
11. root cause: test_that_only_the_root_cause_is_a_problem_and_the_rest_waits_for_it,
    test_that_a_row_of_the_problem_list_centres_its_node
12. repairs: test_that_a_mistake_is_told_in_words_and_mended_by_one_click,
    test_that_every_place_offers_the_same_repairs
13. provenance: test_that_a_click_on_a_number_shows_the_formulas_that_made_it
14. zoom and pan: test_that_wheel_zoom_keeps_the_point_under_the_pointer_within_a_pixel,
    test_that_zoom_stays_between_5_and_400_percent, test_that_the_middle_button_pans_and_the_place_follows_the_pointer,
    test_that_space_and_drag_pans_without_moving_a_node, test_that_a_wire_can_be_drawn_while_the_middle_button_pans,
    test_that_the_view_scrolls_while_a_drag_rests_at_its_border
15. keys: test_that_f_frames_the_selection_and_home_everything, test_that_l_lays_out_undoably,
    test_that_arrows_walk_along_edges, test_that_enter_and_double_click_ask_for_the_settings,
    test_that_m_mutes_and_unmutes, test_that_every_command_of_the_canvas_runs_from_the_command_palette
16. copies: test_that_duplicate_copies_inner_edges_and_selects_the_copies,
    test_that_copies_are_pasted_at_the_pointer_with_the_edges_among_them, test_that_ctrl_shift_v_keeps_incoming_edges,
    test_that_nodes_travel_between_two_windows_through_the_clipboard
17. undo: test_that_a_drag_moves_a_node_in_one_undo_step_and_undo_restores_its_exact_place,
    test_that_edits_in_one_field_are_one_entry_of_the_history_panel
18. frames: test_that_ctrl_g_wraps_the_selection_in_a_titled_frame,
    test_that_dragging_the_title_moves_the_members_in_one_undo_step
19. overview, themes, readable text:
    test_that_the_minimap_shows_only_when_something_is_out_of_sight_and_moves_the_view,
    test_that_another_theme_changes_the_picture_and_not_the_design,
    test_that_far_out_the_words_of_a_node_under_the_pointer_are_readable
20. what nodes show: test_that_nodes_show_settings_shape_and_parameters

And what stands beside them:

- analysis: test_that_every_node_stands_in_the_table_in_order_with_its_numbers,
  test_that_the_table_and_the_canvas_select_the_same, test_that_the_table_is_exported_with_plain_numbers,
  and the advice of tests/engine/design/test_advice.py
- what-if: test_that_turning_a_number_shows_what_would_follow_and_changes_nothing,
  test_that_the_canvas_shows_the_shapes_that_would_be
- templates: test_that_the_menu_makes_each_thesis_network,
  test_that_the_menu_makes_each_classic_network_unsaved_and_without_a_file
- blocks: test_that_ctrl_b_saves_the_selection_as_a_block_with_chosen_settings,
  test_that_a_change_of_the_block_sets_what_it_exposes_inside,
  test_that_a_block_is_placed_from_the_palette_behind_the_selection,
  test_that_a_block_saved_anew_makes_its_copies_follow_when_it_is_told_to
- folded frames: test_that_h_folds_a_frame_to_one_box_with_its_shapes_and_back,
  test_that_a_wire_is_drawn_out_of_a_box_and_into_one, test_that_what_is_folded_is_saved_and_drawn_into_pictures
- comparison: test_that_what_was_removed_stands_where_it_stood_and_totals_stand_side_by_side,
  test_that_another_file_is_compared_and_a_broken_one_told
- documentation: test_that_f1_tells_about_what_has_the_keyboard, test_that_hovering_a_setting_shows_it,
  test_that_the_picture_changes_with_stride_padding_and_dilation,
  test_that_words_of_the_documentation_find_layers_behind_those_of_the_name
- pictures: test_that_an_svg_holds_names_shapes_and_parameters_as_text,
  test_that_a_pdf_has_one_page_of_the_network_s_size_and_embeds_its_fonts
- messages: tests/workbench/test_messages.py and docs/messages.md
- habits: test_that_theme_and_layout_are_remembered, test_that_the_usual_keys_do_the_usual_things
- accessibility: test_that_everything_that_takes_the_keyboard_or_a_click_has_a_name,
  test_that_a_screen_reader_finds_the_nodes_of_the_network, test_that_a_key_means_one_thing
"""

import re
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QUndoView
from pytestqt.qtbot import QtBot

from engine.api import TEMPLATES, Graph, Project, arrange, edits, make_layer
from tests.workbench.canvas.conftest import Hand, chain
from workbench.main_window import MainWindow

CTRL = Qt.KeyboardModifier.ControlModifier


def opened(window: MainWindow, project: Project | None = None) -> Hand:
    window.document.load(project or TEMPLATES["mnist-sample"].build())
    window.canvas.frame_all()
    return Hand(window.canvas)


def test_that_every_test_in_the_table_exists() -> None:
    folder = Path(__file__).parents[1]
    written = {
        name for path in folder.rglob("test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    assert __doc__ is not None
    named = set(re.findall(r"test_that_\w+", __doc__))
    assert named <= written
    assert [int(number) for number in re.findall(r"(?m)^(\d+)\.", __doc__)] == [*range(1, 21)]


def test_that_the_window_shows_ghosts_before_the_drop_and_what_they_said_after_it(window: MainWindow) -> None:
    graph = chain(("convolution", {}), ("max_pooling", {}))
    graph, image = edits.add_layer(graph, make_layer("input"))
    hand = opened(window, Project(graph=graph, layout=arrange(graph)))
    canvas = window.canvas.canvas
    hand.start_drag(hand.port(image.id, "out"), hand.port("convolution-1", "in"))
    ghosts = {node_id: item.ghost.split("\n")[0] for node_id, item in canvas.nodes.items() if item.ghost}
    assert ghosts == {"convolution-1": "32×24×24", "max_pooling-1": "32×12×12"}
    hand.release(hand.port("convolution-1", "in"))
    assert {node_id: canvas.nodes[node_id].look.shape for node_id in ghosts} == ghosts
    assert not any(item.ghost for item in canvas.nodes.values())


def test_that_a_cycle_lights_up_in_the_window_before_release(window: MainWindow) -> None:
    hand = opened(window)
    before = window.document.project
    hand.start_drag(hand.port("relu-1", "out"), hand.port("convolution-1", "in"))
    nodes = window.canvas.canvas.nodes
    assert {node_id for node_id, item in nodes.items() if item.accused} == {"convolution-1", "relu-1"}
    hand.release(hand.port("convolution-1", "in"))
    assert window.messages.text == "That would close a cycle: Convolution 1 → ReLU 1 → Convolution 1."
    assert window.document.project is before


def test_that_an_edit_of_300_nodes_refreshes_shapes_badges_and_totals_at_once(window: MainWindow) -> None:
    layers = [("convolution", {"filters": 4, "size": 3, "padding": 1}), ("relu", {}), ("dropout", {})] * 99
    graph = chain(("input", {}), *layers, ("fully_connected", {}), ("softmax_classifier", {}))
    hand = opened(window, Project(graph=graph, layout=arrange(graph)))
    assert len(graph.nodes) == 300
    before = window.totals.parameters.text()
    window.document.apply_graph("Set", edits.set_settings(graph, "convolution-1", stride=2))
    hand.check_agreement()
    assert window.canvas.canvas.nodes["dropout-99"].look.shape == "4×14×14"
    window.document.apply_graph("Set", edits.set_settings(graph, "convolution-50", size=40))
    hand.check_agreement()
    assert window.canvas.canvas.nodes["dropout-99"].look.status_text == "waiting for Convolution 50"
    assert window.totals.parameters.text() != before
    assert window.totals.problems.text() == "1 problem"


def test_that_a_row_of_the_problem_list_centres_its_node(window: MainWindow) -> None:
    hand = opened(window)
    window.document.apply_graph("Set", edits.set_settings(hand.graph, "convolution-2", size=40))
    window.canvas.zoom_by(4.0, QPointF(0, 0))
    window.docks.show("problems")
    QTest.mouseClick(window.problems.rows[0], Qt.MouseButton.LeftButton)
    middle = window.canvas.position_of(hand.middle("convolution-2"))
    assert (middle - QPointF(window.canvas.viewport().rect().center())).manhattanLength() < 4
    assert window.canvas.canvas.selected_nodes == ("convolution-2",)


def test_that_every_command_of_the_canvas_runs_from_the_command_palette(window: MainWindow) -> None:
    opened(window)
    texts = {action for _, action in window.menus.all_commands()}
    assert texts >= set(window.canvas.actions())
    window.canvas.select(["relu-1"])
    palette = window.menus.show_commands()
    QTest.keyClicks(palette.search, "mute or unmute")
    QTest.keyClick(palette.search, Qt.Key.Key_Return)
    assert window.document.project.graph.nodes["relu-1"].muted


def press(window: MainWindow, key: Qt.Key, qtbot: QtBot) -> None:
    """Ctrl and a key on the canvas of a window, which comes to the front for it."""
    window.activateWindow()
    window.canvas.setFocus()
    qtbot.waitUntil(window.canvas.hasFocus)
    QTest.keyClick(window.canvas, key, CTRL)


def test_that_nodes_travel_between_two_windows_through_the_clipboard(
    make_window: Callable[..., MainWindow], qtbot: QtBot
) -> None:
    one, other = make_window(), make_window()
    opened(one)
    other.document.load(Project())
    for key in (Qt.Key.Key_A, Qt.Key.Key_C):
        press(one, key, qtbot)
    assert QGuiApplication.clipboard().text().startswith("{")
    press(other, Qt.Key.Key_V, qtbot)
    assert _layers(other.document.project.graph) == _layers(one.document.project.graph)
    assert other.document.inference.is_valid
    Hand(other.canvas).check_agreement()


def _layers(graph: Graph) -> list[object]:
    return [(graph.nodes[i].name, graph.nodes[i].layer) for i in graph.order]


def test_that_edits_in_one_field_are_one_entry_of_the_history_panel(window: MainWindow) -> None:
    opened(window)
    window.docks.show("history")
    window.canvas.select(["convolution-1"])
    window.docks.show("inspector")
    field = window.inspector.form.editors["filters"].findChildren(QLineEdit)[0]
    field.selectAll()
    QTest.keyClicks(field, "128")
    assert window.document.project.graph.nodes["convolution-1"].layer == make_layer(
        "convolution", {"filters": 128, "padding": 2}
    )
    history = window.docks["history"].findChild(QUndoView)
    assert isinstance(history, QUndoView)
    assert history.stack() is window.document.undo_stack
    assert [history.stack().text(i) for i in range(history.stack().count())] == ["Set filters"]


def hover(hand: Hand, place: QPointF) -> None:
    """The pointer moves over the canvas with no button down."""
    viewport, position = hand.view.viewport(), QPointF(hand.at(place))
    none, still = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    where = QPointF(viewport.mapToGlobal(position.toPoint()))
    QApplication.sendEvent(viewport, QMouseEvent(QEvent.Type.MouseMove, position, where, none, none, still))


def test_that_far_out_the_words_of_a_node_under_the_pointer_are_readable(window: MainWindow) -> None:
    hand = opened(window)
    view = window.canvas
    view.zoom_by(0.1 / view.zoom, QPointF(300, 300))
    blank = view.grab().toImage()
    hover(hand, hand.middle("convolution-1"))
    assert view.named is view.canvas.nodes["convolution-1"]
    shown = view.grab().toImage()
    changed = sum(
        blank.pixel(x, y) != shown.pixel(x, y)
        for x in range(0, blank.width(), 2)
        for y in range(0, blank.height(), 2)
    )
    assert changed > 500  # a card of some thousand pixels, though the node itself has 20×7
    hover(hand, hand.empty_place())
    assert view.named is None
    view.zoom_to_full_size()
    hover(hand, hand.middle("convolution-1"))
    assert view.named is None
