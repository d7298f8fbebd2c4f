"""The connections of a scene: which there are, and the ways that they take past nodes and boxes."""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF

from engine.api import NODE_HEIGHT, Edge, Inference
from workbench.canvas.edge_item import EdgeItem, leads_down
from workbench.canvas.ink import Ink
from workbench.canvas.layout import gutter, is_blocked

if TYPE_CHECKING:
    from workbench.canvas.scene import CanvasScene


class EdgeLayer:
    """One item for every edge of the document's project."""

    def __init__(self, scene: "CanvasScene") -> None:
        self._scene = scene
        self._document = scene.document
        self.items: dict[Edge, EdgeItem] = {}

    def set_ink(self, ink: Ink) -> None:
        """Draw in another theme."""
        for item in self.items.values():
            item.set_ink(ink)

    def drop_gone(self) -> None:
        """Take away the items of edges that are no longer in the design."""
        edges = self._document.project.graph.edges
        for edge in [edge for edge in self.items if edge not in edges]:
            self._scene.removeItem(self.items.pop(edge))

    def sync(self) -> set[Edge]:
        """Items for exactly the edges of the design, with the shapes that flow there; tells the new ones."""
        new = {edge for edge in self._document.project.graph.edges if edge not in self.items}
        for edge in sorted(new):
            self.items[edge] = EdgeItem(edge, self._scene.ink)
            self._scene.addItem(self.items[edge])
        for edge, item in self.items.items():
            item.set_text(self._scene.nodes[edge.source].look.shape)
        return new

    def show_ghost(self, inference: Inference, node_ids: Collection[str]) -> None:
        """Show what would flow out of these nodes by another inference; elsewhere what holds now."""
        for edge, item in self.items.items():
            shape = inference.shapes.get(edge.source)
            then = str(shape.output) if shape is not None else ""
            item.set_ghost(then if edge.source in node_ids and then != item.text else None)

    def hide_ghost(self) -> None:
        """Show what holds now."""
        for item in self.items.values():
            item.set_ghost(None)

    def lead(self, node_ids: Iterable[str]) -> None:
        """Lead the edges at these nodes anew."""
        graph = self._document.project.graph
        touched = {
            edge
            for node_id in node_ids
            for edge in (*graph.incoming.get(node_id, ()), *graph.outgoing.get(node_id, ()))
        }
        corners = self._scene.corners() if touched else []
        for edge in touched:
            if edge in self.items:
                self._lead(self.items[edge], *self._ends(edge), corners)

    def lead_long(self) -> None:
        """Long connections and those to nodes above keep clear of all nodes: any move may ask for another way."""
        corners = self._scene.corners()
        for edge, item in self.items.items():
            start, end = self._ends(edge)
            if not 16 <= end.y() - start.y() <= NODE_HEIGHT:
                self._lead(item, start, end, corners)

    def _ends(self, edge: Edge) -> tuple[QPointF, QPointF]:
        place = self._scene.port_place
        return place(edge.source, "out", 0), place(edge.target, "in", edge.port)

    def _lead(self, item: EdgeItem, start: QPointF, end: QPointF, corners: list[tuple[float, float]]) -> None:
        holder, edge = self._scene.framing.holder, item.edge
        if edge.source in holder and holder[edge.source] == holder.get(edge.target):
            # It is inside of a box.
            return
        ends = start.toTuple(), end.toTuple()
        round_about = not leads_down(start, end) or is_blocked(corners, *ends)
        item.set_ends(start, end, gutter(corners, *ends) if round_about else None)
