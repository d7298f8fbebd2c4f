"""The network for screen readers: the canvas is a list of nodes, each with its name, its facts and its connections."""

from collections.abc import Sequence
from typing import Any

import shiboken6
from PySide6.QtCore import QObject, QRect
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QAccessibleInterface,
    QAccessibleObject,
    QWindow,
)

from engine.api import framing
from workbench.canvas.network_view import NetworkView

_Text = QAccessible.Text
# Qt keeps plain pointers to interfaces until the program ends, so nothing that it was given may go before.
_given: list[QAccessibleInterface] = []
_factories: list[Any] = []


def install() -> None:
    """Let Qt ask here for what it tells screen readers of a `CanvasView`."""
    if not _factories:
        _factories.append(_interface_of)
        QAccessible.installFactory(_interface_of)


def announce(view: NetworkView, node_ids: Sequence[str]) -> None:
    """Tell a screen reader, if there is one, what was selected."""
    if QAccessible.isActive() and node_ids:
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(view, selection_words(view, node_ids)))


def selection_words(view: NetworkView, node_ids: Sequence[str]) -> str:
    """What is selected: one node or box with all its facts, several by their names."""
    box = view.canvas.selected_box
    if not node_ids:
        return "Nothing selected"
    if len(node_ids) == 1 or box is not None:
        return "Selected: {}: {}".format(*node_words(view, node_ids[0]))
    nodes = view.canvas.document.project.graph.nodes
    return f"Selected: {', '.join(nodes[i].name for i in node_ids if i in nodes)}"


def node_words(view: NetworkView, node_id: str) -> tuple[str, str]:
    """Name and description of a node, or of the folded frame that stands for it."""
    document, scene = view.canvas.document, view.canvas
    graph = document.project.graph
    box = scene.framing.box_of(node_id)
    if box is not None and box.fold is not None:
        state = f"Problem: {box.fold.problem}" if box.fold.problem else box.fold.waiting
        return box.title, _sentence("folded frame", box.fold.inside, box.fold.shapes, state)
    look, node = scene.nodes[node_id].look, graph.nodes[node_id]
    fed = ", ".join(graph.nodes[edge.source].name for edge in graph.incoming[node_id])
    feeds = ", ".join(graph.nodes[edge.target].name for edge in graph.outgoing[node_id])
    state = f"Problem: {look.status_text}" if look.status == "problem" else look.status_text
    return look.title, _sentence(
        node.layer.label,
        look.summary,
        f"gives {look.shape}" if look.shape else "",
        look.parameters,
        "muted" if look.muted else "",
        f"from {fed}" if fed else "no input" if node.layer.most_inputs != 0 else "",
        f"to {feeds}" if feeds else "",
        f"in frame {', '.join(framing.around(node))}" if node.frame else "",
        state or look.hint,
    )


