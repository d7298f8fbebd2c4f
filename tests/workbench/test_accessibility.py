"""Everything by keyboard and for screen readers: names, roles, the way of Tab, keys that mean one thing."""

import itertools
from collections import defaultdict

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QAccessible, QAction, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QMenu,
    QToolBar,
    QToolButton,
    QWidget,
)

from engine.api import TEMPLATES, FrameState, edits, framing
from tests.workbench.canvas.conftest import Hand
from tests.workbench.timers import let_timers_end
from workbench.main_window import MainWindow

NONE = Qt.FocusPolicy.NoFocus
# One letter a command is the habit of node editors; none of them is in a menu of the window.
CONTEXTS = Qt.ShortcutContext


@pytest.fixture
def full(window: MainWindow, qtbot) -> MainWindow:
    """A window with a network, a selected node, a problem, and every panel open."""
    project = TEMPLATES["mnist-sample"].build()
    window.document.load(project)
    let_timers_end(qtbot)
    window.document.apply_graph("Set", edits.set_settings(project.graph, "convolution-2", size=40))
    window.canvas.select(["convolution-1"])
    for dock in window.docks.all():
        dock.show()
    for dock in window.docks.all():
        dock.raise_()
        QApplication.processEvents()
    return window


def is_part(widget: QWidget) -> bool:
    """Whether Qt made the widget as a part of another, which speaks for it."""
    parent = widget.parentWidget()
    if widget.objectName().startswith("qt_") or isinstance(parent, QAbstractSpinBox | QComboBox | QLineEdit):
        return True
    of_area = isinstance(parent, QAbstractScrollArea) and parent.viewport() is widget
    return of_area or type(widget).__name__ == "QComboBoxPrivateContainer" or in_popup(widget)


def in_popup(widget: QWidget) -> bool:
    """Whether the widget is in the list that a combo box opens."""
    while widget is not None:
        if isinstance(widget.parentWidget(), QComboBox):
            return True
        widget = widget.parentWidget()
    return False


def is_alternative(widget: QWidget) -> bool:
    """Whether arrow keys lead to it, from the one of several that is chosen."""
    group = widget.group() if isinstance(widget, QAbstractButton) else None
    return group is not None and group.exclusive() and not widget.isChecked()


def owner(widget: QWidget) -> str:
    names = []
    while widget is not None:
        names.append(widget.objectName() or type(widget).__name__)
        widget = widget.parentWidget()
    return " in ".join(names)


def test_that_everything_that_takes_the_keyboard_or_a_click_has_a_name(full: MainWindow) -> None:
    nameless = []
    for widget in full.findChildren(QWidget):
        active = widget.focusPolicy() != NONE or isinstance(widget, QAbstractButton)
        if not active or is_part(widget) or (isinstance(widget, QLabel) and not widget.text()):
            continue
        interface = QAccessible.queryAccessibleInterface(widget)
        if not interface.text(QAccessible.Text.Name).strip():
            nameless.append(owner(widget))
    assert not nameless, "\n".join(nameless)


def test_that_the_parts_of_the_window_have_the_roles_that_they_look_like(full: MainWindow) -> None:
    role = QAccessible.Role
    expected = {
        full.canvas: role.List,
        full.palette_panel.search: role.EditableText,
        full.palette_panel.list: role.Tree,
        full.menuBar(): role.MenuBar,
        full.tools: role.ToolBar,
        full.statusBar(): role.StatusBar,
    }
    found = {widget: QAccessible.queryAccessibleInterface(widget).role() for widget in expected}
    assert found == expected


def test_that_a_key_means_one_thing(full: MainWindow) -> None:
    """Two commands may share a key only where different widgets have the keyboard."""
    users = defaultdict(set)
    for action in full.findChildren(QAction):
        for sequence in action.shortcuts():
            users[sequence.toString()].add(action)
    clashes = []
    for key, actions in users.items():
        of_window = [
            a
            for a in actions
            if a.shortcutContext() in (CONTEXTS.WindowShortcut, CONTEXTS.ApplicationShortcut)
        ]
        if len(actions) > 1 and of_window:
            clashes.append((key, sorted(a.text() for a in actions)))
        shown = QMenu | QToolBar | QToolButton
        places = [w for a in actions for w in a.associatedObjects() if not isinstance(w, shown)]
        places = [w for w in places if isinstance(w, QWidget)]
        nested = [(a, b) for a in places for b in places if a is not b and a.isAncestorOf(b)]
        if nested and not of_window:
            clashes.append((key, [owner(b) for _, b in nested]))
    assert clashes == []


