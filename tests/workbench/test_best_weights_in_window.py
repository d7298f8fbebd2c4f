"""Early stopping in the window; the best epoch's weights are kept, offered, and used when that is wished."""

from dataclasses import replace

import msgspec
import numpy as np
from PySide6.QtCore import Qt

from engine.api import Run, best_epoch, edits


def train_past_best(qtbot, window, **settings: object) -> Run:
    """A small network at a learning rate at which some epochs are worse than those before."""
    window.files.new_from("mnist-sample")
    project = window.document.project
    graph = project.graph
    for node in graph.nodes.values():
        if node.layer.type_name == "convolution":
            graph = edits.set_settings(graph, node.id, filters=4, stride=2)
        elif node.name == "Fully connected 1":
            graph = edits.set_settings(graph, node.id, outputs=16)
    wanted = {"epochs": 60, "patience": 2, "learning_rate": 0.05, "device": "cpu", "threads": 1, **settings}
    training = msgspec.structs.replace(project.training, **wanted)
    window.document.apply("Make it small", replace(project, graph=graph, training=training))
    window.control.actions.train.trigger()
    return ended(qtbot, window)


def ended(qtbot, window) -> Run:
    qtbot.waitUntil(lambda: window.control.session.is_active)
    qtbot.waitUntil(lambda: not window.control.session.is_active)
    return window.document.runs[-1]


def test_that_a_run_ends_early_and_goes_on_with_more_patience(qtbot, make_window):
    window = make_window(fake=False)
    run = train_past_best(qtbot, window)
    epochs = len(run.epochs)
    assert epochs < 60
    assert window.training.sentence.text().startswith(
        f"Ended early after epoch {epochs}, since none was better for 2"
    )
    assert not window.control.actions.resume_run.isEnabled()
    assert window.training.further.text() == "Raise Patience above 2 to train this run further."
    window.docks.show("training")
    window.training.keeping.setChecked(True)
    window.training.keeping_form.editors["patience"].box.edited.emit(3)
    assert window.control.actions.resume_run.isEnabled()
    assert window.training.earlier.isHidden()
    window.control.actions.resume_run.trigger()
    again = ended(qtbot, window)
    assert again.id == run.id
    assert len(again.epochs) > epochs


def test_that_the_best_weights_are_offered_tested_and_looked_into_and_the_last_ones_come_back(
    qtbot, make_window
):
    window = make_window(fake=False)
    window.docks.show("training")
    action = window.weights.action
    assert not action.isVisible()
    run = train_past_best(qtbot, window)
    best = best_epoch(run)
    assert best.step < run.step
    assert action.isVisible()
    assert action.text() == f"Use the &best weights (epoch {best.epoch})"
    button = next(window.training.offered.itemAt(n).widget() for n in range(window.training.offered.count()))
    qtbot.waitUntil(button.isVisible)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    used = ended(qtbot, window)
    assert (used.id, used.step, used.result_step) == (run.id, run.step, best.step)
    assert f"with the weights of epoch {best.epoch}, the best" in window.training.sentence.text()
    assert len(window.document.runs) == 1
    for key, tensor in run.checkpoint.tensors.items():
        np.testing.assert_array_equal(used.checkpoint.tensors[key], tensor)
    # What looks into the run takes its result.
    assert window.inspection.session.run.result.step == best.step
    assert action.text() == "Use the &last weights"
    action.trigger()
    back = ended(qtbot, window)
    assert back.result is back.checkpoint
    assert back.evaluations[-1].accuracy == run.evaluations[-1].accuracy


def test_that_nothing_is_offered_where_the_last_epoch_is_the_best(qtbot, make_window):
    window = make_window(fake=False)
    run = train_past_best(qtbot, window, epochs=1, patience=0, learning_rate=0.001)
    assert best_epoch(run).step == run.step
    assert not window.weights.action.isVisible()
