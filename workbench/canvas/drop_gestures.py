"""Layers and blocks dragged in from the palette."""

from abc import abstractmethod

from PySide6.QtCore import QPointF, QRectF, QSizeF

from engine.api import NODE_HEIGHT, NODE_WIDTH, DesignError, Edge, edits, make_layer
from workbench.canvas.editor_view import EditorView
from workbench.canvas.gestures import EdgeMark, Gesture


class Drop(Gesture):
    """Something new under the pointer: dropped on an edge it is inserted where it can be, else it stands alone."""

    def __init__(self, view: EditorView, *, passes: bool) -> None:
        """`passes`: it has one input and one output, so that it can stand in the middle of an edge."""
        super().__init__(view)
        self._passes = passes
        self._mark = EdgeMark()

    def start(self, place: QPointF) -> None:
        """The drag came over the canvas."""
        self.move(place)

    def move(self, place: QPointF) -> None:
        """Show where the node would stand, and the edge that it would go into."""
        corner = place - QPointF(NODE_WIDTH / 2, NODE_HEIGHT / 2)
        self.view.show_outline(QRectF(corner, QSizeF(NODE_WIDTH, NODE_HEIGHT)))
        self._mark.put(self.scene.edge_at(place) if self._passes else None)

    def end(self, place: QPointF) -> None:
        """Add it."""
        self.move(place)
        target = self._mark.item
        self.cancel()
        try:
            self.add(place, target.edge if target else None)
        except DesignError as error:
            self.view.message.emit(str(error))

    @abstractmethod
    def add(self, place: QPointF, edge: Edge | None) -> None:
        """Add it at a place, or into an edge; DesignError when that is refused."""

    def cancel(self) -> None:
        """Show nothing any more."""
        self._mark.put(None)
        self.view.show_outline(QRectF())


class DropLayer(Drop):
    """A layer of some type."""

    def __init__(self, view: EditorView, type_name: str) -> None:
        super().__init__(view, passes=edits.passes_through(make_layer(type_name)))
        self.type_name = type_name

    def add(self, place: QPointF, edge: Edge | None) -> None:
        """Add the layer."""
        self.view.commands.add_layer(self.type_name, place, edge=edge)


class DropBlock(Drop):
    """A block by its name."""

    def __init__(self, view: EditorView, name: str) -> None:
        block = view.shelf.blocks[name]
        super().__init__(view, passes=block.takes_one and len(block.outputs) == 1)
        self.name = name

    def add(self, place: QPointF, edge: Edge | None) -> None:
        """Place a copy of the block."""
        self.view.block_commands.place(self.name, place, edge=edge)
