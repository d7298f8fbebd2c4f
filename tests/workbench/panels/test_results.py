import numpy as np
import pytest

from engine.api import (
    HISTORY_COLUMNS,
    EpochDone,
    Evaluated,
    Project,
    Run,
    RunEnded,
    RunRecorder,
    RunStarted,
    SettingChanged,
    Snapshot,
    StepsDone,
    Stretch,
)
from workbench.panels.results import Results
from workbench.theme import load_theme

CLASSES = ("cat", "dog")


def confusion(right: int) -> np.ndarray:
    return np.array([[right, 10 - right], [2, 8]])


def steps(first: int, count: int) -> StepsDone:
    values = 1.0 / np.arange(first, first + count)
    return StepsDone(
        "a", first + count - 1, first, values, values, values, values, values, values, 1.0, 1.0, values
    )


def snapshot(step: int) -> Snapshot:
    return Snapshot(
        "a", step, np.random.default_rng(step).normal(size=(4, 1, 3, 3)), "c", confusion(step % 10)
    )


EVENTS = (
    RunStarted("a", 0, "cpu: CPU", 5, 10, 32, CLASSES, {}),
    snapshot(0),
    steps(1, 5),
    snapshot(5),
    Evaluated("a", 5, "test", 0.5, 0.8, confusion(9)),
    steps(6, 5),
    snapshot(10),
)
END = (Evaluated("a", 10, "test", 0.4, 0.85, confusion(10)), RunEnded("a", 10, "finished", "Finished."))


@pytest.fixture
def results(qtbot) -> Results:
    made = Results(load_theme("light"))
    for panel in (made.loss, made.accuracy, made.filters, made.confusion):
        qtbot.addWidget(panel)
    return made


def shown(results: Results) -> dict[str, np.ndarray]:
    curves = {
        name: np.array(results.loss.plot.series(name)[1]) for name in ("Training NLL", "Validation total")
    }
    return {
        **curves,
        "accuracy": np.array(results.accuracy.plot.series("Validation")[1]),
        "test": np.array(results.accuracy.plot.series("Test")[1]),
        "filters": np.array(results.filters.displayed()),
        "confusion": np.array(results.confusion.displayed()),
    }


def recorded(*events: object) -> Run:
    recorder = RunRecorder(Run("a", Project(), "2026-01-01"))
    for event in events:
        recorder.receive(event)
    return recorder.run()


def test_that_the_validation_set_is_shown_while_training_and_the_test_set_at_the_end(results):
    results.receive(EVENTS)
    np.testing.assert_allclose(results.confusion.displayed(), [[0, 1], [0.2, 0.8]])
    results.receive(END)
    np.testing.assert_allclose(results.confusion.displayed(), [[1, 0], [0.2, 0.8]])


@pytest.mark.parametrize("events", [EVENTS, (*EVENTS, *END)])
def test_that_a_saved_run_looks_as_it_did_while_it_trained(results, qtbot, events):
    results.receive(events)
    live = shown(results)
    results.clear()
    assert all(not values.size for name, values in shown(results).items() if name != "filters")
    results.show_run(recorded(*events))
    for name, values in shown(results).items():
        np.testing.assert_array_equal(values, live[name], err_msg=name)


def test_that_a_run_that_was_stopped_before_its_first_step_shows_nothing_wrong(results):
    results.show_run(recorded(EVENTS[0]))
    assert not results.loss.plot.series("Training NLL")[1].size


def test_that_steps_trained_again_replace_the_old_ones(results):
    results.receive(EVENTS)
    again = RunStarted("a", 5, "cpu: CPU", 5, 10, 32, CLASSES, {})
    results.receive((again, steps(6, 2)))
    places, values = results.loss.plot.series("Training NLL")
    assert places.tolist() == [1, 2, 3, 4, 5, 6, 7]
    np.testing.assert_allclose(values, 1.0 / np.arange(1, 8))


def test_that_epochs_of_different_length_are_placed_and_the_best_one_is_marked(qtbot):
    results = Results(load_theme("light"))
    run = Run(
        "a", Project(), "", steps_per_epoch=3, stretches=(Stretch(0, 0, 5), Stretch(10, 2, 3)),
        history={name: np.ones(13) for name in HISTORY_COLUMNS},
        epochs=tuple(
            EpochDone("a", step, epoch, 1.0, 1.0, 0.5, 0.5, 1.0, accuracy)
            for step, epoch, accuracy in ((5, 1, 0.5), (10, 2, 0.9), (13, 3, 0.8))
        ),
        changes=(SettingChanged("a", 10, "", "batch_size", 30.0, 50.0, 3),),
    )  # fmt: skip
    results.show_run(run)
    plot = results.loss.plot
    plot.set_x_axis("epoch")
    scale = plot._counter.scale()
    assert [scale.place(step) for step in (0, 5, 10, 13, 16)] == [0, 1, 2, 3, 4]
    assert scale.place(11.5) == 2.5
    assert plot._markers["best epoch"] == (10, "best epoch 2")
    assert (10, "batch size 50") in plot._markers.values()
