"""A running training is steered from the dock: what is typed takes effect, is told, marked and kept."""

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from engine.api import edits, load_project
from workbench.panels.steering_form import HINT


def begin(qtbot, window, steps: int = 1) -> None:
    """The sample's network made small, training for long."""
    window.files.new_from("mnist-sample")
    graph = window.document.project.graph
    for node in graph.nodes.values():
        if node.layer.type_name == "convolution":
            graph = edits.set_settings(graph, node.id, filters=4, stride=2)
        elif node.name == "Fully connected 1":
            graph = edits.set_settings(graph, node.id, outputs=16)
    window.document.apply_graph("Make it small", graph)
    window.training.learning_form.editors["epochs"].box.edited.emit(500)
    window.docks.show("training")
    window.control.actions.train.trigger()
    qtbot.waitUntil(lambda: window.training.progress.step >= steps)


def end(qtbot, window) -> None:
    window.control.actions.stop.trigger()
    qtbot.waitUntil(lambda: not window.control.session.is_active)


def typed(qtbot, window, key: str, text: str):
    box = window.training.steering.form.editors[key].box
    box.setFocus()
    box.lineEdit().selectAll()
    qtbot.keyClicks(box.lineEdit(), text)
    return box


def test_that_the_fields_are_there_while_a_network_trains_with_what_it_has(qtbot, make_window):
    window = make_window(fake=False)
    steering = window.training.steering
    assert steering.isHidden()
    assert window.training.bar.isHidden()
    begin(qtbot, window)
    assert not steering.isHidden()
    settings = window.document.project.training
    boxes = {key: editor.box.value for key, editor in steering.form.editors.items()}
    assert boxes["learning_rate"] == settings.learning_rate
    assert boxes["batch_size"] == settings.batch_size
    assert boxes["dropout-1/keep"] == window.document.project.graph.nodes["dropout-1"].layer.keep
    assert set(boxes) == {"learning_rate", "batch_size", "weight_decay", "dropout-1/keep"}
    assert window.training.learning.text() == "Next training"
    qtbot.waitUntil(lambda: not window.training.bar.isHidden())
    end(qtbot, window)
    assert steering.isHidden()
    assert window.training.learning.text() == "Learning"


def test_that_a_learning_rate_is_taken_with_enter_told_marked_and_recorded(
    qtbot, make_window, monkeypatch, tmp_path
):
    window = make_window(fake=False)
    begin(qtbot, window)
    steering = window.training.steering
    before = window.document.project
    box = typed(qtbot, window, "learning_rate", "0.0005")
    qtbot.wait(50)
    assert steering.answer.text() == HINT
    qtbot.keyClick(box, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "from step" in steering.answer.text())
    assert steering.answer.text().startswith("Learning rate 0.0005: from step")
    markers = window.results.loss.plot._markers
    qtbot.waitUntil(lambda: "learning rate 0.0005" in {text for _, text in markers.values()})
    # The project's own settings are those of the next training.
    assert window.document.project is before
    step = window.training.progress.step
    qtbot.waitUntil(lambda: window.training.progress.step > step + 3)
    end(qtbot, window)
    run = window.document.runs[-1]
    (change,) = run.changes
    assert (change.name, change.old, change.new) == ("learning_rate", before.training.learning_rate, 0.0005)
    rates = run.history["learning_rate"]
    np.testing.assert_array_equal(rates[: change.step], before.training.learning_rate)
    np.testing.assert_array_equal(rates[change.step :], 0.0005)
    path = tmp_path / "steered.netproj"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    with qtbot.waitSignal(window.files.saved):
        window.files.save_as()
    assert load_project(path).runs[0].changes == run.changes
    # Going on, the fields show what the run has by now, and a run that is shown has its marks.
    window.control.actions.resume_run.trigger()
    assert steering.form.editors["learning_rate"].box.value == 0.0005
    end(qtbot, window)
    window.control.show_last_run()
    assert "learning rate 0.0005" in {text for _, text in window.results.accuracy.plot._markers.values()}


def test_that_dropout_and_weight_decay_change_and_a_batch_size_waits_for_its_epoch(qtbot, make_window):
    window = make_window(fake=False)
    begin(qtbot, window)
    steering = window.training.steering
    length = window.training.progress.steps_per_epoch
    for key, text in (("dropout-1/keep", "0.9"), ("weight_decay", "0.01"), ("batch_size", "150")):
        qtbot.keyClick(typed(qtbot, window, key, text), Qt.Key.Key_Return)
        said = "epoch" if key == "batch_size" else "step"
        qtbot.waitUntil(lambda said=said: f"from {said}" in steering.answer.text())
    assert "the network is compiled anew" in steering.answer.text()
    qtbot.waitUntil(lambda: window.training.progress.steps_per_epoch != length)
    assert window.training.place.text().startswith("Epoch ")
    assert "of 500 ·" in window.training.progress.place()
    end(qtbot, window)
    run = window.document.runs[-1]
    assert [c.name for c in run.changes] == ["keep", "weight_decay", "batch_size"]
    assert run.changes[-1].step % length == 0
    assert run.result_project.graph.nodes["dropout-1"].layer.keep == 0.9


def test_that_a_value_that_cannot_be_is_told_below_its_field(qtbot, make_window):
    window = make_window(fake=False)
    begin(qtbot, window)
    steering = window.training.steering
    for key, text, words in (
        ("learning_rate", "500", "at most 100"),
        ("dropout-1/keep", "many", "takes a number"),
        ("batch_size", "999999", "only"),
    ):
        qtbot.keyClick(typed(qtbot, window, key, text), Qt.Key.Key_Return)
        qtbot.waitUntil(lambda key=key, words=words: words in steering.form.error(key))
    assert window.control.session.state == "training"
    end(qtbot, window)
    assert window.document.runs[-1].changes == ()


def test_that_a_change_in_a_pause_leaves_the_pause_and_holds_afterwards(qtbot, make_window):
    window = make_window(fake=False)
    begin(qtbot, window)
    window.control.actions.pause.trigger()
    qtbot.waitUntil(lambda: window.control.session.state == "paused")
    step = window.training.progress.step
    qtbot.keyClick(typed(qtbot, window, "learning_rate", "0.25"), Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "from step" in window.training.steering.answer.text())
    assert window.control.session.state == "paused"
    assert window.training.progress.step == step
    end(qtbot, window)
    assert [(c.name, c.new) for c in window.document.runs[-1].changes] == [("learning_rate", 0.25)]


def test_that_turning_a_field_with_the_arrows_takes_the_value_at_which_it_rests(qtbot, make_window):
    window = make_window(fake=False)
    begin(qtbot, window)
    box = window.training.steering.form.editors["dropout-1/keep"].box
    box.setFocus()
    value = box.value
    for _ in range(3):
        qtbot.keyClick(box, Qt.Key.Key_Up)
    qtbot.waitUntil(lambda: "from step" in window.training.steering.answer.text())
    end(qtbot, window)
    (change,) = window.document.runs[-1].changes
    assert (change.old, change.new) == (value, box.value)
    assert change.new > value
