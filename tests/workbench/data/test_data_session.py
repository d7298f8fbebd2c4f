"""Work on data in threads: results, failures, progress, and work that is no longer wanted."""

import threading

import pytest

from engine.api import DataError, DataProgress, DataStoppedError
from workbench.data.session import DataSession


@pytest.fixture
def session(qtbot):
    made = DataSession()
    yield made
    made.close()


def test_that_a_result_and_its_progress_come_in_the_thread_of_the_window(qtbot, session):
    here, told, got = threading.get_ident(), [], []
    session.progressed.connect(lambda key, progress: told.append((key, progress.done, threading.get_ident())))

    def work(report, cancelled):
        report(DataProgress("Reading", 3, 10))
        return threading.get_ident()

    session.run("load", work, lambda result: got.append((result, threading.get_ident())), pytest.fail)
    assert session.is_busy("load")
    qtbot.waitUntil(lambda: bool(got))
    assert got[0][0] != here
    assert got[0][1] == here
    assert told == [("load", 3, here)]
    assert not session.is_busy("load")


def test_that_the_next_thing_is_told_at_once_for_it_may_take_long(qtbot, session):
    told, go_on = [], threading.Event()
    session.progressed.connect(lambda key, progress: told.append((progress.what, progress.done)))

    def work(report, cancelled):
        report(DataProgress("Looking", 0, 10))
        report(DataProgress("images.gz", 0, 10))
        report(DataProgress("images.gz", 1, 10))
        go_on.wait(60)

    session.run("fetch", work, lambda result: None, pytest.fail)
    qtbot.waitUntil(lambda: told == [("Looking", 0), ("images.gz", 0)])
    go_on.set()


@pytest.mark.parametrize(
    ("raised", "words"), [(DataError("No disk."), "No disk."), (ValueError("bug"), "the log tells more")]
)
def test_that_a_failure_is_a_sentence(qtbot, session, raised, words):
    failures = []

    def work(report, cancelled):
        raise raised

    session.run("load", work, pytest.fail, failures.append)
    qtbot.waitUntil(lambda: bool(failures))
    assert words in str(failures[0])


def test_that_newer_work_takes_the_place_of_older(qtbot, session):
    got, go_on = [], threading.Event()

    def slow(report, cancelled):
        go_on.wait(60)
        return "old"

    session.run("load", slow, got.append, pytest.fail)
    session.run("load", lambda report, cancelled: "new", got.append, pytest.fail)
    go_on.set()
    qtbot.waitUntil(lambda: got == ["new"])
    session.close()
    assert got == ["new"]


def test_that_cancelled_work_hears_of_it_and_answers_nothing(qtbot, session):
    started, stopped = threading.Event(), threading.Event()

    def work(report, cancelled):
        started.set()
        while not cancelled():
            pass
        stopped.set()
        raise DataStoppedError("Stopped.")

    session.run("fetch", work, pytest.fail, pytest.fail)
    assert started.wait(60)
    session.cancel("fetch")
    assert not session.is_busy("fetch")
    session.close()
    assert stopped.is_set()
