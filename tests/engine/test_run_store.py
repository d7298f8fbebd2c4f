import io
import os
import signal
import struct
import subprocess
import sys
import time
import zlib
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from engine.design.inference import infer
from engine.errors import TrainingError
from engine.layers import make_layer
from engine.project import Project
from engine.project_file import from_bytes, to_bytes
from engine.project_file.tensors import decode_tensors, encode_tensors
from engine.templates import chain
from engine.training import run_store
from engine.training.event_log import encode_record, read_records
from engine.training.events import EpochDone, Evaluated, RunEnded, RunStarted, Snapshot, StepsDone
from engine.training.run import HISTORY_COLUMNS, Checkpoint, Run, RunRecorder
from engine.training.run_store import (
    RunJournal,
    forget,
    journal_folder,
    project_file_of,
    recover,
    set_project_file,
)

ROOT = Path(__file__).parents[2]


def network() -> Project:
    graph = chain(
        make_layer("input", {"shape": (1, 4, 4)}),
        make_layer("convolution", {"filters": 2, "size": 3}),
        make_layer("fully_connected", {"outputs": 2}),
        make_layer("softmax_classifier"),
    )
    return Project(graph=graph, name="Tiny")


def fresh_run(run_id: str = "run-1") -> Run:
    return Run(id=run_id, project=network(), created="2026-11-23T14:00:00+00:00", threads=2)


def checkpoint(step: int) -> Checkpoint:
    shapes = infer(network().graph).shapes
    rng = np.random.default_rng(step)
    return Checkpoint(
        step,
        {
            f"{kind}/{node}/{name}": rng.normal(size=spec.shape).astype(np.float32)
            for node, shape in shapes.items()
            for name, spec in shape.parameters.items()
            for kind in ("parameter", "optimizer/m")
        },
    )


def steps(first: int, count: int) -> StepsDone:
    columns = {
        name: np.arange(first, first + count) + place / 10 for place, name in enumerate(HISTORY_COLUMNS)
    }
    columns["validation_loss"][0] = np.nan
    columns["train_loss"][-1] = np.inf
    return StepsDone(
        "run-1", first + count - 1, first, **columns, examples_per_second=float("inf"), seconds=first / 3
    )


def events() -> list:
    filters = np.random.default_rng(0).normal(size=(2, 1, 3, 3)).astype(np.float32)
    matrix = np.array([[3, 1], [0, 2]])
    return [
        RunStarted("run-1", 0, "CPU", 10, 20, 4, ("cat", "dog"), {"Convolution 1: forward": "im2col"}),
        Snapshot("run-1", 0, filters, "convolution-1", None),
        steps(1, 10),
        EpochDone("run-1", 10, 1, 0.1, 0.2, 0.3, 0.4, 0.5, float("nan")),
        Snapshot("run-1", 10, filters * 2, "convolution-1", matrix),
        Evaluated("run-1", 10, "test", float("nan"), 1 / 3, matrix),
        steps(11, 5),
    ]


def recorded(run: Run, received: list, last: Checkpoint | None = None) -> Run:
    recorder = RunRecorder(run)
    for event in received:
        recorder.receive(event)
    return recorder.run(last)


def assert_same(found: Run, expected: Run, *besides: str) -> None:
    for field in fields(Run):
        one, other = getattr(found, field.name), getattr(expected, field.name)
        if field.name == "history":
            assert all(one[name].tobytes() == other[name].tobytes() for name in HISTORY_COLUMNS)
        elif field.name == "checkpoint":
            assert (one is None) == (other is None)
            if one is not None:
                assert one.step == other.step
                assert {k: t.tobytes() for k, t in one.tensors.items()} == {
                    k: t.tobytes() for k, t in other.tensors.items()
                }
        elif field.name in ("snapshots", "evaluations", "epochs", "changes"):
            assert [encode_record(event) for event in one] == [encode_record(event) for event in other]
        elif field.name not in besides:
            assert one == other, field.name


@pytest.fixture
def journal(tmp_path):
    opened = RunJournal(tmp_path, fresh_run())
    yield opened
    opened.close()


def written(journal: RunJournal, received: list) -> None:
    for event in received:
        journal.append(event)
    journal.close()


def test_that_a_journal_left_behind_gives_back_the_run(tmp_path, journal):
    for event in events():
        journal.append(event)
    journal.checkpoint(checkpoint(5))
    journal.checkpoint(checkpoint(15))
    journal.close()
    (found,) = recover(tmp_path)
    assert_same(found, recorded(fresh_run(), events(), checkpoint(15)), "status", "message")
    assert found.status == "stopped"
    assert found.message.endswith("what it had recorded is kept.")
    assert_same(from_bytes(to_bytes(network(), [found])).runs[0], found)