def test_that_a_letter_in_a_menu_means_one_entry(full: MainWindow) -> None:
    clashes = []
    for menu in [full.menuBar(), *full.findChildren(QMenu)]:
        letters = defaultdict(list)
        for action in menu.actions():
            text = action.text().replace("&&", "")
            if "&" in text and action.isVisible():
                letters[text[text.index("&") + 1].lower()].append(text)
        clashes += [(menu.objectName(), texts) for texts in letters.values() if len(texts) > 1]
    assert clashes == []


def test_that_the_usual_keys_do_the_usual_things(full: MainWindow) -> None:
    keys = {
        s.toString(): a.text().replace("&", "") for a in full.findChildren(QAction) for s in a.shortcuts()
    }
    usual = {
        "Ctrl+N": "Empty network", "Ctrl+O": "Open…", "Ctrl+S": "Save", "Ctrl+Shift+S": "Save as…", "Ctrl+Q": "Quit",
        "Ctrl+A": "Select all", "Ctrl+X": "Cut", "Ctrl+V": "Paste", "Del": "Delete", "F1": "What is this?",
        "Ctrl++": "Zoom in", "Ctrl+-": "Zoom out", "Ctrl+0": "Zoom to 100 %",
    }  # fmt: skip
    assert {key: keys.get(key) for key in usual} == usual
    assert keys["Ctrl+Z"].startswith("Undo")
    assert {"Ctrl+Shift+Z", "Ctrl+Y"} <= keys.keys()


def reached_by_tab(window: MainWindow, start: QWidget, qtbot) -> list[QWidget]:
    """What Tab visits from a widget on, until it comes to the canvas (which keeps Tab) or back to what it saw."""
    start.setFocus(Qt.FocusReason.TabFocusReason)
    seen: list[QWidget] = []
    for _ in range(300):
        here = QApplication.focusWidget()
        if here is None or here in seen[:-1] or here is window.canvas:
            break
        # A label with several links keeps Tab for each of them.
        seen += [here] if here not in seen else []
        QTest.keyClick(here, Qt.Key.Key_Tab)
    return seen


def dock_in_use(window: MainWindow, qtbot, name: str) -> QWidget:
    """A dock in sight of an active window, in which a layer of the sample's network is selected."""
    window.document.load(TEMPLATES["mnist-sample"].build())
    let_timers_end(qtbot)
    window.canvas.select(["convolution-1"])
    window.docks.show(name)
    let_timers_end(qtbot)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    return window.docks[name]


@pytest.mark.parametrize(
    "name",
    [
        "palette",
        "inspector",
        "training",
        "data",
        "problems",
        "history",
        "loss",
        "accuracy",
        "layers",
        "filters",
        "confusion",
        "activations",
        "activity",
        "answers",
        "runs",
        "queue",
        "checks",
        "analysis",
    ],
)
def test_that_tab_visits_every_field_of_a_panel(window: MainWindow, qtbot, name: str) -> None:
    dock = dock_in_use(window, qtbot, name)
    wanted = [
        w for w in dock.findChildren(QWidget)
        if w.focusPolicy() & Qt.FocusPolicy.TabFocus and w.isVisibleTo(dock) and w.isEnabled() and not is_part(w)
        and w.focusProxy() is None and w.width() > 0 and not is_alternative(w)
    ]  # fmt: skip
    if not wanted:
        return
    reached = {w for start in wanted[:1] for w in reached_by_tab(window, start, qtbot)}
    seen = {w for w in wanted if w in reached or any(w.isAncestorOf(r) for r in reached)}
    assert [owner(w) for w in wanted if w not in seen] == []


def test_that_the_fields_of_the_inspector_follow_each_other_from_top_to_bottom(
    window: MainWindow, qtbot
) -> None:
    window.document.load(TEMPLATES["mnist-sample"].build())
    let_timers_end(qtbot)
    window.canvas.select(["convolution-1"])
    window.docks.show("inspector")
    first = next(iter(window.inspector.form.editors.values()))
    order = [w for w in reached_by_tab(window, first, qtbot) if window.inspector.form.isAncestorOf(w)]
    heights = [w.mapTo(window.inspector.form, QPointF(0, 0)).y() for w in order]
    assert len(order) >= len(window.inspector.form.editors)
    assert all(b >= a - 8 for a, b in itertools.pairwise(heights))


