"""Training as a user meets it: with a fake trainer where timing matters, with the real one for the whole way."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Semaphore

import msgspec
import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QFileDialog

from engine.api import DeviceError, EpochDone, Event, Snapshot, Trainer, edits, load_project
from workbench.training.thread import prepared_trainer


def begin(qtbot, window, steps: int = 1) -> None:
    window.files.new_from("mnist-sample")
    window.control.actions.train.trigger()
    qtbot.waitUntil(lambda: window.training.progress.step >= steps or not window.control.session.is_active)


def begin_small(qtbot, window, steps: int = 1) -> None:
    """Train a network that takes a moment with the real trainer."""
    for name in ("input", "flatten", "fully_connected", "softmax_classifier"):
        window.palette_panel.add_requested.emit(name)
    project = window.document.project
    many = replace(project, training=msgspec.structs.replace(project.training, epochs=10_000))
    window.document.apply("Set epochs", many)
    window.control.actions.train.trigger()
    qtbot.waitUntil(lambda: window.training.progress.step >= steps)


def end(qtbot, window) -> None:
    window.control.actions.stop.trigger()
    qtbot.waitUntil(lambda: not window.control.session.is_active)


def test_that_train_pause_resume_and_stop_show_at_once(qtbot, make_window):
    # The second step does not end: nothing can have taken effect yet.
    window = make_window(gate=Semaphore(1))
    begin(qtbot, window)
    for action, text in (("pause", "Pausing"), ("pause", "Training on"), ("stop", "Stopping")):
        getattr(window.control.actions, action).trigger()
        assert text in window.training.sentence.text()
    qtbot.waitUntil(lambda: not window.control.session.is_active)
    assert "stopped" in window.training.sentence.text()


def test_that_buttons_follow_the_state(qtbot, window):
    window.files.new_from("mnist-sample")
    buttons = window.training.buttons
    assert not buttons["train"].isHidden()
    assert buttons["pause"].isHidden()
    qtbot.mouseClick(buttons["train"], Qt.MouseButton.LeftButton)
    assert buttons["train"].isHidden()
    assert not buttons["pause"].isHidden()
    qtbot.waitUntil(lambda: window.training.progress.step > 0)
    qtbot.mouseClick(buttons["pause"], Qt.MouseButton.LeftButton)
    assert buttons["pause"].text() == "Go on"
    pause = window.control.actions.pause
    assert pause.icon().pixmap(18).toImage() == window.control.actions.train.icon().pixmap(18).toImage()
    pause.trigger()
    assert buttons["pause"].text() == "Pause"
    assert pause.icon().pixmap(18).toImage() != window.control.actions.train.icon().pixmap(18).toImage()
    end(qtbot, window)
    assert buttons["train"].text() == "Train anew"
    assert not buttons["resume_run"].isHidden()


def test_that_a_design_with_a_problem_is_not_trained_but_told(window):
    window.control.actions.train.trigger()
    assert not window.control.session.is_active
    assert "The network is empty" in window.messages.text


def test_that_the_plots_show_what_the_history_holds(qtbot, window):
    begin(qtbot, window, 35)
    end(qtbot, window)
    run = window.document.runs[-1]
    steps, values = window.results.loss.plot.series("Training NLL")
    np.testing.assert_array_equal(steps, np.arange(1, run.step + 1))
    np.testing.assert_array_equal(values, run.history["train_loss"])
    _, accuracy = window.results.accuracy.plot.series("Validation")
    np.testing.assert_allclose(accuracy, 100 * run.history["validation_accuracy"])
    newest = run.snapshots[-1]
    assert window.results.filters._step == newest.step
    rates = window.results.confusion.displayed()
    np.testing.assert_allclose(rates, newest.confusion / newest.confusion.sum(axis=1, keepdims=True))


def test_that_editing_while_training_marks_the_run_as_of_an_earlier_design(qtbot, window):
    begin(qtbot, window)
    assert window.training.earlier.isHidden()
    window.palette_panel.add_requested.emit("dropout")
    assert not window.training.earlier.isHidden()
    assert "earlier design" in window.training.earlier.text()
    window.document.undo_stack.undo()
    assert window.training.earlier.isHidden()
    end(qtbot, window)


def test_that_other_settings_than_the_runs_are_told_as_settings(qtbot, window):
    begin(qtbot, window)
    end(qtbot, window)
    window.training.learning_form.editors["epochs"].box.edited.emit(12)
    assert window.training.earlier.isHidden()
    window.training.learning_form.editors["learning_rate"].box.edited.emit(0.25)
    assert not window.training.earlier.isHidden()
    assert window.training.earlier.text().startswith("Settings have changed: the run goes on with its own")


def test_that_a_failure_is_one_sentence_and_keeps_what_was_learned(qtbot, make_window):
    sentence = "The GPU has no memory left: choose a smaller batch size."
    window = make_window(failure=DeviceError(sentence), fail_at=8)
    begin(qtbot, window, 100)
    assert window.training.sentence.text() == sentence
    assert window.training.sentence.property("problem") is True
    assert window.document.runs[-1].step == 7
    assert window.control.actions.train.isVisible()


def test_that_saving_in_mid_training_keeps_the_run_and_training_goes_on(
    qtbot, monkeypatch, make_window, tmp_path
):
    window = make_window(fake=False)
    begin_small(qtbot, window, 5)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "mid.netproj"), ""))
    with qtbot.waitSignal(window.files.saved):
        window.files.save_as()
    assert window.control.session.state == "training"
    found = load_project(tmp_path / "mid.netproj")
    assert found.runs[0].checkpoint is not None
    assert found.runs[0].checkpoint.step == found.runs[0].step >= 5


def test_that_closing_while_training_asks_once_and_keeps_what_was_learned(
    qtbot, monkeypatch, make_window, tmp_path
):
    window = make_window(fake=False)
    begin_small(qtbot, window, 5)
    path = tmp_path / "closed.netproj"
    asked: list[bool] = []
    monkeypatch.setattr(window.files, "ask", lambda training: asked.append(training) or "save")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    assert window.close()
    assert asked == [True]
    assert not window.control.session.is_active
    assert load_project(path).runs[0].step >= 5


def test_that_staying_lets_the_training_go_on(qtbot, monkeypatch, window):
    begin(qtbot, window)
    monkeypatch.setattr(window.files, "ask", lambda training: "cancel")
    assert not window.close()
    assert window.control.session.state == "training"


def test_that_an_unsaved_run_of_a_killed_process_is_offered_and_opened(qtbot, make_window):
    first = make_window(fake=False)
    begin_small(qtbot, first, 12)
    end(qtbot, first)
    # As if the process had been killed: nothing was saved, nobody was asked.
    run = first.document.runs[-1]
    second = make_window()
    qtbot.waitUntil(lambda: bool(second.messages.text))
    assert f"{run.step:,} steps" in second.messages.text
    opener = next(button for button in second.messages.buttons if button.text() == "Open it")
    opener.click()
    assert second.document.runs[-1].step == run.step
    assert second.isWindowModified()
    assert second.control.actions.resume_run.isEnabled()


def drop_wire(qtbot, window, source: str, target: str) -> None:
    """Drag from the output of a node to the input of another, as a hand does."""
    canvas = window.canvas
    nodes = window.document.project.graph.nodes
    ids = {node.name: node_id for node_id, node in nodes.items()}
    places = [
        canvas.canvas.port_place((ids[source], "out", 0)),
        canvas.canvas.port_place((ids[target], "in", 0)),
    ]
    start, goal = (canvas.mapFromScene(place) for place in places)
    qtbot.mousePress(canvas.viewport(), Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(canvas.viewport(), (start + goal) / 2)
    qtbot.mouseMove(canvas.viewport(), goal + QPoint(1, 1))
    qtbot.mouseRelease(canvas.viewport(), Qt.MouseButton.LeftButton, pos=goal + QPoint(1, 1))


def test_that_a_network_built_by_hand_is_trained_paused_saved_reopened_and_trained_on(
    qtbot, monkeypatch, make_window, tmp_path: Path
):
    window = make_window(fake=False)
    window.resize(1280, 800)
    window.palette_panel.search.setFocus()
    for words in ("input", "flatten", "fully", "softmax"):
        window.palette_panel.search.clear()
        qtbot.keyClicks(window.palette_panel.search, words)
        qtbot.keyClick(window.palette_panel.search, Qt.Key.Key_Return)
    nodes = window.document.project.graph.nodes
    assert [node.layer.type_name for node in nodes.values()] == [
        "input",
        "flatten",
        "fully_connected",
        "softmax_classifier",
    ]
    assert window.document.inference.is_valid
    assert len(window.document.project.graph.edges) == 3
    epochs = window.training.learning_form.editors["epochs"].box
    window.docks.show("training")
    epochs.setFocus()
    epochs.lineEdit().selectAll()
    qtbot.keyClicks(epochs.lineEdit(), "400")
    qtbot.mouseClick(window.training.buttons["train"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.training.progress.step >= 60)
    qtbot.mouseClick(window.training.buttons["pause"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.control.session.state == "paused")
    qtbot.mouseClick(window.training.buttons["pause"], Qt.MouseButton.LeftButton)
    path = tmp_path / "by-hand.netproj"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    with qtbot.waitSignal(window.files.saved):
        window.files.save_as()
    end(qtbot, window)
    monkeypatch.setattr(window.files, "ask", lambda training: "save")
    window.close()
    saved = load_project(path).runs[-1]

    again = make_window(fake=False)
    again.files.open_path(path)
    _, values = again.results.loss.plot.series("Training NLL")
    np.testing.assert_array_equal(values, saved.history["train_loss"])
    assert again.docks["loss"].isVisible()
    again.control.actions.resume_run.trigger()
    qtbot.waitUntil(lambda: again.training.progress.step >= saved.step + 20)
    end(qtbot, again)
    run = again.document.runs[-1]
    assert run.id == saved.id
    np.testing.assert_array_equal(run.history["train_loss"][: saved.step], saved.history["train_loss"])
    assert np.median(run.history["train_loss"][-20:]) < np.median(run.history["train_loss"][:5])


def test_that_the_thesis_network_learns_in_the_window_and_its_pictures_move(qtbot, make_window):
    window = make_window(fake=False)
    looks: list[Snapshot] = []
    window.control.session.events.connect(
        lambda events: looks.extend(e for e in events if isinstance(e, Snapshot))
    )
    begin(qtbot, window, 8)
    assert window.control.session.is_active, window.training.sentence.text()
    assert window.results.filters.displayed().size > 0
    assert window.results.confusion.displayed().shape == (10, 10)
    assert "examples/s" in window.training.pace.text()
    end(qtbot, window)
    assert window.document.runs[-1].status == "stopped"
    assert looks[0].step == 0


@pytest.mark.parametrize("name", ["learning_rate", "epochs"])
def test_that_a_wrong_setting_is_told_below_its_field(qtbot, window, name):
    window.docks.show("training")
    box = window.training.learning_form.editors[name].box
    box.setFocus()
    box.lineEdit().selectAll()
    qtbot.keyClicks(box.lineEdit(), "-1")
    assert "must be at least" in window.training.learning_form.error(name)
    assert window.document.undo_stack.count() == 0


def test_that_another_data_set_brings_its_preparation(window):
    combo = window.data.panel.source.combo
    combo.activated.emit(combo.findData("cifar10"))
    recipe = window.document.project.data
    assert (recipe.dataset, recipe.centering, recipe.validation_fraction) == ("cifar10", "mean_image", 0.1)
    assert window.document.undo_stack.undoText() == "Set data set"
    assert window.training.data.text() == "CIFAR-10"


def test_that_missing_data_is_told_in_one_sentence(qtbot, make_window):
    window = make_window(fake=False)
    window.files.new_from("cifar10-model-a")
    window.control.actions.train.trigger()
    qtbot.waitUntil(lambda: not window.control.session.is_active)
    assert "The files of CIFAR-10" in window.training.sentence.text()
    assert window.training.sentence.property("problem") is True


class SeenEpochs:
    """A trainer that goes on after an epoch when the window has shown it."""

    def __init__(self, trainer: Trainer, seen: Semaphore) -> None:
        self._trainer, self._seen = trainer, seen

    def __getattr__(self, name: str) -> object:
        return getattr(self._trainer, name)

    def events(self) -> Iterator[Event]:
        for event in self._trainer.events():
            yield event
            if isinstance(event, EpochDone):
                assert self._seen.acquire(timeout=300)


def test_that_every_picture_moves_with_each_epoch_and_shows_what_the_run_holds(qtbot, make_window):
    window = make_window(fake=False)
    told = Semaphore(0)
    window.control.session._factory = lambda *given: SeenEpochs(prepared_trainer(*given), told)
    window.resize(1280, 800)
    window.files.new_from("mnist-sample")
    graph = window.document.project.graph
    for node in graph.nodes.values():
        if node.layer.type_name == "convolution":
            graph = edits.set_settings(graph, node.id, filters=8, stride=2)
        elif node.name == "Fully connected 1":
            graph = edits.set_settings(graph, node.id, outputs=16)
    window.document.apply_graph("Make it small", graph)
    results = window.results
    seen: dict[str, list[bytes]] = {"filters": [], "confusion": [], "loss": [], "accuracy": []}

    def look(events: tuple[Event, ...]) -> None:
        shown = {
            "filters": results.filters.displayed(),
            "confusion": results.confusion.displayed(),
            "loss": results.loss.plot.series("Training total")[1],
            "accuracy": results.accuracy.plot.series("Training")[1],
        }
        for name, values in shown.items():
            if not seen[name] or seen[name][-1] != values.tobytes():
                seen[name].append(values.tobytes())
        for event in events:
            if isinstance(event, EpochDone):
                told.release()

    window.control.events.connect(look)
    window.control.train()
    qtbot.waitUntil(lambda: not window.control.session.is_active)
    run = window.document.runs[-1]
    assert run.status == "finished", run.message
    assert len(run.epochs) == 10
    assert all(len(pictures) >= 10 for pictures in seen.values()), {n: len(p) for n, p in seen.items()}
    np.testing.assert_array_equal(results.loss.plot.series("Training total")[1], run.history["train_total"])
    np.testing.assert_allclose(
        results.accuracy.plot.series("Training")[1], 100 * run.history["train_accuracy"]
    )
    last = run.evaluations[-1].confusion
    np.testing.assert_allclose(
        results.confusion.displayed(), last / np.maximum(last.sum(axis=1, keepdims=True), 1)
    )
    assert "test accuracy" in window.training.sentence.text()


def test_that_a_finished_run_is_trained_further_when_the_epochs_are_raised(qtbot, make_window):
    window = make_window(total=100, step_seconds=0.0)
    begin(qtbot, window, 100)
    qtbot.waitUntil(lambda: not window.control.session.is_active)
    assert window.document.runs[-1].status == "finished"
    resume = window.control.actions.resume_run
    assert not resume.isEnabled()
    assert "raise Epochs" in resume.toolTip()
    further = window.training.further
    assert further.text() == "Raise Epochs above 10 to train this run further."
    assert not further.isHidden()
    editor = window.training.learning_form.editors["epochs"]
    editor.box.edited.emit(12)
    assert resume.isEnabled()
    assert further.isHidden()
    resume.trigger()
    assert window.control.session.project.training.epochs == 12
    assert window.document.runs[-1].project.training.epochs == 10
    end(qtbot, window)
    assert len(window.document.runs) == 1


def test_that_the_wheel_over_a_field_without_focus_changes_nothing(qtbot, window):
    window.docks.show("training")
    box = window.training.learning_form.editors["epochs"].box
    window.canvas.setFocus()
    place = QPointF(box.rect().center())
    event = QWheelEvent(
        place,
        QPointF(box.mapToGlobal(box.rect().center())),
        QPoint(0, 0),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(box, event)
    assert box.value == 10
    assert not box.hasFocus()
