"""`gabor train --fork`: a new run from a checkpoint of another."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from engine.api import ProjectFile, best_epoch, edits, load_project, save_project
from workbench.command_line import app

SAMPLE = Path(__file__).parents[2] / "resources" / "examples" / "mnist-sample.netproj"


def train(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network, trained for three epochs of four steps."""
    folder = tmp_path_factory.mktemp("trained")
    project = load_project(SAMPLE).project
    graph = project.graph
    for node_id, setting in (
        ("convolution-1", "filters"), ("convolution-2", "filters"), ("fully_connected-1", "outputs"),
    ):  # fmt: skip
        graph = edits.set_settings(graph, node_id, **{setting: 4})
    settings = msgspec.structs.replace(
        project.training, batch_size=300, epochs=3, device="cpu", snapshots_per_epoch=0, patience=2
    )
    save_project(folder / "design.netproj", replace(project, graph=graph, training=settings))
    result = train(folder / "design.netproj", "--save", folder / "trained.netproj")
    assert result.exit_code == 0, result.output
    return folder / "trained.netproj"


def forked(file: Path, *arguments: object) -> tuple[ProjectFile, Result]:
    target = file.with_name("forked.netproj")
    result = train(file, *arguments, "--save", target)
    assert result.exit_code == 0, (result.output, result.exception)
    return load_project(target), result


def test_that_a_fork_without_changes_equals_the_run_that_it_leaves(trained: Path) -> None:
    length = load_project(trained).runs[0].steps_per_epoch
    found, result = forked(trained, "--fork", f"1@{length}")
    run, other = found.runs
    assert f"Fork of run 1 after step {length}. All weights are kept." in " ".join(result.stderr.split())
    assert (other.parent, other.fork_step) == (run.id, length)
    for name, values in run.history.items():
        np.testing.assert_array_equal(other.history[name], values)
    for key, tensor in run.checkpoint.tensors.items():
        np.testing.assert_array_equal(other.checkpoint.tensors[key], tensor)


def test_that_a_fork_takes_other_settings_and_begins_at_the_best(trained: Path) -> None:
    found, _ = forked(trained, "--fork", "1@best", "--learning-rate", 0.0001, "--epochs", 4, "--patience", 0)
    run, other = found.runs
    best = best_epoch(run)
    assert other.fork_step == best.step
    assert other.project.training.learning_rate == 0.0001
    assert run.project.training.learning_rate != 0.0001
    assert other.step == 4 * run.steps_per_epoch


def test_that_a_fork_with_the_new_design_tells_what_begins_anew(trained: Path) -> None:
    opened = load_project(trained)
    graph = edits.set_settings(opened.project.graph, "fully_connected-1", outputs=5)
    changed = trained.with_name("changed.netproj")
    save_project(changed, replace(opened.project, graph=graph), opened.runs)
    found, result = forked(
        changed, "--fork", opened.runs[0].id, "--new-design", "--epochs", 4, "--patience", 0
    )
    told = " ".join(result.stderr.split())
    assert "anew: Fully connected 1: weight, Fully connected 1: bias, Fully connected 2: weight." in told
    assert found.runs[1].project.graph == graph
    assert found.runs[0].project.graph == opened.runs[0].project.graph


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--fork", "7"], "no run “7”; it holds 1 (Run 1)"),
        (["--fork", "Run 1"], "Raise --epochs above 3"),
        (["--fork", "1@5000"], "no checkpoint after step 5,000; there are those after"),
        (["--fork", "1@first"], "give a number, best or last"),
        (["--fork", "1"], "Raise --epochs above 3"),
        (["--fork", "1", "--resume"], "--fork begins a new run and"),
        (["--new-design"], "goes with --fork"),
    ],
)
def test_that_a_fork_that_cannot_be_is_told_with_what_there_is(
    trained: Path, arguments: list[str], words: str
) -> None:
    result = train(trained, *arguments)
    assert result.exit_code != 0
    told = result.output + str(result.exception)
    assert words in " ".join(told.split())


def test_that_a_resumed_run_takes_more_patience(trained: Path) -> None:
    target = trained.with_name("resumed.netproj")
    result = train(trained, "--resume", "--epochs", 4, "--patience", 9, "--save", target)
    assert result.exit_code == 0, result.output
    assert load_project(target).runs[0].project.training.patience == 9
