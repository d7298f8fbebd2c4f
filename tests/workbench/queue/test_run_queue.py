"""The queue: order, slots, stopping one, closing, and what waits on disk."""

from dataclasses import replace
from itertools import count

import pytest

from engine.api import DataError, Project, Slot, Variant
from tests.workbench.training.fake_trainer import FakeTrainer
from workbench.training.pending_queue import PendingRun, find_pending, keep_pending
from workbench.training.run_queue import RunQueue

ONE, TWO = (Slot("cpu", 2),), (Slot("cpu", 1), Slot("cpu", 1))


class Factory:
    """Makes fake trainers with runs of their own, and remembers the projects that they were made for."""

    def __init__(self, total: int = 20, failing: str = "") -> None:
        self.total, self.failing = total, failing
        self.projects: list[Project] = []
        self.resumed: list[object] = []
        self._ids = count(1)

    def __call__(self, project, resume, announce):
        self.projects.append(project)
        self.resumed.append(resume)
        if self.failing and project.name == self.failing:
            raise DataError("The data is gone.")
        trainer = FakeTrainer(project, resume, total=self.total, step_seconds=0.001)
        if resume is None:
            # Each training is a run of its own.
            trainer.run_so_far = replace(trainer.run_so_far, id=f"run-{next(self._ids)}")
            trainer.recorder._run = replace(trainer.recorder._run, id=trainer.run_so_far.id)
        return trainer


def variants(*names: str) -> list[Variant]:
    return [Variant(Project(name=name), name) for name in names]


@pytest.fixture
def make_queue(qapp):
    made: list[RunQueue] = []

    def make(factory) -> RunQueue:
        made.append(RunQueue(factory))
        return made[-1]

    yield make
    for queue in made:
        queue.close()


def states(queue) -> list[str]:
    return [entry.state for entry in queue.entries]


def test_that_entries_are_trained_one_after_the_other_in_their_order(qtbot, make_queue):
    factory = Factory()
    queue = make_queue(factory)
    most: list[int] = []
    queue.changed.connect(lambda: most.append(len(queue.active)))
    queue.set_slots(ONE)
    queue.add(variants("a", "b", "c"))
    assert states(queue) == ["waiting"] * 3
    queue.start()
    qtbot.waitUntil(lambda: states(queue) == ["finished"] * 3)
    assert [project.name for project in factory.projects] == ["a", "b", "c"]
    assert max(most) == 1
    assert [entry.run.name for entry in queue.entries] == ["a", "b", "c"]
    assert {project.training.threads for project in factory.projects} == {2}
    assert not queue.is_running


def test_that_two_slots_train_two_at_once_with_the_cores_shared_out(qtbot, make_queue):
    queue = make_queue(factory := Factory(total=100_000))
    queue.set_slots(TWO)
    queue.add(variants("a", "b", "c"))
    queue.start()
    qtbot.waitUntil(lambda: [entry.state for entry in queue.active] == ["training"] * 2)
    qtbot.waitUntil(lambda: queue.entries[0].step > 0)
    assert states(queue)[2] == "waiting"
    assert {project.training.threads for project in factory.projects} == {1}
    queue.stop(queue.entries[0])
    qtbot.waitUntil(lambda: states(queue) == ["stopped", "training", "training"])
    assert queue.entries[0].run.step > 0


def test_that_a_failure_is_told_and_the_next_one_goes_on(qtbot, make_queue):
    queue = make_queue(Factory(failing="b"))
    queue.set_slots(ONE)
    queue.add(variants("a", "b", "c"))
    queue.start()
    qtbot.waitUntil(lambda: states(queue) == ["finished", "failed", "finished"])
    assert queue.entries[1].run is None


def test_that_held_queues_begin_nothing_new(qtbot, make_queue):
    queue = make_queue(Factory())
    queue.set_slots(ONE)
    queue.add(variants("a", "b"))
    queue.start()
    queue.hold()
    qtbot.waitUntil(lambda: states(queue) == ["finished", "waiting"])
    queue.stop(queue.entries[1])
    assert states(queue) == ["finished"]


def test_that_closing_leaves_what_is_to_be_done_and_what_was_learned_of_it(qtbot, make_queue):
    queue = make_queue(Factory(total=100_000))
    queue.set_slots(ONE)
    queue.add(variants("a", "b"))
    queue.start()
    qtbot.waitUntil(lambda: queue.entries[0].step > 3)
    left = queue.close()
    assert [(entry.label, entry.resume is not None) for entry in left] == [("a", True), ("b", False)]
    assert left[0].resume.step >= 3
    queue.wait_again(left)
    assert states(queue) == ["waiting", "waiting"]


def test_that_a_queue_waits_on_disk_for_its_own_project(tmp_path):
    runs = (PendingRun("a", Project(name="a"), "r1"), PendingRun("b", Project(name="b")))
    keep_pending(tmp_path, tmp_path / "x.netproj", runs)
    assert find_pending(tmp_path, tmp_path / "x.netproj") == runs
    assert find_pending(tmp_path, tmp_path / "y.netproj") == ()
    assert find_pending(tmp_path, None) == ()
    keep_pending(tmp_path, tmp_path / "x.netproj", ())
    assert find_pending(tmp_path, tmp_path / "x.netproj") == ()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "damage", [b"", b"{}", b'{"version":1,"path":"","orders":[{"label":"a","project":"AAAA"}]}']
)
def test_that_a_damaged_queue_is_forgotten(tmp_path, damage):
    keep_pending(tmp_path, None, (PendingRun("a", Project()),))
    next(tmp_path.iterdir()).write_bytes(damage)
    assert find_pending(tmp_path, None) == ()
    assert list(tmp_path.iterdir()) == []
