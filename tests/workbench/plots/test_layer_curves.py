"""Norms layer by layer, and the axis by the clock."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.api import HISTORY_COLUMNS, Project, Run, Samples
from workbench.panels.results import Results
from workbench.plots.history_panels import AccuracyPanel
from workbench.plots.layer_curves import LayerCurves
from workbench.plots.step_scale import by_clock
from workbench.theme import load_theme

THEME = load_theme("light")
NODES = ("Convolution 1", "Fully connected 1")


@pytest.fixture
def panel(qtbot: Any) -> LayerCurves:
    widget = LayerCurves(THEME)
    qtbot.addWidget(widget)
    widget.resize(600, 300)
    widget.show()
    return widget


def norms(first: float, count: int) -> dict[str, np.ndarray]:
    rows = np.arange(count, dtype=np.float64)[:, None] + np.array([first, 10 * first])
    return {"gradient": rows, "weight": rows + 0.25, "update": rows / 1000}


def test_that_each_quantity_shows_every_layer_as_it_was_told(panel: LayerCurves) -> None:
    panel.add_samples(NODES, [1, 4], **norms(1.0, 2))
    panel.add_samples(NODES, [9], **norms(3.0, 1))
    panel.add_rates(1, np.linspace(0.1, 0.01, 9))
    for number, wanted in enumerate(([0.001, 0.002, 0.003], [1.0, 2.0, 3.0], [1.25, 2.25, 3.25])):
        panel.quantity._choose(number)
        panel.plot.refresh()
        steps, values = panel.plot.displayed("Convolution 1")
        assert steps.tolist() == [1, 4, 9]
        np.testing.assert_allclose(values, wanted)
        assert len(panel.plot.displayed("Fully connected 1")[0]) == 3
    panel.quantity._choose(3)
    panel.plot.refresh()
    np.testing.assert_allclose(panel.plot.displayed("Learning rate")[1], np.linspace(0.1, 0.01, 9))
    assert not len(panel.plot.displayed("Convolution 1")[0])


def test_that_values_arrive_in_the_quantity_that_is_shown_and_wait_in_the_others(panel: LayerCurves) -> None:
    panel.quantity._choose(1)
    panel.add_samples(NODES, [1], **norms(1.0, 1))
    panel.quantity._choose(2)
    panel.add_samples(NODES, [2], **norms(5.0, 1))
    panel.quantity._choose(1)
    panel.plot.refresh()
    assert panel.plot.displayed("Convolution 1")[1].tolist() == [1.0, 5.0]


def test_that_the_axis_shows_time_and_reads_it(qtbot: Any) -> None:
    panel = AccuracyPanel(THEME)
    qtbot.addWidget(panel)
    panel.resize(500, 300)
    panel.show()
    panel.add_steps(1, *[None] * 4, np.linspace(0, 1, 100), np.linspace(0, 1, 100))
    panel.add_times([10, 50], [60.0, 180.0])
    panel.plot.set_x_axis("time")
    panel.plot.refresh()
    minutes = panel.plot.displayed("Training")[0]
    assert panel.plot._canvas._x_label == "Minutes"
    assert minutes[[9, 29, 49, 99]].tolist() == pytest.approx([1.0, 2.0, 3.0, 5.5])


def test_that_times_on_a_line_are_those_of_plain_interpolation() -> None:
    steps, seconds = np.array([1.0, 5.0, 20.0, 100.0]), np.array([0.5, 0.75, 30.0, 60.0])
    scale = by_clock(steps, seconds)
    wanted = np.linspace(1, 100, 57)
    np.testing.assert_allclose(scale.places(wanted), np.interp(wanted, steps, seconds))
    np.testing.assert_allclose(
        scale.steps(scale.places(np.linspace(-50, 300, 99))), np.linspace(-50, 300, 99)
    )


def test_that_a_saved_run_shows_its_norms_and_times(qtbot: Any) -> None:
    results = Results(THEME)
    for widget in (results.loss, results.accuracy, results.layers, results.filters, results.confusion):
        qtbot.addWidget(widget)
    samples = Samples(NODES, np.array([2, 6]), np.array([1.0, 3.0]), *norms(2.0, 2).values())
    run = Run("a", Project(name="Small"), "2026-11-25T10:00:00+00:00", steps_per_epoch=4)
    history = {name: np.arange(1.0, 9.0) for name in HISTORY_COLUMNS}
    results.show_run(replace(run, history=history, samples=samples))
    results.layers.quantity._choose(1)
    steps, values = results.layers.plot.series("Fully connected 1")
    assert (steps.tolist(), values.tolist()) == ([2, 6], [20.0, 21.0])
    assert results.loss.plot._counter.clock.values.tolist() == [1.0, 3.0]
