from pathlib import Path

import pytest

from tests.workbench.test_command_line import SAMPLE, gabor


@pytest.mark.parametrize(("ending", "begin"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_that_the_command_draws_a_network_without_a_display(
    tmp_path: Path, ending: str, begin: bytes
) -> None:
    target = tmp_path / f"network.{ending}"
    result = gabor("picture", SAMPLE, target)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert target.read_bytes().startswith(begin)


def test_that_another_ending_is_wrong_usage(tmp_path: Path) -> None:
    result = gabor("picture", SAMPLE, tmp_path / "network.jpg")
    assert result.returncode == 2
    assert ".svg, .png or .pdf" in result.stderr
