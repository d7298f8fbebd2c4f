"""The node editor: shows the document's network and turns mouse and keys into gestures and commands."""

from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import (
    QContextMenuEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
)
from PySide6.QtWidgets import QWidget

from engine.api import REGISTRY
from workbench.canvas.actions import add_actions, context_menu, dress_actions
from workbench.canvas.drag_types import BLOCK_MIME, LAYER_MIME
from workbench.canvas.drop_gestures import Drop, DropBlock, DropLayer
from workbench.canvas.editor_view import EditorView
from workbench.canvas.gestures import Gesture
from workbench.canvas.pointer import Pointer
from workbench.document.block_shelf import BlockShelf
from workbench.document.document import Document
from workbench.focus_ring import SHOWS_FOCUS, is_by_keyboard
from workbench.theme import Theme, load_theme


class CanvasView(EditorView):
    """The canvas with its search box, minimap and empty state. It edits through `commands` and gestures alone.

    `actions()` are its commands, for menus and the command palette; their icons follow the theme.
    """

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
        super().__init__(document, theme, parent, shelf)
        self.pointer = Pointer(self)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAcceptDrops(True)
        self.viewport().setMouseTracking(True)
        add_actions(self)
        document.changed.connect(self._end_gesture)
        self.apply_theme(theme)

    def apply_theme(self, theme: Theme) -> None:
        """Draw everything in another theme."""
        super().apply_theme(theme)
        dress_actions(self.actions(), theme)

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
            self.pointer_position = None
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
            self.pointer_position = event.position()
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

    def _end_gesture(self) -> None:
        # A gesture ends before it edits, so a change during one comes from elsewhere (undo, say) and ends it.
        self.pointer.cancel()
        self.pointer.leave_node()


def _carried(event: QDropEvent, mime: str) -> str:
    return bytes(event.mimeData().data(mime).data()).decode("utf-8", "replace")
