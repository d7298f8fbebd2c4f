"""Model B of the thesis from an empty window, with the keyboard alone."""

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from engine.api import TEMPLATES, Graph, Project
from workbench.main_window import MainWindow

RECORDED = (
    "⇥in 3 32 32⏎ ⇥co 96 p2⏎ ⇥re⏎ ⇥max⏎ ⇥co 192 p2⏎ ⇥re⏎ ⇥max⏎ "
    "⇥fc 2048⏎ ⇥re⏎ ⇥dr⏎ ⇥fc 2048⏎ ⇥re⏎ ⇥dr⏎ ⇥fc 10⏎ ⇥so⏎"
)
"""⇥ is Tab and ⏎ is Enter; the blank between two layers is for the reader alone."""


def press(key: str) -> None:
    """One key for whatever has the keyboard."""
    widget: QWidget | None = QApplication.focusWidget()
    assert widget is not None
    named = {"⇥": Qt.Key.Key_Tab, "⏎": Qt.Key.Key_Return}
    if key in named:
        QTest.keyClick(widget, named[key])
    else:
        QTest.keyClicks(widget, key)


def layers(graph: Graph) -> list[tuple[str, object, tuple[str, ...]]]:
    """Name, layer and sources of each node: what a network is, apart from ids."""
    return [
        (
            graph.nodes[i].name,
            graph.nodes[i].layer,
            tuple(graph.nodes[e.source].name for e in graph.incoming[i]),
        )
        for i in graph.order
    ]


def test_that_model_b_is_built_by_keyboard_in_fewer_than_80_keys_besides_numbers(
    window: MainWindow, qtbot
) -> None:
    window.activateWindow()
    window.document.load(Project())
    window.canvas.setFocus()
    qtbot.waitUntil(window.canvas.hasFocus)
    keys = RECORDED.replace("⏎ ", "⏎")
    for key in keys:
        press(key)
    wanted = TEMPLATES["cifar10-model-b"].build().graph
    assert layers(window.document.project.graph) == layers(wanted)
    assert window.document.undo_stack.count() == len(wanted.nodes)
    assert sum(not key.isdigit() for key in keys) < 80
    places = list(window.document.project.layout.values())
    assert len(set(places)) == len(places)


def test_that_the_search_box_tells_the_settings_it_understood(window: MainWindow) -> None:
    window.canvas.setFocus()
    window.canvas.open_search()
    box = window.canvas.search_box
    for text, shown in (
        ("conv 96 5 pad 2", "Convolution: 96 filters 5×5, padding 2"),
        ("conv 64 3 same", "Convolution: 64 filters 3×3, padding 1"),
        ("max pool 3 stride 2", "Max pooling: 3×3, stride 2"),
        ("fc 1024", "Fully connected: 1024 outputs"),
        ("drop .75", "Dropout: keep 0.75"),
        ("relu", "ReLU"),
    ):
        box.field.setText(text)
        assert box.list.item(0).text() == shown


def test_that_settings_that_are_not_valid_keep_the_box_open_with_the_reason(window: MainWindow) -> None:
    window.document.load(Project())
    window.canvas.open_search()
    box = window.canvas.search_box
    for text, reason in (
        ("conv 0", "Filters of Convolution must be at least 1, not 0."),
        ("conv 32 zoom 3", "Convolution has no setting “zoom”; it has filters, size, stride"),
        ("conv 32 pad", "Padding of Convolution needs a value behind it."),
        ("relu 3", "ReLU has no setting left for 3."),
    ):
        box.field.setText(text)
        assert box.about.text().startswith(reason), box.about.text()
        QTest.keyClick(box.field, Qt.Key.Key_Return)
        assert box.isVisible()
        assert not window.document.project.graph.nodes
