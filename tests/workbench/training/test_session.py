import threading
import time
from collections.abc import Callable, Iterator
from math import inf
from threading import Semaphore

import numpy as np
import pytest
from PySide6.QtCore import Qt

from engine.api import DeviceError, Event, Project, Run, RunEnded, StepsDone
from tests.workbench.training.fake_trainer import FakeTrainer, fake_factory
from workbench.training.pace import ON_CPU, ON_GPU, Phase
from workbench.training.session import TrainingSession


class Watch:
    """Everything that a session emits."""

    def __init__(self, session: TrainingSession) -> None:
        self.events: list[Event] = []
        self.states: list[str] = []
        self.ended: list[Run | None] = []
        session.events.connect(self.events.extend)
        session.state_changed.connect(self.states.append)
        session.ended.connect(self.ended.append)

    def steps(self) -> list[float]:
        return [loss for event in self.events if isinstance(event, StepsDone) for loss in event.train_loss]


@pytest.fixture
def make(qapp: object) -> Iterator[Callable[..., tuple[TrainingSession, Watch]]]:
    sessions = []

    def build(**options: object) -> tuple[TrainingSession, Watch]:
        session = TrainingSession(fake_factory(**options))
        sessions.append(session)
        return session, Watch(session)

    yield build
    for session in sessions:
        session.close()


def test_that_every_step_arrives_in_order_and_the_run_comes_at_the_end(qtbot, make):
    session, watch = make(total=40, step_seconds=0.0)
    session.start(Project())
    qtbot.waitUntil(lambda: session.state == "ended")
    assert watch.states[0] == "preparing"
    assert watch.steps() == [2.0 / step for step in range(1, 41)]
    assert isinstance(watch.events[-1], RunEnded)
    (run,) = watch.ended
    assert run is not None
    assert run.status == "finished"
    assert run.history["train_loss"].tolist() == watch.steps()
    assert run.checkpoint is not None
    assert run.checkpoint.step == 40


def test_that_pause_resume_and_stop_are_acknowledged_at_once_and_take_effect_after_one_step(qtbot, make):
    gate = Semaphore(1)
    session, watch = make(gate=gate)
    session.start(Project())
    qtbot.waitUntil(lambda: len(watch.steps()) == 1)
    # Another step may be in hand, and cannot end.
    session.pause()
    assert session.state == "pausing"
    gate.release(10)
    qtbot.waitUntil(lambda: session.state == "paused")
    stands = len(watch.steps())
    assert stands <= 2
    qtbot.wait(100)
    assert len(watch.steps()) == stands
    session.resume()
    assert session.state == "training"
    qtbot.waitUntil(lambda: len(watch.steps()) == 11)
    session.stop()
    assert session.state == "stopping"
    qtbot.waitUntil(lambda: session.state == "ended")
    assert watch.ended[0] is not None
    assert watch.ended[0].status == "stopped"
    assert watch.ended[0].step <= 12


@pytest.mark.parametrize(("phases", "least"), [(ON_CPU, 100), (ON_CPU[-1:], 250)], ids=["short", "long"])
def test_that_the_event_loop_gets_at_most_a_few_signals_a_second_while_a_cpu_trains(
    qtbot, make, monkeypatch, phases, least
):
    monkeypatch.setattr("workbench.training.pace.ON_CPU", phases)
    session, watch = make(step_seconds=0.001)
    waits: list[int] = []
    session.events.connect(lambda _: waits.append(session._timer.interval()))
    session.start(Project())
    qtbot.waitUntil(lambda: len(waits) >= 4)
    assert min(waits) >= least
    assert len(watch.steps()) > 1


def test_that_nothing_is_told_between_two_looks_and_a_pause_shows_all_steps_at_once(qtbot, make, monkeypatch):
    an_hour = 3_600_000
    monkeypatch.setattr("workbench.training.pace.ON_CPU", (Phase(inf, 1.0, an_hour),))
    gate, trainers = Semaphore(0), []
    session, watch = make(made=trainers, gate=gate)
    blocks: list[object] = []
    session.events.connect(blocks.append)
    session.start(Project())
    qtbot.waitUntil(lambda: len(blocks) == 1)
    gate.release(50)
    qtbot.waitUntil(lambda: trainers[0].at == 50)
    assert len(blocks) == 1
    session.pause()
    gate.release(10)
    qtbot.waitUntil(lambda: session.state == "paused")
    assert len(watch.steps()) == trainers[0].at <= 51
    assert len(blocks) == 2


def test_that_a_training_on_a_gpu_is_drawn_while_it_waits_for_its_device(qtbot, request, monkeypatch):
    monkeypatch.setattr("workbench.training.pace.ON_GPU", ON_GPU[-1:])
    # However slow this computer is: a look never comes without being told.
    monkeypatch.setattr("workbench.training.session._PATIENCE_MS", 60_000)
    is_waiting, has_told, has_drawn = threading.Event(), threading.Event(), threading.Event()

    class Trainer(FakeTrainer):
        def tell_of_waits(self, tell: Callable[[float], None]) -> None:
            def waits(seconds: float) -> None:
                has_drawn.clear()
                is_waiting.set()
                tell(seconds)
                if has_told.is_set():
                    has_drawn.wait(60)
                    has_told.clear()
                is_waiting.clear()

            super().tell_of_waits(waits)

    session = TrainingSession(lambda project, resume, announce: Trainer(project, device="cuda:0"))
    request.addfinalizer(session.close)
    drawn: list[bool] = []

    def draw(_: object) -> None:
        drawn.append(is_waiting.is_set())
        has_drawn.set()

    session.events.connect(draw)
    session.start(Project())
    assert session._worker is not None
    session._worker.waits.connect(has_told.set, Qt.ConnectionType.DirectConnection)
    qtbot.waitUntil(lambda: len(drawn) >= 6)
    assert all(drawn[2:6]), "the first looks are due before the pace is known"


