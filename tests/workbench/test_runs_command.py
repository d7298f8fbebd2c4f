"""`gabor runs`: a project's runs beside each other."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from engine.api import Project, TrainingSettings, make_layer, save_project
from engine.templates import chain
from workbench.command_line import app


def gabor(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with two runs that differ by their seed, and a fork of the first."""
    file = tmp_path_factory.mktemp("runs") / "small.netproj"
    graph = chain(
        make_layer("input", {"shape": (1, 28, 28)}),
        make_layer("fully_connected", {"outputs": 10}),
        make_layer("softmax_classifier"),
    )
    settings = TrainingSettings(epochs=1, batch_size=500, device="cpu", threads=1, snapshots_per_epoch=0)
    save_project(file, Project(graph=graph, training=settings))
    for options in (("--seed", 1), ("--seed", 2), ("--fork", 1, "--epochs", 2, "--set", "data.mirror=true")):
        assert gabor("train", file, *options, "--save", file).exit_code == 0
    return file


def test_that_runs_are_told_with_differences_and_the_mean_over_seeds(trained: Path):
    shown = gabor("runs", trained).stdout
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert lines[1].startswith("1 Run 1 mirror off, epochs 1, seed 1 7 ")
    assert lines[2].startswith("2 Run 2 mirror off, epochs 1, seed 2 7 ")
    assert lines[3].startswith("3 Run 3 mirror on, epochs 2, seed 1, fork of 1 at step 7 14 ")
    assert lines[6].startswith("1, 2 2 ")


def test_that_programs_read_runs_as_json(trained: Path):
    found = json.loads(gabor("runs", trained, "--json", "-").stdout)["runs"]
    assert [(run["number"], run["name"], run["settings"]["seed"]) for run in found] == [
        (1, "Run 1", 1), (2, "Run 2", 2), (3, "Run 3", 1),
    ]  # fmt: skip
    assert (found[2]["parent"], found[2]["fork_step"]) == (found[0]["id"], 7)
    assert found[0]["parent"] is None
    assert found[2]["data_settings"]["mirror"] is True
    assert found[0]["test_accuracy"] > 0.3


def test_that_a_file_without_runs_says_so(tmp_path: Path):
    save_project(tmp_path / "new.netproj", Project())
    result = gabor("runs", tmp_path / "new.netproj")
    assert result.exit_code == 0
    assert "holds no run" in result.stdout


@pytest.mark.parametrize(
    ("option", "value"),
    [("--json", "locked/x.json"), ("--report", "locked/x"), ("--save", "locked/x.netproj")],
)
def test_that_a_place_that_cannot_be_written_is_told_before_training(
    trained: Path, tmp_path: Path, monkeypatch, option: str, value: str
):
    (tmp_path / "locked").mkdir()
    # Permissions do not bind the user root, who may run the tests.
    monkeypatch.setattr("os.access", lambda path, mode: "locked" not in str(path))
    result = gabor("train", trained, option, tmp_path / value)
    assert result.exit_code == 2
    assert "no permission" in result.stderr
    assert list((tmp_path / "locked").iterdir()) == []
