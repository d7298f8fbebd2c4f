"""What a command trained is not lost when it cannot be saved in the end."""

import pytest

from engine.api import (
    ProjectFileError,
    example_path,
    journal_folder,
    load_project,
    recover_runs,
    whole_numbers,
)
from workbench.commands import saving
from workbench.commands.sweep import SweepOptions, sweep
from workbench.commands.train import TrainingOrder, train

SAMPLE = example_path("mnist-sample")
FULL = "“x.netproj” cannot be saved: the disk is full."


@pytest.fixture
def full_disk(monkeypatch, tmp_path):
    """A disk that has become full while a command trained."""

    def refuse(*_: object) -> None:
        raise ProjectFileError(FULL)

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(saving, "save_project", refuse)


def test_that_a_run_that_cannot_be_saved_is_told_printed_and_kept(capsys, tmp_path, full_disk):
    target = tmp_path / "x.netproj"
    assert train(TrainingOrder(file=SAMPLE, steps=2, save=str(target), json=str(tmp_path / "x.json"))) == 1
    told = capsys.readouterr()
    assert FULL in told.err
    assert ": 2 steps in 1 epoch, batches" in told.err
    assert "the window offers it" in told.err
    assert "Test accuracy" in told.out
    assert (tmp_path / "x.json").exists()
    (run,) = recover_runs(journal_folder())
    assert (run.status, run.step, run.checkpoint.step) == ("finished", 2, 2)


def test_that_all_runs_of_a_sweep_that_cannot_be_saved_are_kept(capsys, tmp_path, full_disk):
    options = SweepOptions(
        files=(SAMPLE,), seeds="1..2", steps=1, device="cpu", save=str(tmp_path / "x.netproj")
    )
    assert sweep(options) == 1
    assert "Deviation" in capsys.readouterr().out
    assert sorted(run.project.training.seed for run in recover_runs(journal_folder())) == list(
        whole_numbers("1..2")
    )


def trained(save: str) -> int:
    return train(TrainingOrder(file=SAMPLE, steps=2, save=save))


def swept(save: str) -> int:
    return sweep(SweepOptions(files=(SAMPLE,), steps=2, save=save))


@pytest.mark.parametrize("command", [trained, swept])
def test_that_a_place_where_nothing_can_be_saved_is_told_before_training(capsys, tmp_path, command):
    (tmp_path / "file").touch()
    with pytest.raises(ProjectFileError, match="a part of the path is not a folder"):
        command(str(tmp_path / "file" / "x.netproj"))
    assert "raining" not in capsys.readouterr().err


def test_that_asking_beforehand_leaves_a_project_as_it_is(tmp_path):
    target = tmp_path / "x.netproj"
    target.write_bytes(SAMPLE.read_bytes())
    saving.check_target(str(target))
    saving.check_target(str(tmp_path / "new.netproj"))
    assert [path.name for path in tmp_path.iterdir()] == ["x.netproj"]
    assert load_project(target).project.name == load_project(SAMPLE).project.name
