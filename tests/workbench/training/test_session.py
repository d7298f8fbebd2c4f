import threading
import time
from collections.abc import Callable, Iterator
from math import inf

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
    qtbot.waitUntil(lambda: session.state == "ended", timeout=5000)
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
    session, watch = make(step_seconds=0.15)
    session.start(Project())
    qtbot.waitUntil(lambda: len(watch.steps()) >= 1, timeout=5000)
    for wish, state in ((session.pause, "pausing"), (session.resume, "training"), (session.stop, "stopping")):
        before, begun = len(watch.steps()), time.perf_counter()
        wish()
        assert session.state == state
        assert time.perf_counter() - begun < 0.1
        if state == "pausing":
            qtbot.waitUntil(lambda: session.state == "paused", timeout=2000)
            # A block that was under way may still arrive, and one step may have been begun.
            qtbot.wait(150)
            stands = len(watch.steps())
            assert stands <= before + 2
            qtbot.wait(350)
            assert len(watch.steps()) == stands
        elif state == "training":
            qtbot.waitUntil(lambda before=before: len(watch.steps()) > before, timeout=2000)
    qtbot.waitUntil(lambda: session.state == "ended", timeout=2000)
    assert watch.ended[0] is not None
    assert watch.ended[0].status == "stopped"


def test_that_the_event_loop_gets_at_most_a_few_signals_a_second_while_a_cpu_trains(qtbot, make):
    session, watch = make(step_seconds=0.001)
    blocks: list[object] = []
    session.events.connect(blocks.append)
    session.start(Project())
    qtbot.waitUntil(lambda: len(watch.steps()) > 1, timeout=5000)
    blocks.clear()
    qtbot.wait(1000)
    assert 4 <= len(blocks) <= 11


def test_that_a_long_training_on_a_cpu_is_told_of_less_often_than_a_short_one(qtbot, make, monkeypatch):
    monkeypatch.setattr("workbench.training.pace.ON_CPU", ON_CPU[-1:])
    session, watch = make(step_seconds=0.005)
    told: list[object] = []
    session.events.connect(told.append)
    session.start(Project())
    qtbot.waitUntil(lambda: len(told) == 2, timeout=5000)
    begun, steps = time.perf_counter(), len(watch.steps())
    qtbot.waitUntil(lambda: len(told) == 4, timeout=5000)
    assert time.perf_counter() - begun > 0.4
    assert len(watch.steps()) > steps


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
                    has_drawn.wait(10)
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
    qtbot.waitUntil(lambda: len(drawn) >= 6, timeout=20_000)
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
    qtbot.waitUntil(lambda: len(told) >= 4, timeout=5000)
    assert watch.steps()


def test_that_a_pause_shows_all_steps_at_once(qtbot, make, monkeypatch):
    monkeypatch.setattr("workbench.training.pace.ON_CPU", (Phase(inf, 0.1, 2000),))
    session, watch = make(step_seconds=0.01)
    session.start(Project())
    qtbot.waitUntil(lambda: session.state == "training", timeout=5000)
    qtbot.wait(200)
    session.pause()
    qtbot.waitUntil(lambda: session.state == "paused", timeout=1000)
    shown = len(watch.steps())
    assert shown > 5
    qtbot.wait(2100)
    assert len(watch.steps()) == shown


def test_that_a_run_can_be_taken_while_training_goes_on(qtbot, make):
    session, watch = make()
    session.start(Project())
    qtbot.waitUntil(lambda: len(watch.steps()) > 1, timeout=5000)
    taken: list[Run | None] = []
    session.request_run(taken.append)
    qtbot.waitUntil(lambda: bool(taken), timeout=1000)
    run = taken[0]
    assert run is not None
    assert run.checkpoint is not None
    assert run.checkpoint.step == run.step > 0
    assert session.state == "training"


def test_that_a_run_can_be_taken_while_paused(qtbot, make):
    session, _ = make()
    session.start(Project())
    session.pause()
    qtbot.waitUntil(lambda: session.state == "paused", timeout=5000)
    taken: list[Run | None] = []
    session.request_run(taken.append)
    qtbot.waitUntil(lambda: bool(taken), timeout=1000)
    assert session.state == "paused"


def test_that_a_run_goes_on_from_its_checkpoint(qtbot, make):
    session, watch = make()
    session.start(Project())
    qtbot.waitUntil(lambda: len(watch.steps()) > 5, timeout=5000)
    run = session.close()
    assert run is not None
    session.start(run.project, run)
    before = len(watch.steps())
    qtbot.waitUntil(lambda: len(watch.steps()) > before + 5, timeout=5000)
    resumed = session.close()
    assert resumed is not None
    np.testing.assert_array_equal(resumed.history["train_loss"], 2.0 / np.arange(1, resumed.step + 1))


def test_that_an_error_of_ours_ends_the_run_with_its_sentence_and_keeps_what_was_learned(qtbot, make):
    session, watch = make(failure=DeviceError("The GPU has no memory left: choose a smaller batch size."))
    session.start(Project())
    qtbot.waitUntil(lambda: session.state == "ended", timeout=5000)
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
    qtbot.waitUntil(lambda: session.state == "ended", timeout=5000)
    last = watch.events[-1]
    assert isinstance(last, RunEnded)
    assert "secret detail" not in last.message
    assert "secret detail" in caplog.text
    assert "Traceback" in caplog.text


def test_that_closing_ends_a_paused_training_too(qtbot, make):
    session, _ = make()
    session.start(Project())
    session.pause()
    qtbot.waitUntil(lambda: session.state == "paused", timeout=5000)
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
    qtbot.waitUntil(lambda: bool(words), timeout=5000)
    session.stop()
    qtbot.waitUntil(lambda: session.state == "ended", timeout=5000)
    assert given_up.is_set()
    assert words == ["Timing convolutions: 1 of 8"]
    assert watch.ended == [None]
    (event,) = watch.events
    assert isinstance(event, RunEnded)
    assert (event.reason, event.message) == ("stopped", "Stopped before the first step: nothing has changed.")
    # The next training begins as ever.
    session.start(Project())
    qtbot.waitUntil(lambda: len(words) == 2, timeout=5000)
    assert session.close() is None
