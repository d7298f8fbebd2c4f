"""Copies: cut, copy, paste and duplicate. What is copied as a whole frame stands in a frame of its own."""

from collections.abc import Callable, Collection, Iterable, Mapping

from PySide6.QtCore import QPointF
from PySide6.QtGui import QGuiApplication

from engine.api import (
    NODE_HEIGHT,
    NODE_WIDTH,
    REGISTRY,
    DesignError,
    Edge,
    FrameState,
    Graph,
    Node,
    Point,
    edits,
    framing,
    free_place,
)
from workbench.canvas.clipboard import NotNodesError, from_text, to_text
from workbench.canvas.commands import CanvasCommands
from workbench.canvas.network_view import NetworkView


class CopyCommands:
    """Each is one edit of the document; `say` takes a sentence about what cannot be done."""

    def __init__(self, view: NetworkView, commands: CanvasCommands, say: Callable[[str], object]) -> None:
        self._view = view
        self._scene = view.canvas
        self._document = view.canvas.document
        self._commands = commands
        self._say = say

    @property
    def _graph(self) -> Graph:
        return self._document.project.graph

    def copy(self) -> bool:
        """Put the selected nodes on the clipboard as text; False when there are none."""
        nodes = self._known(self._scene.selected_nodes)
        if nodes:
            QGuiApplication.clipboard().setText(to_text(self._document.project, nodes))
        return bool(nodes)

    def cut(self) -> None:
        """Copy, then delete."""
        if self.copy():
            self._commands.delete()

    def paste(self, place: QPointF, *, keep_inputs: bool = False) -> None:
        """Add the clipboard's nodes at a place; with `keep_inputs`, fed by the same nodes as the originals."""
        try:
            copied = from_text(QGuiApplication.clipboard().text())
        except NotNodesError:
            self._say("The clipboard holds no layers: select some and copy them first.")
            return
        except DesignError as error:
            self._say(str(error))
            return
        inner = {node.id for node in copied.nodes}
        wanted = [e for e in copied.edges if e.source in inner or (keep_inputs and self._may_feed(e.source))]
        at = (place.x() - NODE_WIDTH / 2, place.y() - NODE_HEIGHT / 2)
        count = len(copied.nodes)
        self._add(
            f"Paste {count} node{'s' * (count != 1)}", copied.nodes, wanted, copied.places, copied.frames, at
        )

    def duplicate(self) -> None:
        """Copies of the selected nodes beside them, with the edges among them."""
        project = self._document.project
        chosen = self._known(self._scene.selected_nodes)
        if not chosen:
            return
        inner = [
            edge for edge in sorted(self._graph.edges) if edge.source in chosen and edge.target in chosen
        ]
        places = {i: project.layout[i] for i in chosen}
        nodes = [self._graph.nodes[i] for i in chosen]
        states = {
            path: project.frames.get(path, FrameState()) for path in framing.whole_frames(self._graph, chosen)
        }
        name = nodes[0].name if len(nodes) == 1 else f"{len(nodes)} nodes"
        corner = (min(x for x, _ in places.values()), min(y for _, y in places.values()))
        self._add(f"Duplicate {name}", nodes, inner, places, states, corner)

    def _add(
        self,
        text: str,
        nodes: Collection[Node],
        links: Iterable[Edge],
        places: Mapping[str, Point],
        states: Mapping[str, FrameState],
        at: Point,
    ) -> None:
        """Add copies of nodes with their frames, their corner at a place or beside what is there."""
        copies, paths = framing.in_new_frames(self._graph, nodes, states)
        graph, ids = edits.paste(self._graph, copies, links)
        frames = {**self._document.project.frames, **{paths[path]: state for path, state in states.items()}}
        hidden = {
            node.id
            for node in nodes
            if any(path in states and states[path].folded for path in framing.around(node))
        }
        moved = {ids[i]: place for i, place in self._free(places, at, hidden).items()}
        self._document.apply_graph(text, graph, moved, frames=frames)
        self._scene.select(ids.values())
        self._view.show_nodes(ids.values())

    def _free(self, places: Mapping[str, Point], wanted: Point, hidden: Collection[str]) -> dict[str, Point]:
        """The places as they stand to each other, their corner at the wanted place or beside what is there."""
        left, top = min(x for x, _ in places.values()), min(y for _, y in places.values())
        # A box is no larger than one node, whatever is in it.
        seen = [place for i, place in places.items() if i not in hidden] or [(left, top)]
        width = max(x for x, _ in seen) - left + NODE_WIDTH
        height = max(y for _, y in seen) - top + NODE_HEIGHT
        at = free_place(self._scene.seen_layout(), wanted, (width, height))
        return {i: (x - left + at[0], y - top + at[1]) for i, (x, y) in places.items()}

    def _may_feed(self, node_id: str) -> bool:
        return node_id in self._graph.nodes and not self._graph.nodes[node_id].layer.terminal

    def _known(self, node_ids: Iterable[str]) -> list[str]:
        """Those whose layer type this version knows; a placeholder cannot be copied."""
        known = [i for i in node_ids if type(self._graph.nodes[i].layer) in REGISTRY.values()]
        if not known and (names := [self._graph.nodes[i].name for i in node_ids]):
            self._say(f"{names[0]} is of a type that this version does not know: it cannot be copied.")
        return known
