"""Ctrl+C while a file is saved, lines that cannot be written, files that are written as a whole."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.api import Project, ProjectFileError, TrainingSettings, load_project, save_project
from tests.engine.small_networks import chain, layer
from workbench.command_line import app
from workbench.commands import saving
from workbench.commands.interrupts import deaf_to_interrupts, ended_by_signals, interrupts_wait
from workbench.commands.json_lines import JsonLines
from workbench.commands.terminal import write_json
from workbench.whole_files import write_file


@pytest.fixture(autouse=True)
def _usual_handler():
    # A command in the background of a shell is deaf to Ctrl+C, and so would be its tests.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press(kind: signal.Signals = signal.SIGINT) -> None:
    os.kill(os.getpid(), kind)


def test_that_the_first_interrupt_waits_for_the_file_and_the_second_does_not():
    before = signal.getsignal(signal.SIGINT)
    with interrupts_wait():
        press()
    assert signal.getsignal(signal.SIGINT) is before
    with interrupts_wait():
        press()
        with pytest.raises(KeyboardInterrupt):
            press()


def test_that_a_project_is_saved_although_ctrl_c_is_pressed_meanwhile(tmp_path: Path, monkeypatch):
    real = saving.save_project

    def pressed(*arguments: object) -> None:
        press()
        real(*arguments)

    monkeypatch.setattr(saving, "save_project", pressed)
    assert saving.save_or_keep(str(tmp_path / "a.netproj"), Project(), (), str)
    assert (tmp_path / "a.netproj").exists()


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGHUP])
def test_that_a_polite_kill_and_a_closed_terminal_end_a_sweep_like_ctrl_c(kind: signal.Signals):
    before = signal.getsignal(kind)
    with pytest.raises(KeyboardInterrupt), ended_by_signals():
        press(kind)
    assert signal.getsignal(kind) is before


def test_that_processes_begin_deaf_to_ctrl_c():
    with deaf_to_interrupts():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN


def test_that_lines_which_cannot_be_written_are_told_once(tmp_path: Path, capsys):
    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(28, "No space left on device")

    lines = JsonLines(str(tmp_path / "lines.json"))
    with lines:
        assert lines._own is not None
        lines._own.close()
        lines._own = Full()
        lines.write({"label": "a"})
        lines.write({"label": "b"})
    assert lines.failed
    told = capsys.readouterr().err
    assert told.count("No space left on device. The trainings go on without it.") == 1
    assert "lines.json" in told.replace("\n", "")


def test_that_a_file_that_cannot_be_written_stays_as_it_was_and_is_named(tmp_path: Path, monkeypatch):
    target = tmp_path / "result.json"
    write_json(str(target), {"a": float("nan")})
    assert target.read_text() == '{\n  "a": null\n}\n'

    def full(path: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_file(target, b"new")
    assert caught.value.filename == str(target)
    assert target.read_text().startswith("{")
    assert list(tmp_path.iterdir()) == [target]


def test_that_a_link_and_a_device_are_written_through(tmp_path: Path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_file(tmp_path / "link", b"x")
    assert (tmp_path / "real").read_bytes() == b"x"
    assert (tmp_path / "link").is_symlink()
    write_file(Path("/dev/null"), b"x")


@pytest.mark.parametrize(("command", "seeds"), [("train", ()), ("sweep", ("--seeds", "1..3"))])
def test_that_what_was_trained_is_saved_although_the_reader_went_away(
    command: str, seeds: tuple[str, ...], tmp_path
):
    graph = chain(
        layer("input", shape=(1, 28, 28)), layer("fully_connected", outputs=10), layer("softmax_classifier")
    )
    training = TrainingSettings(epochs=300, batch_size=1000, device="cpu", threads=1)
    save_project(tmp_path / "a.netproj", Project(graph=graph, training=training))
    limit = ("--epochs", "4") if seeds else ()
    process = subprocess.Popen(
        [
            sys.executable, "-m", "workbench", command, str(tmp_path / "a.netproj"), *seeds, *limit, "--device", "cpu",
            "--save", str(tmp_path / "b.netproj"),
        ],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if "test accuracy" in line:
            break
    process.stdout.close()
    process.wait(timeout=300)
    found = load_project(tmp_path / "b.netproj").runs
    assert found
    assert found[0].step > 0


def test_that_an_empty_name_of_a_run_does_not_train_anew(tmp_path: Path):
    result = CliRunner().invoke(app, ["train", str(tmp_path / "none.netproj"), "--fork", ""])
    assert result.exit_code == 2
    assert not isinstance(result.exception, ProjectFileError)
