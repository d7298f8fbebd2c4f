"""Blocks by command: save the selection as one, place one, make all copies follow."""

from collections.abc import Callable, Mapping

from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QDialog

from engine.api import (
    NODE_HEIGHT,
    NODE_WIDTH,
    Block,
    DesignError,
    Edge,
    FrameState,
    Graph,
    Point,
    blocks,
    edits,
    folding,
    framing,
    free_place,
    make_room,
)
from workbench.canvas.block_dialog import BlockDialog, BlockRequest
from workbench.canvas.commands import CanvasCommands
from workbench.canvas.network_view import NetworkView
from workbench.canvas.port import Port
from workbench.document.block_shelf import BlockShelf


class BlockCommands:
    """Each is one edit of the document; `say` takes a sentence about what cannot be done."""

    def __init__(
        self, view: NetworkView, commands: CanvasCommands, shelf: BlockShelf, say: Callable[[str], object]
    ) -> None:
        self._view = view
        self._scene = view.canvas
        self._document = view.canvas.document
        self._commands = commands
        self._shelf = shelf
        self._say = say

    def ask(self) -> BlockDialog | None:
        """Ask for the name and the settings of a block of what is selected."""
        nodes = self._scene.selected_nodes
        if not nodes:
            self._say("Select the nodes that the block shall hold, then save them as a block.")
            return None
        project = self._document.project
        path = self.frame_of(nodes)
        known = project.frames.get(path, FrameState()).block
        name = known or path.rpartition("/")[2] or self._free_name()
        dialog = BlockDialog(
            project.graph,
            nodes,
            name,
            self._shelf.blocks,
            lambda name: self._copies_of(name, nodes),
            self._view.window(),
        )
        dialog.finished.connect(lambda result: self._take(dialog, result))
        dialog.open()
        return dialog

    def _take(self, dialog: BlockDialog, result: int) -> None:
        if result == QDialog.DialogCode.Accepted:
            self.save(dialog.request)
        self._view.setFocus()

    def frame_of(self, node_ids: tuple[str, ...]) -> str:
        """The path of the frame that holds exactly these nodes, or ""."""
        graph, chosen = self._document.project.graph, set(node_ids)
        exact = (path for path, members in framing.frames(graph).items() if set(members) == chosen)
        return next(exact, "")

    def _free_name(self) -> str:
        number = 1
        while f"Block {number}" in self._shelf.blocks:
            number += 1
        return f"Block {number}"

    def _copies_of(self, name: str, node_ids: tuple[str, ...]) -> list[str]:
        """Paths of the frames that are copies of a block, apart from the one that these nodes are in."""
        project = self._document.project
        own = self.frame_of(node_ids)
        return [path for path, state in project.frames.items() if state.block == name and path != own]

    def save(self, request: BlockRequest) -> None:
        """Keep nodes as a block; they become a copy of the block themselves, folded."""
        project, nodes = self._document.project, request.node_ids
        try:
            name = blocks.checked_name(request.name)
            graph = blocks.expose(project.graph, nodes, request.labels)
            path = self.frame_of(nodes)
            states = dict(project.frames)
            if not path:
                graph, path = framing.wrap_in_frame(graph, nodes, framing.free_title(graph, name))
                moved_paths = framing.moved_into(project.graph, nodes, path)
                states = dict(framing.states_after(project.frames, graph, moved_paths))
            block = blocks.make_block(name, graph, nodes, project.layout, frame=path)
            moved: dict[str, Point] = {}
            folded = [other for other, state in states.items() if state.folded]
            if path not in folded:
                moved = folding.places_after_folding(graph, project.layout, folded, path)
            states[path] = FrameState(folded=True, block=name)
            if request.update_copies:
                copies = [p for p, s in states.items() if s.block == name and not _overlap(p, path)]
                graph, placed = blocks.with_copies_updated(graph, {**project.layout, **moved}, block, copies)
                moved |= placed
        except DesignError as error:
            self._say(str(error))
            return
        self._document.apply_graph(
            f"Save block {name}", graph, moved, frames=states, blocks={**project.blocks, name: block}
        )
        if request.in_library:
            self._shelf.keep(block)

    def place_after_selection(self, name: str, place: QPointF) -> None:
        """Place a block behind what is selected: connected, or put into its only outgoing edge."""
        source, block = self._commands.selected_source(), self._shelf.blocks[name]
        graph = self._document.project.graph
        if source is None or not block.inputs or graph.nodes[source].layer.terminal:
            self.place(name, place)
            return
        outgoing = graph.outgoing[source]
        below = self._commands.place_after_selection() or place
        if len(outgoing) == 1 and block.takes_one and len(block.outputs) == 1:
            self.place(name, below, edge=outgoing[0])
        else:
            self.place(name, below, port=(source, "out", 0))

    def place(self, name: str, place: QPointF, *, edge: Edge | None = None, port: Port | None = None) -> None:
        """Place a copy of a block, folded and centred at a place, put into an edge or connected to a port."""
        project, block = self._document.project, self._shelf.blocks[name]
        wanted = (place.x() - NODE_WIDTH / 2, place.y() - NODE_HEIGHT / 2)
        corner = free_place(self._scene.seen_layout(), wanted)
        graph, ids, moved, path = blocks.place_block(project.graph, block, corner)
        states = {**project.frames, path: FrameState(folded=True, block=name)}
        try:
            if edge is not None:
                folded = {*project.folded, path}
                seen = folding.seen_design(graph, {**project.layout, **moved}, folded)
                stands = seen.stand_in[next(iter(ids.values()))]
                moved |= seen.with_members(make_room(seen.layout, seen.graph, seen.edge(edge), stands))
                ends = [(ids[node_id], number) for node_id, number in block.inputs[0].ends]
                graph = folding.inserted(graph, edge, ends, ids[block.outputs[0]])
            elif port is not None:
                graph = self._connected(graph, block, ids, port)
        except DesignError as error:
            self._say(str(error))
            return
        self._document.apply_graph(
            f"Place {path}",
            edits.closed_up(graph),
            dict(moved),
            frames=states,
            blocks={**project.blocks, name: block},
        )
        self._scene.select(ids.values())
        self._view.show_node(next(iter(ids.values())))

    def _connected(self, graph: Graph, block: Block, ids: Mapping[str, str], port: Port) -> Graph:
        if port[1] == "out":
            for node_id, number in block.inputs[0].ends if block.inputs else ():
                graph = edits.connect(graph, port[0], ids[node_id], number)
            return graph
        for node_id, _, number in self._scene.ends_of(port) if block.outputs else ():
            graph = edits.connect(graph, ids[block.outputs[0]], node_id, number)
        return graph

    def fitting(self, port: Port | None) -> list[Block]:
        """The blocks that can be connected to a port; all of them without one."""
        found = list(self._shelf.blocks.values())
        if port is None:
            return found
        return [block for block in found if (block.inputs if port[1] == "out" else block.outputs)]


def _overlap(one: str, other: str) -> bool:
    """Whether one frame is, or is inside of, the other."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")
