"""A network view that edits: its commands, and what lies over it."""

from PySide6.QtCore import QPointF, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from engine.api import DesignError, Project
from workbench.canvas import accessible
from workbench.canvas.block_commands import BlockCommands
from workbench.canvas.commands import CanvasCommands
from workbench.canvas.copy_commands import CopyCommands
from workbench.canvas.frame_commands import FrameCommands
from workbench.canvas.network_view import NetworkView
from workbench.canvas.overlays import Overlays
from workbench.canvas.port import Port
from workbench.canvas.scene import CanvasScene
from workbench.document.block_shelf import BlockShelf
from workbench.document.document import Document
from workbench.theme import Theme


class EditorView(NetworkView):
    """What gestures and actions work on. What cannot be done is said in `message`."""

    selection_changed = Signal(object)
    """tuple of the selected nodes' ids."""
    node_activated = Signal(str)
    """Enter or a double click asks for the settings of this node, or of the selected box that it is in."""
    message = Signal(str)
    """A sentence for the status bar."""
    template_requested = Signal(str)
    """The empty canvas was asked for this thesis network."""

    def __init__(
        self, document: Document, theme: Theme, parent: QWidget | None, shelf: BlockShelf | None
    ) -> None:
        """`shelf` holds the blocks that can be placed; by default those of the project and of the user."""
        super().__init__(CanvasScene(document, theme), parent)
        self.document = document
        self.shelf = shelf or BlockShelf(document)
        self.pointer_position: QPointF | None = None
        """Where the pointer was seen last, in pixels of the viewport; None when it left."""
        say = self.message.emit
        self.commands = CanvasCommands(self, say)
        self.copy_commands = CopyCommands(self, self.commands, say)
        self.frame_commands = FrameCommands(self.canvas, say)
        self.block_commands = BlockCommands(self, self.commands, self.shelf, say)
        self.overlays = Overlays(self, theme, self.commands, self.frame_commands, self.block_commands, say)
        self.search_box, self.title_field = self.overlays.search_box, self.overlays.title_field
        self.shape_card, self.repair_card = self.overlays.shape_card, self.overlays.repair_card
        self.empty_state, self.minimap = self.overlays.empty_state, self.overlays.minimap
        accessible.install()
        self.setAccessibleName("Network editor")
        self._path_changed = False
        self._load_timer = QTimer(self, singleShot=True, interval=0)
        self._load_timer.timeout.connect(self._frame_when_loaded)
        self.shelf.message.connect(self.message)
        self.empty_state.template_requested.connect(self.template_requested)
        self.canvas.picked.connect(self._on_picked)
        self.canvas.updated.connect(self.overlays.refresh)
        document.changed.connect(self._on_changed)
        document.path_changed.connect(self._on_path_changed)
        self.overlays.refresh()

    def apply_theme(self, theme: Theme) -> None:
        """Draw everything in another theme."""
        self.canvas.apply_theme(theme)
        self.overlays.apply_theme(theme)
        self.viewport().update()

    def center_on(self, node_id: str) -> None:
        """Bring a node into the middle; a folded frame that hides it opens."""
        self.frame_commands.open_around(node_id)
        super().center_on(node_id)

    def activate_selected(self) -> None:
        """Ask for the settings of the one selected node or box."""
        if len(self.canvas.selected_nodes) == 1 or self.canvas.selected_box is not None:
            self.node_activated.emit(self.canvas.selected_nodes[0])

    def explain(self, node_id: str, axis: int | None = None, place: QPointF | None = None) -> None:
        """Show which formulas made one number (by default all) of a node's output shape."""
        self.overlays.explain(node_id, axis, place)

    def explain_selected(self) -> None:
        """Show which formulas made the output shape of the one selected node."""
        if len(self.canvas.selected_nodes) == 1:
            self.explain(self.canvas.selected_nodes[0])

    def offer_repairs(self, node_id: str = "") -> None:
        """Show a node's problem with its repairs; by default the selected one's, or the first of all."""
        self.overlays.offer_repairs(node_id)

    def pointer_place(self) -> QPointF:
        """Where the pointer is in the scene, or the middle of the view when it is elsewhere."""
        position = self.pointer_position
        if position is not None and self.viewport().rect().contains(position.toPoint()):
            return self.place_at(position)
        return self.place_at(QPointF(self.viewport().rect().center()))

    def open_search(self, place: QPointF | None = None, wire: Port | None = None) -> None:
        """Ask for a layer or block to add at a place, connected to a port of `wire`.

        By default the place is the pointer's, or behind what is selected where there is no pointer.
        """
        if place is None and self.pointer_position is None:
            place = self.commands.place_after_selection()
        self.overlays.open_search(place or self.pointer_place(), wire)

    def add_layer(self, type_name: str) -> None:
        """Add a layer behind what is selected, else at the pointer."""
        try:
            self.commands.add_after_selection(type_name, self._next_place())
        except DesignError as error:
            self.message.emit(str(error))

    def place_block(self, name: str) -> None:
        """Place a block behind what is selected, else at the pointer."""
        self.block_commands.place_after_selection(name, self._next_place())

    def _next_place(self) -> QPointF:
        return self.commands.place_after_selection() or self.pointer_place()

    def edit_title(self, path: str) -> None:
        """Edit a frame's title in its place."""
        self.overlays.edit_title(path)

    def wrap_in_frame(self) -> None:
        """Put the selected nodes into a new frame, and ask for its title."""
        if path := self.frame_commands.wrap():
            self.edit_title(path)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Overlays keep their places."""
        super().resizeEvent(event)
        self.overlays.keep_places()

    def _on_picked(self, node_ids: tuple[str, ...]) -> None:
        self.setAccessibleDescription(accessible.selection_words(self, node_ids))
        accessible.announce(self, node_ids)
        self.selection_changed.emit(node_ids)

    def _on_changed(self, before: Project) -> None:
        self.overlays.close_cards()
        self._load_timer.start()

    def _on_path_changed(self) -> None:
        self._path_changed = True

    def _frame_when_loaded(self) -> None:
        """A project of another file without any history was just loaded: show all of it, select nothing."""
        if self._path_changed and self.document.undo_stack.count() == 0:
            self.canvas.select(())
            self.frame_all()
        self._path_changed = False
