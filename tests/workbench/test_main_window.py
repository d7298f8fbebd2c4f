import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialogButtonBox,
    QFileDialog,
    QLineEdit,
    QStyle,
    QTabBar,
    QToolButton,
)

from engine.api import (
    HISTORY_COLUMNS,
    REGISTRY,
    TEMPLATES,
    Project,
    Run,
    RunJournal,
    StepsDone,
    bytes_text,
    edits,
    forecast,
    load_project,
    make_layer,
    save_project,
)
from tests.workbench.timers import let_timers_end
from workbench import start_search
from workbench.docks import INSIDE
from workbench.file_actions import EXAMPLES, example_path


def add(window, type_name: str = "input") -> None:
    graph, node = edits.add_layer(window.document.project.graph, make_layer(type_name))
    window.document.apply_graph("Add", graph, {node.id: (0.0, 0.0)})


def answer(monkeypatch, window, decision: str) -> list[bool]:
    asked: list[bool] = []

    def ask(training: bool) -> str:
        asked.append(training)
        return decision

    monkeypatch.setattr(window.files, "ask", ask)
    return asked


def save_to(qtbot, monkeypatch, window, path: Path) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    with qtbot.waitSignal(window.files.saved):
        window.files.save_as()


def test_that_a_new_window_offers_the_thesis_networks(window):
    assert window.canvas.empty_state.isVisible()
    window.canvas.empty_state.template_requested.emit("mnist")
    assert window.document.inference.parameter_count == 3_274_634
    assert window.document.path is None
    assert not window.document.is_modified


@pytest.mark.parametrize("name", ["mnist", "cifar10-model-a", "cifar10-model-b", "cifar10-model-c"])
def test_that_the_menu_makes_each_thesis_network(window, name):
    window.files.new_from(name)
    assert window.document.project == load_project(example_path(name)).project


def test_that_the_menu_makes_each_classic_network_unsaved_and_without_a_file(window):
    new = next(action.menu() for action in window.menus.file.actions() if action.text() == "&New")
    classics = [template for template in TEMPLATES.values() if not template.is_example]
    assert len(classics) == 4
    for template in classics:
        next(action for action in new.actions() if action.text() == template.label).trigger()
        assert window.document.project == template.build()
        assert window.document.path is None
        assert not window.document.is_modified


def test_that_every_example_is_packaged():
    for name, _ in EXAMPLES:
        assert example_path(name).is_file()


def test_that_a_project_is_saved_opened_and_listed_as_recent(qtbot, monkeypatch, window, tmp_path):
    add(window)
    assert window.isWindowModified()
    save_to(qtbot, monkeypatch, window, tmp_path / "first")
    path = tmp_path / "first.netproj"
    assert path.is_file()
    assert not window.isWindowModified()
    assert window.windowTitle().startswith("first[*]")
    saved = window.document.project
    window.files.new()
    assert not window.document.project.graph.nodes
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    window.files.open()
    assert window.document.project.graph == saved.graph
    assert window.files.recent() == [path]
    window.menus.refresh_recent()
    assert window.menus.recent.isEnabled()
    assert "first.netproj" in window.menus.recent.actions()[0].text()


def test_that_saving_again_while_a_file_is_written_does_not_hold_the_window(
    qtbot, monkeypatch, window, tmp_path
):
    path, may_write, written = tmp_path / "two.netproj", threading.Event(), []

    def slow(where, project, runs):
        assert may_write.wait(60)
        written.append(len(project.graph.nodes))
        save_project(where, project, runs)

    monkeypatch.setattr("workbench.file_actions.save_project", slow)
    window.document.set_path(path)
    add(window)
    window.files.save()
    add(window, "relu")
    window.files.save()
    window.files.save()
    assert not written
    may_write.set()
    qtbot.waitUntil(lambda: not window.isWindowModified())
    assert written == [1, 2]
    assert len(load_project(path).project.graph.nodes) == 2


def test_that_saving_again_asks_for_no_name(qtbot, monkeypatch, window, tmp_path):
    add(window)
    save_to(qtbot, monkeypatch, window, tmp_path / "a.netproj")
    add(window, "dropout")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: pytest.fail("asked for a name"))
    with qtbot.waitSignal(window.files.saved):
        window.menus.save.trigger()
    assert len(load_project(tmp_path / "a.netproj").project.graph.nodes) == 2


