"""Random gestures and edits: scene and document always agree, and undo leads back to the start.

`make monkey` runs 50,000: GABOR_MONKEY_STEPS sets how many for each seed, GABOR_MONKEY_SEEDS which seeds (`4-9`).
"""

import os
import random

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest

from engine.api import DesignError, edits, framing, project_from_bytes, project_to_bytes, settings_of
from workbench.canvas.block_dialog import BlockRequest
from workbench.canvas.drop_gestures import DropBlock
from workbench.panels.inspected_selection import InspectedSelection

from .conftest import Hand

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
KEYS = (
    (Qt.Key.Key_Delete, Qt.KeyboardModifier.NoModifier), (Qt.Key.Key_Delete, CTRL), (Qt.Key.Key_D, CTRL),
    (Qt.Key.Key_C, CTRL), (Qt.Key.Key_V, CTRL), (Qt.Key.Key_V, CTRL | SHIFT), (Qt.Key.Key_X, CTRL),
    (Qt.Key.Key_M, Qt.KeyboardModifier.NoModifier), (Qt.Key.Key_L, Qt.KeyboardModifier.NoModifier),
    (Qt.Key.Key_Down, Qt.KeyboardModifier.NoModifier), (Qt.Key.Key_Right, Qt.KeyboardModifier.NoModifier),
    (Qt.Key.Key_G, CTRL), (Qt.Key.Key_G, CTRL | SHIFT),
    *([(Qt.Key.Key_H, Qt.KeyboardModifier.NoModifier)] * 2), (Qt.Key.Key_Up, Qt.KeyboardModifier.NoModifier),
    (Qt.Key.Key_R, Qt.KeyboardModifier.NoModifier), (Qt.Key.Key_E, Qt.KeyboardModifier.NoModifier),
    (Qt.Key.Key_A, CTRL), (Qt.Key.Key_Home, Qt.KeyboardModifier.NoModifier),
    (Qt.Key.Key_F, Qt.KeyboardModifier.NoModifier), (Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier),
)  # fmt: skip
MOST_NODES = 30
STEPS = int(os.environ.get("GABOR_MONKEY_STEPS", "150"))
FIRST, LAST = (int(seed) for seed in os.environ.get("GABOR_MONKEY_SEEDS", "0-3").split("-"))
TYPED = ("conv", "relu", "add", "max", "input", "full", "conv 8 3 same", "fc 7", "drop .3", "max 3 2", "conv 0", "soft",
         "concat", "bn", "zzz", "glob", "conv 4 3x5 p1")  # fmt: skip


