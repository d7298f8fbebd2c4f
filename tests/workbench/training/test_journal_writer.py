import threading
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.api import (
    Checkpoint,
    Graph,
    Node,
    Notice,
    Project,
    Run,
    RunJournal,
    StepsDone,
    make_layer,
    recover_runs,
)
from workbench.training import journal_writer
from workbench.training.journal_writer import JournalWriter

PROJECT = Project(
    graph=Graph.of([Node("input-1", "Input 1", make_layer("input"))]), layout={"input-1": (0.0, 0.0)}
)


def run() -> Run:
    return Run("abc123", PROJECT, "2026-01-01T00:00:00+00:00")


def steps(first: int, count: int) -> StepsDone:
    values = np.arange(first, first + count, dtype=np.float64)
    return StepsDone(
        "abc123", first + count - 1, first, values, values, values, values, values, values, 9.0, 1.0, values
    )


def no_checkpoint() -> Checkpoint:
    raise AssertionError("no checkpoint is due")


def test_that_every_step_is_kept_when_the_process_dies(tmp_path):
    writer = JournalWriter(tmp_path, run(), print)
    writer.receive(steps(1, 5), no_checkpoint)
    writer.receive(steps(6, 2), no_checkpoint)
    assert recover_runs(tmp_path) == []  # it is being written
    writer.end(None)
    (found,) = recover_runs(tmp_path)
    assert found.history["train_loss"].tolist() == [1, 2, 3, 4, 5, 6, 7]


def log_size(folder: Path) -> int:
    (log,) = folder.glob("*/events.log")
    return log.stat().st_size


def test_that_events_wait_for_the_moments_in_which_writing_costs_nothing_but_not_for_long(
    tmp_path, monkeypatch
):
    clock = [100.0]
    monkeypatch.setattr(journal_writer.time, "monotonic", lambda: clock[0])
    writer = JournalWriter(tmp_path, run(), print)
    writer.receive(steps(1, 1), no_checkpoint)
    sizes = [log_size(tmp_path)]
    writer.write()
    for number in (2, 3):
        writer.receive(steps(number, 1), no_checkpoint)
        sizes.append(log_size(tmp_path))
    writer.write()
    sizes.append(log_size(tmp_path))
    clock[0] += 1.0
    writer.receive(steps(4, 1), no_checkpoint)
    sizes.append(log_size(tmp_path))
    assert 0 < sizes[0] == sizes[1] == sizes[2] < sizes[3] < sizes[4]
    writer.receive(steps(5, 1), no_checkpoint)
    writer.end(None)
    (found,) = recover_runs(tmp_path)
    assert found.history["train_loss"].tolist() == [1, 2, 3, 4, 5]


