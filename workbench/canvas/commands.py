"""The editor's commands: each one edit of the document, one undo step. The scene follows."""

from collections.abc import Callable, Iterable

from PySide6.QtCore import QObject, QPointF

from engine.api import (
    NODE_HEIGHT,
    NODE_WIDTH,
    ROW_GAP,
    DesignError,
    Edge,
    Graph,
    Layer,
    Point,
    Repair,
    arrange,
    edits,
    folding,
    free_place,
    infer,
    make_layer,
    make_room,
)
from workbench.canvas.network_view import NetworkView
from workbench.canvas.port import Port


class CanvasCommands(QObject):
    """Edits of what is selected on a canvas; `say` takes a sentence about what cannot be done."""

    def __init__(self, view: NetworkView, say: Callable[[str], object]) -> None:
        super().__init__(view)
        self._view = view
        self._scene = view.canvas
        self._document = view.canvas.document
        self._say = say

    @property
    def _graph(self) -> Graph:
        return self._document.project.graph

    def _named(self, node_ids: Iterable[str]) -> str:
        ids = list(node_ids)
        return self._graph.nodes[ids[0]].name if len(ids) == 1 else f"{len(ids)} nodes"

    def add_layer(
        self,
        type_name: str,
        place: QPointF,
        settings: dict[str, object] | None = None,
        *,
        edge: Edge | None = None,
        port: Port | None = None,
    ) -> str:
        """Add a layer centred at a place of the scene, put into an edge or connected to a port; returns its id."""
        corner = free_place(
            self._scene.seen_layout(), (place.x() - NODE_WIDTH / 2, place.y() - NODE_HEIGHT / 2)
        )
        graph, node = edits.add_layer(self._graph, self._new_layer(type_name, settings))
        moved: dict[str, Point] = {node.id: corner}
        if edge is not None:
            moved |= self.room_on(edge, graph, node.id, corner)
            graph = edits.insert_on_edge(graph, edge, node.id)
        elif port is not None and port[1] == "out":
            graph = edits.connect(graph, port[0], node.id)
        elif port is not None:
            for node_id, _, number in self._scene.ends_of(port):
                graph = edits.connect(graph, node.id, node_id, number)
        self._document.apply_graph(f"Add {node.name}", graph, moved)
        self._scene.select([node.id])
        self._view.show_node(node.id)
        return node.id

    def rename(self, node_id: str, name: str) -> None:
        """Give a node another name."""
        try:
            graph = edits.rename(self._graph, node_id, name)
        except DesignError as error:
            self._say(str(error))
            return
        self._document.apply_graph("Rename", graph)

    def _new_layer(self, type_name: str, settings: dict[str, object] | None) -> Layer:
        """A layer with these settings; an input takes the images of the data unless told otherwise."""
        data = self._document.data_shape
        if not settings and type_name == "input" and data is not None:
            return make_layer(type_name, {"shape": data.image})
        return make_layer(type_name, settings)

    def room_on(self, edge: Edge, graph: Graph, node_id: str, corner: Point) -> dict[str, Point]:
        """Places after a node of `graph` was put into an edge of the design: what follows moves aside."""
        project = self._document.project
        seen = folding.seen_design(graph, {**project.layout, node_id: corner}, project.folded)
        return seen.with_members(make_room(seen.layout, seen.graph, seen.edge(edge), node_id))

    def selected_source(self) -> str | None:
        """The node behind which something new would be connected: the selected one, or the end of the selected box."""
        box, selected = self._scene.selected_box, self._scene.selected_nodes
        if box is not None and box.fold is not None:
            return box.fold.outputs[-1] if box.fold.outputs else None
        return selected[0] if len(selected) == 1 else None

    def add_after_selection(
        self, type_name: str, place: QPointF, settings: dict[str, object] | None = None
    ) -> str:
        """Add a layer behind what is selected: connected, or put into its only outgoing edge."""
        source = self.selected_source()
        layer = make_layer(type_name)
        if source is None or layer.most_inputs == 0 or self._graph.nodes[source].layer.terminal:
            return self.add_layer(type_name, place, settings)
        outgoing = self._graph.outgoing[source]
        if len(outgoing) == 1 and edits.passes_through(layer):
            return self.add_layer(
                type_name, self.place_after_selection() or place, settings, edge=outgoing[0]
            )
        corner = (place.x() - NODE_WIDTH / 2, place.y() - NODE_HEIGHT / 2)
        if free_place(self._scene.seen_layout(), corner) != corner:
            # Where the pointer rests on a node the place means nothing: the column goes on.
            place = self.place_after_selection() or place
        return self.add_layer(type_name, place, settings, port=(source, "out", 0))

    def place_after_selection(self) -> QPointF | None:
        """Where something new behind what is selected would have its middle, or None."""
        source = self.selected_source()
        if source is None:
            return None
        below = self._scene.body_of(source).bottomLeft()
        return below + QPointF(NODE_WIDTH / 2, NODE_HEIGHT / 2 + ROW_GAP)

    def delete(self) -> None:
        """Remove the selected nodes and edges."""
        nodes, lines = self._scene.selected_nodes, self._scene.selected_edges
        if not nodes and not lines:
            return
        what = (
            self._named(nodes) if nodes else "connection" if len(lines) == 1 else f"{len(lines)} connections"
        )
        kept = [edge for edge in lines if edge.source not in nodes and edge.target not in nodes]
        self._document.apply_graph(
            f"Delete {what}", edits.remove(edits.disconnect(self._graph, *kept), nodes)
        )

    def delete_and_reconnect(self) -> None:
        """Remove the selected nodes; what fed each feeds its followers where the shapes allow."""
        nodes = self._scene.selected_nodes
        if not nodes:
            return
        graph, parted = self._graph, []
        for node_id in nodes:
            bridged = edits.remove_and_reconnect(graph, node_id)
            followers = {edge.target for edge in graph.outgoing[node_id]}
            had, has = (infer(g, self._document.data_shape).problem_of for g in (graph, bridged))
            fits = not any(follower in has and follower not in had for follower in followers)
            if followers and not (fits and graph.incoming[node_id]):
                parted.append(graph.nodes[node_id].name)
            graph = bridged if fits else edits.remove(graph, [node_id])
        self._document.apply_graph(f"Delete and reconnect {self._named(nodes)}", graph)
        if parted:
            self._say(f"The neighbours of {', '.join(parted)} do not fit each other, so they stay apart.")

    def repair(self, node_id: str, repair: Repair) -> None:
        """Make the change that a problem proposes."""
        try:
            self._document.apply_graph(repair.label, edits.repaired(self._graph, node_id, repair))
        except DesignError as error:
            self._say(str(error))

    def select_all(self) -> None:
        """Select every node and edge."""
        self._scene.select(self._scene.nodes, self._scene.edges)

    def toggle_mute(self) -> None:
        """Mute the selected nodes, or use them again when all are muted."""
        nodes = self._scene.selected_nodes
        if not nodes:
            return
        muted = not all(self._graph.nodes[node_id].muted for node_id in nodes)
        try:
            graph = edits.set_muted(self._graph, nodes, muted)
        except DesignError as error:
            self._say(str(error))
            return
        self._document.apply_graph(f"{'Mute' if muted else 'Unmute'} {self._named(nodes)}", graph)

    def arrange(self) -> None:
        """Lay out what is selected where it stands, or the whole network when less than two nodes or boxes are."""
        project = self._document.project
        seen = folding.seen_design(project.graph, project.layout, project.folded)
        graph, layout = seen.graph, seen.layout
        chosen = {seen.stand_in.get(i, i) for i in self._scene.selected_nodes}
        if len(chosen) < 2:
            chosen = set(graph.nodes)
        if not chosen:
            return
        places = arrange(graph.without(set(graph.nodes) - chosen))
        left = min(layout[i][0] for i in chosen) - min(x for x, _ in places.values())
        top = min(layout[i][1] for i in chosen) - min(y for _, y in places.values())
        moved = {node_id: (x + left, y + top) for node_id, (x, y) in places.items()}
        self._document.apply_graph("Lay out", project.graph, seen.with_members(moved))

    def walk(self, direction: str) -> None:
        """Select the node above, below, left or right: along edges first, else the nearest on that side."""
        selected = self._scene.selected_nodes
        if not self._graph.nodes:
            return
        goal = self._next(selected, direction) if selected else self._graph.order[0]
        if goal is not None:
            box = self._scene.framing.box_of(goal)
            self._scene.select([goal] if box is None else box.members)
            self._view.show_node(goal)

    def _next(self, selected: tuple[str, ...], direction: str) -> str | None:
        box = self._scene.selected_box
        here = set(selected[-1:]) if box is None else set(box.members)
        if direction == "down":
            ways = [e.target for i in sorted(here) for e in self._graph.outgoing[i] if e.target not in here]
            return next(iter(ways), None)
        if direction == "up":
            ways = [e.source for i in sorted(here) for e in self._graph.incoming[i] if e.source not in here]
            return next(iter(ways), None)
        corner, sign = self._scene.body_of(selected[-1]).topLeft(), 1 if direction == "right" else -1
        bodies = {i: self._scene.body_of(i).topLeft() - corner for i in self._scene.nodes if i not in here}
        beside = [i for i, way in bodies.items() if way.x() * sign > NODE_WIDTH / 2]
        return min(beside, key=lambda i: abs(bodies[i].x()) + 3 * abs(bodies[i].y()), default=None)
