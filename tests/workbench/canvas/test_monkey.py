"""Hundreds of random gestures and keys: scene and document always agree, and undo leads back to the start."""

import random

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest

from .conftest import Hand

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
KEYS = (
    (Qt.Key.Key_Delete, Qt.KeyboardModifier.NoModifier), (Qt.Key.Key_Delete, CTRL), (Qt.Key.Key_D, CTRL),
    (Qt.Key.Key_C, CTRL), (Qt.Key.Key_V, CTRL), (Qt.Key.Key_V, CTRL | SHIFT), (Qt.Key.Key_X, CTRL),
    (Qt.Key.Key_M, Qt.KeyboardModifier.NoModifier), (Qt.Key.Key_L, Qt.KeyboardModifier.NoModifier),
    (Qt.Key.Key_Down, Qt.KeyboardModifier.NoModifier), (Qt.Key.Key_Right, Qt.KeyboardModifier.NoModifier),
    (Qt.Key.Key_G, CTRL), (Qt.Key.Key_G, CTRL | SHIFT),
    (Qt.Key.Key_F, Qt.KeyboardModifier.NoModifier), (Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier),
)  # fmt: skip
MOST_NODES = 30


class Monkey:
    """Does what a careless hand could do."""

    def __init__(self, hand: Hand, seed: int) -> None:
        self.hand = hand
        self.chance = random.Random(seed)

    def place(self) -> QPointF:
        """A port, a node, an edge, or anywhere in the view."""
        canvas, kind = self.hand.view.canvas, self.chance.random()
        if canvas.nodes and kind < 0.45:
            item = self.chance.choice(list(canvas.nodes.values()))
            return item.pos() + item.port_place(*self.chance.choice(item.ports()))
        if canvas.nodes and kind < 0.65:
            return self.hand.middle(self.chance.choice(list(canvas.nodes)))
        if canvas.edges and kind < 0.8:
            return self.chance.choice(list(canvas.edges.values())).path.pointAtPercent(self.chance.random())
        return self.hand.view.place_at(QPointF(self.chance.uniform(40, 960), self.chance.uniform(40, 660)))

    def act(self) -> None:
        kind = self.chance.random()
        if len(self.hand.graph.nodes) > MOST_NODES or kind < 0.05:
            self.hand.view.select(self.chance.sample(sorted(self.hand.graph.nodes), len(self.hand.graph.nodes) // 2))
            self.hand.key(Qt.Key.Key_Delete)
        elif kind < 0.55:
            self.drag()
        elif kind < 0.65:
            self.add()
        elif kind < 0.72:
            self.hand.click(self.place(), self.chance.choice([CTRL, Qt.KeyboardModifier.NoModifier]))
        elif kind < 0.78:
            self.hand.view.zoom_by(self.chance.choice([0.7, 1.4]), QPointF(500, 350))
        elif kind < 0.84:
            self.chance.choice([self.hand.undo.undo, self.hand.undo.redo])()
        else:
            self.hand.key(*self.chance.choice(KEYS))

    def drag(self) -> None:
        """A drag that ends, is cancelled, or is cut short by an undo."""
        start, end = self.place(), self.place()
        self.hand.start_drag(start, end, self.chance.choice([SHIFT, *[Qt.KeyboardModifier.NoModifier] * 4]))
        way = self.chance.random()
        if way < 0.15:
            self.hand.key(Qt.Key.Key_Escape)
        elif way < 0.25:
            self.hand.undo.undo()
        self.hand.release(end)
        box = self.hand.view.search_box
        if box.isVisible():
            QTest.keyClick(box.field, self.chance.choice([Qt.Key.Key_Return, Qt.Key.Key_Escape]))

    def add(self) -> None:
        self.hand.key(Qt.Key.Key_Tab)
        field = self.hand.view.search_box.field
        QTest.keyClicks(field, self.chance.choice(["conv", "relu", "add", "max", "input", "full"]))
        QTest.keyClick(field, Qt.Key.Key_Return)


@pytest.mark.parametrize("seed", range(4))
def test_that_scene_and_document_agree_after_any_gesture(mnist: Hand, seed: int) -> None:
    start = mnist.document.project
    monkey = Monkey(mnist, seed)
    edited = 0
    for _ in range(150):
        before = mnist.document.project
        monkey.act()
        mnist.graph.validated()
        mnist.check_agreement()
        assert mnist.view.gesture is None
        edited += mnist.document.project is not before
    assert edited > 40
    end = mnist.document.project
    steps = mnist.undo.index()
    mnist.undo.setIndex(0)
    assert mnist.document.project == start
    mnist.check_agreement()
    mnist.undo.setIndex(steps)
    assert mnist.document.project == end
    mnist.check_agreement()
