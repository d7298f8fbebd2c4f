"""Plots are exported from the menu, and so from the list of commands, whatever has the keyboard."""

from PySide6.QtWidgets import QFileDialog


def test_that_every_plot_of_a_training_has_its_command(qtbot, window, monkeypatch, tmp_path):
    texts = [action.text() for _, action in window.menus.all_commands()]
    assert {"Loss…", "Accuracy…", "Filters…", "Confusion matrix…"} <= set(texts)
    window.files.new_from("mnist-sample")
    window.control.actions.train.trigger()
    qtbot.waitUntil(lambda: window.training.progress.step >= 12)
    window.control.actions.stop.trigger()
    qtbot.waitUntil(lambda: not window.control.session.is_active)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "loss.csv"), ""))
    next(action for _, action in window.menus.all_commands() if action.text() == "Loss…").trigger()
    lines = (tmp_path / "loss.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "step,Training total,Validation total"
    assert len(lines) == 1 + window.document.runs[-1].step
