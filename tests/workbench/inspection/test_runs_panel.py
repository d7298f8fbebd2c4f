"""The table of runs: results, differences, names, notes, deletion with undo, curves over each other."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from PySide6.QtCore import Qt

from engine.api import HISTORY_COLUMNS, Evaluated, Project, Run, edits
from tests.engine.inspection.trained_networks import graph
from workbench.document.document import Document
from workbench.panels.runs_model import COLUMNS
from workbench.panels.runs_panel import EMPTY, RunsPanel
from workbench.theme import load_theme

LIGHT = load_theme("light")
TITLES = [column.title for column in COLUMNS]


def run_of(number: int, **settings: object) -> Run:
    project = Project(graph=graph())
    if "filters" in settings:
        design = edits.set_settings(project.graph, "convolution-1", filters=settings.pop("filters"))
        project = replace(project, graph=design)
    training = msgspec.structs.replace(project.training, **settings)
    random = np.random.default_rng(number)
    tested = Evaluated(f"r{number}", 12, "test", 0.1, 0.9 + number / 100, np.eye(3, dtype=np.int64))
    return Run(
        f"r{number}", replace(project, training=training), "2026", steps_per_epoch=4, seconds=65.0, status="finished",
        history={name: random.random(12) for name in HISTORY_COLUMNS}, evaluations=(tested,),
    )  # fmt: skip


@pytest.fixture
def document(qtbot):
    made = Document()
    made.load(Project(graph=graph()), (run_of(1), run_of(2, learning_rate=0.01), run_of(3, filters=6)))
    return made


@pytest.fixture
def panel(qtbot, document):
    made = RunsPanel(document, LIGHT)
    qtbot.addWidget(made)
    made.resize(1000, 300)
    made.show()
    return made


def cell(panel, row: int, title: str):
    return panel.table.item(row, TITLES.index(title))


def test_that_every_run_has_its_row_of_settings_and_results(panel):
    assert panel.table.rowCount() == 3
    assert [cell(panel, row, "Run").text() for row in range(3)] == ["Run 1", "Run 2", "Run 3"]
    assert [cell(panel, row, "Test").text() for row in range(3)] == ["91.00 %", "92.00 %", "93.00 %"]
    assert [cell(panel, row, "Learning rate").text() for row in range(3)] == ["0.001", "0.01", "0.001"]
    assert cell(panel, 0, "Time").text() == "1:05"
    header = panel.table.horizontalHeader()
    assert header.visualIndex(TITLES.index("Learning rate")) == 3
    run = run_of(1)
    means = run.history["validation_accuracy"].reshape(3, 4).mean(axis=1)
    best = int(means.argmax())
    assert cell(panel, 0, "Best validation").text() == f"{100 * means[best]:.2f} % (epoch {best + 1})"


def test_that_settings_in_which_runs_differ_are_marked(panel):
    for row in range(3):
        marked = [title for title in TITLES if cell(panel, row, title).font().bold()]
        assert marked == ["Learning rate", "Design"]
    assert [cell(panel, row, "Design").text() for row in range(3)] == ["", "", "Convolution 1: filters 4 → 6"]


def test_that_preparation_and_augmentation_in_which_runs_differ_stand_in_a_column(panel, document):
    one, two, _ = document.runs
    recipe = msgspec.structs.replace(two.project.data, mirror=True, centering="mean_image", rotation=7.5)
    document.load(document.project, (one, replace(two, project=replace(two.project, data=recipe))))
    panel.refresh()
    assert [cell(panel, row, "Preparation").text() for row in range(2)] == [
        "", "centering the mean image, mirror on, rotation 7.5",
    ]  # fmt: skip
    assert cell(panel, 1, "Preparation").font().bold()
    assert not cell(panel, 1, "Data").font().bold()


def test_that_selected_runs_are_compared_in_words(panel):
    panel.table.selectRow(1)
    assert panel.comparison.text() == "Run 2 against Run 1: learning rate 0.001 → 0.01"
    assert panel.describe(("r1", "r3")) == "Run 3 against Run 1: Convolution 1: filters 4 → 6"
    assert panel.describe(("r1",)) == "Run 1 is the first run"
    assert panel.describe(()).startswith("Select a run")


def test_that_curves_are_those_of_the_history(panel, document):
    for button, name, factor in (
        (0, "validation_loss", 1),
        (1, "train_loss", 1),
        (2, "validation_accuracy", 100),
    ):
        panel.what.button(button).click()
        for number, run in enumerate(document.runs, start=1):
            steps, values = panel.plot.series(f"Run {number}")
            np.testing.assert_array_equal(steps, np.arange(1, 13))
            np.testing.assert_allclose(values, factor * run.history[name])


def test_that_a_run_is_renamed_and_noted_in_the_table_and_undo_takes_it_back(qtbot, panel, document):
    cell(panel, 1, "Run").setText("fast")
    qtbot.waitUntil(lambda: document.runs[1].name == "fast")
    cell(panel, 1, "Notes").setText("too fast?")
    qtbot.waitUntil(lambda: document.runs[1].notes == "too fast?")
    assert document.is_modified
    assert panel.describe(("r2",)).startswith("fast against Run 1")
    document.undo_stack.undo()
    assert (document.runs[1].name, document.runs[1].notes) == ("fast", "")
    document.undo_stack.undo()
    assert document.runs[1].name == ""
    assert cell(panel, 1, "Run").text() == "Run 2"
    assert not document.is_modified
    document.undo_stack.redo()
    assert cell(panel, 1, "Run").text() == "fast"


def test_that_training_on_keeps_the_name_that_was_given_meanwhile(document):
    document.describe_run("r2", name="fast", notes="n")
    document.set_run(replace(run_of(2), seconds=99.0))
    assert (document.runs[1].name, document.runs[1].notes, document.runs[1].seconds) == ("fast", "n", 99.0)


def test_that_deleted_runs_come_back_to_their_places_with_one_undo(qtbot, panel, document):
    before = document.runs
    panel.table.selectRow(0)
    panel.table.selectionModel().select(
        panel.table.model().index(1, 0),
        panel.table.selectionModel().SelectionFlag.Select | panel.table.selectionModel().SelectionFlag.Rows,
    )
    qtbot.keyClick(panel.table, Qt.Key.Key_Delete)
    assert [run.id for run in document.runs] == ["r3"]
    assert panel.table.rowCount() == 1
    document.set_run(run_of(4))
    document.undo_stack.undo()
    assert [run.id for run in document.runs] == ["r1", "r2", "r3", "r4"]
    assert document.runs[:3] == before


def test_that_a_run_can_be_shown(qtbot, panel):
    panel.table.selectRow(2)
    with qtbot.waitSignal(panel.show_requested) as asked:
        panel.open.click()
    assert asked.args == ["r3"]


def test_that_a_narrow_panel_shows_table_or_curves(qtbot, panel):
    assert panel.table.isVisible()
    assert panel.plot.isVisible()
    panel.resize(400, 300)
    assert panel.table.isVisible()
    assert not panel.plot.isVisible()
    panel.view.button(1).click()
    assert panel.plot.isVisible()
    assert not panel.table.isVisible()


def test_that_an_empty_project_says_what_will_be_here(qtbot):
    panel = RunsPanel(Document(), LIGHT)
    qtbot.addWidget(panel)
    panel.show()
    assert panel.words.isVisible()
    assert panel.words.text() == EMPTY


def test_that_a_hidden_panel_does_nothing(qtbot, panel, document):
    panel.hide()
    document.set_run(run_of(4))
    assert panel.table.rowCount() == 3
    panel.show()
    assert panel.table.rowCount() == 4
