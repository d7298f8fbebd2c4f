"""Forks by hand: a run goes on from any checkpoint as a run of its own; runs form a tree in their table."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from PySide6.QtCore import Qt

from engine.api import Run, edits, load_project, save_project
from workbench.fork_dialog import NOW, OWN, ForkDialog
from workbench.panels.runs_model import COLUMNS, tree


def train_small(qtbot, window, epochs: int = 3, **settings: object) -> Run:
    """The sample's network made small, trained to its end."""
    window.files.new_from("mnist-sample")
    project = window.document.project
    graph = project.graph
    for node in graph.nodes.values():
        if node.layer.type_name == "convolution":
            graph = edits.set_settings(graph, node.id, filters=4, stride=2)
        elif node.name == "Fully connected 1":
            graph = edits.set_settings(graph, node.id, outputs=16)
    training = msgspec.structs.replace(project.training, epochs=epochs, device="cpu", threads=1, **settings)
    window.document.apply("Make it small", replace(project, graph=graph, training=training))
    window.control.actions.train.trigger()
    return ended(qtbot, window)


def ended(qtbot, window) -> Run:
    qtbot.waitUntil(lambda: window.control.session.is_active)
    qtbot.waitUntil(lambda: not window.control.session.is_active)
    return window.document.runs[-1]


def ask(qtbot, window) -> ForkDialog:
    """Open the runs, choose the first one, press Fork."""
    window.docks.show("runs")
    runs = window.inspection.runs
    qtbot.waitUntil(runs.isVisible)
    runs.table.selectRow(0)
    assert runs.fork.isEnabled()
    qtbot.mouseClick(runs.fork, Qt.MouseButton.LeftButton)
    assert window.forks.dialog is not None
    return window.forks.dialog


def test_that_a_fork_with_unchanged_settings_equals_the_run_it_left(qtbot, make_window, tmp_path):
    window = make_window(fake=False)
    window.resize(1280, 800)
    run = train_small(qtbot, window, schedule="cosine")
    dialog = ask(qtbot, window)
    # There is nothing left to do at the last step, so another is offered first.
    assert dialog.place.currentData() < run.step
    assert dialog.place.itemText(0).startswith("The last: after epoch 3")
    dialog.place.setCurrentIndex(0)
    assert not dialog.buttons.button(dialog.buttons.StandardButton.Ok).isEnabled()
    assert "raise Epochs above 3" in dialog.words.text()
    length = run.steps_per_epoch
    dialog.place.setCurrentIndex(dialog.place.findData(length))
    assert dialog.settings.currentText() == OWN
    assert "it will take the same steps" in dialog.words.text()
    qtbot.keyClick(dialog, Qt.Key.Key_Return)
    fork = ended(qtbot, window)
    assert (fork.parent, fork.fork_step) == (run.id, length)
    assert len(window.document.runs) == 2
    for name, values in run.history.items():
        np.testing.assert_array_equal(fork.history[name], values, err_msg=name)
    for key, tensor in run.checkpoint.tensors.items():
        np.testing.assert_array_equal(fork.checkpoint.tensors[key], tensor, err_msg=key)
    _, shown = window.results.loss.plot.series("Training NLL")
    np.testing.assert_array_equal(shown, run.history["train_loss"])
    # As they are in a file.
    save_project(tmp_path / "forks.netproj", window.document.project, window.document.runs)
    again = load_project(tmp_path / "forks.netproj").runs[1]
    assert (again.parent, again.fork_step) == (run.id, length)