def test_that_a_checkpoint_never_comes_before_the_events_that_lead_to_it(tmp_path, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(journal_writer.time, "monotonic", lambda: clock[0])
    writer = JournalWriter(tmp_path, run(), print)
    writer.write()
    writer.receive(steps(1, 5), no_checkpoint)
    clock[0] += journal_writer._FIRST_SECONDS
    before = log_size(tmp_path)
    writer.receive(steps(6, 1), lambda: Checkpoint(6, {}))
    assert log_size(tmp_path) > before
    writer.end(None)
    (found,) = recover_runs(tmp_path)
    assert found.checkpoint is not None
    assert found.checkpoint.step == found.step == 6


def test_that_a_checkpoint_is_taken_when_it_is_due(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_writer, "_FIRST_SECONDS", 0.0)
    writer = JournalWriter(tmp_path, run(), print)
    writer.receive(steps(1, 5), lambda: Checkpoint(5, {}))
    writer.end(None)
    (found,) = recover_runs(tmp_path)
    assert found.checkpoint is not None
    assert found.checkpoint.step == 5


def test_that_the_first_checkpoint_comes_soon_and_later_ones_each_half_minute(tmp_path, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(journal_writer.time, "monotonic", lambda: clock[0])
    writer = JournalWriter(tmp_path, run(), print)
    taken = []

    def checkpoint() -> Checkpoint:
        taken.append(clock[0])
        return Checkpoint(len(taken), {})

    for half_seconds in range(140):
        clock[0] = 100.0 + half_seconds / 2
        writer.receive(steps(half_seconds + 1, 1), checkpoint)
        writer.settle()
    writer.end(None)
    assert taken == [103.0, 133.0, 163.0]


def test_that_taking_checkpoints_of_a_large_network_takes_a_small_part_of_the_time(tmp_path, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(journal_writer.time, "monotonic", lambda: clock[0])
    share, expected, really = journal_writer._MOST_SHARE, 1.5, 1.8
    size = round(expected * journal_writer._BYTES_A_SECOND)
    writer = JournalWriter(tmp_path, run(), print, checkpoint_bytes=size)
    taken = []

    def checkpoint() -> Checkpoint:
        taken.append(clock[0] - 100)
        clock[0] += really
        return Checkpoint(len(taken), {})

    for number in range(1, 150):
        clock[0] += 1
        writer.receive(steps(number, 1), checkpoint)
        writer.settle()
    writer.end(None)
    assert len(taken) == 2
    assert 0 <= taken[0] - expected / share < 1
    assert 0 <= taken[1] - taken[0] - really / share <= 1 + 1e-6


def test_that_a_folder_that_takes_no_journal_is_told_once_and_training_goes_on(tmp_path):
    place = tmp_path / "file"
    place.write_text("in the way")
    said: list[str] = []
    writer = JournalWriter(place, run(), said.append)
    writer.receive(steps(1, 5), no_checkpoint)
    writer.end(replace(run(), checkpoint=Checkpoint(5, {})))
    assert len(said) == 1
    assert "record of this run cannot be kept" in said[0]


def test_that_kept_checkpoints_lie_beside_the_latest_and_follow_what_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_writer, "_FIRST_SECONDS", 0.0)
    writer = JournalWriter(tmp_path, run(), print)
    writer.receive(steps(1, 5), lambda: Checkpoint(5, {}), lambda: [Checkpoint(step, {}) for step in (2, 4)])
    writer.settle()
    assert len(list(tmp_path.glob("*/checkpoint-*"))) == 2
    kept = tuple(Checkpoint(step, {}) for step in (4, 6))
    writer.end(replace(run(), checkpoint=Checkpoint(7, {}), checkpoints=kept))
    (found,) = recover_runs(tmp_path)
    assert found.checkpoint is not None
    assert found.checkpoint.step == 7
    assert [one.step for one in found.checkpoints] == [4, 6]


def test_that_training_goes_on_while_a_checkpoint_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_writer, "_FIRST_SECONDS", 0.0)
    go_on = threading.Event()
    write = RunJournal.checkpoint

    def slow(journal: RunJournal, *arguments: object) -> None:
        assert go_on.wait(60)
        write(journal, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(RunJournal, "checkpoint", slow)
    writer = JournalWriter(tmp_path, run(), print)
    writer.receive(steps(1, 5), lambda: Checkpoint(5, {}))
    writer.receive(steps(6, 2), no_checkpoint)
    go_on.set()
    writer.end(None)
    (found,) = recover_runs(tmp_path)
    assert (found.step, found.checkpoint and found.checkpoint.step) == (7, 5)


def test_that_no_checkpoint_is_taken_before_a_step_was_done(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_writer, "_FIRST_SECONDS", 0.0)
    writer = JournalWriter(tmp_path, run(), print)
    writer.receive(Notice("abc123", 0, "It begins."), no_checkpoint)
    writer.receive(steps(1, 1), lambda: Checkpoint(1, {}))
    writer.end(None)
    assert recover_runs(tmp_path)[0].checkpoint.step == 1  # type: ignore[union-attr]


def test_that_a_discarded_journal_is_gone_with_what_is_being_written(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_writer, "_FIRST_SECONDS", 0.0)
    writer = JournalWriter(tmp_path, run(), print)
    writer.receive(steps(1, 5), lambda: Checkpoint(5, {}))
    writer.discard()
    assert list(tmp_path.iterdir()) == []
