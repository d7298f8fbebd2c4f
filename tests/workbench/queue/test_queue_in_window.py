"""The queue as a user meets it: the grid, live curves, stop, promote, fork, closing and coming back."""

import msgspec
import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialogButtonBox

from engine.api import Project, edits
from tests.engine.inspection.trained_networks import graph
from tests.workbench.queue.test_run_queue import Factory
from workbench.panels.grid_builder import GridBuilder
from workbench.training.pending_queue import find_pending


@pytest.fixture
def started(qtbot, make_window, tmp_path):
    """A window on a small network whose queue trains with fake trainers."""

    def start(total: int = 40):
        window = make_window()
        window.queue.queue._factory = Factory(total=total)
        window.queue.queue._journals = None
        window.queue._pending = tmp_path / "queues"
        window.document.load(Project(graph=graph(), name="net"))
        return window

    return start


def open_grid(window) -> GridBuilder:
    window.queue.add_action.trigger()
    return window.findChild(GridBuilder)


def press(qtbot, dialog) -> None:
    qtbot.mouseClick(dialog.buttons.button(QDialogButtonBox.StandardButton.Ok), Qt.MouseButton.LeftButton)


def grid_of(qtbot, window, seeds: str, rates: str = "") -> None:
    dialog = open_grid(window)
    dialog.seeds.setText(seeds)
    dialog.rows[0].values.setText(rates)
    press(qtbot, dialog)


def select(window, row: int) -> None:
    window.queue.panel.table.selectRow(row)


def test_that_the_grid_says_how_many_runs_it_means(qtbot, started):
    window = started()
    dialog = open_grid(window)
    dialog.seeds.setText("1..3")
    dialog.rows[0].values.setText("0.001, 0.0005")
    assert dialog.words.text() == "3 seeds, 2 × learning rate: 6 runs."
    dialog.rows[0].values.setText("0.001, fast")
    assert "does not take 'fast'" in dialog.words.text()
    assert not dialog.buttons.button(QDialogButtonBox.StandardButton.Ok).isEnabled()
    dialog.vary("batch_size", "10,20")
    dialog.rows[0].remove.click()
    assert dialog.words.text() == "3 seeds, 2 × batch size: 6 runs."
    dialog.reject()


def test_that_settings_of_data_and_nodes_can_be_varied(qtbot, started):
    window = started()
    dialog = open_grid(window)
    dialog.seeds.setText("")
    dialog.rows[0].remove.click()
    dialog.vary("data.mirror", "on, off")
    dialog.vary("Convolution 1.filters", "2,4")
    assert [row.setting.currentText() for row in dialog.rows] == [
        "Augmentation: Mirror",
        "Convolution 1: Filters",
    ]
    assert dialog.words.text() == "2 × augmentation: mirror, 2 × convolution 1: filters: 4 runs."
    press(qtbot, dialog)
    qtbot.waitUntil(lambda: len(window.document.runs) == 4)
    trained = [run.project for run in window.document.runs]
    assert [(p.data.mirror, p.graph.nodes["convolution-1"].layer.filters) for p in trained] == [
        (True, 2), (True, 4), (False, 2), (False, 4),
    ]  # fmt: skip


def test_that_designs_of_the_undo_history_can_be_trained_beside_each_other(qtbot, started):
    window = started()
    window.document.apply_graph(
        "Set filters", edits.set_settings(window.document.project.graph, "convolution-1", filters=6)
    )
    dialog = open_grid(window)
    dialog.seeds.setText("")
    assert [dialog.designs.item(row).text() for row in range(2)] == ["this design", "before “Set filters”"]
    dialog.designs.item(1).setCheckState(Qt.CheckState.Checked)
    assert dialog.words.text() == "2 designs: 2 runs."
    press(qtbot, dialog)
    queue = window.queue.queue
    qtbot.waitUntil(lambda: len(window.document.runs) == 2)
    filters = [run.project.graph.nodes["convolution-1"].layer.filters for run in window.document.runs]
    assert sorted(filters) == [4, 6]
    assert not queue.is_running


