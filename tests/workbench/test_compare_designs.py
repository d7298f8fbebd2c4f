from dataclasses import replace

import pytest
from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QApplication

from engine.api import TEMPLATES, FrameState, edits, framing, save_project
from workbench.compare_designs import CompareDesigns


@pytest.fixture
def dialog(qtbot, window) -> CompareDesigns:
    window.files.new_from("mnist")
    QApplication.processEvents()
    document = window.document
    for text, graph in (
        ("Set filters", edits.set_settings(document.project.graph, "convolution-2", filters=96)),
        ("Delete Dropout 1", edits.remove_and_reconnect(document.project.graph, "dropout-1")),
    ):
        document.apply_graph(text, graph)
    # The second edit was made of the first design: filters are 64 again.
    document.apply_graph("Set stride", edits.set_settings(document.project.graph, "convolution-1", stride=2))
    return window.compare_designs()


def lines(dialog: CompareDesigns) -> list[str]:
    return [dialog.changes.topLevelItem(row).text(0) for row in range(dialog.changes.topLevelItemCount())]


def test_that_every_point_of_the_history_is_offered_the_last_one_first(dialog) -> None:
    texts = [dialog.choice.itemText(number) for number in range(dialog.choice.count())]
    assert texts == ["before “Set stride”", "before “Delete Dropout 1”", "before “Set filters”"]
    assert lines(dialog) == ["~  Convolution 1 changed: stride 1 → 2"]


def test_that_what_was_removed_stands_where_it_stood_and_totals_stand_side_by_side(dialog) -> None:
    dialog.choice.setCurrentIndex(2)
    assert lines(dialog) == ["−  Dropout 1 removed", "~  Convolution 1 changed: stride 1 → 2"]
    assert dialog.words.text() == "Nodes: 0 added, 1 removed, 1 changed. Connections: 1 added, 2 removed."
    item = dialog.view.canvas.nodes["dropout-1"]
    assert (item.x(), item.y()) == TEMPLATES["mnist"].build().layout["dropout-1"]
    assert item.opacity() < 1
    assert "3,274,634" in dialog.totals_text()
    assert dialog.view.overlay.nodes == {"dropout-1": "removed", "convolution-1": "changed"}


def test_that_the_marks_are_painted(dialog) -> None:
    dialog.choice.setCurrentIndex(0)
    marked = dialog.view.grab().toImage()
    dialog.view.overlay.nodes.clear()
    dialog.view.viewport().update()
    assert dialog.view.grab().toImage() != marked


def test_that_another_file_is_compared_and_a_broken_one_told(dialog, tmp_path) -> None:
    path = tmp_path / "other.netproj"
    save_project(path, TEMPLATES["mnist"].build())
    dialog.add_file(path)
    assert dialog.choice.currentText() == "other.netproj"
    assert "−  Dropout 1 removed" in lines(dialog)
    broken = tmp_path / "broken.netproj"
    broken.write_bytes(b"nothing")
    dialog.add_file(broken)
    assert "broken.netproj" in dialog.words.text()
    assert dialog.choice.count() == 4


def test_that_comparing_changes_nothing(window, dialog) -> None:
    before = window.document.project
    dialog.choice.setCurrentIndex(1)
    dialog.close()
    assert window.document.project is before


def test_that_a_design_without_history_is_the_same(window) -> None:
    window.files.new_from("mnist")
    dialog = window.compare_designs()
    assert dialog.words.text() == "The designs are the same."
    assert window.menus.compare in window.menus.edit.actions()


def test_that_a_folded_frame_bears_one_sign_for_what_differs_inside(window) -> None:
    document = window.document
    document.load(TEMPLATES["mnist-sample"].build())
    graph, path = framing.wrap_in_frame(document.project.graph, ["convolution-2", "relu-2"], "Stage")
    document.apply_graph("Fold", graph, frames={path: FrameState(folded=True)})
    document.apply_graph(
        "Set filters", edits.set_settings(document.project.graph, "convolution-2", filters=96)
    )
    dialog = window.compare_designs()
    dialog.choice.setCurrentIndex(0)
    view = dialog.view
    assert not view.canvas.is_shown("convolution-2")
    assert view.canvas.frames["Stage"].fold.shapes == "32×14×14 → 96×14×14"
    plain = view.grab().toImage()
    view.overlay = replace(view.overlay, nodes={})
    view.viewport().update()
    assert view.grab().toImage() != plain
    dialog.changes.itemClicked.emit(dialog.changes.topLevelItem(0), 0)
    middle = view.position_of(view.canvas.frames["Stage"].rect.center())
    assert (middle - QPointF(view.viewport().rect().center())).manhattanLength() < 4
    dialog.close()
