"""`gabor sweep` as a user runs it: a grid on two processes, JSON lines, runs in the file, wrong usage in words."""

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from engine.api import DesignError, Project, TrainingError, load_project, save_project
from tests.engine.small_networks import chain, layer
from workbench.commands.sweep import SweepOptions, chosen_variants, design_names

ROOT = Path(__file__).parents[2]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    graph = chain(
        layer("input", shape=(1, 28, 28)),
        layer("fully_connected", outputs=10),
        layer("softmax_classifier"),
    )
    file = tmp_path / "small.netproj"
    training = msgspec.structs.replace(Project().training, epochs=1)
    save_project(file, Project(graph=graph, name="small", training=training))
    return file


def gabor(*arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if name not in ("DISPLAY", "QT_QPA_PLATFORM")
    }
    command = [sys.executable, "-m", "workbench", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_that_a_grid_is_trained_two_at_once_and_every_run_is_a_line(small: Path, tmp_path: Path):
    result = gabor(
        "sweep", small, "--seeds", "1..2", "--set", "learning_rate=0.001,0.01", "--at-once", 2, "--device", "cpu",
        "--save", tmp_path / "out.netproj", "--json", "-",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert {line["label"] for line in lines} == {
        f"learning rate {rate}, seed {seed}" for rate in ("0.001", "0.01") for seed in (1, 2)
    }
    assert all(line["status"] == "finished" and line["test_accuracy"] > 0.5 for line in lines)
    assert {line["settings"]["learning_rate"] for line in lines} == {0.001, 0.01}
    runs = load_project(tmp_path / "out.netproj").runs
    assert sorted(run.name for run in runs) == sorted(line["label"] for line in lines)
    by_label = {line["label"]: line["test_accuracy"] for line in lines}
    assert {run.name: run.test_accuracy() for run in runs} == by_label
    assert "2 at once" in result.stderr


def test_that_a_training_that_cannot_be_done_fails_alone(small: Path, tmp_path: Path):
    # A batch larger than the data is found only when the data is there.
    result = gabor(
        "sweep",
        small,
        "--set",
        "batch_size=50,900000",
        "--steps",
        2,
        "--device",
        "cpu",
        "--json",
        tmp_path / "l.json",
    )
    assert result.returncode == 1
    lines = [json.loads(line) for line in (tmp_path / "l.json").read_text().splitlines()]
    states = {line["label"]: line["status"] for line in lines}
    assert states == {
        "batch size 50": "finished",
        "batch size 900000": "failed",
    }
    assert "Traceback" not in result.stderr
    assert "batch size 50" in result.stdout


def test_that_settings_of_data_and_nodes_are_varied_and_told(small: Path):
    result = gabor(
        "sweep", small, "--set", "data.rotation=0,10", "--set", "Fully connected 1.bias=true", "--steps", 2,
        "--device", "cpu", "--json", "-",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["varied"] for line in lines] == [
        {"data.rotation": angle, "Fully connected 1.bias": True} for angle in (0.0, 10.0)
    ]
    assert [line["data_settings"]["rotation"] for line in lines] == [0.0, 10.0]
    # What the network sees differs, so what it learns does.
    assert lines[0]["train_loss"] != lines[1]["train_loss"]


def test_that_a_value_which_breaks_the_design_is_told_before_anything_is_trained(small: Path):
    with pytest.raises(DesignError, match=r"Softmax classifier 1 muted on: "):
        chosen_variants(
            [("a", load_project(small).project)],
            SweepOptions(files=(small,), settings=("Softmax classifier 1.muted=true",)),
        )
    with pytest.raises(TrainingError, match="epochs twice"):
        chosen_variants(
            [("a", load_project(small).project)],
            SweepOptions(files=(small,), settings=("epochs=1", "epochs=2")),
        )


def test_that_designs_of_one_name_are_called_by_their_paths(small: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = [
        Path("a/net.netproj"),
        Path("b/net.netproj"),
        Path("b/other.netproj"),
        Path("b/../a/net.netproj"),
    ]
    assert design_names(files) == {
        "a/net": files[0], "b/net": files[1], "other": files[2],
    }  # fmt: skip


def test_that_wrong_values_are_told_in_one_line(small: Path):
    for arguments, told in (
        (("--set", "learning_rate=fast"), "does not take 'fast'"),
        (("--set", "learning_rate"), "is no setting with its values"),
        (("--seeds", "a"), "no whole number"),
    ):
        result = gabor("sweep", small, *arguments)
        assert result.returncode == 1
        assert told in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1


def test_that_designs_and_settings_make_the_grid_before_anything_is_trained(small: Path):
    project = load_project(small).project
    options = SweepOptions(files=(small,), seeds="3,4", settings=("batch-size=10,20",), epochs=7)
    found = chosen_variants([("a", project), ("b", project)], options)
    assert len(found) == 8
    assert {variant.project.training.epochs for variant in found} == {7}
    with pytest.raises(DesignError, match="b: The network is empty"):
        chosen_variants([("a", project), ("b", Project())], options)
    with pytest.raises(TrainingError, match="no training setting 'depth'"):
        chosen_variants([("a", project)], SweepOptions(files=(small,), settings=("depth=1",)))
