import csv
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from engine.api import TEMPLATES, Project, edits
from tests.calls import count_calls
from tests.workbench.test_large_networks import chain_of
from tests.workbench.timers import let_timers_end
from workbench.document.document import Document
from workbench.panels.analysis import AnalysisPanel
from workbench.panels.analysis_model import COLUMNS, SHARE
from workbench.theme import load_theme

TITLES = [column.title for column in COLUMNS]


@pytest.fixture
def document(qapp: object) -> Document:
    return Document(TEMPLATES["mnist"].build())


@pytest.fixture
def panel(qtbot, document: Document) -> AnalysisPanel:
    made = AnalysisPanel(document, load_theme("light"))
    qtbot.addWidget(made)
    made.resize(1000, 400)
    made.show()
    return made


def cell(panel: AnalysisPanel, row: int, title: str) -> str:
    return panel.sorted.index(row, TITLES.index(title)).data()


def names(panel: AnalysisPanel) -> list[str]:
    return [cell(panel, row, "Node") for row in range(panel.sorted.rowCount())]


def test_that_every_node_stands_in_the_table_in_order_with_its_numbers(document, panel):
    graph = document.project.graph
    assert names(panel) == [graph.nodes[node_id].name for node_id in graph.order]
    row = [panel.sorted.index(4, column).data() for column in range(len(TITLES))]
    assert row == [
        "Convolution 2", "64×14×14", "64 filters 5×5, padding 2", "14×14, every 2", "51,264", "10,035,200", "5.6 MiB"
    ]  # fmt: skip
    assert cell(panel, 7, "Receptive field") == "all of 40×40"
    assert "3,274,634 parameters" in panel.totals.text()
    assert "98 % of the parameters sit in Fully connected 1" in panel.judgement.text()


def test_that_shares_add_up_to_the_whole(panel):
    for title in ("Parameters", "Multiply-adds", "Memory"):
        column = TITLES.index(title)
        shares = [panel.sorted.index(row, column).data(SHARE) for row in range(panel.sorted.rowCount())]
        assert sum(shares) == pytest.approx(1.0)


def test_that_a_column_sorts_by_its_numbers_and_the_first_one_by_the_order_of_the_data(panel):
    in_order = names(panel)
    panel.table.sortByColumn(TITLES.index("Parameters"), Qt.SortOrder.DescendingOrder)
    assert names(panel)[:3] == ["Fully connected 1", "Convolution 2", "Fully connected 2"]
    panel.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert names(panel) == in_order


def test_that_an_edit_refreshes_the_table_while_it_is_seen_and_at_the_next_look_else(document, panel):
    document.apply_graph("Set", edits.set_settings(document.project.graph, "convolution-1", filters=16))
    assert cell(panel, 1, "Output") == "16×28×28"
    panel.hide()
    document.apply_graph("Set", edits.set_settings(document.project.graph, "convolution-1", filters=8))
    assert cell(panel, 1, "Output") == "16×28×28"
    panel.show()
    assert cell(panel, 1, "Output") == "8×28×28"


def test_that_nodes_without_a_shape_say_why(document, panel):
    document.apply_graph("Set", edits.set_settings(document.project.graph, "max_pooling-2", size=30))
    assert cell(panel, 6, "Output") == "has a problem"
    assert cell(panel, 7, "Output") == "waiting for Max pooling 2"
    assert cell(panel, 7, "Parameters") == ""


def test_that_selecting_rows_tells_the_nodes_and_the_selection_survives_an_edit(document, panel):
    told: list[tuple[str, ...]] = []
    panel.nodes_selected.connect(told.append)
    panel.table.selectRow(4)
    assert told == [("convolution-2",)]
    relu = document.project.graph.nodes["relu-1"].layer
    document.apply_graph("Add", edits.add_layer(document.project.graph, relu)[0])
    assert [panel._node_of(index) for index in panel.table.selectionModel().selectedRows()] == [
        "convolution-2"
    ]
    assert told == [("convolution-2",)]


def test_that_the_table_and_the_canvas_select_the_same(qtbot, window):
    window.files.new_from("mnist")
    window.docks.show("analysis")
    qtbot.waitUntil(window.analysis.isVisible)
    window.analysis.table.selectRow(4)
    assert window.canvas.canvas.selected_nodes == ("convolution-2",)
    assert window.inspector.node_ids == ("convolution-2",)
    window.canvas.select(["relu-1", "relu-2"])
    rows = window.analysis.table.selectionModel().selectedRows()
    assert sorted(index.data() for index in rows) == ["ReLU 1", "ReLU 2"]


def test_that_the_panel_is_hidden_at_first_and_stands_in_the_view_menu(window):
    assert window.docks["analysis"].isHidden()
    assert window.docks["analysis"].toggleViewAction() in [
        action for _, action in window.menus.all_commands()
    ]


def test_that_the_table_is_exported_with_plain_numbers(monkeypatch, panel, tmp_path: Path):
    path = tmp_path / "table.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    panel.export.click()
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 12
    assert rows[4] | {"memory_bytes": ""} == {
        "node": "Convolution 2", "type": "Convolution", "settings": "64 filters 5×5, padding 2", "channels": "64",
        "height": "14", "width": "14", "parameters": "51264", "multiply_adds": "10035200", "memory_bytes": "",
        "field_height": "14", "field_width": "14", "field_stride_vertical": "2", "field_stride_horizontal": "2",
    }  # fmt: skip


def test_that_a_file_that_cannot_be_written_is_told(monkeypatch, panel, tmp_path: Path):
    told: list[str] = []
    panel.message.connect(told.append)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "no" / "t.csv"), ""))
    panel.export.click()
    assert "could not be written" in told[0]


def test_that_the_bars_are_painted_in_both_themes(panel):
    light = panel.table.grab().toImage()
    panel.apply_theme(load_theme("dark"))
    assert panel.table.grab().toImage() != light


def test_that_the_work_of_a_refresh_grows_as_the_network_does(document, panel):
    assert count_calls(panel.refresh) < 1000
    works = []
    for count in (50, 100):
        document.load(Project(chain_of(count)))
        works.append(count_calls(panel.refresh))
    assert works[1] < 2.2 * works[0]


def test_that_the_panel_beside_the_plots_does_not_widen_the_window(qtbot, make_window):
    window = make_window()
    window.files.new_from("mnist-sample")
    window.resize(1280, 800)
    window.docks.show_plots(True)
    window.docks.show("analysis")
    qtbot.waitUntil(lambda: bool(window.analysis.totals.text()))
    let_timers_end(qtbot)
    assert window.width() == 1280