def test_that_a_damaged_file_is_refused_in_words_and_changes_nothing(window, tmp_path):
    add(window)
    before = window.document.project
    path = tmp_path / "broken.netproj"
    path.write_bytes(b"no zip")
    window.files.open_path(path)
    assert "broken.netproj" in window.messages.text
    assert window.document.project is before


def test_that_a_project_with_a_damaged_run_opens_without_it_by_a_click(window, tmp_path):
    path = tmp_path / "damaged.netproj"
    project = TEMPLATES["mnist-sample"].build()
    save_project(path, project, [Run("run-1", project, created="2026-11-25T12:00:00+00:00")])
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data if name == "project.json" else data[:-3])
    before = path.read_bytes()
    window.files.open_path(path)
    assert "run-1" in window.messages.text
    (opener,) = window.messages.buttons
    opener.click()
    assert window.document.project.graph == project.graph
    assert (window.document.runs, window.document.path) == ((), None)
    assert "save what is open under another name" in window.messages.text
    assert path.read_bytes() == before


def test_that_a_folder_that_cannot_be_written_is_told_in_words(qtbot, monkeypatch, window, tmp_path):
    add(window)
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "no" / "such" / "a.netproj"), "")
    )
    with qtbot.waitSignal(window.files.message):
        window.files.save_as()
    assert window.messages.text
    assert window.document.is_modified


@pytest.mark.parametrize(
    ("decision", "closes", "saved"),
    [("save", True, True), ("discard", True, False), ("cancel", False, False)],
)
def test_that_closing_asks_about_unsaved_changes(monkeypatch, window, tmp_path, decision, closes, saved):
    add(window)
    asked = answer(monkeypatch, window, decision)
    path = tmp_path / "kept.netproj"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    assert window.close() is closes
    assert asked == [False]
    assert path.is_file() is saved


def test_that_giving_up_the_name_keeps_the_window_open(monkeypatch, window):
    add(window)
    answer(monkeypatch, window, "save")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    assert not window.close()


def test_that_nothing_is_asked_when_nothing_would_be_lost(monkeypatch, window):
    asked = answer(monkeypatch, window, "cancel")
    assert window.close()
    assert asked == []


