"""`gabor train` on a file that holds a run: going on with it, or training anew."""

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from engine.api import ProjectFile, edits, load_project, save_project
from workbench.command_line import app

SAMPLE = Path(__file__).parents[2] / "resources" / "examples" / "mnist-sample.netproj"


def train(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network, stopped after three steps of its first epoch."""
    folder = tmp_path_factory.mktemp("trained")
    project = load_project(SAMPLE).project
    graph = project.graph
    for node_id, setting in (
        ("convolution-1", "filters"),
        ("convolution-2", "filters"),
        ("fully_connected-1", "outputs"),
    ):
        graph = edits.set_settings(graph, node_id, **{setting: 4})
    settings = msgspec.structs.replace(
        project.training, batch_size=200, epochs=2, device="cpu", snapshots_per_epoch=0
    )
    save_project(folder / "design.netproj", replace(project, graph=graph, training=settings))
    result = train(
        folder / "design.netproj", "--epochs", 2, "--steps", 3, "--save", folder / "trained.netproj"
    )
    assert result.exit_code == 0, result.output
    return folder / "trained.netproj"


def run_to(trained: Path, steps: int, target: Path) -> ProjectFile:
    result = train(
        trained, "--resume", "--steps", steps, "--save", target, "--json", target.with_suffix(".json")
    )
    assert result.exit_code == 0, (result.output, result.exception)
    assert "going on after step 3" in result.stderr
    assert "Training anew" not in result.stderr
    return load_project(target)


def test_that_a_resumed_run_is_the_one_that_never_stopped(trained: Path, tmp_path: Path) -> None:
    resumed = run_to(trained, 6, tmp_path / "resumed.netproj")
    before, (run,) = load_project(trained).runs[0], resumed.runs
    assert (run.id, run.step) == (before.id, 6)
    whole = tmp_path / "whole.netproj"
    design = trained.with_name("design.netproj")
    assert train(design, "--epochs", 2, "--steps", 6, "--save", whole).exit_code == 0
    unbroken = load_project(whole).runs[0]
    np.testing.assert_array_equal(run.history["train_loss"], unbroken.history["train_loss"])
    assert run.checkpoint is not None
    assert unbroken.checkpoint is not None
    for name, tensor in unbroken.checkpoint.tensors.items():
        np.testing.assert_array_equal(run.checkpoint.tensors[name], tensor)
    assert resumed.project == load_project(trained).project


def test_that_training_anew_over_a_stored_run_is_told(trained: Path, tmp_path: Path) -> None:
    saved = tmp_path / "anew.netproj"
    result = train(trained, "--steps", 1, "--save", saved)
    assert result.exit_code == 0, result.output
    assert "Training anew; add --resume to go on with the run of 3 steps in the file." in result.stderr
    assert [run.step for run in load_project(saved).runs] == [3, 1]


def test_that_a_complete_run_names_the_epochs_to_raise(trained: Path) -> None:
    stored = load_project(trained)
    run = stored.runs[0]
    # As if the three steps had been the whole first epoch.
    complete = replace(run, steps_per_epoch=3, stretches=())
    save_project(trained.with_name("complete.netproj"), stored.project, (complete,))
    result = train(trained.with_name("complete.netproj"), "--resume", "--epochs", 1)
    assert result.exit_code == 1
    assert "Raise --epochs above 1 " in str(result.exception)


def test_that_steps_already_done_are_named(trained: Path) -> None:
    assert "Raise --steps above 3 " in str(train(trained, "--resume", "--steps", 2).exception)


def test_that_a_file_without_a_run_cannot_be_resumed() -> None:
    result = train(SAMPLE, "--resume")
    assert result.exit_code == 1
    assert "no run to resume" in str(result.exception)


def test_that_whole_epochs_are_an_integer_and_batches_and_whole_sets_are_named_apart(
    trained: Path, tmp_path: Path
) -> None:
    found = tmp_path / "result.json"
    design = trained.with_name("design.netproj")
    result = train(design, "--epochs", 1, "--json", found)
    assert result.exit_code == 0, result.output
    epochs = json.loads(found.read_text())["epochs"]
    assert (epochs, type(epochs)) == (1, int)
    assert result.stderr.count("validation batches") == 2
    assert "Validation accuracy (whole set)" in result.stdout
    assert "Validation loss (batches of the last epoch)" in result.stdout
