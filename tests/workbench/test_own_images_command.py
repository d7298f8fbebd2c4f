"""Projects on a user's own images, through the command line and the project file."""

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from engine.api import (
    DataRecipe,
    Project,
    TrainingSettings,
    load_project,
    make_layer,
    project_from_bytes,
    project_to_bytes,
    save_project,
)
from engine.templates import chain
from tests.engine.data.pictures import classes, write_tree
from workbench.command_line import app

NAMES = ("apple", "pear", "plum")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A small network on 90 pictures of three classes, one of them broken."""
    write_tree(tmp_path / "fruit", classes(NAMES, 30) | {"plum/bad.png": b"no picture"})
    recipe = DataRecipe(dataset="./fruit", image_height=8, image_width=8, image_mode="rgb", skip_broken=True)
    graph = chain(
        make_layer("input", {"shape": (3, 8, 8)}),
        make_layer("fully_connected", {"outputs": 3}),
        make_layer("softmax_classifier"),
    )
    settings = TrainingSettings(epochs=40, batch_size=10, learning_rate=0.01, device="cpu", threads=1)
    return Project(graph, dict.fromkeys(graph.nodes, (0.0, 0.0)), recipe, settings, "Fruit", "")


def test_that_a_project_on_own_images_trains_tells_what_it_left_out_and_names_the_classes(
    project: Project, tmp_path: Path
) -> None:
    save_project(tmp_path / "fruit.netproj", project)
    result = CliRunner().invoke(
        app, ["train", str(tmp_path / "fruit.netproj"), "--data", str(tmp_path), "--json", "-"]
    )
    assert result.exit_code == 0, result.stderr
    summary = json.loads(result.stdout)
    assert summary["class_names"] == list(NAMES)
    assert summary["test_accuracy"] == 1
    assert "plum/bad.png: is no picture of a known kind" in " ".join(result.stderr.split())


def test_that_own_images_are_part_of_a_project_file_and_checked_without_training(
    project: Project, tmp_path: Path
) -> None:
    project = replace(project, data=msgspec.structs.replace(project.data, folder=str(tmp_path)))
    assert project_from_bytes(project_to_bytes(project)).project.data == project.data
    save_project(tmp_path / "fruit.netproj", project)
    result = CliRunner().invoke(app, ["check", str(tmp_path / "fruit.netproj"), "--json", "-"])
    assert (result.exit_code, json.loads(result.stdout)["problems"]) == (0, [])


def test_that_recipes_written_before_own_images_came_load_as_they_were() -> None:
    before = b'{"dataset": "cifar10", "validation_fraction": 0.1, "centering": "mean_image"}'
    recipe = msgspec.json.decode(before, type=DataRecipe)
    assert (recipe.dataset, recipe.centering, recipe.skip_broken) == ("cifar10", "mean_image", False)


def test_that_missing_images_end_the_command_in_one_sentence(project: Project, tmp_path: Path) -> None:
    save_project(tmp_path / "fruit.netproj", project)
    result = CliRunner().invoke(app, ["train", str(tmp_path / "fruit.netproj")])
    assert result.exit_code == 1
    assert "does not exist" in str(result.exception)


def test_that_any_project_trains_on_own_images_in_the_size_of_its_input(
    project: Project, tmp_path: Path
) -> None:
    graph = chain(
        make_layer("input", {"shape": (1, 8, 6)}),
        make_layer("fully_connected", {"outputs": 3}),
        make_layer("softmax_classifier"),
    )
    save_project(tmp_path / "any.netproj", replace(project, graph=graph, data=DataRecipe()))
    command = ["train", str(tmp_path / "any.netproj"), "--images", str(tmp_path / "fruit"), "--epochs", "2"]
    refused = CliRunner().invoke(app, command)
    told = str(refused.exception)
    assert "plum/bad.png" in told
    assert "--skip-broken" in told
    kept = tmp_path / "kept.netproj"
    result = CliRunner().invoke(app, [*command, "--skip-broken", "--json", "-", "--save", str(kept)])
    assert result.exit_code == 0, result.stderr
    summary = json.loads(result.stdout)
    assert summary["class_names"] == list(NAMES)
    recipe = load_project(kept).project.data
    assert (recipe.image_height, recipe.image_width, recipe.image_mode) == (8, 6, "grey")
    assert recipe.skip_broken


def test_that_own_images_and_official_files_are_not_asked_for_together(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["train", "a.netproj", "--images", str(tmp_path), "--data", str(tmp_path)]
    )
    assert result.exit_code == 2
    assert "give one of them" in " ".join(result.stderr.split())


def test_that_a_path_that_is_not_there_is_told_by_its_option(project: Project, tmp_path: Path) -> None:
    save_project(tmp_path / "fruit.netproj", project)
    result = CliRunner().invoke(app, ["train", str(tmp_path / "fruit.netproj"), "--images", "fruits"])
    assert "“fruits”, which --images names" in str(result.exception)
