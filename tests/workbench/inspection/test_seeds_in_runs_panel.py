"""Seeds in the table of runs: bands, the sentence about seed noise, and the table as CSV."""

import csv
import io

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from scipy import stats

from engine.api import Evaluated, Project, Run
from tests.engine.inspection.trained_networks import graph
from tests.workbench.inspection.test_runs_panel import LIGHT, run_of
from workbench.document.document import Document
from workbench.panels.runs_panel import RunsPanel
from workbench.panels.seed_words import group_curve, noise_sentence

GOOD, BAD = (0.912, 0.915, 0.913), (0.893, 0.89, 0.896)


def seeds(accuracies, first: int, **settings) -> list[Run]:
    made = []
    for number, accuracy in enumerate(accuracies, start=first):
        run = run_of(number, seed=number, **settings)
        tested = Evaluated(run.id, 12, "test", 0.1, accuracy, np.eye(3, dtype=np.int64))
        made.append(type(run)(**{**run.__dict__, "evaluations": (tested,)}))
    return made


@pytest.fixture
def panel(qtbot):
    document = Document()
    document.load(Project(graph=graph()), (*seeds(GOOD, 1), *seeds(BAD, 11, learning_rate=0.01)))
    made = RunsPanel(document, LIGHT)
    qtbot.addWidget(made)
    made.resize(1100, 340)
    made.show()
    return made


def test_that_two_groups_of_seeds_are_told_apart_from_noise_in_a_sentence(panel):
    p = stats.ttest_ind(GOOD, BAD, equal_var=False).pvalue
    good, bad = (
        f"{100 * np.mean(values):.2f} ± {100 * np.std(values, ddof=1):.2f} %" for values in (GOOD, BAD)
    )
    points = 100 * (np.mean(GOOD) - np.mean(BAD))
    assert panel.noise.text() == (
        f"Test accuracy: learning rate 0.001 (3 seeds) {good}, learning rate 0.01 (3 seeds) {bad}. "
        f"The difference of {points:.2f} points is larger than seed noise (Welch's t-test, p = {p:.2g})."
    )


def test_that_a_difference_within_the_noise_is_told_as_such(panel):
    groups_of = panel._document.load
    groups_of(
        Project(graph=graph()), (*seeds((0.90, 0.92), 1), *seeds((0.90, 0.925), 11, learning_rate=0.01))
    )
    assert "is not larger than seed noise" in panel.noise.text()


def test_that_single_runs_say_how_their_noise_can_be_known(panel):
    runs = (*seeds((0.90,), 1), *seeds((0.95,), 11, learning_rate=0.01))
    panel._document.load(Project(graph=graph()), runs)
    assert panel.noise.isHidden()
    panel.table.selectAll()
    assert "cannot be told from one run: train two seeds or more" in panel.noise.text()
    assert noise_sentence(()) == ""


def test_that_seeds_are_drawn_as_mean_and_spread(panel):
    panel.bands.click()
    runs = panel._document.runs[:3]
    label = "learning rate 0.001 (3 seeds)"
    steps, values = panel.plot.series(label)
    history = np.array([run.history["validation_loss"] for run in runs])
    np.testing.assert_array_equal(steps, np.arange(1, 13))
    np.testing.assert_allclose(values, history.mean(axis=0))
    spread, _ = panel.plot._bands[label]
    plain = group_curve(runs, "validation_loss")
    np.testing.assert_allclose(plain.spread.high - plain.spread.low, 2 * history.std(axis=0, ddof=1))
    # The band lies around the smoothed line that is drawn, for smoothing is linear.
    panel.plot.refresh()
    middle = (spread.low + spread.high) / 2
    np.testing.assert_allclose(panel.plot.displayed(label)[1], middle, rtol=1e-6)
    panel.normalised.click()
    panel.plot.refresh()
    panel.bands.click()
    assert panel.plot._bands == {}
    assert len(panel.plot.series("Run 1")[0]) == 12


def test_that_the_shortest_run_bounds_the_band_and_gaps_are_left_out():
    runs = seeds(GOOD, 1)
    short = type(runs[0])(
        **{**runs[0].__dict__, "history": {k: v[:5].copy() for k, v in runs[0].history.items()}}
    )
    short.history["validation_loss"][2] = np.nan
    curve = group_curve([short, *runs[1:]], "validation_loss")
    np.testing.assert_array_equal(curve.steps, [1, 2, 4, 5])
    assert group_curve(runs[:1], "validation_loss").spread is None


def test_that_the_table_is_copied_with_every_setting_in_full_precision(qtbot, panel):
    panel.table.setFocus()
    qtbot.keyClick(panel.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    rows = list(csv.DictReader(io.StringIO(QGuiApplication.clipboard().text()), delimiter="\t"))
    assert [float(row["test_accuracy"]) for row in rows] == [*GOOD, *BAD]
    assert [row["seed"] for row in rows] == ["1", "2", "3", "11", "12", "13"]
    assert {row["learning_rate"] for row in rows} == {"0.001", "0.01"}
    assert rows[0]["data.dataset"] == panel._document.runs[0].project.data.dataset


def test_that_the_table_is_written_as_csv_and_as_a_picture(panel, tmp_path):
    for ending in ("csv", "png", "svg"):
        panel.table.export.write(tmp_path / f"runs.{ending}")
    assert (
        (tmp_path / "runs.csv").read_text(encoding="utf-8").startswith("run,id,parent,status,test_accuracy")
    )
    assert "Run 1" in (tmp_path / "runs.svg").read_text(encoding="utf-8")