def test_that_a_run_which_ended_keeps_how_it_ended(tmp_path, journal):
    written(journal, [*events(), RunEnded("run-1", 15, "failed", "The loss is not a number.")])
    (found,) = recover(tmp_path)
    assert (found.status, found.message) == ("failed", "The loss is not a number.")


def test_that_a_resumed_run_goes_on_where_its_checkpoint_was(tmp_path):
    before = replace(recorded(fresh_run(), events(), checkpoint(10)), status="stopped")
    journal = RunJournal(tmp_path, before)
    more = [replace(events()[0], step=10), steps(11, 4)]
    written(journal, more)
    (found,) = recover(tmp_path)
    assert_same(found, recorded(before, more), "status", "message")
    assert found.step == 14
    assert found.checkpoint.step == 10
    assert found.message.endswith("It goes on after step 10, whose parameters were kept.")


def test_that_a_newer_journal_of_a_run_takes_the_place_of_the_older(tmp_path, journal):
    written(journal, events())
    (before,) = recover(tmp_path)
    RunJournal(tmp_path, before).close()
    assert len(os.listdir(tmp_path)) == 1


def test_that_what_died_before_its_journal_began_is_cleared_by_the_next(tmp_path, journal):
    hour_ago = time.time() - 3600
    for name in ("dead-1", "new-2"):
        (tmp_path / name).mkdir()
        for file in ("lock", "checkpoint.safetensors"):
            (tmp_path / name / file).touch()
    (in_use,) = tmp_path.glob("run-1-*")
    (in_use / "events.log").rename(in_use / "events.moved")
    for name in ("dead-1", in_use.name):
        os.utime(tmp_path / name / "lock", (hour_ago, hour_ago))
    RunJournal(tmp_path, fresh_run("other")).close()
    assert sorted(path.name.partition("-")[0] for path in tmp_path.iterdir()) == ["new", "other", "run"]


def test_that_the_file_of_a_runs_project_is_kept_moved_and_asked_for(tmp_path, journal):
    file, other = tmp_path / "a" / "ü.netproj", tmp_path / "b.netproj"
    written(RunJournal(tmp_path / "runs", fresh_run("one"), file), events())
    written(RunJournal(tmp_path / "runs", fresh_run("two")), events())
    assert project_file_of(tmp_path / "runs", "one") == file
    assert project_file_of(tmp_path / "runs", "two") is None
    assert [run.id for run in recover(tmp_path / "runs", file)] == ["one"]
    assert [run.id for run in recover(tmp_path / "runs")] == ["one", "two"]
    set_project_file(tmp_path / "runs", "one", other)
    assert recover(tmp_path / "runs", file) == []
    assert [run.id for run in recover(tmp_path / "runs", other)] == ["one"]
    (noted,) = (tmp_path / "runs").glob("one-*/project-file")
    noted.write_bytes(b"a\0b")
    assert project_file_of(tmp_path / "runs", "one") is None


def test_that_a_journal_in_use_is_not_recovered_nor_deleted(tmp_path, journal):
    journal.append(steps(1, 3))
    assert recover(tmp_path) == []
    forget(tmp_path, "run-1")
    journal.append(steps(4, 3))
    journal.close()
    assert recover(tmp_path)[0].step == 6


def test_that_a_discarded_or_forgotten_journal_is_gone(tmp_path, journal):
    journal.append(steps(1, 3))
    journal.discard()
    assert os.listdir(tmp_path) == []
    written(RunJournal(tmp_path, fresh_run()), events())
    written(RunJournal(tmp_path, fresh_run("other")), events())
    forget(tmp_path, "run-1")
    assert [run.id for run in recover(tmp_path)] == ["other"]


def test_that_a_log_torn_anywhere_gives_the_whole_records_before(tmp_path, journal):
    received = events()
    written(journal, received)
    (log,) = tmp_path.glob("*/events.log")
    whole = log.read_bytes()
    for length in range(0, len(whole), 97):
        log.write_bytes(whole[:length])
        kept, size = 0, 0
        for event in received:
            size += len(encode_record(event))
            kept += size <= length
        found = recover(tmp_path)[0]
        # What each record brings: the device's name, a snapshot, ten steps, an epoch, a snapshot, an evaluation, steps.
        brought = sum((1, 1, 10, 1, 1, 1, 5)[:kept])
        looks = len(found.snapshots) + len(found.evaluations) + len(found.epochs)
        assert bool(found.device) + looks + found.step == brought


def test_that_a_log_of_an_older_version_without_learning_rates_is_read():
    block = steps(1, 10)
    tensors, note = decode_tensors(encode_record(block)[struct.calcsize("<4sII") :])
    del tensors["learning_rate"]
    payload = encode_tensors(tensors, note)
    record = struct.pack("<4sII", b"GabR", len(payload), zlib.crc32(payload)) + payload
    (found,) = read_records(io.BytesIO(record))
    np.testing.assert_array_equal(found.validation_total, block.validation_total)
    assert np.isnan(found.learning_rate).tolist() == [True] * 10


