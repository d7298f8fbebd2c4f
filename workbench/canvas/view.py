"""The node editor: shows the document's network and turns mouse and keys into gestures and commands."""

from PySide6.QtCore import QEvent, QPointF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QWidget

from engine.api import REGISTRY, Project
from workbench.canvas import accessible
from workbench.canvas.actions import context_menu, dress_actions, make_actions
from workbench.canvas.block_commands import BlockCommands
from workbench.canvas.commands import CanvasCommands
from workbench.canvas.copy_commands import CopyCommands
from workbench.canvas.drag_types import BLOCK_MIME, LAYER_MIME
from workbench.canvas.drop_gestures import Drop, DropBlock, DropLayer
from workbench.canvas.frame_commands import FrameCommands
from workbench.canvas.gestures import Gesture
from workbench.canvas.network_view import NetworkView
from workbench.canvas.overlays import Overlays
from workbench.canvas.pointer import Pointer
from workbench.canvas.port import Port
from workbench.canvas.scene import CanvasScene
from workbench.document.block_shelf import BlockShelf
from workbench.document.document import Document
from workbench.focus_ring import SHOWS_FOCUS, is_by_keyboard
from workbench.theme import Theme, load_theme


class CanvasView(NetworkView):
    """The canvas with its search box, minimap and empty state. It edits through `commands` and gestures alone.

    `actions()` are its commands, for menus and the command palette; their icons follow the theme.
    """

    selection_changed = Signal(object)
    """tuple of the selected nodes' ids."""
    node_activated = Signal(str)
    """Enter or a double click asks for the settings of this node, or of the selected box that it is in."""
    message = Signal(str)
    """A sentence for the status bar."""
    template_requested = Signal(str)
    """The empty canvas was asked for this thesis network."""

    def __init__(
        self,
        document: Document,
        theme: Theme | None = None,
        parent: QWidget | None = None,
        *,
        shelf: BlockShelf | None = None,
    ) -> None:
        """`shelf` holds the blocks that can be placed; by default those of the project and of the user."""
        theme = theme or load_theme("light")
        super().__init__(CanvasScene(document, theme), parent)
        self.document = document
        self.commands = CanvasCommands(self)
        self.copy_commands = CopyCommands(self)
        self.frame_commands = FrameCommands(self)
        self.shelf = shelf or BlockShelf(document)
        self.block_commands = BlockCommands(self)
        self.pointer = Pointer(self)
        self._path_changed = False
        accessible.install()
        self.setAccessibleName("Network editor")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAcceptDrops(True)
        self.viewport().setMouseTracking(True)
        self.overlays = Overlays(self, theme)
        self.search_box, self.title_field = self.overlays.search_box, self.overlays.title_field
        self.shape_card, self.repair_card = self.overlays.shape_card, self.overlays.repair_card
        self.empty_state, self.minimap = self.overlays.empty_state, self.overlays.minimap
        make_actions(self)
        self._load_timer = QTimer(self, singleShot=True, interval=0)
        self._wire_up()
        self.apply_theme(theme)
        self.overlays.refresh()

    def _wire_up(self) -> None:
        self.shelf.message.connect(self.message)
        self.canvas.picked.connect(self._on_picked)
        self.canvas.updated.connect(self.overlays.refresh)
        self._load_timer.timeout.connect(self._frame_when_loaded)
        self.document.changed.connect(self._on_changed)
        self.document.path_changed.connect(self._on_path_changed)

    def apply_theme(self, theme: Theme) -> None:
        """Draw everything in another theme."""
        self.canvas.apply_theme(theme)
        self.overlays.apply_theme(theme)
        dress_actions(self.actions(), theme)
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

    def offer_repairs(self, node_id: str = "") -> None:
        """Show a node's problem with its repairs; by default the selected one's, or the first of all."""
        self.overlays.offer_repairs(node_id)

    def explain_selected(self) -> None:
        """Show which formulas made the output shape of the one selected node."""
        if len(self.canvas.selected_nodes) == 1:
            self.explain(self.canvas.selected_nodes[0])

    def pointer_place(self) -> QPointF:
        """Where the pointer is in the scene, or the middle of the view when it is elsewhere."""
        position = self.pointer.position
        if position is not None and self.viewport().rect().contains(position.toPoint()):
            return self.place_at(position)
        return self.place_at(QPointF(self.viewport().rect().center()))

    def open_search(self, place: QPointF | None = None, wire: Port | None = None) -> None:
        """Ask for a layer or block to add at a place (by default the pointer's), connected to a port of `wire`."""
        self.overlays.open_search(place, wire)

    def edit_title(self, path: str) -> None:
        """Edit a frame's title in its place."""
        self.overlays.edit_title(path)

    @property
    def gesture(self) -> Gesture | None:
        """What is being dragged now, or None."""
        return self.pointer.gesture

    def scrolled_under_drag(self) -> None:
        """The place under a resting pointer changed."""
        self.pointer.follow()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a gesture, or pan."""
        self.hold_still()
        self.overlays.close_cards()
        self.pointer.press(event)
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with it."""
        self.pointer.move(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End it."""
        self.pointer.release(event)
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """A node asks for its settings; empty canvas opens the search box."""
        place = self.place_at(event.position())
        node = self.canvas.node_at(place)
        if event.button() != Qt.MouseButton.LeftButton:
            return
        if node is not None:
            self.node_activated.emit(node.node_id)
        elif (frame := self.canvas.frame_at(place)) is not None and frame.fold_sign().contains(place):
            # The second press of a double click on the sign is one more click on it.
            self.frame_commands.set_folded({frame.path}, frame.fold is None)
        elif frame is not None and frame.fold is not None and place.y() > frame.title_bar().bottom():
            self.canvas.select(frame.members)
            self.activate_selected()
        elif frame is not None:
            self.edit_title(frame.path)
        elif self.pointer.port_at(place) is None and self.canvas.edge_at(place) is None:
            self.open_search(place)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """The commands for what is under the pointer; during a drag, a way to cancel it."""
        if self.gesture is not None:
            self.pointer.cancel()
            return
        place = self.place_at(QPointF(event.pos()))
        node, box = self.canvas.node_at(place), self.canvas.box_at(place)
        if node is not None and not node.isSelected():
            self.canvas.select([node.node_id])
        elif box is not None and not box.is_picked:
            self.canvas.select(box.members)
        menu = context_menu(self, node.node_id if node else "")
        menu.exec(event.globalPos())
        menu.deleteLater()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Space pans, Tab searches, Esc cancels; the rest are actions."""
        if event.key() == Qt.Key.Key_Space:
            self.pointer.hold_space(True)
        elif event.key() == Qt.Key.Key_Tab and not event.modifiers():
            self.open_search()
        elif event.key() == Qt.Key.Key_Escape:
            self._escape()
        else:
            event.ignore()

    def _escape(self) -> None:
        if self.gesture is not None:
            self.pointer.cancel()
        elif self.overlays.shows_card:
            self.overlays.close_cards()
        else:
            self.canvas.select([])

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Space no longer pans."""
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self.pointer.hold_space(False)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """After a click, or as the first thing in a window, the canvas needs no ring around it."""
        self.setProperty(SHOWS_FOCUS, not is_by_keyboard(event))
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """A key that is released elsewhere is not heard here."""
        self.pointer.hold_space(False)
        super().focusOutEvent(event)

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab belongs to the search box; Shift+Tab leaves the canvas."""
        return False if forward else super().focusNextPrevChild(False)

    def leaveEvent(self, event: QEvent) -> None:
        """The pointer is elsewhere."""
        self.pointer.leave_node()
        if self.gesture is None:
            self.pointer.position = None
        super().leaveEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """A layer from the palette may come in."""
        name, block = (_carried(event, mime) for mime in (LAYER_MIME, BLOCK_MIME))
        if self.gesture is None and (name in REGISTRY or block in self.shelf.blocks):
            event.acceptProposedAction()
            self.hold_still()
            drop = DropLayer(self, name) if name in REGISTRY else DropBlock(self, block)
            self.pointer.begin(drop, self.place_at(event.position()))
        else:
            event.ignore()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Follow the dragged layer."""
        if isinstance(self.gesture, Drop):
            self.pointer.position = event.position()
            self.pointer.follow()
            self.scroll_near_edge(event.position())
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """The layer was dragged out again."""
        if isinstance(self.gesture, Drop):
            self.pointer.cancel()

    def dropEvent(self, event: QDropEvent) -> None:
        """Add the dragged layer."""
        if isinstance(self.gesture, Drop):
            event.acceptProposedAction()
            self.pointer.end(self.place_at(event.position()))
            self.setFocus()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Overlays keep their places."""
        super().resizeEvent(event)
        self.overlays.keep_places()

    def _on_picked(self, node_ids: tuple[str, ...]) -> None:
        self.setAccessibleDescription(accessible.selection_words(self, node_ids))
        accessible.announce(self, node_ids)
        self.selection_changed.emit(node_ids)

    def _on_changed(self, before: Project) -> None:
        # A gesture ends before it edits, so a change during one comes from elsewhere (undo, say) and ends it.
        self.pointer.cancel()
        self.pointer.leave_node()
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


def _carried(event: QDropEvent, mime: str) -> str:
    return bytes(event.mimeData().data(mime).data()).decode("utf-8", "replace")
