"""The menus of the window and their actions."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from engine.api import TEMPLATES
from workbench.about import open_log_folder, show_about
from workbench.command_palette import CommandPalette, ShortcutList, menu_actions
from workbench.context_help import show_help
from workbench.file_actions import EXAMPLES
from workbench.theme import Mode

if TYPE_CHECKING:
    from workbench.main_window import MainWindow

_MODES: tuple[tuple[Mode, str], ...] = (("system", "Follow the system"), ("light", "Light"), ("dark", "Dark"))
_HIDDEN_IN_MENU = ("canvas.walk_", "canvas.edit")


class Menus:
    """Builds the menu bar; keeps the actions that other parts show too."""

    def __init__(self, window: "MainWindow") -> None:
        self._window = window
        bar = window.menuBar()
        self.file, self.edit, self.view, self.run, self.help = (
            bar.addMenu(title) for title in ("&File", "&Edit", "&View", "&Train", "&Help")
        )
        self._build_file()
        self._build_edit()
        self._build_view()
        self._build_run()
        self._build_help()

    def add(self, menu: QMenu, text: str, do: Callable[[], object], key: str = "") -> QAction:
        """An action at the end of a menu."""
        action = menu.addAction(text)
        if key:
            action.setShortcut(QKeySequence(key))
        action.triggered.connect(lambda: do())
        return action

    def _build_file(self) -> None:
        files, menu = self._window.files, self.file
        new = menu.addMenu("&New")
        self.add(new, "&Empty network", files.new, "Ctrl+N")
        new.addSeparator()
        for name, title in EXAMPLES[1:]:
            self.add(new, f"{title} network", partial(files.new_from, name))
        new.addSeparator()
        for template in (template for template in TEMPLATES.values() if not template.is_example):
            self.add(new, template.label, partial(files.new_from, template.name)).setToolTip(
                template.description
            )
        new.setToolTipsVisible(True)
        self.add(menu, "&Open…", files.open, "Ctrl+O")
        self.recent = menu.addMenu("Open &recent")
        self.recent.aboutToShow.connect(self.refresh_recent)
        self.refresh_recent()
        examples = menu.addMenu("&Examples")
        for name, title in EXAMPLES:
            self.add(examples, title, partial(files.new_from, name))
        menu.addMenu("&Data").addActions(self._window.data.actions)
        menu.addSeparator()
        self.save = self.add(menu, "&Save", files.save, "Ctrl+S")
        self.add(menu, "Save &as…", files.save_as, "Ctrl+Shift+S")
        self.picture = self.add(menu, "Export &picture…", files.export_picture)
        self.file_plots = menu.addMenu("Export p&lot")
        menu.addSeparator()
        self.add(menu, "&Quit", self._window.close, "Ctrl+Q")

    def refresh_recent(self) -> None:
        """List the recent files anew."""
        self.recent.clear()
        paths = self._window.files.recent()
        for number, path in enumerate(paths, start=1):
            action = self.add(
                self.recent, f"&{number}  {path.name}", partial(self._window.files.open_path, path)
            )
            action.setToolTip(str(path))
        self.recent.setToolTipsVisible(True)
        if paths:
            self.recent.addSeparator()
            self.add(self.recent, "Clear this list", self._window.files.clear_recent)
        self.recent.setEnabled(bool(paths))

    def _build_edit(self) -> None:
        stack = self._window.document.undo_stack
        self.undo = stack.createUndoAction(self._window, "Undo")
        self.undo.setShortcut(QKeySequence("Ctrl+Z"))
        self.redo = stack.createRedoAction(self._window, "Redo")
        self.redo.setShortcuts([QKeySequence("Ctrl+Shift+Z"), QKeySequence("Ctrl+Y")])
        self.edit.addActions([self.undo, self.redo])
        self.compare = self.add(self.edit, "&Compare designs…", self._window.compare_designs)
        self.edit.addSeparator()
        canvas = self._window.canvas.actions()
        seen = [action for action in canvas if not action.objectName().startswith(_HIDDEN_IN_MENU)]
        self.edit.addActions([action for action in seen if not _is_view(action)])

    def _build_view(self) -> None:
        window = self._window
        self.view.addActions([action for action in window.canvas.actions() if _is_view(action)])
        self.view.addSeparator()
        panels = self.view.addMenu("&Panels")
        for dock in window.docks.all():
            panels.addAction(dock.toggleViewAction())
        self._build_places()
        self.view.addSeparator()
        self.view.addActions(window.overlays.actions)
        self.view.addSeparator()
        theme = self.view.addMenu("&Theme")
        group = QActionGroup(window)
        for mode, text in _MODES:
            action = self.add(theme, text, partial(window.set_theme_mode, mode))
            action.setCheckable(True)
            action.setChecked(window.theme_holder.mode == mode)
            group.addAction(action)
        self.add(self.view, "&Reset layout", window.reset_layout)
        self.view.addSeparator()
        self.commands = self.add(self.view, "&Commands…", self.show_commands, "Ctrl+Shift+P")

    def _build_places(self) -> None:
        """The canvas keeps Tab for itself, so every part has a key of its own."""
        window, menu = self._window, self.view.addMenu("&Go to")
        places: tuple[tuple[str, str, QWidget], ...] = (
            ("&Layers", "palette", window.palette_panel.search),
            ("&Canvas", "", window.canvas),
            ("&Inspector", "inspector", window.inspector),
            ("&Training", "training", window.training),
            ("&Problems", "problems", window.problems),
            ("&Data", "data", window.data.panel.source.combo),
        )
        for number, (text, dock, widget) in enumerate(places, start=1):
            self.add(menu, text, partial(_go_to, window, dock, widget), f"Alt+{number}")

    def _build_run(self) -> None:
        actions = self._window.control.actions
        forks, weights = self._window.forks, self._window.weights
        self.run.addActions([actions.train, actions.resume_run, forks.action, weights.action])
        self.run.addActions([actions.pause, actions.stop])
        self.run.addSeparator()
        self.run.addActions(self._window.time.actions)
        self._build_comparing()

    def _build_comparing(self) -> None:
        """What is made of several runs, or of one that is done."""
        self.run.addSeparator()
        self.run.addActions([self._window.queue.add_action, self._window.reports.action])
        self.run.addActions(self._window.checks.actions)
        results = self._window.results
        plots = (results.loss.plot, results.accuracy.plot, results.filters, results.confusion)
        menu = self.file_plots
        for plot in plots:
            self.add(menu, f"{plot.export.title}…", plot.export.ask_and_write)

    def _build_help(self) -> None:
        self.add(self.help, "&What is this?", self.show_help, "F1")
        self.add(self.help, "&Keyboard shortcuts", self.show_shortcuts, "Ctrl+F1")
        self.add(self.help, "Open the &log folder", open_log_folder)
        self.add(self.help, "&About Gabor", partial(show_about, self._window))

    def all_commands(self) -> list[tuple[str, QAction]]:
        """Every command with the menu that it stands in."""
        found = menu_actions((self.file, self.edit, self.view, self.run, self.help))
        known = {action for _, action in found}
        rest = [("Canvas", action) for action in self._window.canvas.actions() if action not in known]
        return [*found, *rest]

    def show_commands(self) -> CommandPalette:
        """Open the list of commands."""
        palette = CommandPalette(self.all_commands(), self._window)
        palette.show()
        palette.search.setFocus()
        return palette

    def show_help(self) -> str:
        """Tell about what has the keyboard, or else the shortcuts; returns what was told of a part."""
        window = self._window
        return show_help(window.inspector, window.palette_panel, window.canvas, self.show_shortcuts)

    def show_shortcuts(self) -> None:
        """Show every keyboard shortcut."""
        ShortcutList(self.all_commands(), self._window).show()


def _go_to(window: "MainWindow", dock: str, widget: QWidget) -> None:
    if dock:
        window.docks.show(dock)
    widget.setFocus(Qt.FocusReason.ShortcutFocusReason)


def _is_view(action: QAction) -> bool:
    return action.objectName().startswith(("canvas.zoom", "canvas.frame"))
