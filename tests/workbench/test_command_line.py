"""The `gabor` command, driven as a user does: in a process of its own."""

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from engine.api import edits, load_project, save_project
from workbench import __version__

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "resources" / "examples"
SAMPLE = EXAMPLES / "mnist-sample.netproj"


def gabor(*arguments: object, screen: bool = False, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command; without `screen` there is no display for it."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if screen or name not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    }
    command = [sys.executable, "-m", "workbench", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=environment | variables, capture_output=True, text=True)


def assert_one_sentence(result: subprocess.CompletedProcess[str]) -> None:
    """What a user gets to read of a failure: a single line, no traceback."""
    assert "Traceback" not in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr


def qt_has_its_x11_libraries() -> bool:
    """Whether Qt's plugin for X11 loads, tried in a process of its own."""
    code = (
        "import ctypes; from pathlib import Path; from PySide6.QtCore import QLibraryInfo as Info;"
        "ctypes.CDLL(Path(Info.path(Info.LibraryPath.PluginsPath)) / 'platforms' / 'libqxcb.so')"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_that_the_version_is_told() -> None:
    assert gabor("--version").stdout == f"gabor {__version__}\n"


def test_that_help_names_every_command_and_the_exit_codes() -> None:
    result = gabor("--help")
    assert result.returncode == 0
    for word in ("open", "train", "check", "gradcheck", "devices", "Exit codes"):
        assert word in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["trian", "x"],
        ["train"],
        ["train", SAMPLE, "--epochs", "0"],
        ["train", SAMPLE, "--device", "gpu"],
        ["train", SAMPLE, "--learning-rate", "nan"],
        ["train", SAMPLE, "--save", "trained.zip"],
        ["train", SAMPLE, "--json", "no-such-folder/result.json"],
        ["check", SAMPLE, "--batch-size", "many"],
        ["devices", "--nonsense"],
        ["fetch", "imagenet"],
        ["train", SAMPLE, "--resume", "--seed", "3"],
    ],
)
def test_that_wrong_usage_ends_with_exit_code_two_before_any_work(arguments: list[object]) -> None:
    result = gabor(*arguments)
    assert result.returncode == 2
    assert_one_sentence(result)
    assert re.search(r"See gabor ?\w* --help\.$", result.stderr.strip())


def test_that_wrong_usage_names_the_option_and_what_it_takes() -> None:
    assert gabor("train", SAMPLE, "--epochs", "abc").stderr == (
        "gabor: --epochs: 'abc' is no whole number of at least 1. See gabor train --help.\n"
    )
    assert gabor("train", SAMPLE, "--learning-rate", "fast").stderr == (
        "gabor: --learning-rate: 'fast' is no number between 0 and 100. See gabor train --help.\n"
    )
    assert "imagenet" in gabor("fetch", "imagenet").stderr


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a display")
def test_that_without_a_display_one_line_names_the_way_to_train() -> None:
    for arguments in ([], [SAMPLE], ["open", SAMPLE]):
        result = gabor(*arguments)
        assert result.returncode == 1
        assert_one_sentence(result)
        assert "gabor train" in result.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="displays are those of X11")
def test_that_a_display_that_does_not_answer_is_named_in_one_sentence() -> None:
    if not qt_has_its_x11_libraries():
        pytest.skip("needs the system's libraries of X11 (libxcb-cursor0 and others)")
    result = gabor(SAMPLE, DISPLAY=":4711")
    assert result.returncode == 1
    assert_one_sentence(result)
    assert ":4711" in result.stderr


