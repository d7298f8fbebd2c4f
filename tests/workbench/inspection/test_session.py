"""The inspecting thread: newest questions, honest answers, a clean end."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from engine.api import DataError, Run, TrainedNetwork, classify_images
from tests.workbench.inspection.inspected import FakeModel, trained_run
from workbench.inspection.session import InspectionSession


@pytest.fixture
def session(qtbot: QtBot) -> Iterator[InspectionSession]:
    made = InspectionSession(model=FakeModel())
    made.set_run(trained_run())
    yield made
    made.close()


def test_that_an_answer_is_that_of_the_network_itself(qtbot: QtBot, session: InspectionSession) -> None:
    answers: list[Any] = []
    session.ask(
        "classes", lambda net, stopped: classify_images(net, net.data.test_images, stopped), answers.append
    )
    qtbot.waitUntil(lambda: bool(answers))
    network = FakeModel().network(trained_run())
    np.testing.assert_array_equal(answers[0], classify_images(network, network.data.test_images))


def test_that_a_newer_question_takes_the_place_of_the_older(qtbot: QtBot, session: InspectionSession) -> None:
    begun, answers = threading.Event(), []

    def long(network: TrainedNetwork, stopped: Any) -> str:
        begun.set()
        while not stopped():
            pass
        return "old"

    session.ask("same", long, answers.append)
    assert begun.wait(60)
    session.ask("same", lambda network, stopped: "new", answers.append)
    session.ask("other", lambda network, stopped: "other", answers.append)
    qtbot.waitUntil(lambda: len(answers) == 2)
    assert answers == ["new", "other"]


def test_that_a_given_up_question_has_no_answer_even_when_it_is_on_its_way(
    qtbot: QtBot, session: InspectionSession
) -> None:
    done, answers = threading.Event(), []

    def quick(network: TrainedNetwork, stopped: Any) -> str:
        done.set()
        return "late"

    session.ask("a", quick, answers.append)
    assert done.wait(60)
    session.cancel("a")
    session.ask("b", lambda network, stopped: "b", answers.append)
    qtbot.waitUntil(lambda: "b" in answers)
    assert answers == ["b"]


def test_that_failures_come_as_sentences_and_the_thread_lives_on(
    qtbot: QtBot, session: InspectionSession, caplog: pytest.LogCaptureFixture
) -> None:
    sentences: list[str] = []

    def raising(error: Exception) -> Any:
        def work(network: TrainedNetwork, stopped: Any) -> None:
            raise error

        return work

    for number, error in enumerate((DataError("The file is gone."), MemoryError(), ZeroDivisionError())):
        session.ask(str(number), raising(error), pytest.fail, sentences.append)
    qtbot.waitUntil(lambda: len(sentences) == 3)
    assert sentences[0] == "The file is gone."
    assert "memory" in sentences[1]
    assert "log file" in sentences[2]
    assert "ZeroDivisionError" in caplog.text


def test_that_closing_in_the_midst_of_a_job_waits_for_its_end(
    qtbot: QtBot, session: InspectionSession
) -> None:
    begun = threading.Event()

    def long(network: TrainedNetwork, stopped: Any) -> None:
        begun.set()
        while not stopped():
            pass

    session.ask("long", long, pytest.fail)
    assert begun.wait(60)
    session.close()


def test_that_nothing_is_loaded_before_something_is_asked(qtbot: QtBot) -> None:
    model = FakeModel()
    session = InspectionSession(model=model)
    session.ask("a", lambda network, stopped: None, pytest.fail)
    session.set_run(trained_run())
    assert model.built == 0


def test_that_a_run_without_a_checkpoint_counts_as_none(qtbot: QtBot, session: InspectionSession) -> None:
    with qtbot.waitSignal(session.run_changed):
        session.set_run(replace(trained_run(), checkpoint=None))
    assert session.run is None


def test_that_a_network_is_built_once_for_a_state_of_a_run(qtbot: QtBot) -> None:
    model, answers = FakeModel(), []
    session = InspectionSession(model=model)
    run: Run = trained_run()
    for number in range(3):
        session.set_run(run)
        session.ask(str(number), lambda network, stopped: network, answers.append)
    qtbot.waitUntil(lambda: len(answers) == 3)
    session.set_run(replace(run, seconds=1.0))
    session.ask("later", lambda network, stopped: network, answers.append)
    qtbot.waitUntil(lambda: len(answers) == 4)
    session.close()
    assert model.built == 2
    assert model.prepared == 1
