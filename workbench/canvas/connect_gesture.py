"""Drawing a wire from a port to another: what fits lights up, what does not says why."""

import itertools

from PySide6.QtCore import QPointF

from engine.api import DesignError, Edge, Graph, edits, infer
from workbench.canvas.editor_view import EditorView
from workbench.canvas.gestures import Gesture
from workbench.canvas.node_item import NodeItem
from workbench.canvas.port import Port

SNAP = 20.0
"""Screen pixels within which a wire goes to a port by itself."""


class ConnectWire(Gesture):
    """Pulls a wire out of a port. `taken` are the edges that were pulled off a connected input.

    Those are several where one input of a folded frame feeds several nodes inside.
    """

    def __init__(self, view: EditorView, anchor: Port, taken: tuple[Edge, ...] = ()) -> None:
        super().__init__(view)
        self.anchor: Port = (taken[0].source, "out", 0) if taken else anchor
        self._taken = taken
        self._pressed_at = QPointF()
        self._fitting: frozenset[str] = frozenset()
        self._promised: tuple[Port, str, bool] | None = None
        self._accused: list[NodeItem] = []
        self.target: Port | None = None

    @property
    def _graph(self) -> Graph:
        """The design without the edges that were taken off."""
        graph = self.document.project.graph
        return graph.with_edges(edge for edge in graph.edges if edge not in self._taken)

    def start(self, place: QPointF) -> None:
        """Light up every port that the wire fits into."""
        self._pressed_at = place
        node_id, side, _port = self.anchor
        if side == "out":
            self._fitting = edits.takers(self._graph, node_id)
        else:
            # The input of a box stands for several inputs inside, and a giver must suit all of them.
            ends = self.scene.ends_of(self.anchor)
            self._fitting = frozenset.intersection(*(edits.givers(self._graph, end[0]) for end in ends))
        for other, item in self.scene.nodes.items():
            if other == node_id:
                continue
            wanted = "in" if side == "out" else "out"
            takes = other in self._fitting
            item.set_fitting(wanted, frozenset(port for s, port in item.ports() if takes and s == wanted))
        for box in self.scene.framing.boxes():
            fitting = (port for port in box.ports() if port[1] != side and self._fits(port))
            box.set_fitting(frozenset(fitting if node_id not in box.members else ()))
        for edge in self._taken:
            self.scene.edges[edge].setVisible(False)
        self.move(place)

    def move(self, place: QPointF) -> None:
        """Lead the wire to the nearest fitting port, or to the pointer; say what would come of it."""
        reach = SNAP / self.view.zoom
        self.target = self.scene.port_near(place, reach, self._takes) or self._port_of_node_at(place)
        if self.target is not None:
            self._accuse([])
            end = self.scene.port_place(*self.target)
            text, refused = self._promise(self.target)
        else:
            self._hide_promise()
            end = place
            text = self._reason(place, reach)
            refused = bool(text)
        start = self.scene.port_place(*self.anchor)
        ends = (start, end) if self.anchor[1] == "out" else (end, start)
        self.scene.wire.lead(*ends, place, fits=self.target is not None, zoom=self.view.zoom)
        self.scene.wire.say(text, refused=refused)

    def _takes(self, item: NodeItem, side: str, port: int) -> bool:
        box = self.scene.framing.box_of(item.node_id)
        own = box is not None and self.anchor[0] in box.members
        return side != self.anchor[1] and self._fits((item.node_id, side, port)) and not own

    def _fits(self, port: Port) -> bool:
        """Whether the wire may end at a port: at every end of it, where it is the input of a box."""
        return all(end[0] in self._fitting for end in self.scene.ends_of(port))

    def _port_of_node_at(self, place: QPointF) -> Port | None:
        """The port that a wire dropped on the body of a node or a box goes into."""
        box = self.scene.box_at(place)
        if box is not None and self.anchor[0] not in box.members:
            ports = [port for port in box.ports() if port[1] != self.anchor[1] and self._fits(port)]
            filled = {(e.target, e.port) for e in self._graph.edges}
            return next((p for p in ports if (p[0], p[2]) not in filled), ports[0] if ports else None)
        item = self.scene.node_at(place)
        if item is None or item.node_id not in self._fitting:
            return None
        if self.anchor[1] == "in":
            return item.node_id, "out", 0
        own = next((edge for edge in self._taken if edge.target == item.node_id), None)
        if own is not None:
            return item.node_id, "in", own.port
        return item.node_id, "in", edits.free_port(self._graph, item.node_id)

    def connected(self, port: Port) -> Graph:
        """The design after dropping the wire on a port; DesignError when that is refused."""
        node_id = self.anchor[0]
        ends = self.scene.ends_of(port)
        if len(self._taken) == 1 and len(ends) == 1:
            return edits.reconnect(self.document.project.graph, self._taken[0], port[0], port[2])
        graph = self._graph
        if self.anchor[1] == "out":
            for target, _, number in ends:
                graph = edits.connect(graph, node_id, target, number)
            return edits.closed_up(graph) if self._taken else graph
        for target, _, number in self.scene.ends_of(self.anchor):
            graph = edits.connect(graph, port[0], target, number)
        return graph

    def _promise(self, port: Port) -> tuple[str, bool]:
        """What the node behind the wire would give then, and whether that is a problem."""
        if self._promised is None or self._promised[0] != port:
            target = port[0] if self.anchor[1] == "out" else self.anchor[0]
            graph = self.connected(port)
            inference = infer(graph, self.document.data_shape, before=self.document.inference)
            self.scene.show_ghost(inference, graph.descendants(target) | {target})
            problem, shape = inference.problem_of.get(target), inference.shapes.get(target)
            text = problem.message if problem else ""
            if shape is not None:
                name = self.document.project.graph.nodes[target].name
                text = f"{name} gives {shape.output}; {inference.parameter_count:,} parameters in all"
            self._promised = (port, text, problem is not None)
        return self._promised[1:]

    def _hide_promise(self) -> None:
        if self._promised is not None:
            self._promised = None
            self.scene.hide_ghost()

    def _reason(self, place: QPointF, reach: float) -> str:
        """Why the port or node under the pointer does not take the wire; lights up the cycle it would close."""
        near = self.scene.port_near(place, reach, lambda item, side, port: side != self.anchor[1])
        item = self.scene.nodes[near[0]] if near else self.scene.node_at(place)
        if item is None or item.node_id == self.anchor[0]:
            self._accuse([])
            return ""
        if self.anchor[1] == "out":
            targets = self.scene.ends_of(near) if near else [(item.node_id, "in", 0)]
            pairs = [(self.anchor[0], target[0]) for target in targets]
        else:
            pairs = [(item.node_id, target[0]) for target in self.scene.ends_of(self.anchor)]
        giver, taker = next((pair for pair in pairs if edits.refusal(self._graph, *pair)), pairs[0])
        self._accuse([*self._graph.path(taker, giver)])
        return edits.refusal(self._graph, giver, taker)

    def _accuse(self, node_ids: list[str]) -> None:
        for item in self._accused:
            item.set_accused(False)
        self._accused = [self.scene.nodes[node_id] for node_id in node_ids if node_id in self.scene.nodes]
        for item in self._accused:
            item.set_accused(True)
        pairs = set(itertools.pairwise(node_ids))
        for edge, edge_item in self.scene.edges.items():
            edge_item.set_accused((edge.source, edge.target) in pairs)

    def end(self, place: QPointF) -> None:
        """Connect; or take the wire off; or, on empty canvas, ask for the layer to connect to."""
        self.move(place)
        target, refused = self.target, self.scene.wire.text
        over = self.scene.node_at(place) or self.scene.box_at(place)
        on_empty = target is None and over is None and not refused
        self.cancel()
        if target is not None:
            self._connect(target)
        elif on_empty and self._taken:
            self._take_off()
        elif refused:
            self.view.message.emit(refused)
        elif on_empty and (place - self._pressed_at).manhattanLength() * self.view.zoom > SNAP:
            self.view.open_search(place, wire=self.anchor)

    def _connect(self, target: Port) -> None:
        names = {node.id: node.name for node in self.document.project.graph.nodes.values()}
        ends = (self.anchor[0], target[0]) if self.anchor[1] == "out" else (target[0], self.anchor[0])
        try:
            graph = self.connected(target)
        except DesignError as error:
            self.view.message.emit(str(error))
            return
        self.document.apply_graph(f"Connect {names[ends[0]]} to {names[ends[1]]}", graph)

    def _take_off(self) -> None:
        graph = self.document.project.graph
        name = graph.nodes[self._taken[0].target].name
        self.document.apply_graph(f"Disconnect {name}", edits.disconnect(graph, *self._taken))

    def cancel(self) -> None:
        """Put the wire back where it was."""
        self._accuse([])
        self._hide_promise()
        self.scene.wire.setVisible(False)
        self.scene.wire.say("")
        for item in self.scene.nodes.values():
            item.set_fitting("", None)
        for box in self.scene.framing.boxes():
            box.set_fitting(None)
        for edge in self._taken:
            if edge in self.scene.edges:
                # A key may have folded a frame round it meanwhile.
                self.scene.edges[edge].setVisible(self.scene.framing.shows(edge))