def test_that_a_dropped_project_opens(window):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(example_path("mnist-sample")))])
    enter = QDragEnterEvent(
        QPoint(5, 5),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    drop = QDropEvent(
        QPointF(5, 5),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(window, drop)
    assert window.document.inference.parameter_count == 3_274_634


def test_that_a_drop_on_the_canvas_reaches_the_window(window):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(example_path("mnist-sample")))])
    enter = QDragEnterEvent(
        QPoint(50, 50),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(window.canvas.viewport(), enter)
    assert enter.isAccepted()


def test_that_the_memory_of_training_is_told_with_the_largest_batch_that_fits(window, qtbot):
    window.files.new_from("mnist-sample")
    window.docks.show("analysis")
    qtbot.waitUntil(lambda: "batches of up to" in window.totals.memory.toolTip())
    assert "optimiser state" in window.totals.memory.toolTip()
    sentence = window.totals.memory.accessibleDescription()
    assert sentence in window.analysis.judgement.text()
    # Status bar, Analysis and `gabor check` tell one number.
    in_all = bytes_text(forecast(window.document.project).cost.total)
    assert window.totals.memory.text() == f"{in_all} at batch 100"
    assert f"takes {in_all} with its data" in sentence
    project = window.document.project
    huge = edits.set_settings(project.graph, "fully_connected-1", outputs=500_000)
    window.document.apply_graph("Set outputs to 500,000", huge)
    qtbot.waitUntil(lambda: "make the network smaller" in window.analysis.judgement.text())
    window.document.apply_graph("Delete", edits.remove(project.graph, ["softmax_classifier-1"]))
    qtbot.waitUntil(lambda: "left on" not in window.analysis.judgement.text())


def test_that_totals_follow_every_edit(window):
    window.files.new_from("mnist-sample")
    assert window.totals.parameters.text() == "3,274,634 parameters"
    assert window.totals.memory.text().endswith("at batch 100")
    graph = window.document.project.graph
    node = next(node for node in graph.nodes.values() if node.layer.type_name == "fully_connected")
    window.document.apply_graph("Set", edits.set_settings(graph, node.id, outputs=10))
    assert window.totals.parameters.text() == f"{window.document.inference.parameter_count:,} parameters"
    window.document.apply_graph("Delete", edits.remove(window.document.project.graph, [node.id]))
    assert "problem" in window.totals.problems.text()
    assert window.docks["problems"].windowTitle() == f"Problems ({len(window.document.inference.problems)})"


def test_that_a_row_of_the_problem_list_selects_its_node(window):
    window.files.new_from("mnist-sample")
    graph = window.document.project.graph
    pool = next(node.id for node in graph.nodes.values() if node.layer.type_name == "max_pooling")
    window.document.apply_graph("Set", edits.set_settings(graph, pool, size=(99, 99)))
    window.problems.node_activated.emit(pool)
    assert window.inspector.node_ids == (pool,)


def test_that_every_command_is_in_the_command_palette(qtbot, window):
    add(window)
    window.document.undo_stack.setClean()
    palette = window.menus.show_commands()
    qtbot.addWidget(palette)
    names = {palette.list.topLevelItem(row).text(0) for row in range(palette.list.topLevelItemCount())}
    assert {
        "Train",
        "Save",
        "Open",
        "Lay out",
        "Frame all",
        "Dark",
        "Undo Add",
        "Go to the node before",
    } <= names
    qtbot.keyClicks(palette.search, "empty netw")
    assert palette.list.topLevelItemCount() == 1
    qtbot.keyClick(palette.search, Qt.Key.Key_Return)
    assert not window.document.project.graph.nodes


def test_that_a_packaged_example_is_never_written_over(window):
    window.files.open_path(example_path("mnist-sample"))
    assert window.document.path is None
    assert window.files.recent() == []


def test_that_every_part_has_a_key(qtbot, window):
    window.files.new_from("mnist-sample")
    window.canvas.select([next(iter(window.document.project.graph.nodes))])
    for key, part in (
        (Qt.Key.Key_1, window.palette_panel),
        (Qt.Key.Key_3, window.inspector),
        (Qt.Key.Key_4, window.training),
        (Qt.Key.Key_2, window.canvas),
    ):
        qtbot.keyClick(window, key, Qt.KeyboardModifier.AltModifier)
        focus = QApplication.focusWidget()
        assert focus is part or part.isAncestorOf(focus)


def test_that_undo_and_redo_stand_in_the_menu_with_what_they_do(window):
    add(window)
    assert window.menus.undo.text() == "Undo Add"
    window.menus.undo.trigger()
    assert not window.document.project.graph.nodes
    window.menus.redo.trigger()
    assert window.document.project.graph.nodes


def test_that_theme_and_layout_are_remembered(make_window):
    first = make_window()
    first.set_theme_mode("dark")
    first.docks["palette"].hide()
    first.close()
    second = make_window()
    assert second.theme_holder.current.name == "dark"
    assert second.docks["palette"].isHidden()
    second.reset_layout()
    assert not second.docks["palette"].isHidden()


def test_that_the_window_fits_small_and_large_screens_with_all_plots(window):
    for width, height in ((1280, 800), (1920, 1080)):
        window.resize(width, height)
        window.docks.show_plots(True)
        QApplication.processEvents()
        assert (window.width(), window.height()) == (width, height)
        for name in ("loss", "accuracy", "filters", "confusion"):
            assert window.docks[name].isVisible()
            assert window.docks[name].width() >= 150
        assert window.canvas.height() >= 300


def test_that_on_a_laptop_the_network_can_be_read_and_the_plots_have_room_while_it_trains(window):
    window.resize(1280, 800)
    window.files.new_from("mnist-sample")
    window.docks.show_plots(True)
    QApplication.processEvents()
    assert window.canvas.zoom >= 0.7
    loss = window.results.loss
    loss.add_steps(1, *np.ones((4, 50)))
    loss.plot.refresh()
    QApplication.processEvents()
    assert loss.plot._canvas.getPlotItem().getViewBox().height() >= 140
    assert not loss.plot._canvas.x_axis.label.isVisible()
    loss.plot.add_times([1, 50], [0.0, 100.0])
    loss.plot.set_x_axis("time")
    loss.plot.refresh()
    assert loss.plot._canvas.x_axis.label.isVisible()


def test_that_a_panel_beside_the_plots_leaves_them_room_on_a_laptop(window):
    window.resize(1280, 800)
    window.docks.show_plots(True)
    for name in INSIDE:
        assert window.docks[name].widget().minimumSizeHint().width() <= 600, name
        window.docks.show(name)
    QApplication.processEvents()
    assert window.width() == 1280
    assert window.docks["accuracy"].width() >= 230
    assert window.docks["confusion"].width() >= 230


def test_that_the_settings_of_every_layer_fit_into_the_inspector(window):
    window.resize(1280, 800)
    for type_name in REGISTRY:
        add(window, type_name)
        node = window.document.project.graph.order[-1]
        window.canvas.select([node])
        QApplication.processEvents()
        for box in window.inspector.findChildren(QAbstractSpinBox):
            if box.isVisible():
                right = box.mapTo(window.inspector, QPoint(box.width(), 0)).x()
                assert right <= window.inspector.width() - 10, type_name


def test_that_the_analysis_beside_the_plots_is_first_of_all_a_table(window):
    window.resize(1280, 800)
    window.files.new_from("mnist-sample")
    window.docks.show_plots(True)
    window.docks.show("analysis")
    QApplication.processEvents()
    assert window.analysis.judgement.isVisible()
    assert not window.analysis.totals.isVisible()
    assert window.analysis.table.height() >= 140
    window.docks.show_plots(False)
    window.resizeDocks([window.docks["analysis"]], [400], Qt.Orientation.Vertical)
    QApplication.processEvents()
    assert window.analysis.totals.isVisible()


def test_that_buttons_of_dialogs_carry_words_alone(window, qtbot):
    buttons = QDialogButtonBox.StandardButton
    box = QDialogButtonBox(buttons.Ok | buttons.Save | buttons.Cancel, window)
    box.show()
    QApplication.processEvents()
    hint = QStyle.StyleHint.SH_DialogButtonBox_ButtonsHaveIcons
    assert not box.style().styleHint(hint, None, box)


def test_that_menus_and_tools_share_a_line(window):
    menus, tools = (
        part.mapTo(window, QPoint(0, part.height() // 2)) for part in (window.menuBar(), window.tools)
    )
    assert menus.x() < tools.x()
    assert abs(menus.y() - tools.y()) <= 1
    assert window.menuBar() is window.menu_bar
    assert window.tools.height() <= 40
    assert window.tools.geometry().right() == window.width() - 1


def test_that_every_control_can_be_named_by_a_screen_reader(window):
    window.docks.show("training")
    for kind in (QAbstractSpinBox, QComboBox, QLineEdit):
        for control in window.findChildren(kind):
            inside = isinstance(control.parent(), QAbstractSpinBox | QComboBox)
            assert inside or control.accessibleName(), control
    for button in window.findChildren(QToolButton):
        if button.isVisible():
            assert button.accessibleName() or button.text() or button.toolTip(), button


def test_that_a_training_that_ended_before_its_first_step_is_forgotten_and_not_offered(
    qtbot, monkeypatch, tmp_path
):
    monkeypatch.setattr(start_search, "journal_folder", lambda: tmp_path)
    created = "2026-11-23T14:00:00+00:00"
    for name in ("none", "some"):
        journal = RunJournal(tmp_path, Run(id=name, project=Project(name="Begun"), created=created))
        if name == "some":
            columns = {column: np.zeros(3) for column in HISTORY_COLUMNS}
            journal.append(StepsDone(name, 3, 1, **columns, examples_per_second=1.0, seconds=1.0))
        journal.close()
    search = start_search.StartSearch()
    with qtbot.waitSignal(search.found_runs) as found:
        search.start()
    search.wait()
    assert [(run.id, run.step) for run in found.args[0]] == [("some", 3)]
    assert [path.name.rpartition("-")[0] for path in tmp_path.iterdir()] == ["some"]


def test_that_no_panel_makes_the_window_wider(make_window):
    window = make_window()
    window.resize(1280, 800)
    QApplication.processEvents()
    window.docks.show_plots(True)
    for dock in window.docks.all():
        window.docks.show(dock.objectName())
        QApplication.processEvents()
        assert window.width() == 1280, dock.objectName()


def test_that_tabs_of_panels_keep_their_whole_names(window, qtbot):
    window.resize(1100, 760)
    for name in ("history", "runs", "queue", "checks", "activity", "answers", "activations"):
        window.docks.show(name)
    let_timers_end(qtbot)
    bars = [bar for bar in window.findChildren(QTabBar) if bar.isVisible()]
    titles = {bar.tabText(tab) for bar in bars for tab in range(bar.count())}
    assert {"History", "Answers over time", "Checks"} <= titles
    assert {bar.elideMode() for bar in bars} == {Qt.TextElideMode.ElideNone}
    assert all(bar.usesScrollButtons() for bar in bars)
    assert window.width() == 1100