def _sentence(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


class NodeAccessible(QAccessibleInterface):
    """One node, or one box; `node_id` is gone once the design changes, which makes it invalid."""

    def __init__(self, view: NetworkView, node_id: str) -> None:
        super().__init__()
        self._view, self.node_id = view, node_id

    def isValid(self) -> bool:
        """Whether the node is still there."""
        return shiboken6.isValid(self._view) and self.node_id in self._view.canvas.nodes

    def object(self) -> QObject | None:  # type: ignore[override]
        """A node is no QObject."""
        return None

    def window(self) -> QWindow | None:  # type: ignore[override]
        """The window that the canvas is in."""
        return self._view.window().windowHandle()

    def parent(self) -> QAccessibleInterface:
        """The canvas."""
        return QAccessible.queryAccessibleInterface(self._view)

    def childCount(self) -> int:
        """Nodes have no parts."""
        return 0

    def child(self, index: int) -> QAccessibleInterface | None:  # type: ignore[override]
        """None."""
        return None

    def childAt(self, x: int, y: int) -> QAccessibleInterface | None:  # type: ignore[override]
        """None."""
        return None

    def indexOfChild(self, child: QAccessibleInterface) -> int:
        """Never there."""
        return -1

    def text(self, kind: QAccessible.Text) -> str:
        """Name and facts of the node."""
        if not self.isValid() or kind not in (_Text.Name, _Text.Description):
            return ""
        return node_words(self._view, self.node_id)[kind == _Text.Description]

    def setText(self, kind: QAccessible.Text, text: str) -> None:
        """Names are edited in the inspector."""

    def rect(self) -> QRect:
        """Where it is on the screen."""
        if not self.isValid():
            return QRect()
        body = self._view.canvas.body_of(self.node_id)
        place = self._view.mapFromScene(body).boundingRect()
        return QRect(self._view.viewport().mapToGlobal(place.topLeft()), place.size())

    def role(self) -> QAccessible.Role:
        """An entry of a list."""
        return QAccessible.Role.ListItem

    def state(self) -> QAccessible.State:
        """Whether it is selected."""
        state = QAccessible.State()
        if self.isValid():
            state.selectable = True
            state.selected = self._view.canvas.nodes[self.node_id].isSelected()
        return state


class CanvasAccessible(QAccessibleObject):
    """The canvas as a list of what is seen on it: nodes and boxes, in the order of the network."""

    def __init__(self, view: NetworkView) -> None:
        super().__init__(view)
        self._view = view
        self._children: dict[str, NodeAccessible] = {}

    def _seen(self) -> list[str]:
        if not shiboken6.isValid(self._view):
            return []
        scene = self._view.canvas
        boxes = {path: box.members[0] for path, box in scene.frames.items() if box.fold is not None}
        order = scene.document.project.graph.order
        return [i for i in order if scene.is_shown(i) or boxes.get(scene.framing.holder[i]) == i]

    def childCount(self) -> int:
        """How many nodes and boxes there are."""
        return len(self._seen())

    def child(self, index: int) -> QAccessibleInterface | None:  # type: ignore[override]
        """A node or a box by its place in the network."""
        seen = self._seen()
        if not 0 <= index < len(seen):
            return None
        if seen[index] not in self._children:
            self._children[seen[index]] = NodeAccessible(self._view, seen[index])
            _given.append(self._children[seen[index]])
        return self._children[seen[index]]

    def childAt(self, x: int, y: int) -> QAccessibleInterface | None:  # type: ignore[override]
        """The node at a place of the screen."""
        children = (self.child(number) for number in range(self.childCount()))
        return next((child for child in children if child is not None and child.rect().contains(x, y)), None)

    def indexOfChild(self, child: QAccessibleInterface) -> int:
        """The place of a node."""
        seen = self._seen()
        known = isinstance(child, NodeAccessible) and child.node_id in seen
        return seen.index(child.node_id) if known and isinstance(child, NodeAccessible) else -1

    def focusChild(self) -> QAccessibleInterface | None:  # type: ignore[override]
        """The one selected node."""
        selected = self._view.canvas.selected_nodes if shiboken6.isValid(self._view) else ()
        seen = self._seen()
        return self.child(seen.index(selected[0])) if selected and selected[0] in seen else None

    def parent(self) -> QAccessibleInterface:
        """What the canvas stands in."""
        return QAccessible.queryAccessibleInterface(self._view.parent() or self._view)

    def text(self, kind: QAccessible.Text) -> str:
        """The name of the canvas, and what is selected."""
        if kind == _Text.Name:
            return self._view.accessibleName()
        return self._view.accessibleDescription() if kind == _Text.Description else ""

    def rect(self) -> QRect:
        """Where it is on the screen."""
        view = self._view.viewport()
        return QRect(view.mapToGlobal(view.rect().topLeft()), view.size())

    def role(self) -> QAccessible.Role:
        """A list of nodes."""
        return QAccessible.Role.List

    def state(self) -> QAccessible.State:
        """It takes the keyboard."""
        state = QAccessible.State()
        state.focusable = True
        state.focused = self._view.hasFocus()
        return state


def _interface_of(key: str, owner: QObject) -> QAccessibleInterface | None:
    if key != "CanvasView" or not isinstance(owner, NetworkView):
        return None
    _given.append(CanvasAccessible(owner))
    return _given[-1]
