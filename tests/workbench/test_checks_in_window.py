"""Gradient check and parity in the real window: nodes, panel, progress, cancel, what does not fit."""

import json

import pytest
from PySide6.QtCore import Qt

from engine.api import REGISTRY, edits, example_path
from workbench.command_line import app
from workbench.plots.export import PlotExport


@pytest.fixture
def small(window):
    for name in ("input", "flatten", "fully_connected", "relu", "fully_connected", "softmax_classifier"):
        window.palette_panel.add_requested.emit(name)
    window.document.apply_graph(
        "Small", edits.set_settings(window.document.project.graph, "fully_connected-1", outputs=8)
    )
    window.document.apply_graph(
        "Ten classes", edits.set_settings(window.document.project.graph, "fully_connected-2", outputs=10)
    )
    assert window.document.inference.problems == ()
    return window


def verdicts(window) -> dict[str, bool]:
    return {
        key: item.verdict.passed
        for key, item in window.canvas.canvas.nodes.items()
        if item.verdict is not None
    }


def finish(qtbot, window) -> None:
    qtbot.waitUntil(lambda: not window.checks.is_busy)


def test_that_every_layer_that_learns_turns_green_and_says_its_error(qtbot, small):
    small.checks.action.trigger()
    assert small.checks.is_busy
    assert small.checks.panel.isVisible()
    finish(qtbot, small)
    assert verdicts(small) == {
        "fully_connected-1": True, "relu-1": True, "fully_connected-2": True, "softmax_classifier-1": True,
    }  # fmt: skip
    item = small.canvas.canvas.nodes["relu-1"]
    assert item.verdict.lines[0] == "gradients right"
    assert "e-" in item.verdict.lines[1]
    panel = small.checks.panel
    assert panel.verdict.text().startswith("The gradients are right")
    names = {panel.table.item(row, 0).text() for row in range(panel.table.rowCount())}
    assert {"Fully connected 1", "ReLU 1", "Softmax classifier 1"} <= names
    assert {panel.table.item(row, 2).text() for row in range(panel.table.rowCount())} == {"✓ right"}


def test_that_a_wrong_backward_turns_its_node_red_in_colour_and_words(qtbot, small, monkeypatch):
    layer = REGISTRY["relu"]
    right = layer.forward

    def wrong(self, run, *xs):
        y, backward = right(self, run, *xs)
        return y, lambda dy: tuple(1.1 * part for part in backward(dy))

    monkeypatch.setattr(layer, "forward", wrong)
    small.checks.action.trigger()
    finish(qtbot, small)
    found = verdicts(small)
    # What lies before it gets a wrong error too; what lies behind it does not.
    assert found["relu-1"] is False
    assert found["softmax_classifier-1"] is True
    assert found["fully_connected-2"] is True
    assert small.canvas.canvas.nodes["relu-1"].verdict.lines[0] == "a gradient is wrong"
    assert "ReLU 1" in small.checks.panel.verdict.text()
    image = small.grab().toImage()
    assert not image.isNull()


def test_that_an_edit_takes_the_verdicts_off_and_undo_does_not_bring_them_back(qtbot, small):
    small.checks.action.trigger()
    finish(qtbot, small)
    assert small.checks.clear_action.isEnabled()
    small.palette_panel.add_requested.emit("dropout")
    assert verdicts(small) == {}
    small.document.undo_stack.undo()
    small.checks.action.trigger()
    finish(qtbot, small)
    assert verdicts(small)
    small.checks.clear_action.trigger()
    assert verdicts(small) == {}


def test_that_a_check_is_given_up_by_a_button(qtbot, small):
    small.checks.action.trigger()
    assert not small.checks.action.isEnabled()
    qtbot.mouseClick(small.checks.panel.cancel, Qt.MouseButton.LeftButton)
    finish(qtbot, small)
    assert small.checks.panel.verdict.text().startswith("Given up")
    assert small.checks.action.isEnabled()
    assert small.checks.panel.cancel.isHidden()


def test_that_a_design_with_a_problem_is_told_instead_of_checked(window):
    window.checks.action.trigger()
    assert not window.checks.is_busy
    assert window.messages.text.startswith("The network cannot be checked yet.")


def test_that_two_precisions_are_compared_node_by_node(qtbot, small):
    panel = small.checks.panel
    small.docks.show("checks")
    assert [str(way) for way in panel.ways] == ["cpu/float32", "cpu/float64"]
    qtbot.mouseClick(panel.compare, Qt.MouseButton.LeftButton)
    finish(qtbot, small)
    assert panel.verdict.text().startswith("cpu/float32 and cpu/float64 agree")
    assert panel.table.rowCount() == 5
    assert panel.table.item(1, 1).text() == "✓ agrees"
    assert panel.table.item(1, 4).text().endswith(" ms")
    assert all(verdicts(small).values())
    panel.table.selectRow(2)
    chosen = [key for key, item in small.canvas.canvas.nodes.items() if item.isSelected()]
    assert chosen == ["relu-1"]
    exported: PlotExport = panel.table.export
    assert exported is not None
    header = panel.table.values().header
    assert header[4:6] == ("cpu/float32", "cpu/float64")


def test_that_a_closing_window_waits_for_its_check(qtbot, small, monkeypatch):
    monkeypatch.setattr(small.files, "ask", lambda training: "discard")
    small.checks.action.trigger()
    small.close()
    assert not small.checks.is_busy


def test_that_the_command_compares_and_writes_json(tmp_path, capsys):
    target = tmp_path / "parity.json"
    file = str(example_path("mnist-sample"))
    command = ["parity", file, "--device", "cpu", "--batch-size", "4", "--json", str(target)]
    assert app(command, standalone_mode=False) == 0
    found = json.loads(target.read_text())
    assert (found["first"], found["second"]) == ("cpu/float32", "cpu/float64")
    assert found["largest"] < found["tolerance"]
    assert found["nodes"][0]["name"] == "Convolution 1"
    assert "agree" in capsys.readouterr().out