def test_that_a_grid_is_trained_live_and_lands_in_the_table_of_runs(qtbot, started):
    window = started()
    grid_of(qtbot, window, "1,2", "0.01, 0.02")
    panel = window.queue.panel
    assert panel.isVisible()
    assert [entry.label for entry in window.queue.queue.entries] == [
        "learning rate 0.01, seed 1", "learning rate 0.01, seed 2",
        "learning rate 0.02, seed 1", "learning rate 0.02, seed 2",
    ]  # fmt: skip
    qtbot.waitUntil(lambda: len(window.document.runs) == 4)
    assert [run.name for run in window.document.runs] == [entry.label for entry in window.queue.queue.entries]
    assert [run.project.training.seed for run in window.document.runs] == [1, 2, 1, 2]
    qtbot.waitUntil(lambda: panel.table.item(3, 1).text() == "✓ finished")
    assert panel.table.item(0, 2).text() == "90.00 %"
    steps, values = panel.plot.series("learning rate 0.02, seed 2")
    np.testing.assert_array_equal(steps, np.arange(1, 41))
    np.testing.assert_allclose(values, window.document.runs[3].history["validation_loss"])
    panel.clear.click()
    assert panel.table.rowCount() == 0
    assert len(window.document.runs) == 4


def test_that_one_of_several_is_stopped_by_hand(qtbot, started):
    window = started(total=100_000)
    window.queue.panel.at_once.setValue(2)
    window.queue.set_devices(())
    grid_of(qtbot, window, "1..3")
    queue = window.queue.queue
    qtbot.waitUntil(lambda: bool(queue.active) and all(entry.step > 2 for entry in queue.active))
    count = len(queue.active)
    select(window, 0)
    qtbot.keyClick(window.queue.panel.table, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: queue.entries[0].state == "stopped")
    qtbot.waitUntil(lambda: len(queue.active) == min(count, 2))
    assert window.document.runs[0].status == "stopped"
    queue.close()


def test_that_promoting_makes_settings_and_parameters_the_projects(qtbot, started):
    window = started()
    grid_of(qtbot, window, "5,6", "0.25")
    qtbot.waitUntil(lambda: len(window.document.runs) == 2)
    select(window, 0)
    window.queue.panel.promote.click()
    training = window.document.project.training
    assert (training.learning_rate, training.seed, training.device) == (0.25, 5, "auto")
    assert window.document.project.name == "net"
    assert window.control.run.project.training.seed == 5
    window.document.undo_stack.undo()
    assert window.document.project.training.seed == 1


def test_that_a_running_one_is_promoted_as_it_is(qtbot, started):
    window = started(total=100_000)
    grid_of(qtbot, window, "7")
    qtbot.waitUntil(lambda: window.queue.queue.entries[0].step > 3)
    select(window, 0)
    window.queue.panel.refresh()
    window.queue.panel.promote.click()
    qtbot.waitUntil(lambda: window.document.project.training.seed == 7)
    assert window.document.runs[-1].step > 3
    window.queue.queue.close()


def test_that_a_fork_goes_on_from_where_the_run_stands_with_other_settings(qtbot, started):
    window = started()
    grid_of(qtbot, window, "7")
    qtbot.waitUntil(lambda: len(window.document.runs) == 1)
    parent = window.document.runs[0]
    select(window, 0)
    window.queue.panel.fork.click()
    dialog = window.findChildren(GridBuilder)[-1]
    assert dialog.rows[0].name == "epochs"
    dialog.vary("learning_rate", "0.5")
    window.queue.queue._factory.total = 60
    press(qtbot, dialog)
    qtbot.waitUntil(lambda: len(window.document.runs) == 2)
    fork = window.document.runs[1]
    assert (fork.parent, fork.step, fork.project.training.learning_rate) == (parent.id, 60, 0.5)
    assert fork.project.training.epochs == 2 * parent.project.training.epochs
    assert fork.id != parent.id
    np.testing.assert_array_equal(fork.history["train_loss"][:40], parent.history["train_loss"])


