"""`--set NAME=VALUE` of `gabor train` and `gabor check`: any setting of training, data and nodes, for this once."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from engine.api import Project, TrainingSettings, load_project, make_layer, save_project
from engine.templates import chain
from tests.engine.data.pictures import classes, write_tree
from workbench.command_line import app


def gabor(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.fixture
def small(tmp_path: Path) -> Path:
    graph = chain(
        make_layer("input", {"shape": (1, 28, 28)}),
        make_layer("fully_connected", {"outputs": 10}),
        make_layer("softmax_classifier"),
    )
    settings = TrainingSettings(epochs=2, batch_size=10, device="cpu", threads=1)
    save_project(tmp_path / "small.netproj", Project(graph=graph, training=settings))
    return tmp_path / "small.netproj"


def test_that_own_images_of_other_shape_and_classes_are_learned_without_a_window(small: Path, tmp_path: Path):
    write_tree(tmp_path / "fruit", classes(("apple", "pear", "plum"), 20))
    result = gabor(
        "train", small, "--images", tmp_path / "fruit", "--set", "Input 1.shape=3x8x8",
        "--set", "Fully connected 1.outputs=3", "--set", "data.mirror=true", "--set", "data.standardise=none",
        "--save", tmp_path / "out.netproj",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    found = load_project(tmp_path / "out.netproj")
    recipe = found.project.data
    assert (recipe.mirror, recipe.image_mode, recipe.image_height) == (True, "rgb", 8)
    assert recipe.dataset == str(tmp_path / "fruit")
    assert found.runs[0].class_names == ("apple", "pear", "plum")


def test_that_a_fork_is_trained_with_another_design_of_the_run(small: Path, tmp_path: Path):
    assert gabor("train", small, "--steps", 3, "--save", tmp_path / "one.netproj").exit_code == 0
    result = gabor(
        "train", tmp_path / "one.netproj", "--fork", 1, "--set", "Fully connected 1.bias=off", "--steps", 5,
        "--save", tmp_path / "two.netproj",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    run, fork = load_project(tmp_path / "two.netproj").runs
    assert fork.parent == run.id
    assert not fork.project.graph.nodes["fully_connected-1"].layer.bias


def test_that_what_a_resumed_run_has_settled_cannot_be_set(small: Path):
    result = gabor("train", small, "--resume", "--set", "epochs=3")
    assert result.exit_code == 2
    assert "--set" in result.stderr


def test_that_a_network_is_told_although_its_images_are_elsewhere(small: Path):
    result = gabor("check", small, "--set", "data.dataset=/nowhere/fruit", "--json", "-")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    # The input follows the size that own images are read in.
    assert found["nodes"][0]["output_shape"] == [10, 3, 32, 32]
    assert found["parameters"] == 30730
    assert "/nowhere/fruit does not exist" in found["problems"][0]["message"]


def test_that_a_design_is_checked_with_another_size(small: Path):
    result = gabor("check", small, "--set", "Fully connected 1.bias=false", "--json", "-")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["parameters"] == 7840
    refused = gabor("check", small, "--set", "Fully connected 1.outputs=0")
    assert refused.exit_code == 1
    assert "must be at least 1, not 0" in str(refused.exception)
