"""Trainings that end badly in the window: one sentence with what to do, nothing lost, the program usable."""

import errno
import os
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from PySide6.QtWidgets import QFileDialog

from engine.api import Change, DeviceError, edits, load_project, recover_runs
from engine.program.compiled import CompiledNetwork
from workbench.training import journal_writer


def begin(qtbot, window, steps: int = 1, **settings: object) -> None:
    """Train the sample's network made small, for long."""
    window.files.new_from("mnist-sample")
    project = window.document.project
    graph = project.graph
    for node in graph.nodes.values():
        if node.layer.type_name == "convolution":
            graph = edits.set_settings(graph, node.id, filters=4, stride=2)
        elif node.name == "Fully connected 1":
            graph = edits.set_settings(graph, node.id, outputs=16)
    training = msgspec.structs.replace(project.training, **{"epochs": 500, "threads": 1, **settings})
    window.document.apply("Make it small", replace(project, graph=graph, training=training))
    train(qtbot, window, steps)


def train(qtbot, window, steps: int = 1) -> None:
    window.control.actions.train.trigger()
    qtbot.waitUntil(lambda: window.training.progress.step >= steps)


def ended(qtbot, window):
    qtbot.waitUntil(lambda: not window.control.session.is_active)
    return window.document.runs[-1]


def assert_usable(qtbot, window) -> None:
    """Another training begins, learns and stops; the first run is still there."""
    runs = len(window.document.runs)
    train(qtbot, window, 3)
    window.control.actions.stop.trigger()
    assert ended(qtbot, window).step >= 3
    assert len(window.document.runs) == runs + 1


def break_steps(monkeypatch, failure: Exception, after: int) -> None:
    """Let the step behind `after` others fail, of networks that are compiled from now on."""
    compiling = CompiledNetwork.__init__

    def compile_broken(self, *arguments: object) -> None:
        compiling(self, *arguments)
        step = self.step

        def fail() -> None:
            if int(self.store.clock[1]) == after:
                raise failure
            step()

        self.step = fail

    monkeypatch.setattr(CompiledNetwork, "__init__", compile_broken)


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (MemoryError(), "The memory was full after step 45; what was learned is kept. Close other programs"),
        (
            OSError(errno.EIO, "Input/output error", "train.bin"),
            "because of “train.bin” (input/output error); what was learned is kept. Put that right, then resume",
        ),
    ],
    ids=["memory", "file"],
)
def test_that_a_failure_is_told_with_what_to_do_and_the_run_goes_on_afterwards(
    qtbot, make_window, monkeypatch, failure, words
):
    window = make_window(fake=False)
    break_steps(monkeypatch, failure, 45)
    begin(qtbot, window)
    run = ended(qtbot, window)
    assert words in window.training.sentence.text()
    assert window.training.sentence.property("problem") is True
    assert (run.status, run.step) == ("failed", 45)
    assert run.epochs
    assert run.at(run.epochs[0].step) is not None
    monkeypatch.undo()
    window.control.actions.resume_run.trigger()
    qtbot.waitUntil(lambda: window.training.progress.step >= 50)
    window.control.actions.stop.trigger()
    again = ended(qtbot, window)
    assert again.id == run.id
    np.testing.assert_array_equal(again.history["train_loss"][:45], run.history["train_loss"])
    assert_usable(qtbot, window)


def test_that_a_learning_rate_without_reason_ends_in_words_and_keeps_the_run(qtbot, make_window):
    window = make_window(fake=False)
    begin(qtbot, window, 5, optimizer="sgd", momentum=0.0, weight_decay=1.0)
    window.control.change(Change("learning_rate", 100.0))
    run = ended(qtbot, window)
    assert run.status == "failed"
    assert "Try a smaller learning rate than 100" in window.training.sentence.text()
    assert all(np.isfinite(tensor).all() for tensor in run.checkpoint.tensors.values())
    assert run.changes[0].new == 100.0
    assert_usable(qtbot, window)


def full_disk(monkeypatch) -> None:
    """Nothing more can be flushed to any disk."""

    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)


