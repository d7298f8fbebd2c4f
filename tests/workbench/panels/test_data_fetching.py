"""Fetching in the window, from a publisher on loopback that is good, breaks off, sends damage, or is not there."""

import gzip
import hashlib
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt

from engine.data import datasets
from engine.data.publishers import PUBLICATIONS, RemoteFile
from tests.engine.data import publisher as from_publisher

IMAGES = "train-images-idx3-ubyte.gz"


@pytest.fixture
def publisher(monkeypatch, tmp_path: Path) -> Iterator[from_publisher.Publisher]:
    """A publisher of an MNIST of 200 training and 20 test images; the user's data folder is empty."""
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("GABOR_DATA_DIR", raising=False)
    monkeypatch.setattr(datasets, "_CACHE", datasets._Cache())
    random, official = np.random.default_rng(9), PUBLICATIONS["mnist"]
    files, digests = {}, {}
    for key, file in zip(official.digests, official.files, strict=True):
        count = 200 if key.startswith("train") else 20
        shape = (count, 28, 28) if key.endswith("images") else (count,)
        array = random.integers(0, 256 if key.endswith("images") else 10, shape, dtype=np.uint8)
        array.flat[:10] = np.arange(10)
        head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *shape)
        files[file.name] = gzip.compress(head + array.tobytes())
        digests[key] = hashlib.sha256(array.tobytes()).hexdigest()
    made = from_publisher.Publisher(files)
    remote = tuple(RemoteFile(n, len(c), hashlib.md5(c).hexdigest()) for n, c in files.items())
    monkeypatch.setitem(
        PUBLICATIONS, "mnist", replace(official, addresses=(made.address,), files=remote, digests=digests)
    )
    yield made
    made.close()


@pytest.fixture
def source(qtbot, window, publisher):
    """The source section of the data dock, which has found no files of MNIST."""
    window.files.new_from("mnist")
    window.docks.show("data")
    settle(qtbot, window)
    assert window.data.panel.source.fetch.isVisible()
    return window.data.panel.source


def settle(qtbot, window) -> None:
    qtbot.waitUntil(lambda: not window.data.session._newest)


def test_that_a_narrow_dock_clips_nothing_when_files_are_missing(qtbot, window, source):
    window.resize(1280, 800)
    panel = window.data.panel
    qtbot.waitUntil(lambda: panel.widget().width() <= panel.viewport().width())


def fetch(qtbot, window, source) -> None:
    qtbot.mouseClick(source.fetch, Qt.MouseButton.LeftButton)
    settle(qtbot, window)


def assert_whole(window, source) -> None:
    assert not source.problem.isVisible()
    assert not source.fetch.isVisible()
    assert "20 test" in source.summary.text()
    assert window.data.overview.data.dataset.name == "mnist"


def test_that_one_click_fetches_checks_and_shows_a_data_set(qtbot, window, source):
    fetch(qtbot, window, source)
    assert_whole(window, source)


@pytest.mark.parametrize(
    ("mood", "words"),
    [
        (from_publisher.breaks_off_after(0), "broke off"),
        (from_publisher.promises(100), "offers 100 bytes where the file has"),
        (from_publisher.damaged, "checksum is not the published one"),
        (from_publisher.answer(404), "404 Not Found"),
    ],
    ids=["broken off", "wrong length", "damaged", "not found"],
)
def test_that_a_bad_download_is_one_sentence_and_the_next_click_succeeds(
    qtbot, window, source, publisher, mood, words
):
    publisher.moods[IMAGES] = [from_publisher.breaks_off_after(9_000), *[mood] * 20]
    fetch(qtbot, window, source)
    told = source.problem.text().replace("\u200b", "")
    assert told.startswith("MNIST: ")
    assert words in told
    assert source.fetch.isVisible()
    publisher.moods.clear()
    fetch(qtbot, window, source)
    assert_whole(window, source)


def test_that_a_full_disk_is_told_before_the_first_byte(qtbot, window, source, publisher, monkeypatch):
    class Nothing:
        free = 0

    monkeypatch.setattr("engine.data.fetch.shutil.disk_usage", lambda place: Nothing)
    fetch(qtbot, window, source)
    assert "has only 0 B left" in source.problem.text()
    assert publisher.asked == []


def test_that_a_missing_network_is_told_and_a_later_click_succeeds(
    qtbot, window, source, publisher, monkeypatch
):
    right = PUBLICATIONS["mnist"]
    gone = from_publisher.Publisher()
    gone.close()
    monkeypatch.setitem(PUBLICATIONS, "mnist", replace(right, addresses=(gone.address,)))
    fetch(qtbot, window, source)
    assert "refused the connection" in source.problem.text()
    monkeypatch.setitem(PUBLICATIONS, "mnist", right)
    fetch(qtbot, window, source)
    assert_whole(window, source)