def test_that_a_queue_that_is_not_done_survives_the_window(qtbot, started, monkeypatch, tmp_path):
    window = started(total=100_000)
    window.document.set_path(tmp_path / "net.netproj")
    grid_of(qtbot, window, "1..3")
    qtbot.waitUntil(lambda: window.queue.queue.entries[0].step > 3)
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(window.queue, "ask", lambda *counts: asked.append(counts) or "cancel")
    window.close()
    assert window.isVisible()
    assert asked[0][0] + asked[0][1] == 3
    # Kept, but then the user stays because of the question about unsaved changes.
    monkeypatch.setattr(window.queue, "ask", lambda *counts: "keep")
    monkeypatch.setattr(window.files, "ask", lambda training: "cancel")
    window.close()
    assert window.isVisible()
    assert len(window.queue.queue.waiting) == 3
    monkeypatch.setattr(window.files, "ask", lambda training: "discard")
    window.close()
    assert not window.isVisible()
    found = find_pending(tmp_path / "queues", tmp_path / "net.netproj")
    assert [run.label for run in found] == ["seed 1", "seed 2", "seed 3"]
    assert found[0].run_id


def test_that_results_never_land_in_another_project(qtbot, started, monkeypatch, tmp_path):
    window = started(total=100_000)
    window.document.set_path(tmp_path / "net.netproj")
    grid_of(qtbot, window, "1..3")
    qtbot.waitUntil(lambda: window.queue.queue.entries[0].step > 3)
    monkeypatch.setattr(window.files, "ask", lambda training: "discard")
    monkeypatch.setattr(window.queue, "ask", lambda *counts: "cancel")
    window.files.new()
    assert window.document.project.name == "net"
    assert window.queue.queue.active
    monkeypatch.setattr(window.queue, "ask", lambda *counts: "keep")
    window.files.new()
    assert window.document.project.graph.nodes == {}
    assert window.document.runs == ()
    assert window.queue.queue.entries == ()
    assert len(find_pending(tmp_path / "queues", tmp_path / "net.netproj")) == 3


def test_that_what_waited_is_offered_when_the_project_is_opened_again(qtbot, started, tmp_path):
    window = started()
    window.document.set_path(tmp_path / "net.netproj")
    from workbench.training.pending_queue import PendingRun, keep_pending

    other = msgspec.structs.replace(window.document.project.training, seed=9)
    project = Project(graph=graph(), training=other)
    keep_pending(tmp_path / "queues", tmp_path / "net.netproj", (PendingRun("seed 9", project),))
    window.files.loaded.emit()
    assert "1 queued run of this project waited" in window.messages.text
    qtbot.mouseClick(window.messages.buttons[0], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(window.document.runs) == 1)
    assert window.document.runs[0].project.training.seed == 9
    assert find_pending(tmp_path / "queues", tmp_path / "net.netproj") == ()


def test_that_a_real_network_learns_twice_at_once_and_as_it_would_alone(qtbot, make_window):
    window = make_window()
    window.queue.queue._journals = None
    for name in ("input", "flatten", "fully_connected", "softmax_classifier"):
        window.palette_panel.add_requested.emit(name)
    window.queue.panel.at_once.setValue(2)
    dialog = open_grid(window)
    dialog.seeds.setText("3, 4")
    dialog.rows[0].remove.click()
    dialog.vary("epochs", "1")
    press(qtbot, dialog)
    qtbot.waitUntil(lambda: len(window.document.runs) == 2)
    runs = {run.project.training.seed: run for run in window.document.runs}
    from engine.api import Trainer, prepare, recipe_dataset

    alone = Trainer(runs[3].project, prepare(recipe_dataset(runs[3].project.data), runs[3].project.data))
    for _ in alone.events():
        pass
    np.testing.assert_array_equal(runs[3].history["train_loss"], alone.run().history["train_loss"])
    assert runs[4].test_accuracy() > 0.5
