"""The pointer on the canvas: which gesture a press begins, panning, and what lies under it."""

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QMouseEvent

from engine.api import Edge
from workbench.canvas.connect_gesture import ConnectWire
from workbench.canvas.editor_view import EditorView
from workbench.canvas.gestures import Gesture, MoveNodes, RubberBand
from workbench.canvas.node_item import NodeItem
from workbench.canvas.port import Port

_PORT_REACH = 12.0
_ADDING = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


class Pointer:
    """Holds the one gesture that is going on. Panning goes on beside it, so a wire can be drawn across screens."""

    def __init__(self, view: EditorView) -> None:
        self._view = view
        self._scene = view.canvas
        self.gesture: Gesture | None = None
        self._panning: QPointF | None = None
        self._space = False
        self._hovered: NodeItem | None = None

    def begin(self, gesture: Gesture, place: QPointF) -> None:
        """Start a gesture at a place of the scene."""
        self.gesture = gesture
        gesture.start(place)

    def end(self, place: QPointF) -> None:
        """End the gesture, which may edit the document."""
        gesture, self.gesture = self.gesture, None
        self._view.scroll_near_edge(None)
        if gesture is not None:
            gesture.end(place)

    def cancel(self) -> None:
        """Take back what the gesture showed."""
        gesture, self.gesture = self.gesture, None
        self._view.scroll_near_edge(None)
        if gesture is not None:
            gesture.cancel()

    def follow(self) -> None:
        """The scene moved under a resting pointer."""
        if self.gesture is not None and self._view.pointer_position is not None:
            self.gesture.move(self._view.place_at(self._view.pointer_position))

    def press(self, event: QMouseEvent) -> None:
        """Middle button or Space pans; the left one begins what the place under it suggests."""
        self._view.pointer_position = event.position()
        left = event.button() == Qt.MouseButton.LeftButton
        if event.button() == Qt.MouseButton.MiddleButton or (left and self._space and self.gesture is None):
            self._panning = event.position()
            self._view.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)
        elif left and self.gesture is None:
            self._begin_at(self._view.place_at(event.position()), adding=bool(event.modifiers() & _ADDING))

    def _begin_at(self, place: QPointF, *, adding: bool) -> None:
        scene, port = self._scene, self.port_at(place)
        node, edge, frame = scene.node_at(place), scene.edge_at(place), scene.frame_at(place)
        if port is not None:
            self.begin(ConnectWire(self._view, port, self._arriving(port)), place)
        elif node is not None and adding:
            scene.select({*scene.selected_nodes} ^ {node.node_id}, scene.selected_edges)
        elif node is not None:
            if not node.isSelected():
                scene.select([node.node_id])
            self.begin(MoveNodes(self._view, node.node_id), place)
        elif frame is not None and frame.fold_sign().contains(place):
            # Before the connections, which may pass over the sign.
            self._view.frame_commands.set_folded({frame.path}, frame.fold is None)
        elif edge is not None and (frame is None or frame.fold is None):
            kept = {*scene.selected_edges} ^ {edge.edge} if adding else {edge.edge}
            scene.select(scene.selected_nodes if adding else (), kept)
            if (axis := edge.number_at(place)) is not None:
                self._view.explain(edge.edge.source, axis, place)
        elif frame is not None:
            scene.select({*scene.selected_nodes} ^ {*frame.members} if adding else frame.members)
            self.begin(MoveNodes(self._view, frame.members[0], by_frame=True), place)
        else:
            self.begin(RubberBand(self._view, adding=adding), place)

    def _arriving(self, port: Port) -> tuple[Edge, ...]:
        """The edges that come in at a port."""
        graph = self._scene.document.project.graph
        ends = {(i, n) for i, side, n in self._scene.ends_of(port) if side == "in"}
        return tuple(
            e for i in sorted({i for i, _ in ends}) for e in graph.incoming[i] if (i, e.port) in ends
        )

    def port_at(self, place: QPointF) -> Port | None:
        """The port under a place of the scene."""
        # Zoomed far out, ports are not drawn and must not cover the nodes.
        return self._scene.port_near(place, min(_PORT_REACH / self._view.zoom, _PORT_REACH * 1.3))

    def move(self, event: QMouseEvent) -> None:
        """Pan, drag, or show what lies under the pointer."""
        self._view.pointer_position = event.position()
        if self._panning is not None:
            self._view.pan_by(self._panning - event.position())
            self._panning = event.position()
        elif self._space and event.buttons() & Qt.MouseButton.LeftButton:
            self._panning = event.position()
        if self.gesture is not None:
            self.gesture.move(self._view.place_at(event.position()))
            self._view.scroll_near_edge(event.position() if self._panning is None else None)
        elif self._panning is None:
            self._hover(self._view.place_at(event.position()))

    def _hover(self, place: QPointF) -> None:
        port = self.port_at(place)
        for frame in self._scene.framing.boxes():
            frame.set_hovered(port if port is not None and port[0] in frame.members else None)
        item = self._scene.nodes[port[0]] if port else self._scene.node_at(place)
        if self._hovered is not item:
            self.leave_node()
        self._hovered = item
        if item is not None:
            item.set_hovered(True, port[1:] if port else None)
        self._view.name_node(item)
        self._view.viewport().setCursor(Qt.CursorShape.CrossCursor if port else Qt.CursorShape.ArrowCursor)

    def leave_node(self) -> None:
        """Nothing is under the pointer any more."""
        self._view.name_node(None)
        if self._hovered is not None:
            self._hovered.set_hovered(False)
            self._hovered = None

    def release(self, event: QMouseEvent) -> None:
        """End panning or the gesture."""
        self._view.pointer_position = event.position()
        left = event.button() == Qt.MouseButton.LeftButton
        if event.button() == Qt.MouseButton.MiddleButton or (left and self._panning is not None):
            self._end_panning()
        if left and self.gesture is not None:
            self.end(self._view.place_at(event.position()))

    def hold_space(self, held: bool) -> None:
        """While Space is held, a drag with the left button pans."""
        if held != self._space:
            self._space = held
            self._end_panning()

    def _end_panning(self) -> None:
        self._panning = None
        shape = Qt.CursorShape.OpenHandCursor if self._space else Qt.CursorShape.ArrowCursor
        self._view.viewport().setCursor(shape)
