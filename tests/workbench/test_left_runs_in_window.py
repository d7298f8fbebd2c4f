"""Runs that were left behind, in the window: each goes back into the file of its project."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PySide6.QtWidgets import QFileDialog

from engine.api import (
    HISTORY_COLUMNS,
    Checkpoint,
    Project,
    Run,
    RunJournal,
    StepsDone,
    edits,
    example_path,
    infer,
    journal_folder,
    load_project,
    project_file_of_run,
    recover_runs,
    save_project,
)
from tests.workbench.test_training_in_window import begin_small, end
from workbench.main_window import MainWindow


@pytest.fixture(autouse=True)
def own_state(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return load_project(example_path("mnist-sample")).project


@pytest.fixture
def file(tmp_path: Path, project: Project) -> Path:
    save_project(tmp_path / "digits.netproj", project)
    return tmp_path / "digits.netproj"


def checkpoint(project: Project, step: int) -> Checkpoint:
    shapes = infer(project.graph).shapes
    return Checkpoint(
        step,
        {
            f"parameter/{node}/{name}": np.zeros(spec.shape, np.float32)
            for node, shape in shapes.items()
            for name, spec in shape.parameters.items()
        },
    )


def leave(project: Project, file: Path | None, steps: int, run_id: str = "left") -> None:
    """A journal as a process that was killed leaves it."""
    journal = RunJournal(journal_folder(), Run(run_id, project, "2026-11-23T14:00:00+00:00"), file)
    columns = {name: np.zeros(steps) for name in HISTORY_COLUMNS}
    journal.append(StepsDone(run_id, steps, 1, **columns, examples_per_second=1.0, seconds=1.0))
    journal.checkpoint(checkpoint(project, steps))
    journal.close()


@pytest.fixture
def offered(qtbot, make_window) -> Callable[[], MainWindow]:
    def offer() -> MainWindow:
        window = make_window()
        qtbot.waitUntil(lambda: "was not saved" in window.messages.text)
        return window

    return offer


def open_it(window: MainWindow) -> None:
    next(button for button in window.messages.buttons if button.text() == "Open it").click()


def test_that_a_run_is_opened_in_the_file_of_its_project(offered, project, file):
    leave(project, file, 12)
    window = offered()
    open_it(window)
    assert window.document.path == file
    assert [(run.id, run.step) for run in window.document.runs] == [("left", 12)]
    assert window.isWindowModified()
    assert window.control.actions.resume_run.isEnabled()
    assert load_project(file).runs == ()
    assert window.files.recent()[0] == file
    assert window.files.save_and_wait()
    assert [run.id for run in load_project(file).runs] == ["left"]
    assert recover_runs(journal_folder()) == []


def test_that_a_run_goes_beside_unsaved_changes_when_its_file_is_open_already(offered, project, file):
    leave(project, file, 12)
    window = offered()
    window.files.open_path(file)
    window.document.apply("Set notes", replace(window.document.project, notes="mine"))
    open_it(window)
    assert (window.document.path, window.document.project.notes) == (file, "mine")
    assert [run.id for run in window.document.runs] == ["left"]
    assert window.document.undo_stack.canUndo()


def test_that_a_run_that_came_further_than_in_the_file_takes_its_place(offered, project, file):
    leave(project, file, 5)
    (before,) = recover_runs(journal_folder())
    save_project(file, project, [replace(before, name="Mine")])
    leave(project, file, 12)
    window = offered()
    open_it(window)
    assert [(run.name, run.step) for run in window.document.runs] == [("Mine", 12)]


def test_that_a_run_that_the_file_holds_as_far_is_told_and_forgotten(offered, project, file):
    leave(project, file, 12)
    (before,) = recover_runs(journal_folder())
    save_project(file, project, [before])
    window = offered()
    open_it(window)
    assert window.document.path == file
    assert not window.isWindowModified()
    assert "holds this training already" in window.messages.text
    assert recover_runs(journal_folder()) == []


def test_that_another_design_or_a_file_that_is_gone_is_told_and_the_run_opened_by_itself(
    offered, project, file
):
    leave(project, file, 12)
    graph = edits.set_settings(project.graph, "convolution-1", filters=3)
    save_project(file, replace(project, graph=graph))
    window = offered()
    open_it(window)
    assert window.document.path is None
    assert window.document.project.graph == project.graph
    assert [run.id for run in window.document.runs] == ["left"]
    assert (
        "“digits.netproj” has another design by now. The training is open by itself" in window.messages.text
    )
    file.unlink()
    window.document.load(Project())
    window.files.open_run(recover_runs(journal_folder())[0])
    assert window.document.path is None
    assert [run.id for run in window.document.runs] == ["left"]
    assert "cannot be opened: there is no such file." in window.messages.text
    assert "open by itself" in window.messages.text


def test_that_other_settings_and_other_names_are_no_other_design(offered, project, file):
    leave(project, file, 12)
    training = msgspec.structs.replace(project.training, epochs=77)
    graph = edits.set_settings(project.graph, "dropout-1", keep=0.9)
    save_project(file, replace(project, graph=graph, training=training))
    window = offered()
    open_it(window)
    assert window.document.path == file
    assert window.document.project.training.epochs == 77


def test_that_a_packaged_project_is_opened_without_its_file(offered, project):
    leave(project, example_path("mnist-sample"), 12)
    window = offered()
    open_it(window)
    assert window.document.path is None
    assert [run.id for run in window.document.runs] == ["left"]


def test_that_the_record_of_a_training_follows_where_its_project_is_saved(
    qtbot, make_window, monkeypatch, tmp_path
):
    window = make_window(fake=False)
    begin_small(qtbot, window, 5)
    (journal,) = journal_folder().iterdir()
    run_id = journal.name.rpartition("-")[0]
    assert project_file_of_run(journal_folder(), run_id) is None
    target = tmp_path / "later.netproj"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    with qtbot.waitSignal(window.files.saved):
        window.files.save_as()
    assert project_file_of_run(journal_folder(), run_id) == target
    end(qtbot, window)
    window.control.actions.train.trigger()
    qtbot.waitUntil(lambda: window.training.progress.step >= 1)
    files = {
        project_file_of_run(journal_folder(), path.name.rpartition("-")[0])
        for path in journal_folder().iterdir()
    }
    assert files == {target}
