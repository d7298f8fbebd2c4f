"""The editor's commands: each one edit of the document, one undo step. The scene follows."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPointF
from PySide6.QtGui import QGuiApplication

from engine.api import (
    NODE_HEIGHT,
    NODE_WIDTH,
    REGISTRY,
    ROW_GAP,
    DesignError,
    Edge,
    Graph,
    Layer,
    Point,
    Repair,
    arrange,
    edits,
    free_place,
    infer,
    make_layer,
    make_room,
)
from workbench.canvas.clipboard import NotNodesError, from_text, to_text
from workbench.canvas.scene import Port

if TYPE_CHECKING:
    from workbench.canvas.view import CanvasView


class CanvasCommands(QObject):
    """Edits of what is selected on a canvas. What cannot be done is said in `CanvasView.message`."""

    def __init__(self, view: "CanvasView") -> None:
        super().__init__(view)
        self._view = view
        self._scene = view.canvas
        self._document = view.document

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
        layout = self._document.project.layout
        corner = free_place(layout, (place.x() - NODE_WIDTH / 2, place.y() - NODE_HEIGHT / 2))
        graph, node = edits.add_layer(self._graph, self._new_layer(type_name, settings))
        moved: dict[str, Point] = {node.id: corner}
        if edge is not None:
            moved |= make_room({**layout, **moved}, graph, edge, node.id)
            graph = edits.insert_on_edge(graph, edge, node.id)
        elif port is not None and port[1] == "out":
            graph = edits.connect(graph, port[0], node.id)
        elif port is not None:
            graph = edits.connect(graph, node.id, port[0], port[2])
        self._document.apply_graph(f"Add {node.name}", graph, moved)
        self._scene.select([node.id])
        self._view.show_node(node.id)
        return node.id

    def _new_layer(self, type_name: str, settings: dict[str, object] | None) -> Layer:
        """A layer with these settings; an input takes the images of the data unless told otherwise."""
        data = self._document.data_shape
        if not settings and type_name == "input" and data is not None:
            return make_layer(type_name, {"shape": data.image})
        return make_layer(type_name, settings)

    def add_after_selection(
        self, type_name: str, place: QPointF, settings: dict[str, object] | None = None
    ) -> str:
        """Add a layer behind the one selected node: connected, or put into its only outgoing edge."""
        selected = self._scene.selected_nodes
        layer = make_layer(type_name)
        if len(selected) != 1 or layer.most_inputs == 0 or self._graph.nodes[selected[0]].layer.terminal:
            return self.add_layer(type_name, place, settings)
        outgoing = self._graph.outgoing[selected[0]]
        if len(outgoing) == 1 and edits.passes_through(layer):
            return self.add_layer(type_name, place, settings, edge=outgoing[0])
        corner = (place.x() - NODE_WIDTH / 2, place.y() - NODE_HEIGHT / 2)
        if free_place(self._document.project.layout, corner) != corner:
            # Where the pointer rests on a node the place means nothing: the column goes on.
            place = self.place_after_selection() or place
        return self.add_layer(type_name, place, settings, port=(selected[0], "out", 0))

    def place_after_selection(self) -> QPointF | None:
        """Where a layer behind the one selected node would stand, or None."""
        selected = self._scene.selected_nodes
        if len(selected) != 1:
            return None
        return self._scene.nodes[selected[0]].pos() + QPointF(NODE_WIDTH / 2, 1.5 * NODE_HEIGHT + ROW_GAP)

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
            self._view.message.emit(
                f"The neighbours of {', '.join(parted)} do not fit each other, so they stay apart."
            )

    def copy(self) -> bool:
        """Put the selected nodes on the clipboard as text; False when there are none."""
        nodes = self._known(self._scene.selected_nodes)
        if nodes:
            QGuiApplication.clipboard().setText(to_text(self._document.project, nodes))
        return bool(nodes)

    def cut(self) -> None:
        """Copy, then delete."""
        if self.copy():
            self.delete()

    def paste(self, *, keep_inputs: bool = False) -> None:
        """Add the clipboard's nodes at the pointer; with `keep_inputs`, fed by the same nodes as the originals."""
        try:
            nodes, links, places = from_text(QGuiApplication.clipboard().text())
            if not nodes:
                raise NotNodesError
        except NotNodesError:
            self._view.message.emit("The clipboard holds no layers: select some and copy them first.")
            return
        except DesignError as error:
            self._view.message.emit(str(error))
            return
        inner = {node.id for node in nodes}
        graph = self._graph
        wanted = [e for e in links if e.source in inner or (keep_inputs and self._may_feed(e.source))]
        graph, ids = edits.paste(graph, nodes, wanted)
        pointer = self._view.pointer_place()
        at = (pointer.x() - NODE_WIDTH / 2, pointer.y() - NODE_HEIGHT / 2)
        moved = {ids[i]: place for i, place in self._free(places, at).items()}
        self._document.apply_graph(f"Paste {len(nodes)} node{'s' * (len(nodes) != 1)}", graph, moved)
        self._scene.select(ids.values())
        self._view.show_nodes(ids.values())

    def _free(self, places: dict[str, Point], wanted: Point) -> dict[str, Point]:
        """The places as they stand to each other, their corner at the wanted place or beside what is there."""
        left, top = min(x for x, _ in places.values()), min(y for _, y in places.values())
        width = max(x for x, _ in places.values()) - left + NODE_WIDTH
        height = max(y for _, y in places.values()) - top + NODE_HEIGHT
        at = free_place(self._document.project.layout, wanted, (width, height))
        return {i: (x - left + at[0], y - top + at[1]) for i, (x, y) in places.items()}

    def _may_feed(self, node_id: str) -> bool:
        return node_id in self._graph.nodes and not self._graph.nodes[node_id].layer.terminal

    def duplicate(self) -> None:
        """Copies of the selected nodes beside them, with the edges among them."""
        nodes = self._known(self._scene.selected_nodes)
        if not nodes:
            return
        inner = [edge for edge in sorted(self._graph.edges) if edge.source in nodes and edge.target in nodes]
        graph, ids = edits.paste(self._graph, (self._graph.nodes[i] for i in nodes), inner)
        places = {i: self._document.project.layout[i] for i in nodes}
        corner = (min(x for x, _ in places.values()), min(y for _, y in places.values()))
        moved = {ids[i]: place for i, place in self._free(places, corner).items()}
        self._document.apply_graph(f"Duplicate {self._named(nodes)}", graph, moved)
        self._scene.select(ids.values())
        self._view.show_nodes(ids.values())

    def _known(self, node_ids: Iterable[str]) -> list[str]:
        """Those whose layer type this version knows; a placeholder cannot be copied."""
        known = [i for i in node_ids if type(self._graph.nodes[i].layer) in REGISTRY.values()]
        if not known and (names := [self._graph.nodes[i].name for i in node_ids]):
            self._view.message.emit(
                f"{names[0]} is of a type that this version does not know: it cannot be copied."
            )
        return known

    def repair(self, node_id: str, repair: Repair) -> None:
        """Make the change that a problem proposes."""
        try:
            self._document.apply_graph(repair.label, edits.repaired(self._graph, node_id, repair))
        except DesignError as error:
            self._view.message.emit(str(error))

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
            self._view.message.emit(str(error))
            return
        self._document.apply_graph(f"{'Mute' if muted else 'Unmute'} {self._named(nodes)}", graph)

    def wrap_in_frame(self) -> None:
        """Put the selected nodes into a new frame, and ask for its title."""
        nodes = self._scene.selected_nodes
        if nodes:
            graph = edits.wrap_in_frame(self._graph, nodes)
            self._document.apply_graph(f"Frame {self._named(nodes)}", graph)
            self._view.edit_title(graph.nodes[nodes[0]].frame)

    def toggle_fold(self) -> None:
        """Fold the innermost frames of the selected nodes to one box each; open those that are folded."""
        graph, scene = self._graph, self._scene
        paths = {path for i in scene.selected_nodes if (path := graph.nodes[i].frame)}
        if not paths:
            self._view.message.emit("Select nodes in a frame to fold it; Ctrl+G makes a frame.")
            return
        folded = {p for path in paths for p in scene.folded if path == p or path.startswith(f"{p}/")}
        for path in sorted(folded or paths):
            scene.set_folded(path, not folded)

    def unwrap(self) -> None:
        """Take the selected nodes out of their frames."""
        nodes = self._scene.selected_nodes
        if nodes:
            self._document.apply_graph(f"Unframe {self._named(nodes)}", edits.unwrap(self._graph, nodes))

    def rename_frame(self, path: str, title: str) -> None:
        """Give a frame another title."""
        try:
            graph = edits.rename_frame(self._graph, path, title)
        except DesignError as error:
            self._view.message.emit(str(error))
            return
        self._document.apply_graph("Rename frame", graph)

    def arrange(self) -> None:
        """Lay out the selected nodes where they stand, or the whole network when fewer than two are selected."""
        graph, layout = self._graph, self._document.project.layout
        chosen = set(self._scene.selected_nodes)
        if len(chosen) < 2:
            chosen = set(graph.nodes)
        if not chosen:
            return
        places = arrange(graph.without(set(graph.nodes) - chosen))
        left = min(layout[i][0] for i in chosen) - min(x for x, _ in places.values())
        top = min(layout[i][1] for i in chosen) - min(y for _, y in places.values())
        moved = {node_id: (x + left, y + top) for node_id, (x, y) in places.items()}
        self._document.apply_graph("Lay out", graph, moved)

    def walk(self, direction: str) -> None:
        """Select the node above, below, left or right: along edges first, else the nearest on that side."""
        selected = self._scene.selected_nodes
        if not self._graph.nodes:
            return
        goal = self._next(selected[-1], direction) if selected else self._graph.order[0]
        if goal is not None:
            self._scene.select([goal])
            self._view.show_node(goal)

    def _next(self, node_id: str, direction: str) -> str | None:
        if direction == "down" and (outgoing := self._graph.outgoing[node_id]):
            return outgoing[0].target
        if direction == "up" and (incoming := self._graph.incoming[node_id]):
            return incoming[0].source
        if direction in ("up", "down"):
            return None
        here, sign = self._scene.nodes[node_id].pos(), 1 if direction == "right" else -1
        ways = {i: item.pos() - here for i, item in self._scene.nodes.items()}
        beside = [i for i, way in ways.items() if way.x() * sign > NODE_WIDTH / 2]
        return min(beside, key=lambda i: abs(ways[i].x()) + 3 * abs(ways[i].y()), default=None)