def test_that_a_disk_that_fills_up_is_told_once_and_training_goes_on(
    qtbot, make_window, monkeypatch, tmp_path
):
    monkeypatch.setattr(journal_writer, "_FIRST_SECONDS", 0.0)
    monkeypatch.setattr(journal_writer, "_SECONDS", 0.0)
    window = make_window(fake=False)
    window.control.session._journals = tmp_path / "journals"
    begin(qtbot, window, 3)
    full_disk(monkeypatch)
    qtbot.waitUntil(lambda: "record of this run cannot be kept" in window.messages.text)
    assert "the disk is full; free some space" in window.messages.text
    assert "Save the project" in window.messages.text
    step = window.training.progress.step
    qtbot.waitUntil(lambda: window.training.progress.step > step + 20)
    # Saving is refused in words too, and training goes on.
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "full.netproj"), ""))
    window.files.save_as()
    qtbot.waitUntil(lambda: "cannot be saved: the disk is full" in window.messages.text)
    assert window.control.session.state == "training"
    assert not (tmp_path / "full.netproj").exists()
    monkeypatch.undo()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "later.netproj"), ""))
    with qtbot.waitSignal(window.files.saved):
        window.files.save_as()
    assert load_project(tmp_path / "later.netproj").runs[0].step > step
    window.control.actions.stop.trigger()
    assert ended(qtbot, window).step > step + 20


def test_that_what_the_journal_held_before_the_disk_was_full_is_found_again(
    qtbot, make_window, monkeypatch, tmp_path
):
    monkeypatch.setattr(journal_writer, "_FIRST_SECONDS", 0.0)
    monkeypatch.setattr(journal_writer, "_SECONDS", 0.0)
    window = make_window(fake=False)
    journals = window.control.session._journals = tmp_path / "journals"
    begin(qtbot, window, 60)
    full_disk(monkeypatch)
    qtbot.waitUntil(lambda: "record of this run cannot be kept" in window.messages.text)
    (found,) = recover_runs(journals)
    assert found.step >= 30
    assert found.checkpoint is not None


def test_that_closing_in_mid_step_with_a_full_disk_keeps_the_window_and_the_run(
    qtbot, make_window, monkeypatch, tmp_path
):
    window = make_window(fake=False)
    begin(qtbot, window, 5)
    monkeypatch.setattr(window.files, "ask", lambda training: "save")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "closed.netproj"), ""))
    with monkeypatch.context() as full:
        full_disk(full)
        assert not window.close()
    assert window.isVisible()
    assert "the disk is full" in window.messages.text
    assert not window.control.session.is_active
    run = window.document.runs[-1]
    assert run.step >= 5
    assert window.close()
    assert load_project(tmp_path / "closed.netproj").runs[0].step == run.step


def test_that_data_that_has_vanished_is_missed_by_name_and_the_run_stays(qtbot, make_window, tmp_path):
    window = make_window(fake=False)
    begin(qtbot, window, 3)
    window.control.actions.stop.trigger()
    run = ended(qtbot, window)
    recipe = msgspec.structs.replace(run.project.data, dataset="mnist", folder=str(tmp_path / "gone"))
    window.document.set_run(replace(run, project=replace(run.project, data=recipe)))
    window.control.actions.resume_run.trigger()
    qtbot.waitUntil(lambda: window.training.sentence.property("problem") is True)
    assert "MNIST" in window.training.sentence.text()
    qtbot.waitUntil(lambda: not window.control.session.is_active)
    assert window.document.runs[-1].step == run.step
    assert window.document.runs[-1].checkpoint is not None
    assert_usable(qtbot, window)


def test_that_a_device_that_is_gone_with_what_it_held_leaves_the_record_on_disk(
    qtbot, make_window, monkeypatch, tmp_path
):
    monkeypatch.setattr(journal_writer, "_FIRST_SECONDS", 0.0)
    monkeypatch.setattr(journal_writer, "_SECONDS", 0.0)
    window = make_window(fake=False)
    window.control.session._journals = tmp_path / "journals"
    begin(qtbot, window, 40)

    def gone(self) -> None:
        raise DeviceError("The GPU is gone.")

    monkeypatch.setattr(CompiledNetwork, "tensors", gone)
    monkeypatch.setattr(CompiledNetwork, "classify", gone)
    run = ended(qtbot, window)
    told = window.training.sentence.text()
    assert "could not be read from the device. The record on disk was taken instead" in told
    assert run.checkpoint is not None
    assert f"goes on after step {run.checkpoint.step:,}" in told
    assert run.step >= run.checkpoint.step >= 1
    monkeypatch.undo()
    window.control.actions.resume_run.trigger()
    qtbot.waitUntil(lambda: window.training.progress.step > run.checkpoint.step + 3)
    window.control.actions.stop.trigger()
    assert ended(qtbot, window).id == run.id
