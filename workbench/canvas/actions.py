"""The editor's commands as actions, for menus, shortcuts and the command palette."""

from collections.abc import Callable

import qtawesome
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu

from workbench.canvas.editor_view import EditorView
from workbench.theme import Theme

_MENU_LENGTH = 21
"""The context menu leaves out the actions that only move the view or the selection."""
Entry = tuple[str, str, tuple[str, ...], str, Callable[[], object]]
"""Name, text, keys, icon, what it does."""


def add_actions(view: EditorView) -> None:
    """Give a view one action a command; they act while it has the keyboard."""
    for name, text, keys, icon, run in _entries(view):
        action = QAction(text, view)
        action.setObjectName(name)
        action.setShortcuts([QKeySequence(key) for key in keys])
        # Single letters must stay letters in the fields of other panels.
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        action.setData(icon)
        action.triggered.connect(lambda checked=False, run=run: run())
        view.addAction(action)


def context_menu(view: EditorView, node_id: str) -> QMenu:
    """The commands, after the repairs of a node with a problem."""
    menu = QMenu(view)
    problem = view.document.inference.problem_of.get(node_id) if node_id else None
    for repair in problem.repairs if problem else ():
        action = menu.addAction(repair.label)
        action.triggered.connect(lambda checked=False, repair=repair: view.commands.repair(node_id, repair))
    if menu.actions():
        menu.addSeparator()
    menu.addActions(view.actions()[:_MENU_LENGTH])
    return menu


def dress_actions(actions: list[QAction], theme: Theme) -> None:
    """Give the actions their icons in the colours of a theme."""
    for action in actions:
        icon = qtawesome.icon(action.data(), color=theme.text, color_disabled=theme.border)
        action.setIcon(icon)


def _entries(view: EditorView) -> list[Entry]:
    do, copies, frames = view.commands, view.copy_commands, view.frame_commands
    return [
        ("canvas.add", "Add layer…", ("Tab",), "mdi6.plus", view.open_search),
        ("canvas.edit", "Edit settings", ("Return", "Enter"), "mdi6.tune", view.activate_selected),
        ("canvas.rename", "Rename", ("F2",), "mdi6.form-textbox", view.overlays.edit_selected_name),
        ("canvas.cut", "Cut", ("Ctrl+X",), "mdi6.content-cut", copies.cut),
        ("canvas.copy", "Copy", ("Ctrl+C",), "mdi6.content-copy", copies.copy),
        ("canvas.paste", "Paste", ("Ctrl+V",), "mdi6.content-paste",
         lambda: copies.paste(view.pointer_place())),
        ("canvas.paste_with_inputs", "Paste with incoming connections", ("Ctrl+Shift+V",),
         "mdi6.clipboard-flow-outline", lambda: copies.paste(view.pointer_place(), keep_inputs=True)),
        ("canvas.duplicate", "Duplicate", ("Ctrl+D",), "mdi6.content-duplicate", copies.duplicate),
        ("canvas.delete", "Delete", ("Del", "Backspace"), "mdi6.delete-outline", do.delete),
        ("canvas.delete_and_reconnect", "Delete and reconnect", ("Ctrl+Del", "Ctrl+Backspace"), "mdi6.vector-line",
         do.delete_and_reconnect),
        ("canvas.select_all", "Select all", ("Ctrl+A",), "mdi6.select-all", do.select_all),
        ("canvas.mute", "Mute or unmute", ("M",), "mdi6.eye-off-outline", do.toggle_mute),
        ("canvas.explain", "Explain shape", ("E",), "mdi6.function-variant", view.explain_selected),
        ("canvas.repair", "Repair…", ("R",), "mdi6.wrench-outline", view.offer_repairs),
        ("canvas.frame_nodes", "Wrap in a frame", ("Ctrl+G",), "mdi6.card-text-outline", view.wrap_in_frame),
        ("canvas.fold", "Fold or unfold the frame", ("H",), "mdi6.arrow-collapse-vertical", frames.toggle_fold),
        ("canvas.block", "Save as block…", ("Ctrl+B",), "mdi6.puzzle-outline", view.block_commands.ask),
        ("canvas.unframe_nodes", "Take out of the frame", ("Ctrl+Shift+G",), "mdi6.card-off-outline", frames.unwrap),
        ("canvas.arrange", "Lay out", ("L",), "mdi6.sitemap-outline", do.arrange),
        ("canvas.frame_selection", "Frame selection", ("F",), "mdi6.fit-to-screen-outline", view.frame_selection),
        ("canvas.frame_all", "Frame all", ("Home",), "mdi6.fit-to-page-outline", view.frame_all),
        ("canvas.zoom_in", "Zoom in", ("Ctrl++", "Ctrl+="), "mdi6.magnify-plus-outline", view.zoom_in),
        ("canvas.zoom_out", "Zoom out", ("Ctrl+-",), "mdi6.magnify-minus-outline", view.zoom_out),
        ("canvas.zoom_to_full_size", "Zoom to 100 %", ("Ctrl+0",), "mdi6.magnify", view.zoom_to_full_size),
        ("canvas.walk_up", "Go to the node before", ("Up",), "mdi6.arrow-up", lambda: do.walk("up")),
        ("canvas.walk_down", "Go to the node behind", ("Down",), "mdi6.arrow-down", lambda: do.walk("down")),
        ("canvas.walk_left", "Go to the node on the left", ("Left",), "mdi6.arrow-left", lambda: do.walk("left")),
        ("canvas.walk_right", "Go to the node on the right", ("Right",), "mdi6.arrow-right", lambda: do.walk("right")),
    ]  # fmt: skip