def test_that_a_look_does_not_wait_for_ever_for_a_training_on_a_gpu_that_never_waits(
    qtbot, make, monkeypatch
):
    monkeypatch.setattr("workbench.training.pace.ON_GPU", ON_GPU[-1:])
    session, watch = make(device="cuda:0", step_seconds=0.001)
    monkeypatch.setattr(FakeTrainer, "tell_of_waits", lambda *_: None)
    told: list[object] = []
    session.events.connect(told.append)
    session.start(Project())
    qtbot.waitUntil(lambda: len(told) >= 4)
    assert watch.steps()


def test_that_a_run_can_be_taken_while_training_goes_on(qtbot, make):
    session, watch = make()
    session.start(Project())
    qtbot.waitUntil(lambda: len(watch.steps()) > 1)
    taken: list[Run | None] = []
    session.request_run(taken.append)
    qtbot.waitUntil(lambda: bool(taken))
    run = taken[0]
    assert run is not None
    assert run.checkpoint is not None
    assert run.checkpoint.step == run.step > 0
    assert session.state == "training"


def test_that_a_run_can_be_taken_while_paused(qtbot, make):
    session, _ = make()
    session.start(Project())
    session.pause()
    qtbot.waitUntil(lambda: session.state == "paused")
    taken: list[Run | None] = []
    session.request_run(taken.append)
    qtbot.waitUntil(lambda: bool(taken))
    assert session.state == "paused"


def test_that_a_run_goes_on_from_its_checkpoint(qtbot, make):
    session, watch = make()
    session.start(Project())
    qtbot.waitUntil(lambda: len(watch.steps()) > 5)
    run = session.close()
    assert run is not None
    session.start(run.project, run)
    before = len(watch.steps())
    qtbot.waitUntil(lambda: len(watch.steps()) > before + 5)
    resumed = session.close()
    assert resumed is not None
    np.testing.assert_array_equal(resumed.history["train_loss"], 2.0 / np.arange(1, resumed.step + 1))


def test_that_an_error_of_ours_ends_the_run_with_its_sentence_and_keeps_what_was_learned(qtbot, make):
    session, watch = make(failure=DeviceError("The GPU has no memory left: choose a smaller batch size."))
    session.start(Project())
    qtbot.waitUntil(lambda: session.state == "ended")
    last = watch.events[-1]
    assert isinstance(last, RunEnded)
    assert (last.reason, last.message) == (
        "failed",
        "The GPU has no memory left: choose a smaller batch size.",
    )
    (run,) = watch.ended
    assert run is not None
    assert (run.status, run.step) == ("failed", 4)


def test_that_any_other_error_is_told_plainly_and_logged_with_its_traceback(qtbot, make, caplog):
    session, watch = make(failure=ZeroDivisionError("secret detail"))
    session.start(Project())
    qtbot.waitUntil(lambda: session.state == "ended")
    last = watch.events[-1]
    assert isinstance(last, RunEnded)
    assert "secret detail" not in last.message
    assert "secret detail" in caplog.text
    assert "Traceback" in caplog.text


def test_that_what_a_training_was_busy_with_is_not_told_after_its_end(qtbot, request):
    def factory(project: Project, resume: Run | None, announce: Callable[[str], None]) -> FakeTrainer:
        announce("Loading data")
        raise DeviceError("The GPU is gone.")

    session = TrainingSession(factory)
    request.addfinalizer(session.close)
    watch, words = Watch(session), []
    session.announced.connect(words.append)
    session.start(Project())
    session._worker.wait()
    # The timer may come before what the thread has posted.
    session._timer.timeout.emit()
    assert isinstance(watch.events[-1], RunEnded)
    qtbot.waitUntil(lambda: session.state == "ended")
    assert words == []


def test_that_closing_ends_a_paused_training_too(qtbot, make):
    session, _ = make()
    session.start(Project())
    session.pause()
    qtbot.waitUntil(lambda: session.state == "paused")
    run = session.close()
    assert run is not None
    assert run.status == "stopped"
    assert session.state == "ended"
    assert not session.is_active


def test_that_a_stop_while_a_network_is_prepared_ends_the_wait_at_its_next_word(qtbot, qapp):
    words, given_up = [], threading.Event()

    def factory(project: Project, resume: Run | None, announce: Callable[[str], None]) -> FakeTrainer:
        try:
            while True:
                announce("Timing convolutions: 1 of 8")
                time.sleep(0.01)
        finally:
            given_up.set()

    session = TrainingSession(factory)
    watch = Watch(session)
    session.announced.connect(words.append)
    session.start(Project())
    qtbot.waitUntil(lambda: bool(words))
    session.stop()
    qtbot.waitUntil(lambda: session.state == "ended")
    assert given_up.is_set()
    assert words == ["Timing convolutions: 1 of 8"]
    assert watch.ended == [None]
    (event,) = watch.events
    assert isinstance(event, RunEnded)
    assert (event.reason, event.message) == ("stopped", "Stopped before the first step: nothing has changed.")
    # The next training begins as ever.
    session.start(Project())
    qtbot.waitUntil(lambda: len(words) == 2)
    assert session.close() is None