def test_that_a_damaged_file_is_refused_before_a_window_opens(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.netproj"
    damaged.write_bytes(SAMPLE.read_bytes()[:300])
    result = gabor(damaged, QT_QPA_PLATFORM="offscreen")
    assert result.returncode == 1
    assert_one_sentence(result)
    assert damaged.name in result.stderr


@pytest.mark.parametrize("command", ["train", "check", "gradcheck"])
def test_that_a_file_that_is_none_of_ours_is_refused_in_one_sentence(command: str, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.netproj"
    foreign.write_bytes(b"this is not a project")
    result = gabor(command, foreign)
    assert result.returncode == 1
    assert_one_sentence(result)
    assert foreign.name in result.stderr


def test_that_a_missing_file_is_told_in_one_sentence(tmp_path: Path) -> None:
    result = gabor("check", tmp_path / "missing.netproj")
    assert result.returncode == 1
    assert_one_sentence(result)
    assert "missing.netproj" in result.stderr


def test_that_devices_lists_the_processor() -> None:
    result = gabor("devices", "--json", "-")
    assert result.returncode == 0
    assert "cpu" in [device["name"] for device in json.loads(result.stdout)["devices"]]


PARAMETERS = {
    "mnist-sample": 3_274_634,
    "mnist": 3_274_634,
    "cifar10-model-a": 4_259_274,
    "cifar10-model-b": 29_853_002,
    "cifar10-model-c": 31_005_290,
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_that_check_counts_the_parameters_of_the_thesis_networks(name: str) -> None:
    result = gabor("check", EXAMPLES / f"{name}.netproj", "--batch-size", 100, "--json", "-")
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["parameters"] == PARAMETERS[name]
    assert found["parameters"] == sum(node["parameters"] for node in found["nodes"])
    assert found["problems"] == []
    assert found["multiply_adds"] > 0
    # Float32 parameters, their gradients and two moments of Adam.
    assert found["memory_bytes"]["parameters"] >= 4 * PARAMETERS[name]
    assert found["memory_bytes"]["optimizer_state"] >= 8 * PARAMETERS[name]
    assert found["largest_batch"] >= found["batch_size"]
    assert all(node["output_shape"][0] == 100 for node in found["nodes"])


def test_that_check_tells_the_shapes_of_the_mnist_table() -> None:
    found = json.loads(gabor("check", SAMPLE, "--batch-size", 7, "--json", "-").stdout)
    shapes = [node["output_shape"] for node in found["nodes"] if node["type"] == "max_pooling"]
    assert shapes == [[7, 32, 14, 14], [7, 64, 7, 7]]


def test_that_check_shows_a_table_for_people() -> None:
    result = gabor("check", SAMPLE)
    assert result.returncode == 0
    assert "3,274,634" in result.stdout


def test_that_training_writes_what_was_asked_for_and_never_loads_qt(tmp_path: Path) -> None:
    saved = tmp_path / "trained.netproj"
    result = gabor(
        "train", SAMPLE, "--device", "cpu", "--steps", 3, "--batch-size", 20, "--seed", 5, "--json", "-",
        "--save", saved,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["device"] == "cpu"
    assert found["steps"] == 3
    assert found["parameters"] == PARAMETERS["mnist-sample"]
    assert found["implementations"]
    assert found["examples_per_second"] > 0
    assert 0 <= found["test_accuracy"] <= 1
    assert len(found["confusion_matrix"]) == 10
    for name in ("epochs", "seconds", "train_loss", "validation_loss", "validation_accuracy"):
        assert isinstance(found[name], float), name
    assert gabor("check", saved).returncode == 0
    assert "\x1b" not in result.stderr


def test_that_only_a_window_or_a_picture_loads_qt(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from workbench.command_line import app\n"
        "for arguments in (['devices'], ['check', sys.argv[1]], ['train', sys.argv[1], '--steps', '1',"
        " '--batch-size', '2', '--device', 'cpu']):\n"
        "    result = CliRunner().invoke(app, arguments)\n"
        "    assert result.exit_code == 0, (arguments, result.output, result.exception)\n"
        "print([name for name in sys.modules if name.startswith(('PySide6', 'pyqtgraph'))])"
    )
    result = subprocess.run([sys.executable, "-c", code, SAMPLE], cwd=ROOT, capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["train", "--help"], ["train", "--epochs", "0"]]
)
def test_that_help_and_wrong_usage_load_neither_numpy_nor_qt_nor_the_engine(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from workbench.command_line import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit:\n"
        "    heavy = {'numpy', 'engine', 'PySide6', 'pyqtgraph', 'llvmlite', 'PIL'} & sys.modules.keys()\n"
        "    print('loaded:', sorted(heavy))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert result.stdout.splitlines()[-1] == "loaded: []", result.stderr


def test_that_a_new_file_is_a_new_command(tmp_path: Path) -> None:
    (tmp_path / "greet.py").write_text(
        "import typer\n"
        "from workbench.command_line.options import JsonTarget\n"
        "from workbench.command_line.root import app\n"
        "@app.command('greet')\n"
        "def declared_greet(json: JsonTarget = None) -> None:\n"
        "    'Say something kind.'\n"
        "    print('Good day')\n"
        "    raise typer.Exit(0)\n"
    )
    code = (
        "import sys\n"
        "from workbench import command_line\n"
        "command_line.__path__.append(sys.argv.pop())\n"
        "command_line.discover()\n"
        "command_line.main()\n"
    )

    def run(*arguments: str) -> str:
        command = [sys.executable, "-c", code, *arguments, str(tmp_path)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout

    assert run("greet") == "Good day\n"
    shown = run("--help")
    assert "Say something kind." in shown
    assert shown.index("devices") < shown.index("greet")


def test_that_a_report_holds_pictures_and_the_history(tmp_path: Path) -> None:
    report = tmp_path / "report"
    result = gabor("train", SAMPLE, "--device", "cpu", "--steps", 3, "--batch-size", 10, "--report", report)
    assert result.returncode == 0, result.stderr
    for name in ("loss", "accuracy", "filters", "confusion-matrix"):
        assert (report / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    lines = (report / "history.csv").read_text().splitlines()
    assert lines[0].split(",")[:2] == ["step", "train_loss"]
    assert [line.split(",")[0] for line in lines[1:]] == ["1", "2", "3"]


def test_that_a_missing_data_folder_is_a_problem_of_the_data(tmp_path: Path) -> None:
    result = gabor("train", EXAMPLES / "cifar10-model-a.netproj", "--data", tmp_path, "--steps", 1)
    assert result.returncode == 1
    assert_one_sentence(result)


@pytest.mark.parametrize("command", ["train", "gradcheck"])
def test_that_a_data_folder_that_does_not_exist_is_told_even_if_none_is_needed(
    command: str, tmp_path: Path
) -> None:
    result = gabor(command, SAMPLE, "--data", tmp_path / "misspelt")
    assert result.returncode == 1
    assert_one_sentence(result)
    assert "misspelt" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_that_an_interrupted_training_stops_cleanly_and_is_saved(
    kind: signal.Signals, tmp_path: Path
) -> None:
    saved = tmp_path / "stopped.netproj"
    command = [sys.executable, "-m", "workbench", "train", str(SAMPLE), "--device", "cpu", "--epochs", "1000"]
    process = subprocess.Popen(
        [*command, "--batch-size", "20", "--save", str(saved), "--json", "-"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    assert "steps in 1,000 epochs" in process.stderr.readline()
    process.send_signal(kind)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    found = json.loads(output)
    assert found["status"] == "stopped"
    assert load_project(saved).runs[-1].step == found["steps"]


def test_that_a_diverging_training_fails_in_one_sentence_and_keeps_its_history(tmp_path: Path) -> None:
    wild, saved = tmp_path / "wild.netproj", tmp_path / "diverged.netproj"
    project = load_project(SAMPLE).project
    settings = msgspec.structs.replace(
        project.training, optimizer="sgd", learning_rate=100.0, batch_size=10, device="cpu"
    )
    save_project(wild, replace(project, training=settings))
    result = gabor("train", wild, "--json", "-", "--save", saved)
    assert result.returncode == 1
    found = json.loads(result.stdout)
    assert found["status"] == "failed"
    assert "Traceback" not in result.stderr
    assert found["message"] in result.stderr
    run = load_project(saved).runs[-1]
    assert (run.status, run.message, run.step) == ("failed", found["message"], found["steps"])


def test_that_check_names_every_problem_and_ends_with_one(tmp_path: Path) -> None:
    broken = tmp_path / "broken.netproj"
    project = load_project(SAMPLE).project
    graph = edits.set_settings(project.graph, "max_pooling-1", size=40)
    save_project(broken, replace(project, graph=graph))
    result = gabor("check", broken, "--json", "-")
    assert result.returncode == 1
    found = json.loads(result.stdout)
    assert [problem["node"] for problem in found["problems"]] == ["max_pooling-1"]
    assert "40×40" in found["problems"][0]["message"]
    waiting = [node["id"] for node in found["nodes"] if node["waits_for"] == "max_pooling-1"]
    assert len(waiting) == 8
    shown = gabor("check", broken)
    assert "Problem:" in shown.stderr
    assert "waits for Max pooling 1" in shown.stdout
    trained = gabor("train", broken)
    assert trained.returncode == 1
    assert_one_sentence(trained)


def test_that_gradients_of_the_sample_network_are_right() -> None:
    result = gabor("gradcheck", SAMPLE, "--device", "cpu", "--samples", 4, "--json", "-")
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert 0 < found["max_relative_error"] <= 1e-7
    assert len(found["layers"]) == 4
