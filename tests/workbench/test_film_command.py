"""`gabor film` without a display."""

from pathlib import Path

import pytest
from PIL import Image

from tests.workbench.test_command_line import SAMPLE, gabor


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("film") / "run.netproj"
    result = gabor("train", SAMPLE, "--steps", "3", "--epochs", "1", "--device", "cpu", "--save", target)
    assert result.returncode == 0, result.stderr
    return target


def test_that_a_stored_run_becomes_a_gif_of_its_snapshots(trained: Path, tmp_path: Path) -> None:
    target = tmp_path / "film.gif"
    result = gabor("film", trained, target, "--size", "320x240", "--show", "confusion")
    assert result.returncode == 0, result.stderr
    with Image.open(target) as film:
        assert film.size == (320, 240)
        assert film.n_frames == 2
    assert "2 frames of the confusion matrix" in result.stderr


def test_that_it_becomes_numbered_pictures(trained: Path, tmp_path: Path) -> None:
    result = gabor("film", trained, tmp_path / "film.png")
    assert result.returncode == 0, result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film-0001.png", "film-0002.png"]


def test_that_a_project_without_a_run_says_what_to_do(tmp_path: Path) -> None:
    result = gabor("film", SAMPLE, tmp_path / "film.gif")
    assert result.returncode == 1
    assert "train it with --save" in result.stderr


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (("film.mp4",), ".gif or .png"),
        (("film.gif", "--size", "big"), "480x400"),
        (("film.gif", "--show", "loss"), "none of filters, confusion and activity"),
    ],
)
def test_that_wrong_usage_is_told_in_a_line(tmp_path: Path, option: tuple[str, ...], words: str) -> None:
    result = gabor("film", SAMPLE, tmp_path / option[0], *option[1:])
    assert result.returncode == 2
    assert words in result.stderr
