"""`gabor fetch`, against a publisher on loopback."""

import gzip
import hashlib
import json
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.data import datasets
from engine.data.publishers import PUBLICATIONS, RemoteFile
from tests.engine.data.publisher import Publisher
from workbench.command_line import app
from workbench.commands import fetch as command


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    """A publisher that offers an MNIST of ten training and ten test digits."""
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(datasets, "_CACHE", datasets._Cache())
    images = struct.pack(">BBBB3I", 0, 0, 8, 3, 10, 28, 28) + bytes(7840)
    labels = struct.pack(">BBBBI", 0, 0, 8, 1, 10) + bytes(range(10))
    official = PUBLICATIONS["mnist"]
    files = {file.name: gzip.compress(images if "images" in file.name else labels) for file in official.files}
    digests = {
        key: hashlib.sha256(bytes(7840) if "images" in key else bytes(range(10))).hexdigest()
        for key in official.digests
    }
    publisher = Publisher(files)
    remote = tuple(
        RemoteFile(name, len(content), hashlib.md5(content).hexdigest()) for name, content in files.items()
    )
    monkeypatch.setitem(
        PUBLICATIONS,
        "mnist",
        replace(official, addresses=(publisher.address,), files=remote, digests=digests),
    )
    yield publisher
    publisher.close()


def test_that_a_data_set_is_fetched_and_its_folder_told(publisher: Publisher, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["fetch", "mnist", "--data", str(tmp_path)])
    assert result.exit_code == 0
    assert str(tmp_path / "mnist") in result.stdout
    again = CliRunner().invoke(app, ["fetch", "mnist", "--data", str(tmp_path), "--json", "-"])
    assert json.loads(again.stdout) == {"dataset": "mnist", "folder": str(tmp_path / "mnist")}
    assert len(publisher.asked) == 4


def test_that_control_c_keeps_what_has_arrived_and_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "fetch_dataset", interrupted)
    assert command.fetch("mnist", None, None) == 1
    assert "“gabor fetch mnist” goes on from there" in " ".join(capsys.readouterr().err.split())
