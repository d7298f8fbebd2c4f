"""Frames by command: wrap, take out, rename, fold and open."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from engine.api import DesignError, FrameState, folding, framing
from workbench.canvas.scene import CanvasScene


class FrameCommands:
    """Each is one edit of the document; `say` takes a sentence about what cannot be done."""

    def __init__(self, scene: CanvasScene, say: Callable[[str], object]) -> None:
        self._scene = scene
        self._document = scene.document
        self._say = say

    def wrap(self) -> str:
        """Put the selected nodes into a new frame; returns its path, or "" where nothing is selected."""
        nodes = self._scene.selected_nodes
        if not nodes:
            return ""
        project = self._document.project
        graph, path = framing.wrap_in_frame(project.graph, nodes)
        name = project.graph.nodes[nodes[0]].name if len(nodes) == 1 else f"{len(nodes)} nodes"
        moved = framing.moved_into(project.graph, nodes, path)
        states = framing.states_after(project.frames, graph, moved)
        self._document.apply_graph(f"Frame {name}", graph, frames=states)
        return path

    def unwrap(self) -> None:
        """Take the selected nodes out of their frames."""
        nodes, graph = self._scene.selected_nodes, self._document.project.graph
        framed = [node_id for node_id in nodes if graph.nodes[node_id].frame]
        if not framed:
            return
        name = graph.nodes[framed[0]].name if len(framed) == 1 else f"{len(framed)} nodes"
        opened = self._opened({self._scene.framing.holder[i] for i in framed if not self._scene.is_shown(i)})
        self._document.apply_graph(f"Unframe {name}", framing.unwrap(graph, framed), opened)

    def rename(self, path: str, title: str) -> None:
        """Give a frame another title."""
        project = self._document.project
        try:
            graph, renamed = framing.rename_frame(project.graph, path, title)
        except DesignError as error:
            self._say(str(error))
            return
        states = framing.states_after(project.frames, graph, {path: renamed})
        self._document.apply_graph("Rename frame", graph, frames=states)

    def toggle_fold(self) -> None:
        """Fold the innermost frames of the selected nodes to one box each; open those that are folded."""
        scene, project = self._scene, self._document.project
        paths = {path for i in scene.selected_nodes if (path := project.graph.nodes[i].frame)}
        if not paths:
            self._say("Select nodes in a frame to fold it; Ctrl+G makes a frame.")
            return
        boxes = {scene.framing.holder[i] for i in scene.selected_nodes if not scene.is_shown(i)}
        if boxes:
            self.set_folded(boxes, False)
        else:
            self.set_folded(paths, True)

    def set_folded(self, paths: set[str], folded: bool) -> None:
        """Fold frames to one box each, or open them; what stands below keeps its distance."""
        project = self._document.project
        states = dict(project.frames)
        if folded:
            places: dict[str, tuple[float, float]] = {}
            shut = set(project.folded)
            for path in sorted(paths, key=lambda path: -path.count("/")):
                now = {**project.layout, **places}
                places |= folding.places_after_folding(project.graph, now, shut, path)
                shut.add(path)
        else:
            places = self._opened(paths)
        for path in paths:
            states[path] = replace(states.get(path, FrameState()), folded=folded)
        kept: Mapping[str, FrameState] = {p: s for p, s in states.items() if s != FrameState()}
        what = next(iter(paths)).rpartition("/")[2] if len(paths) == 1 else f"{len(paths)} frames"
        text = f"{'Fold' if folded else 'Open'} {what}"
        self._document.apply_graph(text, project.graph, places, frames=kept)

    def _opened(self, paths: set[str]) -> dict[str, tuple[float, float]]:
        project = self._document.project
        places: dict[str, tuple[float, float]] = {}
        shut = set(project.folded)
        for path in sorted(paths, key=lambda path: path.count("/")):
            now = {**project.layout, **places}
            places |= folding.places_after_unfolding(project.graph, now, shut, path)
            shut.discard(path)
        return places

    def open_around(self, node_id: str) -> None:
        """Open the folded frames that hide a node."""
        scene, folded = self._scene, self._document.project.folded
        node = self._document.project.graph.nodes.get(node_id)
        hiding = [path for path in framing.around(node) if path in folded] if node is not None else []
        if hiding:
            self.set_folded(set(hiding), False)
            scene.select([node_id])