class Monkey:
    """Does what a careless hand could do."""

    def __init__(self, hand: Hand, seed: int) -> None:
        self.hand = hand
        self.chance = random.Random(seed)

    def place(self) -> QPointF:
        """A port, a node, a frame, an edge, or anywhere in the view."""
        canvas, kind = self.hand.view.canvas, self.chance.random()
        if canvas.frames and self.chance.random() < 0.25:
            return self.framed_place()
        if canvas.nodes and kind < 0.45:
            item = self.chance.choice(list(canvas.nodes.values()))
            return item.pos() + item.port_place(*self.chance.choice(item.ports()))
        if canvas.nodes and kind < 0.65:
            return self.hand.middle(self.chance.choice(list(canvas.nodes)))
        if canvas.edges and kind < 0.8:
            return self.chance.choice(list(canvas.edges.values())).path.pointAtPercent(self.chance.random())
        return self.hand.view.place_at(QPointF(self.chance.uniform(40, 960), self.chance.uniform(40, 660)))

    def framed_place(self) -> QPointF:
        """A port or the body of a box, the sign or the title of a frame."""
        frame = self.chance.choice(list(self.hand.view.canvas.frames.values()))
        ports = [frame.port_place(side, node_id, port) for node_id, side, port in frame.ports()]
        return self.chance.choice([
            *ports, *ports, frame.rect.center(), frame.fold_sign().center(), frame.title_bar().center(),
        ])  # fmt: skip

    def act(self) -> None:
        kind = self.chance.random()
        if len(self.hand.graph.nodes) > MOST_NODES or kind < 0.05:
            self.hand.view.select(
                self.chance.sample(sorted(self.hand.graph.nodes), len(self.hand.graph.nodes) // 2)
            )
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
        elif kind < 0.88:
            self.set_something()
        elif kind < 0.90:
            self.repair()
        elif kind < 0.93:
            self.block()
        elif kind < 0.95:
            self.set_exposed()
        else:
            self.hand.key(*self.chance.choice(KEYS))
            self.answer()

    def set_something(self) -> None:
        """What the inspector does: a setting to a value that may be absurd."""
        graph = self.hand.graph
        if not graph.nodes:
            return
        node = graph.nodes[self.chance.choice(sorted(graph.nodes))]
        known = settings_of(type(node.layer))
        if not known:
            return
        declared = self.chance.choice(known)
        value: object = self.chance.choice([0, 1, 2, 3, 7, 64, 100_000, 0.5, True, "x"])
        try:
            changed = edits.set_settings(graph, node.id, **{declared.name: value})
        except DesignError:
            return
        self.hand.document.apply_graph(
            "Set", changed, merge_key=self.chance.choice(["", f"{node.id} {declared.name}"])
        )

    def repair(self) -> None:
        """One of the repairs that are offered."""
        found = [(p.node, repair) for p in self.hand.document.inference.problems for repair in p.repairs]
        if found:
            self.hand.view.commands.repair(*self.chance.choice(found))

    def block(self) -> None:
        """Save what is selected as a block, or place one that is there."""
        view, known = self.hand.view, sorted(self.hand.document.project.blocks)
        nodes = view.canvas.selected_nodes
        if nodes and self.chance.random() < 0.5:
            graph = self.hand.graph
            offered = [(i, s.name) for i in nodes for s in settings_of(type(graph.nodes[i].layer))]
            labels = {
                key: self.chance.choice("AB") for key in self.chance.sample(offered, min(3, len(offered)))
            }
            name = self.chance.choice([*known, "One", "Two", "a/b"])
            view.block_commands.save(
                BlockRequest(name, nodes, labels, in_library=False, update_copies=self.chance.random() < 0.5)
            )
        elif known:
            name = self.chance.choice(known)
            if self.chance.random() < 0.5:
                view.block_commands.place_after_selection(name, self.place())
            else:
                edge = self.chance.choice([None, *self.hand.view.canvas.edges])
                gesture = DropBlock(view, name)
                view.pointer.begin(gesture, self.place())
                line = view.canvas.edges[edge].path.pointAtPercent(0.5) if edge else self.place()
                view.pointer.end(line)

    def set_exposed(self) -> None:
        """What the inspector does with a block."""
        frames = framing.frames(self.hand.graph)
        if not frames:
            return
        shown = InspectedSelection.of(self.hand.document.project, frames[self.chance.choice(sorted(frames))])
        if shown.frame:
            setting = self.chance.choice(shown.settings)
            try:
                graph = shown.changed(
                    self.hand.graph, setting, self.chance.choice([1, 3, 5, 64, 0.5, True, "x"])
                )
            except DesignError:
                return
            self.hand.document.apply_graph("Set", graph)

    def answer(self) -> None:
        """Close what a key opened."""
        if self.hand.view.title_field.isVisible():
            QTest.keyClicks(self.hand.view.title_field, self.chance.choice(["A", "a/b", "", "Block"]))
            key = self.chance.choice([Qt.Key.Key_Return, Qt.Key.Key_Escape])
            QTest.keyClick(self.hand.view.title_field, key)
        if self.hand.view.repair_card.isVisible():
            self.hand.view.repair_card.close_card()
        self.hand.view.setFocus()

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
        QTest.keyClicks(field, self.chance.choice(TYPED))
        QTest.keyClick(field, Qt.Key.Key_Return)
        if self.hand.view.search_box.isVisible():
            QTest.keyClick(field, Qt.Key.Key_Escape)


@pytest.mark.parametrize("seed", range(FIRST, LAST + 1))
def test_that_scene_and_document_agree_after_any_gesture(mnist: Hand, qtlog, seed: int) -> None:
    start = mnist.document.project
    monkey = Monkey(mnist, seed)
    edited = 0
    for _ in range(STEPS):
        before = mnist.document.project
        monkey.act()
        mnist.graph.validated()
        mnist.check_agreement()
        assert mnist.view.gesture is None
        edited += mnist.document.project is not before
    assert edited > STEPS // 4
    end = mnist.document.project
    steps = mnist.undo.index()
    mnist.undo.setIndex(0)
    assert mnist.document.project == start
    mnist.check_agreement()
    mnist.undo.setIndex(steps)
    assert mnist.document.project == end
    mnist.check_agreement()
    # The platform of the tests cannot do this, and says so whenever a window is resized.
    known = "This plugin does not support propagateSizeHints()"
    assert [record.message for record in qtlog.records if record.message != known] == []
    assert project_from_bytes(project_to_bytes(end)).project == end
