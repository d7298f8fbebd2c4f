import gc
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.tensor import kept_files
from engine.training import album as albums
from engine.training.album import Album
from engine.training.events import Snapshot
from engine.training.snapshots import PICTURES
from engine.training.trainer import Trainer
from tests.engine.training.small_runs import assert_same_run, data, project, trained

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="snapshots stay in memory there")


@pytest.fixture(autouse=True)
def nothing_stays_in_memory(monkeypatch):
    monkeypatch.setattr(albums, "_IN_MEMORY", 0)


def shot(step: int, images: int = 93) -> Snapshot:
    random = np.random.default_rng(step)
    return Snapshot(
        "a", step, random.random((4, 1, 5, 5), np.float32), "convolution-1", None,
        answers=random.integers(0, 9, images).astype(np.uint8),
        fires=random.random(1120).astype(np.float32),
        points=random.random((images, 3)).astype(np.float32),
    )  # fmt: skip


def assert_same(found: Snapshot, expected: Snapshot) -> None:
    assert (found.run, found.step, found.filters_node) == (expected.run, expected.step, expected.filters_node)
    for name in PICTURES:
        one, other = getattr(found, name), getattr(expected, name)
        assert (one is None) == (other is None)
        if one is not None:
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)


def in_files(snapshot: Snapshot) -> bool:
    return snapshot.fires is not None and not snapshot.fires.flags.owndata and snapshot.fires.base is not None


def test_that_snapshots_come_from_an_album_as_they_were_put(monkeypatch):
    monkeypatch.setattr(albums, "_PAGES", 40_000)
    album = Album()
    kept = [album.keep(shot(step, 93 if step % 2 else 1250)) for step in range(50)]
    for step, found in enumerate(kept):
        assert in_files(found)
        assert_same(found, shot(step, 93 if step % 2 else 1250))
    assert_same(pickle.loads(pickle.dumps(kept[7])), shot(7))
    del album
    gc.collect()
    assert_same(kept[7], shot(7))


def test_that_a_place_is_used_again_once_nobody_holds_what_lay_there():
    album = Album()
    first, points = album.keep(shot(0)), album.keep(shot(1)).points
    for step in range(2, 200):
        newest = album.keep(shot(step))
    assert_same(first, shot(0))
    assert_same(newest, shot(199))
    # A part of a snapshot holds its place.
    np.testing.assert_array_equal(points, shot(1).points)
    assert album.size < 6 * albums.snapshot_bytes(shot(0))


def test_that_a_snapshot_larger_than_a_file_is_kept_too(monkeypatch):
    monkeypatch.setattr(albums, "_PAGES", 5_000)
    album = Album()
    large = replace(shot(1), fires=np.arange(10_000, dtype=np.float32))
    assert_same(album.keep(large), large)


@pytest.mark.parametrize("fails", ["folder", "disk"])
def test_that_snapshots_stay_in_memory_where_no_file_takes_them(tmp_path, monkeypatch, fails):
    if fails == "folder":
        (tmp_path / "file").write_text("in the way of a folder")
        monkeypatch.setattr(kept_files, "cache_folder", lambda name: tmp_path / "file" / name)
    else:

        def full(*arguments: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(albums._File, "write", full)
    given = shot(1)
    assert Album().keep(given) is given


def test_that_the_first_snapshots_need_no_file(monkeypatch):
    monkeypatch.undo()
    album = Album()
    assert album.keep(given := shot(1)) is given
    assert album.size == 0


def test_that_a_run_is_the_same_whether_its_snapshots_lie_in_files_or_not(monkeypatch):
    trainer = Trainer(project(snapshots_per_epoch=3), data())
    trained(trainer)
    run = trainer.run()
    assert run.snapshots
    assert all(map(in_files, (shot for shot in run.snapshots if shot.fires is not None)))
    monkeypatch.undo()
    other = Trainer(project(snapshots_per_epoch=3), data())
    trained(other)
    assert_same_run(run, other.run())


GROWTH = """
import os
from pathlib import Path
from tests.engine.training.test_album import shot
from engine.training.album import Album
from engine.training.snapshots import snapshot_bytes

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

album = Album()
kept = [album.keep(shot(step, 5000)) for step in range(100)]
begun, told = resident(), 0
for step in range(100, 1500):
    kept.append(album.keep(shot(step, 5000)))
    told += float(kept[-1].points.sum() + kept[-50].points.sum())  # what was shown of it
print((resident() - begun) / sum(map(snapshot_bytes, kept[100:])))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_that_hours_of_snapshots_take_no_memory():
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", GROWTH], capture_output=True, text=True, cwd=root, check=False
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 0.25
