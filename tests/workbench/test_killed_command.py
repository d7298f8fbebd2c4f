"""`gabor train` that is killed: the process is a real one, and so is the signal."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from engine.api import (
    Run,
    edits,
    example_path,
    journal_folder,
    load_project,
    project_file_of_run,
    recover_runs,
    save_project,
)
from workbench.command_line import app
from workbench.commands import train as train_command

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")


@pytest.fixture
def design(monkeypatch, tmp_path: Path) -> Path:
    """A small network in a file, for more steps than anybody waits for, and a user of one's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    project = load_project(example_path("mnist-sample")).project
    graph = project.graph
    for node_id, setting in (
        ("convolution-1", "filters"),
        ("convolution-2", "filters"),
        ("fully_connected-1", "outputs"),
    ):
        graph = edits.set_settings(graph, node_id, **{setting: 2})
    settings = msgspec.structs.replace(
        project.training, batch_size=20, epochs=100_000, device="cpu", threads=1, snapshots_per_epoch=0
    )
    save_project(tmp_path / "design.netproj", replace(project, graph=graph, training=settings))
    return tmp_path / "design.netproj"


@contextmanager
def training(file: Path, *options: object, name: str = "train") -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own."""
    program = [sys.executable, "-m", "workbench", name, str(file), *map(str, options)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        program, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait(until: Callable[[], object], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 300
    while not until():
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)


def checkpoints() -> list[Path]:
    return list(journal_folder().glob("*/latest.safetensors"))


def killed(file: Path, *options: object) -> Run:
    """The run of a command that was killed after its first checkpoint."""
    with training(file, *options) as process:
        wait(checkpoints, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
    (run,) = recover_runs(journal_folder())
    assert run.checkpoint is not None
    assert run.step >= run.checkpoint.step > 0
    return run


def command(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


def told(result: Result) -> str:
    return " ".join(result.stderr.split())


def test_that_a_killed_training_is_told_of_and_gone_on_with_as_if_it_had_never_stopped(
    design: Path, tmp_path: Path
) -> None:
    left = killed(design)
    assert project_file_of_run(journal_folder(), left.id) == design.resolve()
    step = left.checkpoint.step

    again = command(design, "--steps", 1)
    assert again.exit_code == 0, again.output
    assert "ended without being saved" in told(again)
    assert re.search(rf"; {step:,} steps? of it can be gone on with\.", told(again))
    assert "add --resume to go on with it, --forget to delete it" in told(again)
    other = tmp_path / "other.netproj"
    other.write_bytes(design.read_bytes())
    assert "without being saved" not in told(command(other, "--forget", "--steps", 1))
    assert [run.id for run in recover_runs(journal_folder())] == [left.id]

    target = tmp_path / "out.netproj"
    resumed = command(design, "--resume", "--steps", step + 5, "--save", target)
    assert resumed.exit_code == 0, resumed.output
    assert "Going on with the training that ended without being saved." in told(resumed)
    assert f"going on after step {step:,}" in told(resumed)
    (run,) = load_project(target).runs
    assert (run.id, run.step, run.status) == (left.id, step + 5, "finished")
    assert os.listdir(journal_folder()) == []

    whole = tmp_path / "whole.netproj"
    assert command(design, "--epochs", 100_000, "--steps", step + 5, "--save", whole).exit_code == 0
    (unbroken,) = load_project(whole).runs
    np.testing.assert_array_equal(run.history["train_loss"], unbroken.history["train_loss"])
    for name, tensor in unbroken.checkpoint.tensors.items():
        np.testing.assert_array_equal(run.checkpoint.tensors[name], tensor)


def test_that_the_next_window_offers_a_killed_training_and_opens_it_in_its_file(
    design: Path, qtbot, make_window
) -> None:
    left = killed(design)
    window = make_window()
    qtbot.waitUntil(lambda: "was not saved" in window.messages.text)
    next(button for button in window.messages.buttons if button.text() == "Open it").click()
    assert window.document.path == design.resolve()
    assert [(run.id, run.step) for run in window.document.runs] == [(left.id, left.step)]
    assert window.isWindowModified()
    assert window.control.actions.resume_run.isEnabled()


def test_that_a_run_of_the_file_that_was_killed_while_it_went_on_is_found_where_it_was(
    design: Path, tmp_path: Path
) -> None:
    saved = tmp_path / "saved.netproj"
    assert command(design, "--epochs", 100_000, "--steps", 3, "--save", saved).exit_code == 0
    left = killed(saved, "--resume")
    assert left.id == load_project(saved).runs[0].id
    resumed = command(saved, "--resume", "--steps", left.checkpoint.step + 1, "--save", saved)
    assert resumed.exit_code == 0, resumed.output
    (run,) = load_project(saved).runs
    assert run.step == left.checkpoint.step + 1


def test_that_a_run_left_behind_stays_until_it_is_saved_or_forgotten(design: Path, tmp_path: Path) -> None:
    left = killed(design)
    until = left.checkpoint.step + 2
    resumed = command(design, "--resume", "--steps", until)
    assert resumed.exit_code == 0, resumed.output
    assert f"The run of {until:,} steps is kept as before, since it was not saved" in told(resumed)
    (run,) = recover_runs(journal_folder())
    assert (run.id, run.checkpoint.step) == (left.id, until)

    wrong = command(design, "--resume", "--forget")
    assert wrong.exit_code == 2
    forgotten = command(design, "--forget", "--steps", 1)
    assert forgotten.exit_code == 0, forgotten.output
    assert "without being saved" not in told(forgotten)
    assert os.listdir(journal_folder()) == []
    assert "holds no run to resume" in str(command(design, "--resume").exception)


def test_that_a_complete_run_that_was_left_behind_can_be_saved(
    design: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(
        train_command, "save_or_keep", lambda save, project, runs, keep: bool(keep()) and False
    )
    assert command(design, "--epochs", 1, "--save", tmp_path / "a.netproj").exit_code == 1
    monkeypatch.undo()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (left,) = recover_runs(journal_folder())
    assert left.status == "finished"
    saved = command(design, "--resume", "--save", tmp_path / "a.netproj")
    assert saved.exit_code == 0, saved.output
    (run,) = load_project(tmp_path / "a.netproj").runs
    assert (run.id, run.step, run.status) == (left.id, left.step, "finished")
    assert os.listdir(journal_folder()) == []


def test_that_a_training_of_another_program_is_left_alone(design: Path) -> None:
    with training(design) as process:
        wait(checkpoints, process)
        (journal,) = journal_folder().iterdir()
        result = command(design, "--forget", "--steps", 1)
        assert result.exit_code == 0, result.output
        assert "without being saved" not in told(result)
        assert "holds no run to resume" in str(command(design, "--resume").exception)
        assert list(journal_folder().iterdir()) == [journal]
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert len(recover_runs(journal_folder())) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_that_a_training_that_is_stopped_leaves_no_journal(design: Path, number: signal.Signals) -> None:
    with training(design) as process:
        wait(lambda: list(journal_folder().glob("*/events.log")), process)
        wait(
            lambda: any(log.stat().st_size > 10_000 for log in journal_folder().glob("*/events.log")), process
        )
        process.send_signal(number)
        assert process.wait(30) == 0
    assert os.listdir(journal_folder()) == []


def test_that_a_training_that_finishes_or_fails_leaves_no_journal(design: Path, tmp_path: Path) -> None:
    assert command(design, "--steps", 2).exit_code == 0
    assert command(design, "--steps", 2, "--save", tmp_path / "out.netproj").exit_code == 0
    project = load_project(design).project
    settings = msgspec.structs.replace(
        project.training, optimizer="sgd", momentum=0.0, weight_decay=1.0, learning_rate=100.0
    )
    save_project(design, replace(project, training=settings))
    failed = command(design, "--steps", 200)
    assert failed.exit_code == 1
    assert "beyond all numbers" in told(failed)
    assert os.listdir(journal_folder()) == []


def test_that_what_a_fault_breaks_off_is_kept_and_told_of(design: Path, monkeypatch) -> None:
    def lose_device(self: object) -> None:
        raise RuntimeError("the device is gone")

    monkeypatch.setattr(train_command.Trainer, "run", lose_device)
    result = command(design, "--steps", 3)
    assert "What was recorded of this training is kept" in told(result)
    (run,) = recover_runs(journal_folder())
    assert run.step == 3


def test_that_a_folder_that_takes_no_journal_is_told_once_and_training_goes_on(
    design: Path, tmp_path: Path
) -> None:
    (tmp_path / "state").write_text("in the way")
    result = command(design, "--steps", 3)
    assert result.exit_code == 0, result.output
    assert told(result).count("The record of this run cannot be kept") == 1
    assert "If this program is killed, the training is lost." in told(result)


def test_that_what_a_killed_sweep_had_done_is_kept(design: Path, tmp_path: Path) -> None:
    project = load_project(design).project
    training_of = msgspec.structs.replace(project.training, epochs=1, batch_size=500)
    save_project(design, replace(project, training=training_of))
    options = ("--seeds", "1..300", "--device", "cpu", "--save", tmp_path / "out.netproj")
    with training(design, *options, name="sweep") as process:
        wait(lambda: len(list(journal_folder().glob("*/events.log"))) >= 2, process)
        assert recover_runs(journal_folder()) == []
        process.send_signal(signal.SIGKILL)
        process.wait()
    found = recover_runs(journal_folder())
    assert len(found) >= 1
    # The newest may have been in the making.
    done = [run for run in found if run.status == "finished"]
    assert len(done) >= max(1, len(found) - 1)
    assert all(run.checkpoint is not None for run in done)
    assert project_file_of_run(journal_folder(), done[0].id) == design.resolve()


def test_that_a_sweep_that_is_saved_leaves_no_journal(design: Path, tmp_path: Path) -> None:
    project = load_project(design).project
    save_project(design, replace(project, training=msgspec.structs.replace(project.training, epochs=1)))
    arguments = ["sweep", str(design), "--seeds", "1..2", "--steps", "1", "--device", "cpu"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert not journal_folder().exists()
    assert CliRunner().invoke(app, [*arguments, "--save", str(tmp_path / "out.netproj")]).exit_code == 0
    assert len(load_project(tmp_path / "out.netproj").runs) == 2
    assert os.listdir(journal_folder()) == []


def test_that_a_fork_with_another_design_is_recorded(design: Path, tmp_path: Path) -> None:
    saved = tmp_path / "saved.netproj"
    assert command(design, "--epochs", 100_000, "--steps", 3, "--save", saved).exit_code == 0
    opened = load_project(saved)
    graph = edits.set_settings(opened.project.graph, "fully_connected-1", outputs=3)
    save_project(saved, replace(opened.project, graph=graph), opened.runs)
    forked = command(saved, "--fork", "1", "--new-design", "--steps", 5)
    assert forked.exit_code == 0, forked.output
    assert "cannot be kept" not in told(forked)
