"""What a hand does on the canvas: each gesture an object with start, move, end and cancel."""

from abc import ABC, abstractmethod

from PySide6.QtCore import QPointF, QRectF, QSizeF

from engine.api import (
    NODE_HEIGHT,
    NODE_WIDTH,
    Edge,
    Graph,
    Point,
    edits,
    folding,
    make_room,
)
from workbench.canvas.edge_item import EdgeItem
from workbench.canvas.editor_view import EditorView
from workbench.canvas.lettering import HEADER

_THRESHOLD = 4.0
"""Screen pixels that the pointer has to move before a press becomes a drag."""


class Gesture(ABC):
    """Between press and release. Nothing reaches the document before `end`; `cancel` leaves no trace."""

    def __init__(self, view: EditorView) -> None:
        self.view = view
        self.scene = view.canvas
        self.document = view.document

    @abstractmethod
    def start(self, place: QPointF) -> None:
        """The button went down at this place of the scene."""

    @abstractmethod
    def move(self, place: QPointF) -> None:
        """The pointer is here now."""

    @abstractmethod
    def end(self, place: QPointF) -> None:
        """The button was released: make the edit."""

    @abstractmethod
    def cancel(self) -> None:
        """Take back everything that was shown."""


class EdgeMark:
    """Lights up the one edge into which something would be dropped."""

    def __init__(self) -> None:
        self.item: EdgeItem | None = None

    def put(self, item: EdgeItem | None) -> None:
        """Light up another edge, or none."""
        if item is not self.item:
            if self.item is not None:
                self.item.set_marked(False)
            self.item = item
            if item is not None:
                item.set_marked(True)


class MoveNodes(Gesture):
    """Drags the selected nodes; one of them alone, dropped on an edge, is inserted there."""

    def __init__(self, view: EditorView, node_id: str, *, by_frame: bool = False) -> None:
        super().__init__(view)
        self._pressed = node_id
        self._by_frame = by_frame
        self._origins: dict[str, Point] = {}
        self._from = QPointF()
        self._dragging = False
        self._mark = EdgeMark()

    def start(self, place: QPointF) -> None:
        """Remember where everything stood."""
        self._from = place
        layout = self.document.project.layout
        self._origins = {node_id: layout[node_id] for node_id in self.scene.selected_nodes}

    def move(self, place: QPointF) -> None:
        """Show the nodes displaced; light up the edge that a free node would go into."""
        way = place - self._from
        if not self._dragging and way.manhattanLength() * self.view.zoom < _THRESHOLD:
            return
        self._dragging = True
        self.scene.move_items(
            {node_id: (x + way.x(), y + way.y()) for node_id, (x, y) in self._origins.items()}
        )
        self._mark.put(self.scene.edge_at(place, free_of=self._pressed) if self._is_insertable() else None)

    def _is_insertable(self) -> bool:
        graph = self.document.project.graph
        node_id = self._pressed
        box = self.scene.framing.box_of(node_id)
        if box is not None:
            return set(box.members) == set(self._origins) and box.is_free(graph)
        return (
            len(self._origins) == 1
            and not self._by_frame
            and edits.passes_through(graph.nodes[node_id].layer)
            and not graph.incoming[node_id]
            and not graph.outgoing[node_id]
        )

    def end(self, place: QPointF) -> None:
        """One undo entry for the whole drag; a press without a drag selects the node alone."""
        if not self._dragging and self._by_frame:
            self._clicked_frame(place)
            return
        if not self._dragging:
            self.scene.select([self._pressed])
            item = self.scene.nodes[self._pressed]
            if (axis := item.number_at(place - item.pos())) is not None:
                self.view.explain(self._pressed, axis, place)
            elif item.look.status == "problem" and (place - item.pos()).y() > HEADER:
                self.view.offer_repairs(self._pressed)
            return
        self.move(place)
        graph = self.document.project.graph
        moved = {
            node_id: (self.scene.nodes[node_id].x(), self.scene.nodes[node_id].y())
            for node_id in self._origins
        }
        box = self.scene.framing.box_of(self._pressed)
        name = box.title if box is not None and self._by_frame else graph.nodes[self._pressed].name
        target, text = self._mark.item, _moving(1 if self._by_frame else len(moved), name)
        self._mark.put(None)
        if target is not None:
            text = f"Insert {name}"
            graph, room = self._inserted(target.edge, moved)
            moved |= room
        self.document.apply_graph(text, graph, moved)
        self.scene.restore_places()

    def _inserted(self, edge: Edge, moved: dict[str, Point]) -> tuple[Graph, dict[str, Point]]:
        """The design with what is dragged put into an edge, and places that make room for it."""
        project, box = self.document.project, self.scene.framing.box_of(self._pressed)
        seen = folding.seen_design(project.graph, {**project.layout, **moved}, project.folded)
        stands = seen.stand_in.get(self._pressed, self._pressed)
        room = seen.with_members(make_room(seen.layout, seen.graph, seen.edge(edge), stands))
        if box is None or box.fold is None:
            return edits.insert_on_edge(project.graph, edge, self._pressed), room
        return folding.inserted(project.graph, edge, box.fold.inputs[0].ends, box.fold.outputs[0]), room

    def _clicked_frame(self, place: QPointF) -> None:
        """A click on what a box says about a problem inside offers its repairs."""
        frame = self.scene.frame_at(place)
        problems = self.document.inference.problem_of
        if frame is not None and frame.fold is not None and place.y() - frame.rect.top() > HEADER:
            troubled = next((node_id for node_id in frame.members if node_id in problems), None)
            if troubled is not None:
                self.view.offer_repairs(troubled)

    def cancel(self) -> None:
        """Every node back to its exact place."""
        self._mark.put(None)
        self.scene.restore_places()


def _moving(count: int, name: str) -> str:
    return f"Move {name}" if count == 1 else f"Move {count} nodes"


class RubberBand(Gesture):
    """Selects what a rectangle touches; with `adding`, beside what was selected."""

    def __init__(self, view: EditorView, *, adding: bool) -> None:
        super().__init__(view)
        self._before = (self.scene.selected_nodes, self.scene.selected_edges)
        self._kept = set(self._before[0]) if adding else set()
        self._from = QPointF()

    def start(self, place: QPointF) -> None:
        """A press on empty canvas selects nothing."""
        self._from = place
        self.scene.select(self._kept)

    def move(self, place: QPointF) -> None:
        """Select what the rectangle touches now."""
        band = QRectF(self._from, place).normalized()
        self.view.show_band(band)
        size = QSizeF(NODE_WIDTH, NODE_HEIGHT)
        shown = ((i, item) for i, item in self.scene.nodes.items() if self.scene.is_shown(i))
        touched = {i for i, item in shown if band.intersects(QRectF(item.pos(), size))}
        for box in self.scene.framing.boxes():
            if band.intersects(box.rect):
                touched.update(box.members)
        if touched | self._kept != set(self.scene.selected_nodes):
            self.scene.select(touched | self._kept)

    def end(self, place: QPointF) -> None:
        """Leave the selection as it is."""
        self.view.show_band(QRectF())

    def cancel(self) -> None:
        """Select what was selected before."""
        self.view.show_band(QRectF())
        nodes = [node_id for node_id in self._before[0] if node_id in self.scene.nodes]
        self.scene.select(nodes, self._before[1])