def test_that_a_screen_reader_finds_the_nodes_of_the_network(window: MainWindow, qtbot) -> None:
    window.document.load(TEMPLATES["mnist-sample"].build())
    let_timers_end(qtbot)
    hand = Hand(window.canvas)
    canvas = QAccessible.queryAccessibleInterface(window.canvas)
    assert (canvas.text(QAccessible.Text.Name), canvas.childCount()) == (
        "Network editor",
        len(hand.graph.nodes),
    )
    child = canvas.child(1)
    assert child.role() == QAccessible.Role.ListItem
    assert child.text(QAccessible.Text.Name) == "Convolution 1"
    words = child.text(QAccessible.Text.Description)
    assert (
        words == "Convolution; 32 filters 5×5, padding 2; gives 32×28×28; 832 params; from Input 1; to ReLU 1"
    )
    assert not child.state().selected
    hand.key(Qt.Key.Key_Down)
    hand.key(Qt.Key.Key_Down)
    assert child.state().selected
    assert canvas.text(QAccessible.Text.Description) == f"Selected: Convolution 1: {words}"
    middle = child.rect().center()
    assert canvas.childAt(middle.x(), middle.y()).text(QAccessible.Text.Name) == "Convolution 1"
    assert canvas.indexOfChild(canvas.focusChild()) == 1
    graph = edits.set_settings(hand.graph, "convolution-1", size=40, padding=0)
    window.document.apply_graph("Set", graph)
    assert "Problem: Convolution 1: a filter of 40×40" in child.text(QAccessible.Text.Description)
    assert "waiting for Convolution 1" in canvas.child(2).text(QAccessible.Text.Description)
    window.document.apply_graph("Delete", edits.remove(graph, ["convolution-1"]))
    assert not child.isValid()
    assert canvas.child(99) is None


def test_that_a_screen_reader_finds_a_folded_frame_as_one(window: MainWindow, qtbot) -> None:
    project = TEMPLATES["mnist-sample"].build()
    graph, path = framing.wrap_in_frame(project.graph, ["convolution-1", "relu-1"], "Eyes")
    window.document.load(project)
    window.document.apply_graph("Fold", graph, frames={path: FrameState(folded=True)})
    canvas = QAccessible.queryAccessibleInterface(window.canvas)
    assert canvas.childCount() == len(graph.nodes) - 1
    assert canvas.child(1).text(QAccessible.Text.Name) == "Eyes"
    assert canvas.child(1).text(QAccessible.Text.Description) == (
        "folded frame; 2 layers, 832 params; 1×28×28 → 32×28×28"
    )


def test_that_arrow_keys_choose_among_alternatives(window: MainWindow, qtbot) -> None:
    window.docks.show("confusion")
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    rates, counts = window.results.confusion.findChildren(QToolButton)[:2]
    assert rates.isChecked()
    rates.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(rates, Qt.Key.Key_Right)
    assert counts.isChecked()
    assert QApplication.focusWidget() is counts


def looks(window: MainWindow) -> QImage:
    return window.grab().toImage()


@pytest.mark.parametrize(
    "name", ["palette", "inspector", "training", "history", "loss", "confusion", "filters", "runs", "checks"]
)
def test_that_one_sees_which_widget_has_the_keyboard(window: MainWindow, qtbot, name: str) -> None:
    dock = dock_in_use(window, qtbot, name)
    unseen = []
    for widget in dock.findChildren(QWidget):
        takes = widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isEnabled()
        seen = widget.isVisible() and not widget.visibleRegion().isEmpty() and widget.width() > 4
        if not (takes and seen) or is_part(widget) or widget.focusProxy() or isinstance(widget, QLabel):
            continue
        window.menuBar().setFocus()
        before = looks(window)
        widget.setFocus(Qt.FocusReason.TabFocusReason)
        if looks(window) == before:
            unseen.append(owner(widget))
    assert unseen == []


def test_that_a_click_on_a_plot_needs_no_ring_and_a_closed_dialog_takes_its_ring_with_it(
    window: MainWindow, qtbot
) -> None:
    window.document.load(TEMPLATES["mnist-sample"].build())
    window.docks.show("runs")
    window.canvas.setFocus(Qt.FocusReason.MouseFocusReason)
    before = looks(window)
    window.menuBar().setFocus()
    window.canvas.setFocus(Qt.FocusReason.MouseFocusReason)
    assert looks(window) == before
    window.canvas.select(window.document.project.graph.order[1:3])
    dialog = window.canvas.block_commands.ask()
    assert dialog is not None
    dialog.settings.setFocus(Qt.FocusReason.TabFocusReason)
    dialog.reject()
    let_timers_end(qtbot)
    window.canvas.setFocus(Qt.FocusReason.ShortcutFocusReason)
    assert looks(window) != before
