"""A canvas on screen, and hands that press, drag and type on it."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QUndoStack
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from engine.api import NODE_WIDTH, Graph, Project, arrange, edits, folding, framing, make_layer
from workbench.canvas.node_item import NodeItem
from workbench.canvas.view import CanvasView
from workbench.document.document import Document

LEFT = Qt.MouseButton.LeftButton
PLAIN = Qt.KeyboardModifier.NoModifier


def chain(*layers: tuple[str, dict[str, object]]) -> Graph:
    """A network of layers one behind the other."""
    graph, before = Graph(), None
    for type_name, settings in layers:
        graph, node = edits.add_layer(graph, make_layer(type_name, settings))
        if before is not None:
            graph = edits.connect(graph, before, node.id)
        before = node.id
    return graph


MNIST = (
    ("input", {}), ("convolution", {"filters": 32, "padding": 2}), ("relu", {}), ("max_pooling", {}),
    ("convolution", {"filters": 64, "padding": 2}), ("relu", {}), ("max_pooling", {}),
    ("fully_connected", {"outputs": 1024}), ("relu", {}), ("dropout", {"keep": 0.75}),
    ("fully_connected", {"outputs": 10}), ("softmax_classifier", {}),
)  # fmt: skip
SHORT = (
    ("input", {}), ("convolution", {"padding": 2}), ("relu", {}), ("fully_connected", {}), ("softmax_classifier", {}),
)  # fmt: skip


def project_of(graph: Graph) -> Project:
    return Project(graph=graph, layout=arrange(graph))


class Hand:
    """Drives a real view with mouse and keyboard; places are those of the scene."""

    def __init__(self, view: CanvasView) -> None:
        self.view = view
        self.document = view.document
        self.said: list[str] = []
        view.message.connect(self.said.append)

    @property
    def graph(self) -> Graph:
        return self.document.project.graph

    @property
    def undo(self) -> QUndoStack:
        return self.document.undo_stack

    def edge_pairs(self) -> set[tuple[str, str]]:
        return {(edge.source, edge.target) for edge in self.graph.edges}

    def at(self, place: QPointF) -> QPoint:
        return self.view.position_of(place).toPoint()

    def middle(self, node_id: str) -> QPointF:
        """A point of the node's body that is no port."""
        return self.view.canvas.nodes[node_id].pos() + NodeItem.body().center()

    def port(self, node_id: str, side: str, number: int = 0) -> QPointF:
        return self.view.canvas.port_place(node_id, side, number)

    def empty_place(self) -> QPointF:
        rect = self.view.canvas.network_rect()
        return QPointF(
            rect.center().x() if rect.isNull() else rect.left() - NODE_WIDTH / 2 - 16, rect.center().y()
        )

    def press(
        self, place: QPointF, modifier: Qt.KeyboardModifier = PLAIN, button: Qt.MouseButton = LEFT
    ) -> None:
        QTest.mousePress(self.view.viewport(), button, modifier, self.at(place))

    def move(self, place: QPointF) -> None:
        QTest.mouseMove(self.view.viewport(), self.at(place))

    def release(self, place: QPointF, button: Qt.MouseButton = LEFT) -> None:
        QTest.mouseRelease(self.view.viewport(), button, PLAIN, self.at(place))

    def click(self, place: QPointF, modifier: Qt.KeyboardModifier = PLAIN) -> None:
        self.press(place, modifier)
        self.release(place)

    def start_drag(self, start: QPointF, end: QPointF, modifier: Qt.KeyboardModifier = PLAIN) -> None:
        """Press and move, without releasing."""
        self.press(start, modifier)
        self.move(start + (end - start) / 2)
        self.move(end)

    def drag(self, start: QPointF, end: QPointF, modifier: Qt.KeyboardModifier = PLAIN) -> None:
        self.start_drag(start, end, modifier)
        self.release(end)

    def key(self, key: Qt.Key, modifier: Qt.KeyboardModifier = PLAIN) -> None:
        QTest.keyClick(self.view, key, modifier)

    def run(self, name: str) -> None:
        """Trigger an action by its name."""
        next(action for action in self.view.actions() if action.objectName() == name).trigger()

    def check_agreement(self) -> None:
        """Every node and edge has an item with the right place and text, and there are no others."""
        graph, project, inference = self.graph, self.document.project, self.document.inference
        canvas = self.view.canvas
        assert set(canvas.nodes) == set(graph.nodes)
        assert set(canvas.edges) == set(graph.edges)
        shown = set(canvas.items()) - {canvas.wire}
        assert shown == {*canvas.nodes.values(), *canvas.edges.values(), *canvas.frames.values()}
        assert {path: frame.members for path, frame in canvas.frames.items()} == framing.frames(graph)
        hidden = folding.holders(graph, project.folded)
        for path, frame in canvas.frames.items():
            assert (frame.fold is not None) == (path in project.folded)
            assert frame.fold or frame.rect.contains(canvas.network_rect(frame.members))
        for node_id, item in canvas.nodes.items():
            # Qt takes places that differ in the last digits for equal and does not move the item.
            assert (item.x(), item.y()) == pytest.approx(project.layout[node_id], abs=1e-6)
            assert item.look.title == graph.nodes[node_id].name
            shape = inference.shapes.get(node_id)
            assert item.look.shape == (str(shape.output) if shape else "")
            expected = (
                "problem"
                if node_id in inference.problem_of
                else "waiting"
                if node_id in inference.waiting
                else "fits"
            )
            assert item.look.status == expected
            assert item.fitting is None
            assert item.is_folded == (node_id in hidden) != canvas.is_shown(node_id)
        for edge, edge_item in canvas.edges.items():
            shape = inference.shapes.get(edge.source)
            assert edge_item.text == (str(shape.output) if shape else "")
            ends = hidden.get(edge.source), hidden.get(edge.target)
            assert edge_item.isVisible() == (ends[0] is None or ends[0] != ends[1])
            if not edge_item.isVisible():
                continue
            path = edge_item.path
            for end, port in ((0.0, (edge.source, "out", 0)), (1.0, (edge.target, "in", edge.port))):
                way = path.pointAtPercent(end) - canvas.port_place(*port)
                assert way.manhattanLength() < 0.01
        assert not canvas.wire.isVisible()


@pytest.fixture
def open_canvas(qtbot: QtBot) -> Callable[[Graph], Hand]:
    """Opens a canvas on a network; the window has the keyboard."""

    def open_on(graph: Graph) -> Hand:
        view = CanvasView(Document(project_of(graph)))
        qtbot.addWidget(view)
        view.resize(1000, 700)
        with qtbot.waitExposed(view):
            view.show()
        view.activateWindow()
        view.setFocus()
        qtbot.waitUntil(view.hasFocus)
        return Hand(view)

    return open_on


@pytest.fixture
def mnist(open_canvas: Callable[[Graph], Hand]) -> Hand:
    return open_canvas(chain(*MNIST))


@pytest.fixture
def short(open_canvas: Callable[[Graph], Hand]) -> Hand:
    return open_canvas(chain(*SHORT))


@pytest.fixture
def empty(open_canvas: Callable[[Graph], Hand]) -> Hand:
    return open_canvas(Graph())
