"""The learning-rate schedule in the training dock: only what it uses is shown."""

import pytest

USED = {
    "constant": {"warm_up"},
    "step": {"warm_up", "decay_every", "decay_factor"},
    "linear": {"warm_up", "final_rate"},
    "cosine": {"warm_up", "final_rate"},
    "one_cycle": {"final_rate"},
    "plateau": {"warm_up", "plateau_patience", "decay_factor"},
}
DETAILS = set.union(*USED.values())


@pytest.mark.parametrize("schedule", USED)
def test_that_a_schedule_shows_the_settings_that_it_uses(window, schedule):
    window.files.new_from("mnist-sample")
    editors = window.training.learning_form.editors
    combo = editors["schedule"].combo
    combo.activated.emit(combo.findData(schedule))
    assert window.document.project.training.schedule == schedule
    assert {name for name in DETAILS if not editors[name].isHidden()} == USED[schedule]


def test_that_a_hidden_setting_leaves_no_error_behind(window):
    window.files.new_from("mnist-sample")
    form = window.training.learning_form
    combo = form.editors["schedule"].combo
    combo.activated.emit(combo.findData("step"))
    form.editors["decay_factor"].box.edited.emit(7.0)
    assert "at most 1" in form.error("decay_factor")
    combo.activated.emit(combo.findData("cosine"))
    assert form.error("decay_factor") == ""