def test_that_the_best_checkpoint_survives_a_latest_one_that_is_torn(tmp_path, journal):
    for event in events():
        journal.append(event)
    journal.checkpoint(checkpoint(15), [checkpoint(5), checkpoint(10)])
    journal.close()
    (folder,) = tmp_path.glob("run-1-*")
    (folder / "latest.safetensors").write_bytes(b"torn")
    (folder / "checkpoint-5.safetensors").write_bytes(b"torn too")
    (found,) = recover(tmp_path)
    assert found.checkpoint.step == 10
    assert found.checkpoints == ()
    assert found.step == 15


def test_that_damage_anywhere_in_a_journal_never_raises(tmp_path, journal):
    for event in events():
        journal.append(event)
    journal.checkpoint(checkpoint(15))
    journal.close()
    rng = np.random.default_rng(3)
    files = sorted(path for path in tmp_path.glob("*/*") if path.stat().st_size)
    for _ in range(150):
        path = files[rng.integers(len(files))]
        before = path.read_bytes()
        damaged = bytearray(before)
        for place in rng.integers(len(damaged), size=3):
            damaged[place] = rng.integers(256)
        path.write_bytes(bytes(damaged[: rng.integers(len(damaged) + 1)] if rng.random() < 0.3 else damaged))
        for run in recover(tmp_path):
            assert run.checkpoint is None or run.step >= run.checkpoint.step
        path.write_bytes(before)
    assert recover(tmp_path)[0].checkpoint.step == 15


def test_that_a_damaged_checkpoint_costs_only_itself(tmp_path, journal):
    for event in events():
        journal.append(event)
    journal.checkpoint(checkpoint(15))
    journal.close()
    (latest,) = tmp_path.glob("*/latest.safetensors")
    latest.write_bytes(latest.read_bytes()[:-5])
    (found,) = recover(tmp_path)
    assert (found.step, found.checkpoint) == (15, None)


def test_that_a_folder_that_is_missing_or_holds_other_things_recovers_nothing(tmp_path):
    assert recover(tmp_path / "missing") == []
    (tmp_path / "a-1").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    assert recover(tmp_path) == []


def test_that_a_journal_which_cannot_be_written_says_why(tmp_path, monkeypatch, journal):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TrainingError, match="cannot be kept"):
        RunJournal(tmp_path / "file", fresh_run())

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TrainingError, match="disk is full"):
        journal.checkpoint(checkpoint(1))


@pytest.mark.parametrize("problem", [OSError(28, "No space left on device"), MemoryError()])
def test_that_a_journal_which_cannot_begin_leaves_nothing_behind(tmp_path, monkeypatch, problem):
    def encode():
        raise problem

    monkeypatch.setattr(run_store, "encode_run", lambda run: [("facts", encode)])
    with pytest.raises(TrainingError if isinstance(problem, OSError) else MemoryError):
        # A lock file that stays open would be told of here, as every warning is.
        RunJournal(tmp_path, fresh_run())
    assert list(tmp_path.iterdir()) == []


def test_that_journals_lie_in_the_users_state_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert journal_folder() == tmp_path / "gabor" / "runs" or sys.platform != "linux"


KILLED = """
import sys
from pathlib import Path
import importlib.util
spec = importlib.util.spec_from_file_location("store_tests", sys.argv[2])
tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tests)
journal = tests.RunJournal(Path(sys.argv[1]), tests.fresh_run())
journal.append(tests.events()[0])
first = 1
while True:
    journal.append(tests.steps(first, 50))
    first += 50
    if first % 1000 == 1:
        journal.checkpoint(tests.checkpoint(first - 1))
        print(first, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")
def test_that_a_process_killed_while_it_writes_loses_nothing_it_had_appended(tmp_path):
    program = [sys.executable, "-c", KILLED, str(tmp_path), __file__]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, text=True) as process:
        told = [process.stdout.readline() for _ in range(3)]
        time.sleep(0.013)
        process.send_signal(signal.SIGKILL)
    last = int(told[-1]) - 1
    (found,) = recover(tmp_path)
    assert found.step >= last >= 3000
    assert found.step % 50 == 0
    expected = np.concatenate([steps(first, 50).train_total for first in range(1, found.step, 50)])
    np.testing.assert_array_equal(found.history["train_total"], expected)
    assert found.checkpoint.step >= last
    assert found.checkpoint.step % 1000 == 0
    weights = checkpoint(found.checkpoint.step).tensors
    assert all(found.checkpoint.tensors[name].tobytes() == weights[name].tobytes() for name in weights)