def test_that_a_fork_has_the_settings_and_the_design_of_the_window_when_that_is_chosen(qtbot, make_window):
    window = make_window(fake=False)
    run = train_small(qtbot, window)
    graph = edits.set_settings(window.document.project.graph, "fully_connected-1", outputs=20)
    training = msgspec.structs.replace(window.document.project.training, learning_rate=0.0002, epochs=4)
    window.document.apply("Change", replace(window.document.project, graph=graph, training=training))
    dialog = ask(qtbot, window)
    dialog.settings.setCurrentText(NOW)
    assert dialog.epochs.value == 4
    assert (
        "anew: Fully connected 1: weight, Fully connected 1: bias, Fully connected 2: weight."
        in dialog.words.text()
    )
    dialog.accept()
    fork = ended(qtbot, window)
    assert fork.project.graph == graph
    assert fork.step == 4 * run.steps_per_epoch
    assert set(fork.history["learning_rate"][run.step :]) == {0.0002}
    assert fork.status == "finished"


def test_that_forks_stand_below_the_run_that_they_left(qtbot, make_window):
    window = make_window(fake=False)
    run = train_small(qtbot, window)
    runs = [
        run,
        replace(run, id="other"),
        replace(run, id="child", parent=run.id, fork_step=37, name="Warmer"),
        replace(run, id="orphan", parent="deleted"),
        replace(run, id="grandchild", parent="child", fork_step=74),
    ]
    assert [(b.run.id, b.number, b.depth) for b in tree(runs)] == [
        (run.id, 1, 0), ("child", 3, 1), ("grandchild", 5, 2), ("other", 2, 0), ("orphan", 4, 0),
    ]  # fmt: skip
    for other in runs[1:]:
        window.document.set_run(other)
    window.docks.show("runs")
    panel = window.inspection.runs
    qtbot.waitUntil(panel.isVisible)
    titles = [column.title for column in COLUMNS]
    table = panel.table
    assert [table.item(row, 0).text() for row in range(5)] == ["Run 1", "Warmer", "Run 5", "Run 2", "Run 4"]
    assert [not table.item(row, 0).icon().isNull() for row in range(5)] == [False, True, True, False, False]
    forked = [table.item(row, titles.index("Forked at")).text() for row in range(5)]
    assert forked == ["", "step 37", "step 74", "", "step 0"]
    # What is done to a row is done to its run.
    table.selectRow(1)
    assert panel.selected == ("child",)
    assert panel.describe(panel.selected).startswith("Warmer, forked at step 37, against Run 1:")
    table.item(2, 0).setText("Deep")
    qtbot.waitUntil(lambda: window.document.find_run("grandchild").name == "Deep")
    table.selectRow(3)
    qtbot.mouseClick(panel.delete, Qt.MouseButton.LeftButton)
    assert window.document.find_run("other") is None


def test_that_runs_that_name_each_other_as_parents_are_shown(qtbot, make_window):
    window = make_window()
    project = window.document.project
    a, b = Run("a", project, "", parent="b"), Run("b", project, "", parent="a")
    assert {branch.run.id for branch in tree((a, b))} == {"a", "b"}
    assert len(tree((a, b, replace(a, id="c", parent="c")))) == 3


def test_that_no_run_is_forked_while_one_trains(qtbot, make_window):
    window = make_window()
    action = window.forks.action
    assert not action.isEnabled()
    window.files.new_from("mnist-sample")
    window.control.actions.train.trigger()
    qtbot.waitUntil(lambda: window.training.progress.step > 2)
    assert not action.isEnabled()
    window.control.actions.stop.trigger()
    qtbot.waitUntil(lambda: not window.control.session.is_active)
    assert action.isEnabled()


@pytest.mark.parametrize("text", ["", "0", "2.5"])
def test_that_epochs_that_are_no_number_are_told(qtbot, make_window, text):
    window = make_window(fake=False)
    train_small(qtbot, window, epochs=1)
    dialog = ask(qtbot, window)
    dialog.epochs.setFocus()
    dialog.epochs.lineEdit().selectAll()
    qtbot.keyClick(dialog.epochs.lineEdit(), Qt.Key.Key_Delete)
    qtbot.keyClicks(dialog.epochs.lineEdit(), text)
    assert dialog.chosen is None
    assert "whole number from 1" in dialog.words.text()
    dialog.reject()
    assert not window.control.session.is_active
