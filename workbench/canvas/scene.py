"""The network as items that follow the document: only what changed is touched."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from PySide6.QtCore import QObject, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QTransform
from PySide6.QtWidgets import QGraphicsScene

from engine.api import NODE_HEIGHT, NODE_WIDTH, Edge, Inference, Point, Project
from workbench.canvas.edge_item import EdgeItem
from workbench.canvas.edge_layer import EdgeLayer
from workbench.canvas.frame_item import FrameItem
from workbench.canvas.frame_layer import FrameLayer
from workbench.canvas.ink import Ink
from workbench.canvas.node_item import NodeItem
from workbench.canvas.node_look import NodeVerdict, ghost_counts, look_of
from workbench.canvas.port import Port
from workbench.canvas.wire_item import WireItem
from workbench.document.document import Document
from workbench.theme import Theme, load_theme

_ROOM = 30000.0
"""Free space around the network: at 5 % it still must be larger than any screen, else Qt would centre it."""


class CanvasScene(QGraphicsScene):
    """One item for every node and edge of the document's project; it never changes the document."""

    picked = Signal(object)
    """The ids of the selected nodes, whenever they change."""
    updated = Signal()
    """The items agree with the document again after a change."""

    def __init__(self, document: Document, theme: Theme | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.document = document
        self.ink = Ink(theme or load_theme("light"))
        # PySide deletes an item that Python no longer refers to, so every item is kept here until it is removed.
        self.nodes: dict[str, NodeItem] = {}
        self.wiring = EdgeLayer(self)
        self.edges = self.wiring.items
        self.framing = FrameLayer(self)
        self.frames = self.framing.items
        self._seen: dict[str, tuple[object, ...]] = {}
        """What the look of each node was made from."""
        self._stands: dict[str, Point] = {}
        """Where each item stands; asking Qt for hundreds of places takes long in a drag."""
        self.wire = WireItem(self.ink)
        self.addItem(self.wire)
        self._picked: tuple[str, ...] = ()
        self._quiet = False
        self._extent: QRectF | None = None
        self.selectionChanged.connect(self._tell_selection)
        document.changed.connect(self._follow)
        self._sync_items()
        self.restore_places()

    def apply_theme(self, theme: Theme) -> None:
        """Draw everything in another theme."""
        self.ink = Ink(theme)
        self.wire.set_ink(self.ink)
        for item in self.nodes.values():
            item.set_ink(self.ink)
        self.wiring.set_ink(self.ink)
        self.framing.set_ink(self.ink)
        self.update()

    @property
    def selected_nodes(self) -> tuple[str, ...]:
        """Ids of the selected nodes, in the order of the graph."""
        return tuple(node_id for node_id, item in self.nodes.items() if item.isSelected())

    @property
    def selected_edges(self) -> tuple[Edge, ...]:
        """The selected edges."""
        return tuple(sorted(edge for edge, item in self.edges.items() if item.isSelected()))

    def select(self, node_ids: Iterable[str], edges: Iterable[Edge] = ()) -> None:
        """Select exactly these nodes and edges; one signal."""
        wanted, wanted_edges = set(node_ids), set(edges)
        self._quiet = True
        for node_id, item in self.nodes.items():
            item.setSelected(node_id in wanted)
        for edge, edge_item in self.edges.items():
            edge_item.setSelected(edge in wanted_edges)
        self._quiet = False
        self._tell_selection()

    def node_at(self, place: QPointF) -> NodeItem | None:
        """The topmost node under a point."""
        return next((i for i in self._under(place) if isinstance(i, NodeItem)), None)

    def edge_at(self, place: QPointF, *, free_of: str = "") -> EdgeItem | None:
        """The edge under a point that does not touch the node `free_of`."""
        found = (item for item in self._under(place) if isinstance(item, EdgeItem))
        return next((item for item in found if free_of not in (item.edge.source, item.edge.target)), None)

    def frame_at(self, place: QPointF) -> FrameItem | None:
        """The frame whose title bar, or whose box, is under a point."""
        return next((item for item in self._under(place) if isinstance(item, FrameItem)), None)

    def box_at(self, place: QPointF) -> FrameItem | None:
        """The box of a folded frame that is under a point."""
        frame = self.frame_at(place)
        return frame if frame is not None and frame.fold is not None else None

    def _under(self, place: QPointF) -> list[object]:
        mode, order = Qt.ItemSelectionMode.IntersectsItemShape, Qt.SortOrder.DescendingOrder
        return list(self.items(place, mode, order, QTransform()))

    def port_place(self, node_id: str, side: str, port: int) -> QPointF:
        """Centre of a port, in scene coordinates; that of its box where the node is in a folded frame."""
        box = self.framing.box_of(node_id)
        if box is not None:
            return box.port_place(side, node_id, port)
        item = self.nodes[node_id]
        return item.pos() + item.port_place(side, port)

    def port_near(
        self,
        place: QPointF,
        reach: float,
        allowed: Callable[[NodeItem, str, int], bool] = lambda item, side, port: True,
    ) -> Port | None:
        """The allowed port nearest to a point, if it is within reach; an input of a box is told by its first end."""
        best: float = reach
        found: Port | None = None
        for (node_id, side, port), centre in self._ports_around(place, reach):
            way = centre - place
            distance = (way.x() ** 2 + way.y() ** 2) ** 0.5
            if distance <= best and allowed(self.nodes[node_id], side, port):
                best, found = distance, (node_id, side, port)
        return found

    def _ports_around(self, place: QPointF, reach: float) -> Iterator[tuple[Port, QPointF]]:
        for node_id, item in self.nodes.items():
            corner = item.pos()
            if item.is_folded or not -reach <= place.x() - corner.x() <= NODE_WIDTH + reach:
                continue
            for side, port in item.ports():
                yield (node_id, side, port), corner + item.port_place(side, port)
        for box in self.framing.boxes():
            for owner, side, port in box.ports():
                yield (owner, side, port), box.port_place(side, owner, port)

    def ends_of(self, port: Port) -> tuple[Port, ...]:
        """The inputs that a connection to this one feeds: all those of the same input of a box, or itself alone."""
        box = self.framing.box_of(port[0])
        if box is None or port[1] != "in":
            return (port,)
        return tuple((node_id, "in", number) for node_id, number in box.ends_of(port[0], port[2])) or (port,)

    def move_items(self, places: Mapping[str, Point]) -> None:
        """Put nodes somewhere on the screen alone, while a drag lasts; their edges follow."""
        self._extent = None
        for node_id, (x, y) in places.items():
            self.nodes[node_id].setPos(x, y)
            self._stands[node_id] = (x, y)
        self.framing.enclose()
        self.wiring.lead(self._touched(places))

    @property
    def selected_box(self) -> FrameItem | None:
        """The box whose nodes are exactly what is selected."""
        selected = self.selected_nodes
        box = self.framing.box_of(selected[0]) if selected else None
        return box if box is not None and set(box.members) == set(selected) else None

    def seen_layout(self) -> dict[str, Point]:
        """Where nodes and boxes stand, each box under the name of one of its nodes."""
        boxes = {box.members[0]: (box.rect.x(), box.rect.y()) for box in self.framing.boxes()}
        return {**{i: at for i, at in self._stands.items() if i not in self.framing.holder}, **boxes}

    def is_shown(self, node_id: str) -> bool:
        """False while a folded frame stands for the node."""
        return node_id not in self.framing.holder

    def body_of(self, node_id: str) -> QRectF:
        """What stands for a node: its body, or the box of its folded frame; in scene coordinates."""
        box = self.framing.box_of(node_id)
        return box.rect if box is not None else NodeItem.body().translated(self.nodes[node_id].pos())

    def restore_places(self) -> None:
        """Put every node where the document has it."""
        layout = self.document.project.layout
        moved = {}
        for node_id, stands in self._stands.items():
            place = layout.get(node_id, (0.0, 0.0))
            if stands != place:
                moved[node_id] = place
        if moved:
            self.move_items(moved)
            self.wiring.lead_long()
        self._grow()

    def show_ghost(self, inference: Inference, node_ids: Iterable[str]) -> None:
        """Show on these nodes and the edges that leave them, and on no others, what another inference gives."""
        shown = set(node_ids)
        for node_id, item in self.nodes.items():
            shape = inference.shapes.get(node_id) if node_id in shown else None
            if shape is not None:
                item.set_ghost(
                    f"{shape.output}\n{ghost_counts(shape, self.document.project.training.batch_size)}"
                )
            else:
                item.set_ghost(
                    "would not fit" if node_id in shown & inference.problem_of.keys() else "", fails=True
                )
        self.framing.show_ghost(inference, shown)
        self.wiring.show_ghost(inference, shown)

    def show_verdicts(self, verdicts: Mapping[str, NodeVerdict]) -> None:
        """Show what a check found out about these nodes, and the words of their own for all others."""
        for node_id, item in self.nodes.items():
            item.set_verdict(verdicts.get(node_id))

    def hide_ghost(self) -> None:
        """Show what holds now."""
        for item in self.nodes.values():
            item.set_ghost("")
        self.framing.hide_ghost()
        self.wiring.hide_ghost()

    def network_rect(self, node_ids: Iterable[str] = ()) -> QRectF:
        """What the nodes (all of them by default) cover, or the boxes that stand for them."""
        chosen = tuple(node_ids)
        if self._extent is None or chosen:
            corners = [self._corner(node_id) for node_id in chosen or self.nodes]
            if not corners:
                return QRectF()
            left, top = min(x for x, _ in corners), min(y for _, y in corners)
            right, bottom = max(x for x, _ in corners), max(y for _, y in corners)
            rect = QRectF(left, top, right - left + NODE_WIDTH, bottom - top + NODE_HEIGHT)
            if chosen:
                return rect
            self._extent = rect
        return QRectF(self._extent)

    def _corner(self, node_id: str) -> Point:
        box = self.framing.box_of(node_id)
        return self._stands[node_id] if box is None else (box.rect.x(), box.rect.y())

    def _follow(self, before: Project) -> None:
        now = self.document.project
        if before.graph is not now.graph or before.data is not now.data:
            self._sync_items()
        elif before.frames is not now.frames or before.blocks is not now.blocks:
            self._sync_folds()
        self.restore_places()
        self.updated.emit()

    def _sync_items(self) -> None:
        """Items for exactly the nodes and edges of the design, showing what it says now."""
        graph, inference = self.document.project.graph, self.document.inference
        hints = {hint.node: hint.message for hint in reversed(inference.hints)}
        # Removing a selected item tells of it at once, while half of the rest is still to come.
        self._quiet = True
        self.wiring.drop_gone()
        for node_id in [node_id for node_id in self.nodes if node_id not in graph.nodes]:
            self.removeItem(self.nodes.pop(node_id))
            del self._stands[node_id], self._seen[node_id]
        stale: set[str] = set()
        self._extent = None
        for node_id, node in graph.nodes.items():
            blocker = graph.nodes[inference.waiting[node_id]].name if node_id in inference.waiting else ""
            hint, filled = hints.get(node_id, ""), len(graph.incoming[node_id])
            item = self.nodes.get(node_id)
            shape, problem = inference.shapes.get(node_id), inference.problem_of.get(node_id)
            seen = self._seen.get(node_id)
            if (
                item
                and seen
                and seen[0] is node
                and seen[1] is shape
                and seen[2:] == (problem, blocker, hint, filled)
            ):
                continue
            self._seen[node_id] = (node, shape, problem, blocker, hint, filled)
            look = look_of(node, inference, blocker, hint, filled)
            if item is None:
                self.nodes[node_id] = item = NodeItem(node_id, look, self.ink)
                self._stands[node_id] = self.document.project.layout.get(node_id, (0.0, 0.0))
                item.setPos(*self._stands[node_id])
                self.addItem(item)
            elif item.look != look:
                if item.look.inputs != look.inputs:
                    stale.add(node_id)
                item.set_look(look)
        new = self.wiring.sync()
        self._sync_folds()
        self.wiring.lead({*stale, *(edge.target for edge in new)})
        self._quiet = False
        self._tell_selection()

    def _sync_folds(self) -> None:
        hidden = self.framing.holder
        self.framing.sync()
        self._extent = None
        if hidden or self.framing.holder:
            # Ends of connections move between nodes and boxes.
            self.wiring.lead(self.nodes)

    def _touched(self, node_ids: Iterable[str]) -> set[str]:
        """These nodes, and all that are in a box with one of them: the box moves with its first node."""
        touched = set(node_ids)
        for box in self.framing.boxes():
            if touched.intersection(box.members):
                touched.update(box.members)
        return touched

    def corners(self) -> list[Point]:
        """Where nodes and folded frames stand: what connections go round."""
        holder = self.framing.holder
        if not holder:
            return [*self._stands.values()]
        shown = [place for node_id, place in self._stands.items() if node_id not in holder]
        return shown + [(box.rect.x(), box.rect.y()) for box in self.framing.boxes()]

    def _grow(self) -> None:
        """Keep free space around the network; it never shrinks, which would make the view jump."""
        wanted = self.network_rect().united(QRectF(-_ROOM, -_ROOM, 2 * _ROOM, 2 * _ROOM))
        wanted = wanted.adjusted(-_ROOM, -_ROOM, _ROOM + NODE_WIDTH, _ROOM + NODE_HEIGHT)
        if not self.sceneRect().contains(wanted):
            self.setSceneRect(self.sceneRect().united(wanted))

    def _tell_selection(self) -> None:
        if self._quiet:
            return
        selected = self.selected_nodes
        self.framing.show_picked()
        if selected != self._picked:
            self._picked = selected
            self.picked.emit(selected)
