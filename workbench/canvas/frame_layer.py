"""The frames of a scene: which there are, what they enclose, and which boxes stand for the folded ones."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF

from engine.api import Edge, Graph, Inference, folding, framing
from workbench.canvas.folding import FoldLook, fold_look
from workbench.canvas.frame_item import FrameItem
from workbench.canvas.ink import Ink

if TYPE_CHECKING:
    from workbench.canvas.scene import CanvasScene


class FrameLayer:
    """One item for every frame of the document's project."""

    def __init__(self, scene: "CanvasScene") -> None:
        self._scene = scene
        self._document = scene.document
        self.items: dict[str, FrameItem] = {}
        self.holder: Mapping[str, str] = {}
        """Path of the folded frame by each node that it hides."""

    def set_ink(self, ink: Ink) -> None:
        """Draw in another theme."""
        for frame in self.items.values():
            frame.set_ink(ink)

    def box_of(self, node_id: str) -> FrameItem | None:
        """The box that stands for a node, or None where the node is seen itself."""
        path = self.holder.get(node_id)
        return self.items[path] if path is not None else None

    def boxes(self) -> list[FrameItem]:
        """The boxes that are seen."""
        return [self.items[path] for path in dict.fromkeys(self.holder.values())]

    def shows(self, edge: Edge) -> bool:
        """Whether an edge is seen: not one between two nodes of the same box."""
        holder = self.holder.get(edge.source)
        return holder is None or holder != self.holder.get(edge.target)

    def sync(self) -> None:
        """Items for exactly the frames of the design, folded as the project says."""
        project, scene = self._document.project, self._scene
        members = framing.frames(project.graph)
        for path in [path for path in self.items if path not in members]:
            scene.removeItem(self.items.pop(path))
        for path in members:
            if path not in self.items:
                self.items[path] = FrameItem(path, scene.ink)
                scene.addItem(self.items[path])
            self.items[path].members = members[path]
        self.holder = folding.holders(project.graph, project.folded)
        self.enclose()
        for node_id, item in scene.nodes.items():
            item.set_folded(node_id in self.holder)
        for edge, edge_item in scene.edges.items():
            edge_item.setVisible(self.shows(edge))
        outermost = set(self.holder.values())
        for path, frame in self.items.items():
            frame.setVisible(not any(path.startswith(f"{other}/") for other in outermost))
        self.show_picked()

    def enclose(self) -> None:
        """Lead every frame round its members: boxes stand first, then come the inner ones."""
        if not self.items:
            return
        project, scene = self._document.project, self._scene
        folded, graph = project.folded, project.graph
        for path, frame in sorted(
            self.items.items(), key=lambda entry: (entry[0] not in folded, -entry[0].count("/"))
        ):
            inner = [other.count("/") for other in self.items if other.startswith(f"{path}/")]
            depth = max(inner, default=path.count("/")) - path.count("/")
            fold = self._look(path, graph, self._document.inference) if path in folded else None
            first = min(frame.members, key=graph.rank.__getitem__)
            corner = scene.nodes[first].pos()
            rect = QRectF() if fold is not None else scene.network_rect(frame.members)
            frame.enclose(frame.members, rect, depth, corner, fold)

    def _look(self, path: str, graph: Graph, inference: Inference) -> FoldLook:
        project = self._document.project
        state = project.frames.get(path)
        return fold_look(
            graph,
            inference,
            self.items[path].members,
            takes_one=project.takes_one(path),
            is_block=bool(state and state.block),
        )

    def show_picked(self) -> None:
        """Mark the boxes in which something is selected."""
        nodes = self._scene.nodes
        for frame in self.items.values():
            frame.set_picked(frame.fold is not None and any(nodes[i].isSelected() for i in frame.members))

    def show_ghost(self, inference: Inference, shown: set[str]) -> None:
        """Show on the boxes of these nodes what they would give by another inference."""
        for box in self.boxes():
            meant = shown.intersection(box.members)
            box.set_ghost(self._look(box.path, inference.graph, inference) if meant else None)

    def hide_ghost(self) -> None:
        """Show what holds now."""
        for frame in self.items.values():
            frame.set_ghost(None)
